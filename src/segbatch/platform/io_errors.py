"""Reasons of input and output errors, from the exceptions of different libraries.

Polars, DuckDB and PyArrow wrap errors of the operating system in exceptions of their own. None of these libraries is
imported here, since most commands start without them.
"""

import errno
import os
import re

from segbatch.platform.files import UncertainError, UnflushedError

_ERRNO = re.compile(r"\[?\b(?:os error|[Ee]rrno:?) (\d+)\b")
_LIBRARIES = {"polars", "pyarrow", "duckdb", "_duckdb"}
_NUMBERS = (
    errno.EIO,
    errno.ENOSPC,
    errno.EROFS,
    errno.EDQUOT,
    errno.EACCES,
    errno.EPERM,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EMFILE,
    errno.ENFILE,
    errno.ESTALE,
    errno.ETIMEDOUT,
    errno.EFBIG,
    errno.ENXIO,
    errno.ENODEV,
)
OUT_OF_MEMORY = "not enough memory"


def io_reason(error: BaseException) -> str | None:
    """Return the reason of an I/O error or of a lack of memory.

    Args:
        error: An exception of Python, Polars, DuckDB or PyArrow.

    Returns:
        The message of the operating system, such as `Input/output error`; None for other errors.
    """
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryException":
        return OUT_OF_MEMORY
    text = str(error)
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    if not isinstance(error, OSError) and type(error).__module__.partition(".")[0] not in _LIBRARIES:
        return None
    if number := _ERRNO.search(text):
        return os.strerror(int(number[1]))
    found = next((os.strerror(number) for number in _NUMBERS if os.strerror(number) in text), None)
    if found is None and (isinstance(error, OSError) or type(error).__name__ == "IOException"):
        return text.partition("\n")[0]
    return found


def describe_write_error(error: OSError) -> str:
    """Return what a failure to write a new file means for the file, for a message that names it."""
    if isinstance(error, UnflushedError):
        return f"is written, but that may not survive a power failure: {error.strerror}; check the disk"
    if isinstance(error, UncertainError):
        return f"cannot be written: {error.strerror}; it may be complete or unchanged; check it"
    return f"cannot be written: {error.strerror}; nothing was changed"
