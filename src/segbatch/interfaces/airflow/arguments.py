"""The operator's arguments: checks when the DAG is parsed and again after rendering, and values from the DAG run."""

import os
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from segbatch.storage.layout import to_run_id

TEXT_OPTIONS = {
    "contacts": "--contacts",
    "segments": "--segments",
    "output_dir": "--output",
    "lists": "--lists",
    "schema": "--schema",
    "project": "--project",
    "timezone": "--timezone",
    "as_of": "--as-of",
    "run_id": "--run-id",
}
"""The arguments that are a text, with the option that they are passed with."""

_TEXTS = (*TEXT_OPTIONS, "cwd")
LIST_OPTIONS = {
    "lint_ignore": "--lint-ignore",
    "only_segments": "--segment",
    "only_tags": "--tag",
    "only_owners": "--owner",
}
"""The arguments that are lists of names, with the option that is repeated for each name."""

_ELSEWHERE = {
    "--contacts": "use contacts=...",
    "--segments": "use segments=...",
    "--output": "use output_dir=...",
    "--lists": "use lists=...",
    "--schema": "use schema=...",
    "--project": "use project=...",
    "--timezone": "use timezone=...",
    "--as-of": "use as_of=...",
    "--run-id": "use run_id=...",
    "--rewind": "use rewind=True",
    "--allow-collapse": "use allow_collapse=True",
    "--lint-ignore": "use lint_ignore=[...]",
    "--table": "use tables={...}",
    "--table-contact": "use tables={...}",
    "--table-time": "use tables={...}",
    "--segment": "use only_segments=[...]",
    "--tag": "use only_tags=[...]",
    "--owner": "use only_owners=[...]",
    "--log-format": "remove it, because the operator reads the log as JSON",
}
"""Options that `options` must not have, because they would silently override an argument."""

_ADVISED = {
    "--rewind": "--rewind is rewind=True, see 'Redo an earlier run' in docs/airflow.md",
    "--accept": "--accept is options=['--accept', ...]",
    "--allow-collapse": "--allow-collapse is allow_collapse=True",
    "--lint-ignore": "--lint-ignore is lint_ignore=[...]",
    "--lists": "--lists is lists=...",
    "--schema": "--schema is schema=...",
    "--table": "--table is tables={...}",
    "--segment": "--segment is only_segments=[...]",
    "--tag": "--tag is only_tags=[...]",
    "--owner": "--owner is only_owners=[...]",
    "--wait": "--wait is options=['--wait']",
}
"""Options in the program's advice, and the operator arguments to use instead."""

_OF_A_TABLE = {"path": "--table", "contact": "--table-contact", "time": "--table-time"}
"""The keys of a table, and the options that they are passed with."""

_SWITCH = {"true": True, "1": True, "yes": True, "on": True}
_SWITCH |= dict.fromkeys(["false", "0", "no", "off", "none", ""], False)


def check_arguments(given: Mapping[str, Any], *, is_rendered: bool) -> None:
    """Raise an error if the program cannot be called with the arguments.

    Args:
        given: The template fields, by name.
        is_rendered: Whether Airflow has rendered the templates. If not, templates and outputs of other tasks are not
            checked.

    Raises:
        ValueError: An argument is not valid. The message names it and gives the fix.
    """
    for name, value in given.items():
        if not is_rendered and _is_template(value):
            continue
        if name in _TEXTS:
            _check_text(name, value)
        elif name == "options":
            parse_options(value, is_rendered=is_rendered)
        elif name in LIST_OPTIONS:
            parse_names(name, value, is_rendered=is_rendered)
        elif name == "tables":
            parse_tables(value, is_rendered=is_rendered)
        elif name == "env":
            _check_env(value, is_rendered=is_rendered)
        elif name in {"rewind", "allow_collapse"}:
            parse_switch(name, value)


def parse_options(options: str | Sequence[str], *, is_rendered: bool = True) -> list[str]:
    """Return the words of `options`.

    Args:
        options: A string as on the command line, or a list of words.
        is_rendered: Whether Airflow has rendered the templates.

    Raises:
        ValueError: `options` has another type, or contains an option that has its own argument.
    """
    if isinstance(options, str):
        try:
            words: Sequence[Any] = shlex.split(options)
        except ValueError as error:
            raise ValueError(f"options is {options!r}: {error}; close the quotes, or write a list of strings") from None
    elif isinstance(options, (list, tuple)):
        words = options
        _check_strings(((f"options[{number}]", word) for number, word in enumerate(words)), is_rendered=is_rendered)
    else:
        raise ValueError(f"options is of type {_type_name(options)}; write a string or a list of strings")  # noqa: TRY004 - all errors of arguments have one type
    for word in words:
        name = word.partition("=")[0] if isinstance(word, str) else None
        if name in _ELSEWHERE:
            raise ValueError(f"options contains {name}, which has its own argument: {_ELSEWHERE[name]}")
    return list(words)


