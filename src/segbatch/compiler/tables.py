"""Opening of the related tables that definitions read."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from segbatch.compiler.clock import Clock
from segbatch.compiler.row_readings import with_row_reading_counts
from segbatch.definitions.definition import Definitions
from segbatch.errors import DatabaseError, Problem, SnapshotError, UsageError
from segbatch.model.rule import Rule, TableRule
from segbatch.snapshot.database.database_copy import DatabaseReader
from segbatch.snapshot.fields.keys import UnknownColumnError, find_column
from segbatch.snapshot.fields.resolution import resolve
from segbatch.snapshot.fields.types import Kind, in_words
from segbatch.snapshot.related.lists import open_list
from segbatch.snapshot.related.sources import Tables, TableSource, sources_of
from segbatch.snapshot.related.tables import RelatedTable, open_table
from segbatch.snapshot.snapshot import Snapshot
from segbatch.text import clipped

_SHOWN = 5


def open_tables(
    sources: Mapping[str, TableSource],
    definitions: Definitions,
    contacts: Snapshot,
    clock: Clock,
    *,
    strict: bool = False,
    databases: DatabaseReader | None = None,
) -> Mapping[str, RelatedTable | str]:
    """Open the related tables that rules read.

    Args:
        strict: Whether a warning about a table fails the segments that read it.
        databases: Reads tables of databases; None to refuse them.

    Returns:
        The tables by name. A table that cannot be used is the reason: it fails the segments that read it, not the run.

    Raises:
        UsageError: The name of a table is also a column of the snapshot.
    """
    rules = [rule for entry in definitions.good for _, rule in entry.segment.table_rules()]
    tables = {name: _open(name, source, rules, contacts, clock, databases) for name, source in sources.items()}
    for name, table in tables.items() if strict else ():
        warned = [problem for problem in _problems_of(table) if problem.severity == "warning"]
        tables[name] = f"{warned[0]} (--strict)" if warned else table
    lists = {path: _open_list(path, rules, contacts, clock) for path in sorted(definitions.tables - sources.keys())}
    return tables | {path: table for path, table in lists.items() if table is not None}


def _open(
    name: str,
    source: TableSource,
    rules: Iterable[TableRule],
    contacts: Snapshot,
    clock: Clock,
    databases: DatabaseReader | None,
) -> RelatedTable | str:
    if name in contacts.schema:
        raise UsageError(f"'{name}' is a table and a column of the snapshot; give the table another name (--table)")
    own = [rule for rule in rules if rule.table == name]
    if not own:
        return f"the table '{name}' is not read by any segment"
    try:
        table = open_table(name, source, _fields_of(own), contacts, databases)
        return with_row_reading_counts(table, _rules_on_rows(own), contacts, clock)
    except (DatabaseError, SnapshotError) as error:
        return str(error)


def unread_tables(tables: Tables | None, definitions: Definitions) -> list[Problem]:
    """Return a note that names the tables of the options that no segment reads, such as after a typing mistake.

    If a definition is broken, its tables are not known, so that there is no note.
    """
    unread = sorted(sources_of(tables).keys() - definitions.tables)
    if not unread or definitions.broken:
        return []
    first = ", ".join(f"'{clipped(name)}'" for name in unread[:_SHOWN])
    more = f" and {len(unread) - _SHOWN} more" if len(unread) > _SHOWN else ""
    plural = "" if len(unread) == 1 else "s"
    return [Problem(f"no segment reads the table{plural} {first}{more} (--table)", severity="note")]


def problems_of(tables: Mapping[str, RelatedTable]) -> list[Problem]:
    """Return warnings and notes about the files and the columns of tables."""
    return [problem for table in tables.values() for problem in _problems_of(table)]


def _problems_of(table: RelatedTable | str) -> Iterator[Problem]:
    if not isinstance(table, RelatedTable) or not isinstance(table.snapshot, Snapshot):
        return
    about = f"the table '{table.name}': "
    for problem in table.snapshot.problems:
        hidden = None if problem.without_ids is None else about + problem.without_ids
        yield replace(problem, message=about + problem.message, without_ids=hidden)


def _fields_of(rules: Iterable[TableRule]) -> set[str]:
    """Return the columns of a table that rules on it name."""
    fields = {rule.field for rule in rules if rule.field is not None}
    return fields | {column for rule in rules for _, row in rule.row_rules() for column in row.fields}


def _rules_on_rows(rules: Iterable[TableRule]) -> Iterator[Rule]:
    return (row for rule in rules for _, row in rule.row_rules())


def _open_list(path: str, rules: Iterable[TableRule], contacts: Snapshot, clock: Clock) -> RelatedTable | str | None:
    """Open a list in the contacts; return a reason if the field is not a list, or None if there is no such field."""
    try:
        field = resolve(path, contacts.schema)
    except UnknownColumnError as error:
        return str(error) if find_column(path, contacts.schema) is not None else None
    if field.kind not in {Kind.LIST, Kind.NOTHING}:
        return f"'{clipped(path)}' is {in_words(field.dtype)}; a table in contacts is a list of objects or values"
    own = [rule for rule in rules if rule.table == path]
    table = RelatedTable(path, open_list(path, field, _fields_of(own), contacts))
    return with_row_reading_counts(table, _rules_on_rows(own), contacts, clock)
