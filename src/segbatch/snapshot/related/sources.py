"""Options of related tables: where a table is, and which columns have its contact and its time."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from segbatch.errors import UsageError
from segbatch.text import clipped, did_you_mean, shown, some_of

CONTACT = "contact_id"
"""The default name of the column with the contact of a row."""

SEPARATOR = "\0"
"""The character between path, contact and time of a table of the settings; no argument can contain it."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")
_KEYS = ("path", "contact", "time")


@dataclass(frozen=True, slots=True)
class TableSource:
    """A related table of a run.

    Attributes:
        path: A Parquet file, a folder, a glob, or the address of one of these in object storage.
        contact: The column with the id of the contact that a row belongs to.
        time: The column with the time of a row, if there is one.
    """

    path: str | Path
    contact: str = CONTACT
    time: str | None = None


Tables = Mapping[str, str | Path | TableSource | Mapping[str, str]]
"""Related tables by name, as Python code passes them: a path, a `TableSource`, or its keys."""


def sources_of(tables: Tables | None) -> dict[str, TableSource]:
    """Return the sources of tables by name.

    Raises:
        UsageError: A name or a source is not valid.
    """
    return {_checked(name, "tables"): _source_of(name, given) for name, given in (tables or {}).items()}


def _source_of(name: str, given: object) -> TableSource:
    match given:
        case TableSource():
            return given
        case str() | os.PathLike():
            return TableSource(os.fspath(given))
        case Mapping() if "path" in given and given.keys() <= {*_KEYS}:
            return TableSource(**given)
        case Mapping():
            unknown = [key for key in given if key not in _KEYS]
            problem = f"{shown(unknown[0])} is not a key of a table" if unknown else "'path' is missing"
            raise UsageError(f"the table '{clipped(name)}': {problem}; its keys are {', '.join(_KEYS)} (tables)")
        case _:
            message = f"a table is a path or a TableSource; found a value of type {type(given).__name__}"
            raise UsageError(f"the table '{clipped(name)}': {message} (tables)")


def read_tables(tables: Iterable[str], contacts: Iterable[str], times: Iterable[str]) -> dict[str, TableSource]:
    """Read the options of tables.

    Args:
        tables: Texts `NAME=PATH`.
        contacts: Texts `NAME=COLUMN`, for the columns with contacts.
        times: Texts `NAME=COLUMN`, for the columns with times.

    Raises:
        UsageError: A text is not of this form, a name is not valid, is given twice, or is not that of a table.
    """
    found = {name: _settings(value) for name, value in _pairs(tables, "--table", "PATH").items()}
    for key, texts in (("contact", contacts), ("time", times)):
        option = f"--table-{key}"
        for name, column in _pairs(texts, option, "COLUMN").items():
            if name not in found:
                hint = did_you_mean(name, found) or f"; there are {some_of(found)}" if found else "; pass --table too"
                raise UsageError(f"there is no table '{clipped(name)}'{hint} ({option})")
            found[name] = replace(found[name], **{key: column})
    return found


def _settings(text: str) -> TableSource:
    path, contact, time, *_ = [*text.split(SEPARATOR), "", ""]
    return TableSource(path, contact or CONTACT, time or None)


def _pairs(texts: Iterable[str], option: str, value: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, equals, rest = text.partition("=")
        if not equals:
            raise UsageError(f"{shown(text)} has no '='; write NAME={value} ({option})")
        if not rest:
            raise UsageError(f"{shown(text)} has nothing after '='; write NAME={value} ({option})")
        if _checked(name, option) in found:
            raise UsageError(f"the table '{clipped(name)}' is given twice; keep one ({option})")
        found[name] = rest
    return found


def _checked(name: str, option: str) -> str:
    if not _NAME.fullmatch(name):
        rule = "a name has letters (A-Z, a-z), digits, '_' and '-', and at most 128 of them"
        raise UsageError(f"{shown(name)} cannot be the name of a table; {rule} ({option})")
    return name


def as_texts(tables: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return tables of the settings as the texts that `read_tables` reads."""
    keys = ((name, [table.get(key) or "" for key in _KEYS]) for name, table in tables.items())
    return [f"{name}={SEPARATOR.join(values).rstrip(SEPARATOR)}" for name, values in keys]
