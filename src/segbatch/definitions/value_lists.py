"""Lists of values that rules name, each read once."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segbatch.definitions.definition import Definition, Definitions
from segbatch.definitions.discovery import read_failure
from segbatch.definitions.list_files import ListError, choose_file, read_values
from segbatch.errors import Problem
from segbatch.text import printable


@dataclass(frozen=True, slots=True)
class ValueList:
    """A list.

    Attributes:
        name: The name in rules.
        file: The file, as shown to users.
        sha256: The SHA-256 of the file.
        values: The values, as a rule could contain them.
        places: The lines or rows of the values, counted from 1.
        column: The name of the column, if the file has one.
    """

    name: str
    file: str
    sha256: str
    values: tuple[Any, ...] = field(repr=False)
    places: tuple[int, ...] | range = field(repr=False)
    column: str | None = None

    def place_of(self, index: int) -> str:
        """Return the place of a value, for a message. The value is not part of it, since it may be an address."""
        return f"{self.file}:{self.places[index]}"


@dataclass(frozen=True, slots=True)
class Lists:
    """The lists that the rules of some definitions name.

    Attributes:
        found: The lists that were read, by name.
        errors: For each list that cannot be used, the reason.
    """

    found: dict[str, ValueList] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def get(self, name: str) -> ValueList:
        """Return a list.

        Raises:
            ListError: The list cannot be used.
        """
        if name in self.found:
            return self.found[name]
        raise ListError(self.errors.get(name, f"the list '{name}' was not read; name the folder of the lists"))


NO_LISTS = Lists()


def lists_in(definition: Definition) -> Iterator[tuple[str, str]]:
    """Yield the path of each rule that names a list, also of rules on rows of a table, and the name of the list."""
    for path, rule in definition.segment.rule_paths():
        if rule.shape == "list_name":
            yield path, str(rule.value)
    for path, table_rule in definition.segment.table_rules():
        if table_rule.shape == "list_name":
            yield path, str(table_rule.value)
        for below, rule in table_rule.row_rules():
            if rule.shape == "list_name":
                yield path + below, str(rule.value)


def lists_of(definitions: Definitions, folder: str | Path | None) -> Path | None:
    """Return the folder of the lists: the given one, or the one next to the definitions."""
    return definitions.lists if folder is None else Path(folder)


def read_lists(definitions: Iterable[Definition], folder: Path | None) -> Lists:
    """Read the lists that definitions name.

    Args:
        folder: The folder of the lists, if any.
    """
    lists = Lists()
    for name in sorted({name for definition in definitions for _, name in lists_in(definition)}):
        try:
            lists.found[name] = read_list(name, folder)
        except ListError as error:
            lists.errors[name] = str(error)
    return lists


def read_list(name: str, folder: Path | None) -> ValueList:
    """Read a list.

    Raises:
        ListError: The list has no file or several, or the file cannot be used.
    """
    if folder is None:
        raise ListError(f"the list '{name}' was not read; name the folder of the lists (--lists)")
    file = choose_file(name, folder)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ListError(f"{printable(str(file))}: {read_failure(error)}") from None
    found = read_values(file, content)
    digest = hashlib.sha256(content).hexdigest()
    return ValueList(name, printable(str(file)), digest, found.values, tuple(found.places), found.column)


def list_problems(definitions: Iterable[Definition], lists: Lists) -> Iterator[Problem]:
    """Yield a problem for each rule that names a list that cannot be used."""
    for definition in definitions:
        for path, name in lists_in(definition):
            if name in lists.errors:
                yield definition.locate(Problem(lists.errors[name], path=f"{path}.value"))
