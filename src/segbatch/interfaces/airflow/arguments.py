"""What the operator is given: looked at where the DAG is read, and again when Airflow has filled in the templates."""

import os
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["check_arguments", "in_arguments", "is_on", "names_of", "words_of"]

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
"""What `options` must not have, since it would silently win over an argument."""

_ADVISED = {
    "--rewind": "--rewind is rewind=True, see 'Redo an earlier run' in docs/airflow.md",
    "--accept": "--accept is options=['--accept', ...]",
    "--allow-collapse": "--allow-collapse is allow_collapse=True",
    "--lint-ignore": "--lint-ignore is lint_ignore=[...]",
    "--wait": "--wait is options=['--wait']",
}
"""What the program advises, as it is said to the operator."""

_SWITCH = {"true": True, "1": True, "yes": True, "on": True}
_SWITCH |= dict.fromkeys(["false", "0", "no", "off", "none", ""], False)


def check_arguments(given: Mapping[str, Any], *, is_rendered: bool) -> None:
    """Refuse arguments that the program could not be called with.

    Args:
        given: The arguments that are templates, by their names.
        is_rendered: Whether Airflow has filled in the templates; else they, and what other tasks return, are let pass.

    Raises:
        ValueError: One is wrong; the message names it, and says what to write.
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
        options: A text as on the command line, or a list of its words.
        is_rendered: Whether no templates are left.

    Raises:
        ValueError: It is neither, or has an option for which there is an argument.
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
        raise ValueError(f"options is of type {_kind(options)}; write a string or a list of strings")  # noqa: TRY004 - one kind of error
    for word in words:
        name = word.partition("=")[0] if isinstance(word, str) else None
        if name in _ELSEWHERE:
            raise ValueError(f"options has {name}, for which the operator has its own way: {_ELSEWHERE[name]}")
    return list(words)


def names_of(name: str, given: object, *, is_rendered: bool = True) -> list[str]:
    """Return the names in an argument that is a list of them.

    Args:
        name: The argument's name.
        given: A list, or a text with spaces between the names; None is an empty list.
        is_rendered: Whether no templates are left.

    Raises:
        ValueError: It is neither.
    """
    if given is None or isinstance(given, str):
        return (given or "").split()
    if not isinstance(given, (list, tuple)):
        raise ValueError(f"{name} is of type {_kind(given)}; write a string or a list of strings")  # noqa: TRY004 - one kind of error
    _check_strings(((f"{name}[{number}]", word) for number, word in enumerate(given)), is_rendered=is_rendered)
    return list(given)


def in_arguments(message: str) -> str:
    """Return what to add to a message of the program, which speaks of options where a DAG has arguments.

    Args:
        message: The message.
    """
    said = [how for option, how in _ADVISED.items() if re.search(rf"{option}\b", message)]
    return f" (in the operator, {'; '.join(said)})" if said else ""


def is_on(name: str, value: object) -> bool:
    """Read a switch, which a template makes a text.

    Args:
        name: The argument's name.
        value: What was given for it.

    Raises:
        ValueError: It is neither true nor false.
    """
    word = str(value).strip().lower()
    if word not in _SWITCH:
        raise ValueError(f"{name} is {word!r}; say true or false")
    return _SWITCH[word]


def _is_open(value: object) -> bool:
    """Tell whether Airflow has yet to fill in a value: a template, or what another task returns."""
    return hasattr(value, "iter_references") or (isinstance(value, str) and ("{{" in value or "{%" in value))


def _check_text(name: str, value: object) -> None:
    """Refuse what is no text; a path will do, and a number, which native templates make of an id."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, (str, os.PathLike, int))):
        raise ValueError(f"{name} is of type {_kind(value)}; write a string")


def _check_env(env: object, *, is_rendered: bool) -> None:
    """Refuse an environment that none can be; its values are not shown, since they may be secret."""
    if env is None:
        return
    if not isinstance(env, Mapping):
        raise ValueError(f"env is of type {_kind(env)}; write a dict of strings")  # noqa: TRY004 - likewise
    _check_strings(((f"the name {name!r} in env", name) for name in env), is_rendered=True)
    _check_strings(((f"env[{name!r}]", value) for name, value in env.items()), is_rendered=is_rendered)


def _check_strings(named: Iterable[tuple[str, Any]], *, is_rendered: bool) -> None:
    for name, value in named:
        if not isinstance(value, str) and (is_rendered or not _is_open(value)):
            raise ValueError(f"{name} is of type {_kind(value)}; write strings")


def _kind(value: object) -> str:
    return type(value).__name__
