"""The lists in a folder, and the segments that use them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from segbatch.definitions.list_files import ListError, ensure_can_be_named, find_list_files
from segbatch.definitions.loader import load_definitions
from segbatch.definitions.source import Source
from segbatch.definitions.value_lists import lists_in, lists_of, read_list
from segbatch.errors import Problem, UsageError
from segbatch.text import printable


@dataclass(frozen=True, slots=True)
class UsedList:
    """A list, and the segments that use it.

    Attributes:
        name: The name in rules.
        used_by: The ids of the segments whose rules name it, sorted.
        file: The file; None if the list cannot be used.
        values: The number of values; None if the list cannot be used.
        column: The name of the column, if the file has one.
        sha256: The SHA-256 of the file; None if the list cannot be used.
        error: The reason why the list cannot be used.
    """

    name: str
    used_by: tuple[str, ...]
    file: str | None = None
    values: int | None = None
    column: str | None = None
    sha256: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ListsReport:
    """The lists in a folder, and those that rules name.

    Attributes:
        folder: The folder of the lists.
        lists: The lists, sorted by name.
        problems: Problems of definitions that cannot be read; the lists that they use are unknown.
    """

    folder: str
    lists: tuple[UsedList, ...]
    problems: tuple[Problem, ...] = ()

    @property
    def errors(self) -> Sequence[str]:
        """The reasons why lists cannot be used, each with the segments that name the list."""
        return [f"{entry.error}{_users(entry.used_by)}" for entry in self.lists if entry.error]


def _users(segment_ids: Sequence[str]) -> str:
    return f" (used by {', '.join(segment_ids)})" if segment_ids else ""


def show_lists(segments: str | Path | Source = "segments", lists: str | Path | None = None) -> ListsReport:
    """Return the lists in a folder, also those that no segment uses, and the lists that rules name but no file has.

    Args:
        segments: A JSON file of definitions, or a folder of such files.
        lists: The folder of the lists; by default `lists` next to the definitions.

    Raises:
        UsageError: No definitions exist, or the folder cannot be read.
    """
    definitions = load_definitions(segments)
    folder = lists_of(definitions, lists) or Path("lists")
    users = defaultdict[str, set[str]](set)
    for definition in definitions.good:
        for _, name in lists_in(definition):
            users[name].add(definition.segment_id)
    try:
        names = sorted({*find_list_files(folder), *users})
    except ListError as error:
        raise UsageError(f"{error} (--lists)") from None
    found = tuple(_list(name, folder, users) for name in names)
    return ListsReport(printable(str(folder)), found, tuple(definitions.problems))


def _list(name: str, folder: Path, users: Mapping[str, set[str]]) -> UsedList:
    used_by = tuple(sorted(users.get(name, ())))
    try:
        ensure_can_be_named(name, folder)
        found = read_list(name, folder)
    except ListError as error:
        return UsedList(name, used_by, error=str(error))
    return UsedList(name, used_by, found.file, len(found.values), found.column, found.sha256)
