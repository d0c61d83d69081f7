"""Finding and parsing segbatch.toml."""

import os
import re
import shlex
import stat
import tomllib
from pathlib import Path
from typing import Any

from segbatch.config.env_vars import FILE
from segbatch.config.toml_duplicates import describe_duplicate
from segbatch.errors import ConfigurationError, Problem
from segbatch.platform.files import is_writable_by_others
from segbatch.platform.portability import HAS_USERS, SAFE_OPEN

_ROOT = 0
_MOST = 1024 * 1024
"""The maximum size of a settings file in bytes. A line for each of a thousand jobs takes far less."""

_END = "end of document"
_PLACE = re.compile(rf"(.*) \(at (line \d+, column \d+|{_END})\)", re.DOTALL)
"""The position in a message of `tomllib`."""


def find_file() -> Path | None:
    """Return the nearest segbatch.toml in this folder or a parent, as a relative path; None if not found.

    Raises:
        ConfigurationError: The file is owned by another user.
    """
    try:
        here = Path.cwd()
    except OSError:  # the folder has been deleted
        return None
    for steps, folder in enumerate((here, *here.parents)):
        if os.path.lexists(folder / FILE):
            path = Path(*[os.pardir] * steps, FILE)
            _ensure_meant(path)
            return path
    return None


def _ensure_meant(path: Path) -> None:
    """Check the owner of a file that was found and not named by the user.

    Any user can create a file in /tmp, which would then decide where runs write.

    Raises:
        ConfigurationError: The owner is not this user, root or the owner of the working directory.
    """
    if not HAS_USERS:
        return
    try:
        owner, of_folder = path.stat().st_uid, Path.cwd().stat().st_uid
    except OSError:  # reading the file reports the error
        return
    if owner not in {os.geteuid(), _ROOT, of_folder}:
        raise _wrong(path, "is owned by another user; to use it, pass --config, otherwise --no-config")


def parse_file(path: Path) -> dict[str, Any]:
    """Read a settings file.

    Raises:
        ConfigurationError: The file cannot be read, is too long, is writable by other users, or is not valid TOML. The
            message has line and column.
    """
    try:
        text = _read(path).decode("utf-8-sig")
    except OSError as error:
        raise _wrong(path, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise _wrong(path, f"line {line}: is not UTF-8; save it as UTF-8") from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _wrong(path, _explain(text, str(error))) from None
    except RecursionError:
        raise _wrong(path, "is nested too deeply") from None


def _explain(text: str, message: str) -> str:
    """Return the place and the problem of an error of `tomllib`, with the fix."""
    found = _PLACE.fullmatch(message)
    what, where = (found[1], found[2]) if found else (message, _END)
    where = _end_of(text) if where == _END else where
    line = int(where.removeprefix("line ").partition(",")[0])
    duplicate = describe_duplicate(text, what, line)
    return duplicate or f"{where}: {what[:1].lower()}{what[1:]}; text needs quotes, and tables need [ ]"


def _read(path: Path) -> bytes:
    """Read a regular file. Devices that never end and pipes without a writer are rejected without waiting.

    Raises:
        ConfigurationError: The path is not a regular file, is too long for settings, or is writable by other users.
        OSError: The file cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | SAFE_OPEN)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor, not a path
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise _wrong(path, "is not a file; name the settings file")
        if is_writable_by_others(found, is_own_group_fine=True):
            remedy = f"check its contents, then run: chmod go-w {shlex.quote(str(path))}"
            raise _wrong(path, f"other users can change it, and its hooks would run as you; {remedy}")
        content = file.read(_MOST + 1)
    if len(content) > _MOST:
        raise _wrong(path, f"is longer than {_MOST // 1024:,} KiB, which is too long for a settings file")
    return content


def _end_of(text: str) -> str:
    """Return the position of the end of a text, without trailing white space."""
    lines = text.rstrip().split("\n")
    return f"line {len(lines)}, column {len(lines[-1]) + 1}"


def _wrong(path: Path, message: str) -> ConfigurationError:
    return ConfigurationError([Problem(message, file=str(path))])
