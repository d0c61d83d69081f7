"""The fields that rules can name in a snapshot: their types, how many contacts have them, and their values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import polars as pl

from segbatch.authoring.columns.field_values import MOST_PATHS, FieldCounter
from segbatch.authoring.columns.profile import FieldProfile, profile_field
from segbatch.errors import Problem
from segbatch.model.schema_file import SchemaField, SchemaFile
from segbatch.snapshot.open_snapshot import open_snapshot
from segbatch.snapshot.related.sources import Tables, sources_of
from segbatch.snapshot.related.tables import open_rows
from segbatch.snapshot.snapshot import Snapshot
from segbatch.text import clipped

_BATCH = 50_000


@dataclass(frozen=True, slots=True)
class ColumnsReport:
    """The fields of a snapshot.

    Attributes:
        contacts: The number of contacts.
        fields: The fields, each column followed by the fields in it; those of related tables come last.
        warnings: Columns that are not read, and columns with more keys than are shown.
        notes: Facts about how columns are read.
    """

    contacts: int
    fields: tuple[FieldProfile, ...]
    warnings: tuple[Problem, ...]
    notes: tuple[Problem, ...]


def describe_columns(
    contacts: str | Path,
    *,
    id_column: str = "id",
    custom_fields: str | None = None,
    tables: Tables | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ColumnsReport:
    """Describe every column of a snapshot and every field in it, in one pass and in bounded memory.

    A value is returned only if at least five contacts have it, and only of fields whose values are not almost all
    different. The range of numbers and dates is returned although its ends may be values of single contacts.

    Args:
        contacts: A Parquet file, a folder of them, or a glob; on disk or in object storage.
        custom_fields: The column that definitions call `custom_fields`, if its name is different.
        tables: Related tables to describe too, by name: each a path, or a `segbatch.TableSource`.
        progress: Called with the number of contacts that were read, and their total.

    Raises:
        SnapshotError: The snapshot cannot be used.
    """
    snapshot = open_snapshot(str(contacts), id_column, custom_fields)
    related = {name: open_rows(name, source) for name, source in sources_of(tables).items()}
    found = [_describe(snapshot, None, progress), *(_describe(rows, name, None) for name, rows in related.items())]
    fields, problems = chain.from_iterable(one for one, _ in found), [*chain.from_iterable(one for _, one in found)]
    warnings = tuple(problem for problem in problems if problem.severity != "note")
    notes = tuple(problem for problem in problems if problem.severity == "note")
    return ColumnsReport(snapshot.rows, tuple(fields), warnings, notes)


def schema_file_of(report: ColumnsReport) -> SchemaFile:
    """Return the fields and their types as the content of a schema file."""
    return SchemaFile(
        fields=tuple(
            SchemaField(path=field.path, type=field.type, missing=field.present < report.contacts)
            for field in report.fields
            if field.table is None
        )
    )


def _describe(
    snapshot: Snapshot, table: str | None, progress: Callable[[int, int], None] | None
) -> tuple[list[FieldProfile], Sequence[Problem]]:
    """Read a snapshot, or a related table, and return its fields and problems."""
    snapshot = snapshot.with_texts(snapshot.schema)
    counter = FieldCounter(snapshot.schema, snapshot.forms, snapshot.schema.alias, is_table=table is not None)
    nobody = pl.Series([], dtype=pl.String)
    counter.add(snapshot.empty_frame(snapshot.schema), nobody)  # so that a snapshot without contacts has fields too
    done = 0
    for batch in snapshot.batches(snapshot.schema, _BATCH):
        counter.add(batch.frame, pl.Series(batch.ids))
        done += len(batch.ids)
        if progress:
            progress(done, snapshot.rows)
    fields = [profile_field(found, snapshot, table) for found in counter.fields()]
    return fields, (*snapshot.problems, *map(_more_keys, sorted(counter.left_out)))


def _more_keys(column: str) -> Problem:
    message = f"'{clipped(column)}' has more than {MOST_PATHS:,} keys; the others are not shown"
    return Problem(message, severity="warning")
