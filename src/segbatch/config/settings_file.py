"""Reading and checking of the settings in segbatch.toml and in the environment; each problem has its place and fix."""

import os
import re
import shlex
import stat
import tomllib
from collections.abc import Callable, Iterator
from datetime import date, time
from itertools import takewhile
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from segbatch.config.destinations import Destination
from segbatch.config.model import ConfigFile, Environment, FileJob, Job, Table
from segbatch.errors import ConfigurationError, Problem
from segbatch.model.invalid_values import TYPES, invalid_reason
from segbatch.platform.files import is_writable_by_others
from segbatch.platform.portability import SAFE_OPEN
from segbatch.text import clipped, did_you_mean, printable, shown, some_of

_MOST = 1024 * 1024
"""The maximum size of a settings file in bytes. A line for each of a thousand jobs takes far less."""

_END = "end of document"
_PLACE = re.compile(rf"(.*) \(at (line \d+, column \d+|{_END})\)", re.DOTALL)
"""The position in a message of `tomllib`."""

_DEFAULT_OUTPUT = "output"
_FOR_ONE_RUN = {"as_of", "run_id", "accept", "rewind", "dry_run"}

_TYPES = {
    **TYPES,
    "string_type": "a text in quotes",
    "less_than": "a number",
    "list_type": 'a list of texts such as ["a", "b"]',
    "model_type": "a table, written as [jobs.NAME]",
    "dict_type": "a table of jobs, each written as [jobs.NAME]",
}

_TABLES = "tables"
_DESTINATIONS = "destinations"
_TYPES_BELOW = {
    _TABLES: {
        "model_type": "a table, written as [tables.NAME]",
        "dict_type": "related tables, each written as [tables.NAME]",
    },
    _DESTINATIONS: {
        "model_type": "a table, written as [destinations.NAME]",
        "dict_type": "a table, written as [destinations.NAME]",
    },
}
_HEADERS = "headers"

_DUPLICATE = re.compile(r"cannot (overwrite|declare|redefine|mutate)|duplicate", re.IGNORECASE)
_INLINE_KEY = re.compile(r"duplicate inline table key '(.*)'", re.IGNORECASE)
_PART = r"(?:[\w\-]+|\"[^\"]*\"|'[^']*')"
_KEY = re.compile(rf"\s*({_PART}(?:\s*\.\s*{_PART})*)\s*=")
_TABLE = re.compile(r"\s*(\[.*\])\s*(#.*)?$")


def read_file(path: Path) -> ConfigFile:
    """Read a settings file. Paths in it are relative to its folder.

    Raises:
        ConfigurationError: The file cannot be read or is not valid TOML, keys are unknown or values are not valid. For
            valid TOML, the error lists all problems.
    """
    try:
        written = ConfigFile.model_validate(_parse(path), context=path.parent)
    except ValidationError as error:
        raise ConfigurationError(_problems(error, str(path))) from None
    shared = list(_shared_outputs(written, str(path)))
    if shared:
        raise ConfigurationError(shared)
    return written


def read_environment() -> Environment:
    """Read and validate the settings of the environment.

    Raises:
        ConfigurationError: Variables have values that are not valid. The error lists all problems.
    """
    try:
        return Environment()
    except ValidationError as error:
        raise ConfigurationError(_problems(error, None)) from None


def _parse(path: Path) -> dict[str, Any]:
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
    duplicate = _describe_duplicate(text, what, line)
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


def _describe_duplicate(text: str, message: str, last_line: int) -> str | None:
    """Describe a key or a table that is defined twice, with both lines and the fix.

    Args:
        text: The file.
        message: The message of `tomllib`.
        last_line: The last line of the second definition, from 1.

    Returns:
        None if the error is another one.
    """
    if not _DUPLICATE.match(message):
        return None
    lines = text.split("\n")
    start = _start_of_statement(lines, last_line)
    here, where = lines[start], f"line {start + 1}"
    if inline := _INLINE_KEY.fullmatch(message):
        return f"{where}: '{inline[1]}' is set twice in one table; remove one of them"
    if table := _TABLE.match(here):
        earlier = (number for number, line in enumerate(lines[:start], 1) if _is_header(line, table[1]))
        return f"{where}: the table {table[1]} is defined twice{_other_line(next(earlier, None))}; merge them into one"
    name = _key_of(here)
    if name is None:
        return f"{where}: a key is set twice; remove one of them"
    above = [*takewhile(lambda line: not _TABLE.match(line), reversed(lines[:start]))]
    first = next((start - number for number in reversed(range(len(above))) if _key_of(above[number]) == name), None)
    return f"{where}: '{name}' is set twice{_other_line(first)}; remove one of them"


