"""What can end a run, and is no fault of the program."""


class InputError(ValueError):
    """Input that cannot be used; the message says what, where and what to do, in one sentence.

    The command line prints it without a traceback and exits with status 2.
    """


class DivergenceError(ArithmeticError):
    """A training whose loss became infinite or undefined."""


def first_line(error: Exception) -> str:
    """The first line of what an error says, for a sentence; its kind where it says nothing."""
    return next(iter(str(error).splitlines()), type(error).__name__)
