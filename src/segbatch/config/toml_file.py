"""segbatch.toml: where it is, and what stands in it as TOML."""

import os
import re
import shlex
import stat
import tomllib
from pathlib import Path
from typing import Any

from segbatch.config.env_vars import FILE
from segbatch.errors import ConfigurationError, Problem
from segbatch.platform.files import others_may_write

__all__ = ["find_file", "parse_file"]

_ROOT = 0
_MOST = 1024 * 1024
"""So many bytes a file of settings may have; a line of them for a thousand jobs is far less."""

_END = "end of document"
_PLACE = re.compile(rf"(.*) \(at (line \d+, column \d+|{_END})\)", re.DOTALL)
"""Where `tomllib` says that something is wrong."""


def find_file() -> Path | None:
    """Return the nearest segbatch.toml, here or in a folder above, as seen from here; None where there is none.

    Raises:
        ConfigurationError: It is a stranger's.
    """
    try:
        here = Path.cwd()
    except OSError:  # the folder is gone
        return None
    for steps, folder in enumerate((here, *here.parents)):
        if os.path.lexists(folder / FILE):
            path = Path(*[os.pardir] * steps, FILE)
            _ensure_meant(path)
            return path
    return None


def _ensure_meant(path: Path) -> None:
    """Check that a file that nobody named is no stranger's: in /tmp anybody can lay one down, to say where to write.

    Raises:
        ConfigurationError: It belongs neither to this user nor to root nor to the owner of the folder where this runs.
    """
    if not hasattr(os, "geteuid"):
        return
    try:
        owner, of_folder = path.stat().st_uid, Path.cwd().stat().st_uid
    except OSError:  # reading it will tell
        return
    if owner not in {os.geteuid(), _ROOT, of_folder}:
        raise _wrong(path, "belongs to another user; if it is meant, name it by --config, else use --no-config")


def parse_file(path: Path) -> dict[str, Any]:
    """Read a file of settings.

    Raises:
        ConfigurationError: It cannot be read, is too long, others may write it, or it is no TOML; the message has line
            and column.
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
        found = _PLACE.fullmatch(str(error))
        what, where = (found[1], found[2]) if found else (str(error), _END)
        where = _end_of(text) if where == _END else where
        raise _wrong(path, f"{where}: {what[:1].lower()}{what[1:]}; texts stand in quotes, tables in [ ]") from None
    except RecursionError:
        raise _wrong(path, "is nested too deeply") from None


def _read(path: Path) -> bytes:
    """Read a file, and nothing that never ends, or that waits for somebody to write.

    Raises:
        ConfigurationError: It is none, or far too long for one of settings, or other users may write it.
        OSError: It cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a folder opened by its path is no error of open's
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise _wrong(path, "is no file; name the file of settings")
        if others_may_write(found, is_own_group_fine=True):
            remedy = f"look at what it says, then run: chmod go-w {shlex.quote(str(path))}"
            raise _wrong(path, f"other users may write it, and its hooks would run as you; {remedy}")
        content = file.read(_MOST + 1)
    if len(content) > _MOST:
        raise _wrong(path, f"is longer than {_MOST // 1024:,} KiB, and so no file of settings")
    return content


def _end_of(text: str) -> str:
    """Say where a text ends; white space behind it does not count."""
    lines = text.rstrip().split("\n")
    return f"line {len(lines)}, column {len(lines[-1]) + 1}"


def _wrong(path: Path, message: str) -> ConfigurationError:
    return ConfigurationError([Problem(message, file=str(path))])
