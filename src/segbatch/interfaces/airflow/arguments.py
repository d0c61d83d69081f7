"""Checks of the operator's arguments: when the DAG is parsed, and again when Airflow has rendered the templates."""

import os
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_TEXTS = ("contacts", "segments", "output_dir", "project", "timezone", "as_of", "run_id", "cwd")
_ELSEWHERE = {
    "--contacts": "say contacts=...",
    "--segments": "say segments=...",
    "--output": "say output_dir=...",
    "--project": "say project=...",
    "--timezone": "say timezone=...",
    "--as-of": "say as_of=...",
    "--run-id": "say run_id=...",
    "--rewind": "say rewind=True",
    "--allow-collapse": "say allow_collapse=True",
    "--lint-ignore": "say lint_ignore=[...]",
    "--log-format": "leave it out, for the operator reads the log as JSON",
}
"""Options that `options` must not have, because they would silently override an argument."""

_ADVISED = {
    "--rewind": "--rewind is rewind=True, see 'Redo an earlier run' in docs/airflow.md",
    "--accept": "--accept is options=['--accept', ...]",
    "--allow-collapse": "--allow-collapse is allow_collapse=True",
    "--lint-ignore": "--lint-ignore is lint_ignore=[...]",
    "--wait": "--wait is options=['--wait']",
}
"""Options in the program's advice, and the operator arguments to use instead."""

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
        if not is_rendered and _is_open(value):
            continue
        if name in _TEXTS:
            _check_text(name, value)
        elif name == "options":
            words_of(value, is_rendered=is_rendered)
        elif name == "lint_ignore":
            names_of(name, value, is_rendered=is_rendered)
        elif name == "env":
            _check_env(value, is_rendered=is_rendered)
        elif name in {"rewind", "allow_collapse"}:
            is_on(name, value)


def words_of(options: str | Sequence[str], *, is_rendered: bool = True) -> list[str]:
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
        raise ValueError(f"options is of type {_kind(options)}; write a string or a list of strings")  # noqa: TRY004 - all errors of arguments have one type
    for word in words:
        name = word.partition("=")[0] if isinstance(word, str) else None
        if name in _ELSEWHERE:
            raise ValueError(f"options has {name}, for which the operator has its own way: {_ELSEWHERE[name]}")
    return list(words)


def names_of(name: str, given: object, *, is_rendered: bool = True) -> list[str]:
    """Return the names in an argument that is a list of names.

    Args:
        name: The name of the argument.
        given: A list, or a string with spaces between the names; None is an empty list.
        is_rendered: Whether Airflow has rendered the templates.

    Raises:
        ValueError: The argument has another type.
    """
    if given is None or isinstance(given, str):
        return (given or "").split()
    if not isinstance(given, (list, tuple)):
        raise ValueError(f"{name} is of type {_kind(given)}; write a string or a list of strings")  # noqa: TRY004 - all errors of arguments have one type
    _check_strings(((f"{name}[{number}]", word) for number, word in enumerate(given)), is_rendered=is_rendered)
    return list(given)


def in_arguments(message: str) -> str:
    """Return the arguments that replace the options in a message of the program, as an addition to the message.

    Args:
        message: The message, which refers to options of the command line.
    """
    said = [how for option, how in _ADVISED.items() if re.search(rf"{option}\b", message)]
    return f" (in the operator, {'; '.join(said)})" if said else ""


def is_on(name: str, value: object) -> bool:
    """Return the value of a switch, which is text if it comes from a template.

    Args:
        name: The name of the argument.
        value: The value of the argument.

    Raises:
        ValueError: The value is neither true nor false.
    """
    word = str(value).strip().lower()
    if word not in _SWITCH:
        raise ValueError(f"{name} is {word!r}; say true or false")
    return _SWITCH[word]


def _is_open(value: object) -> bool:
    """Return whether Airflow has yet to render a value: a template, or the output of another task."""
    return hasattr(value, "iter_references") or (isinstance(value, str) and ("{{" in value or "{%" in value))


def _check_text(name: str, value: object) -> None:
    """Raise an error if a value is not text. Paths are accepted, and numbers, which native templates make of ids."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, (str, os.PathLike, int))):
        raise ValueError(f"{name} is of type {_kind(value)}; write a string")


def _check_env(env: object, *, is_rendered: bool) -> None:
    """Raise an error if an environment is not valid. Values may be secret, so messages do not contain them."""
    if env is None:
        return
    if not isinstance(env, Mapping):
        raise ValueError(f"env is of type {_kind(env)}; write a dict of strings")  # noqa: TRY004 - all errors of arguments have one type
    _check_strings(((f"the name {name!r} in env", name) for name in env), is_rendered=True)
    _check_strings(((f"env[{name!r}]", value) for name, value in env.items()), is_rendered=is_rendered)


def _check_strings(named: Iterable[tuple[str, Any]], *, is_rendered: bool) -> None:
    for name, value in named:
        if not isinstance(value, str) and (is_rendered or not _is_open(value)):
            raise ValueError(f"{name} is of type {_kind(value)}; write strings")


def _kind(value: object) -> str:
    return type(value).__name__
