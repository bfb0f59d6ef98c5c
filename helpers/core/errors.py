"""Errors whose cause is the input or the machine, and their messages."""

import errno

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_PERMISSION = (errno.EACCES, errno.EPERM, errno.EROFS)


class InputError(ValueError):
    """Input that cannot be used; the message says what, where and what to do, in one sentence.

    The command line prints it without a traceback and exits with status 2.
    """


class DivergenceError(ArithmeticError):
    """A training whose loss became infinite or undefined."""


def first_line(error: Exception) -> str:
    """The first line of an error's message; the error's class where the message is empty."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def explain(error: InputError | OSError) -> str:
    """A user error or a resource error (a full disk, a folder that may not be written) in one sentence."""
    if isinstance(error, InputError):
        return str(error)
    place = f" at {error.filename}" if error.filename else ""
    reason = error.strerror or " ".join(str(error).split()) or type(error).__name__
    hint = ""
    if error.errno in _NO_ROOM:
        hint = "make room or name other folders with RUNS=, CACHE= and OUTPUT=, and "
    elif error.errno in _NO_PERMISSION:
        hint = "make it accessible or name folders that you may write to with RUNS=, CACHE= and OUTPUT=, and "
    return f"{reason}{place}; {hint}the next call resumes from there."
