"""Validation of the settings in the file and the environment, with problems in our own words and their place."""

import os
from collections.abc import Callable, Iterator, Mapping
from datetime import date, time
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from segbatch.config.model import ConfigFile, Environment, Job
from segbatch.errors import ConfigurationError, Problem
from segbatch.text import clipped, did_you_mean, printable, shown, some_of

_DEFAULT_OUTPUT = "output"
_FOR_ONE_RUN = {"as_of", "run_id", "accept", "rewind", "dry_run"}

_TYPES = {
    "string_type": "a text in quotes",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller number",
    "float_type": "a number",
    "float_parsing": "a number",
    "less_than": "a number",
    "list_type": 'a list of texts such as ["a", "b"]',
    "model_type": "a table, written as [jobs.NAME]",
    "dict_type": "a table of jobs, each written as [jobs.NAME]",
}


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
        yield Problem(_MESSAGES.get(detail["type"], _other)(detail), file=file, path=path)


def _unknown(detail: ErrorDetails) -> str:
    *above, key = map(str, detail["loc"])
    if key in _FOR_ONE_RUN:
        return f"is an option of a single run, not a setting; use --{key.replace('_', '-')}"
    model: type[BaseModel] = Job if above else ConfigFile
    return f"unknown{did_you_mean(key, model.model_fields) or f'; there are {some_of(sorted(model.model_fields))}'}"


def _wrong_type(detail: ErrorDetails) -> str:
    return f"must be {_TYPES[detail['type']]}; found {_found(detail['input'])}"


def _found(value: Any) -> str:
    """Format a value for a message, as it is written in the file. A date has no quotes there."""
    return str(value) if isinstance(value, date | time) else shown(value)


def _too_little(detail: ErrorDetails) -> str:
    return f"must be at least {detail['ctx']['ge']:g}; found {shown(detail['input'])}"


def _too_much(detail: ErrorDetails) -> str:
    return f"must be at most {detail['ctx']['le']}; found {shown(detail['input'])}"


def _empty(_: ErrorDetails) -> str:
    return "is empty; write a text, or remove the line"


def _other(detail: ErrorDetails) -> str:
    return detail["msg"].removeprefix("Value error, ")


_MESSAGES: dict[str, Callable[[ErrorDetails], str]] = {
    **dict.fromkeys(_TYPES, _wrong_type),
    "extra_forbidden": _unknown,
    "greater_than_equal": _too_little,
    "less_than_equal": _too_much,
    "string_too_short": _empty,
}