def parse_names(name: str, given: object, *, is_rendered: bool = True) -> list[str]:
    """Return the names in an argument that is a list of names.

    Args:
        given: A list, or a string with spaces between the names; None is an empty list.
        is_rendered: Whether Airflow has rendered the templates.

    Raises:
        ValueError: The argument has another type.
    """
    if given is None or isinstance(given, str):
        return (given or "").split()
    if not isinstance(given, (list, tuple)):
        raise ValueError(f"{name} is of type {_type_name(given)}; write a string or a list of strings")  # noqa: TRY004 - all errors of arguments have one type
    _check_strings(((f"{name}[{number}]", word) for number, word in enumerate(given)), is_rendered=is_rendered)
    return list(given)


def parse_tables(tables: object, *, is_rendered: bool = True) -> list[str]:
    """Return the options of related tables.

    Args:
        tables: A dict with a path, or a dict of path, contact and time, for each table.
        is_rendered: Whether Airflow has rendered the templates.

    Raises:
        ValueError: The argument has another type, or a table has no path or other keys.
    """
    if tables is None:
        return []
    if not isinstance(tables, Mapping):
        raise ValueError(f"tables is of type {_type_name(tables)}; write a dict with the path of each table")  # noqa: TRY004 - all errors of arguments have one type
    words = list[str]()
    for name, given in tables.items():
        source = given if isinstance(given, Mapping) else {"path": given}
        unknown = [key for key in source if key not in _OF_A_TABLE]
        if unknown or "path" not in source:
            problem = f"has the key {unknown[0]!r}" if unknown else "has no 'path'"
            raise ValueError(f"tables[{name!r}] {problem}; a table has path, contact and time")
        named = ((f"tables[{name!r}][{key!r}]", value) for key, value in source.items() if value is not None)
        _check_strings(named, is_rendered=is_rendered)
        words += [f"{_OF_A_TABLE[key]}={name}={value}" for key, value in source.items() if value is not None]
    return words


def text_options(values: Mapping[str, object]) -> list[str]:
    """Return the options of the arguments that are a text.

    Args:
        values: The value of each argument in `TEXT_OPTIONS`; None for the default of the command line.
    """
    return [f"{option}={values[name]}" for name, option in TEXT_OPTIONS.items() if values[name] is not None]


def explain_options(message: str) -> str:
    """Return the arguments that replace the options in a message of the program, as an addition to the message.

    Args:
        message: The message, which refers to options of the command line.
    """
    arguments = [how for option, how in _ADVISED.items() if re.search(rf"{option}\b", message)]
    return f" (in the operator, {'; '.join(arguments)})" if arguments else ""


def parse_switch(name: str, value: object) -> bool:
    """Return the value of a switch, which is text if it comes from a template.

    Raises:
        ValueError: The value is neither true nor false.
    """
    word = str(value).strip().lower()
    if word not in _SWITCH:
        raise ValueError(f"{name} is {word!r}; use true or false")
    return _SWITCH[word]


def evaluation_time(context: Mapping[str, Any]) -> datetime:
    """Return the time that a run is evaluated as of: the end of the DAG run's data interval.

    A DAG run without an interval (triggered by an asset, or by hand without a date) uses the time after which it was
    scheduled to run. Both stay the same when a task is retried or cleared.
    """
    dag_run = context["dag_run"]
    moment: datetime = dag_run.data_interval_end or dag_run.run_after
    return moment


def task_run_id(context: Mapping[str, Any]) -> str:
    """Return the id of a task's run: the id of the DAG run, which stays the same when it is retried or cleared.

    For mapped tasks, the number of the copy is appended.
    """
    number = context["ti"].map_index
    return to_run_id(context["run_id"] if number in {None, -1} else f"{context['run_id']}@{number}")


def _is_template(value: object) -> bool:
    """Return whether Airflow has yet to render a value: a template, or the output of another task."""
    return hasattr(value, "iter_references") or (isinstance(value, str) and ("{{" in value or "{%" in value))


def _check_text(name: str, value: object) -> None:
    """Raise an error if a value is not text. Paths are accepted, and numbers, which native templates make of ids."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, (str, os.PathLike, int))):
        raise ValueError(f"{name} is of type {_type_name(value)}; write a string")


def _check_env(env: object, *, is_rendered: bool) -> None:
    """Raise an error if an environment is not valid. Values may be secret, so messages do not contain them."""
    if env is None:
        return
    if not isinstance(env, Mapping):
        raise ValueError(f"env is of type {_type_name(env)}; write a dict of strings")  # noqa: TRY004 - all errors of arguments have one type
    _check_strings(((f"the name {name!r} in env", name) for name in env), is_rendered=True)
    _check_strings(((f"env[{name!r}]", value) for name, value in env.items()), is_rendered=is_rendered)


def _check_strings(named: Iterable[tuple[str, Any]], *, is_rendered: bool) -> None:
    for name, value in named:
        if not isinstance(value, str) and (is_rendered or not _is_template(value)):
            raise ValueError(f"{name} is of type {_type_name(value)}; write strings")


def _type_name(value: object) -> str:
    return type(value).__name__
