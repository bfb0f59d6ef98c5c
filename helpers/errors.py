"""The one kind of error that is a user's to mend."""


class InputError(ValueError):
    """Input that cannot be used; the message says what, where and what to do, in one sentence.

    The command line prints it without a traceback and exits with status 2.
    """
