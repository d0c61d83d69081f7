"""Validation of the settings in the file and the environment, with problems in our own words and their place."""

import os
from collections.abc import Callable, Iterator, Mapping
from datetime import date, time
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from segbatch.config.destinations import Destination
from segbatch.config.model import ConfigFile, Environment, FileJob, Job, Table
from segbatch.errors import ConfigurationError, Problem
from segbatch.model.invalid_values import TYPES, invalid_reason
from segbatch.text import clipped, did_you_mean, printable, shown, some_of

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


def validate_file(data: Mapping[str, Any], path: Path) -> ConfigFile:
    """Validate the contents of a settings file.

    Args:
        data: The parsed TOML.
        path: The file. Paths in it are relative to its folder.

    Raises:
        ConfigurationError: Keys are unknown or values are not valid. The error lists all problems.
    """
    try:
        written = ConfigFile.model_validate(data, context=path.parent)
    except ValidationError as error:
        raise ConfigurationError(_problems(error, str(path))) from None
    shared = list(_shared_outputs(written, str(path)))
    if shared:
        raise ConfigurationError(shared)
    return written


def _shared_outputs(written: ConfigFile, file: str) -> Iterator[Problem]:
    """Yield a problem for each job with the output of another job. Each run would delete the other's segments."""
    first: dict[str, str] = {}
    for name, job in written.jobs.items():
        output = job.output or written.output or _DEFAULT_OUTPUT
        other = first.setdefault(os.path.realpath(output), name)
        if other != name and _are_two(job, written.jobs[other]):
            message = f"publishes in {printable(output)}, as jobs.{clipped(other)} does, and each run would delete the"
            yield Problem(f"{message} segments of the other; give each job its own output", file, f"jobs.{name}.output")


def _are_two(one: Job, other: Job) -> bool:
    """Return whether two jobs with one output both set it, or evaluate different segments or contacts."""
    if one.output and other.output:
        return True
    return any(getattr(one, key) != getattr(other, key) for key in ("contacts", "segments", "project", "exclude"))


def validate_environment() -> Environment:
    """Read and validate the settings of the environment.

    Raises:
        ConfigurationError: Variables have values that are not valid. The error lists all problems.
    """
    try:
        return Environment()
    except ValidationError as error:
        raise ConfigurationError(_problems(error, None)) from None


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