def _start_of_statement(lines: list[str], last_line: int) -> int:
    """Return the index of the first line of the statement that ends on a line. Everything before it is valid."""
    for start in range(min(last_line, len(lines)) - 1, 0, -1):
        try:
            tomllib.loads("\n".join(lines[:start]))
        except tomllib.TOMLDecodeError:
            continue
        return start
    return 0


def _is_header(line: str, table: str) -> bool:
    found = _TABLE.match(line)
    return found is not None and found[1] == table


def _key_of(line: str) -> str | None:
    """Return the key that a line sets, without quotes, if any."""
    found = _KEY.match(line)
    return re.sub(r"[\s\"']", "", found[1]) if found else None


def _other_line(line: int | None) -> str:
    return f", also on line {line}" if line else ""


def _shared_outputs(written: ConfigFile, file: str) -> Iterator[Problem]:
    """Yield a problem for each job with the output of another job. Each run would delete the other's segments."""
    first: dict[str, str] = {}
    for name, job in written.jobs.items():
        output = job.output or written.output or _DEFAULT_OUTPUT
        other = first.setdefault(os.path.realpath(output), name)
        if other != name and _are_different(job, written.jobs[other]):
            message = f"publishes in {printable(output)}, as jobs.{clipped(other)} does, and each run would delete the"
            yield Problem(f"{message} segments of the other; give each job its own output", file, f"jobs.{name}.output")


def _are_different(one: Job, other: Job) -> bool:
    """Return whether two jobs with one output both set it, or evaluate different segments or contacts."""
    if one.output and other.output:
        return True
    return any(getattr(one, key) != getattr(other, key) for key in ("contacts", "segments", "project", "exclude"))


def _problems(error: ValidationError, file: str | None) -> Iterator[Problem]:
    for detail in error.errors(include_url=False):
        path = ".".join(map(str, detail["loc"]))
        explain = _MESSAGES.get(detail["type"])
        yield Problem(explain(detail) if explain else invalid_reason(detail), file=file, path=path)


def _unknown(detail: ErrorDetails) -> str:
    *above, key = map(str, detail["loc"])
    if key in _FOR_ONE_RUN:
        return f"is an option of a single run, not a setting; use --{key.replace('_', '-')}"
    model = _model_at(above)
    return f"unknown{did_you_mean(key, model.model_fields) or f'; there are {some_of(sorted(model.model_fields))}'}"


def _model_at(above: list[str]) -> type[BaseModel]:
    """Return the model of the keys below a place in the file."""
    if _DESTINATIONS in above:
        return Destination
    return Table if _TABLES in above else FileJob if above else ConfigFile


def _wrong_type(detail: ErrorDetails) -> str:
    above = next((_TYPES_BELOW[key] for key in _TYPES_BELOW if key in detail["loc"]), {})
    needed = above.get(detail["type"]) or _TYPES[detail["type"]]
    if _DESTINATIONS in detail["loc"] and _HEADERS in detail["loc"]:  # a value may be a secret
        return f"must be {needed if detail['type'] == 'string_type' else 'a table of texts'}"
    return f"must be {needed}; found {_found(detail['input'])}"


def _found(value: Any) -> str:
    """Format a value for a message, as it is written in the file. A date has no quotes there."""
    return str(value) if isinstance(value, date | time) else shown(value)


def _out_of_range(detail: ErrorDetails) -> str:
    return f"{invalid_reason(detail)}; found {shown(detail['input'])}"


def _missing(_: ErrorDetails) -> str:
    return "is missing; a related table needs a path"


def _empty(_: ErrorDetails) -> str:
    return "is empty; write a text, or remove the line"


_MESSAGES: dict[str, Callable[[ErrorDetails], str]] = {
    **dict.fromkeys(_TYPES, _wrong_type),
    "extra_forbidden": _unknown,
    "missing": _missing,
    **dict.fromkeys(("greater_than_equal", "less_than_equal"), _out_of_range),
    "string_too_short": _empty,
}
