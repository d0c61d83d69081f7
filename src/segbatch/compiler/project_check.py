"""Check that the requested project exists: a misspelled name would silently match no contacts."""

from collections.abc import Iterator, Mapping

import polars as pl

from segbatch.compiler.clock import Clock
from segbatch.compiler.predicates import compile_rule
from segbatch.compiler.project_rule import project_column, project_rule
from segbatch.compiler.rule_errors import RuleError
from segbatch.definitions.definition import Definitions
from segbatch.errors import Problem
from segbatch.snapshot.snapshot import Snapshot
from segbatch.text import did_you_mean, shown

_BATCH = 100_000
_MOST_NAMES = 1_000


def unknown_project(
    project: str | None, definitions: Definitions, snapshot: Snapshot | None = None, clock: Clock | None = None
) -> list[Problem]:
    """Warn about a project that has no segment and, if the snapshot has the contacts' projects, no contact.

    Args:
        definitions: All definitions, of every project.
        snapshot: The contacts, if they are to be searched.
        clock: The time of the run; required with `snapshot`.
    """
    owners = {owner for entry in definitions.good if (owner := entry.segment.project_id) is not None}
    owners |= {owner for entry in definitions.broken if (owner := entry.project_id) is not None}
    if project is None or project in owners:
        return []
    who = "no segment"
    column = project_column(snapshot.schema) if snapshot is not None else None
    if snapshot is not None and clock is not None and column is not None:
        names = _names(project, snapshot, column, clock)
        if names is None:
            return []
        owners, who = owners | names.keys(), "no segment and no contact"
    elif not owners:
        return []  # no segment has a project, so they apply to contacts of any project
    message = f"{who} belongs to project {shown(project)}{did_you_mean(project, sorted(owners))} (--project)"
    return [Problem(message, severity="warning")]


def _names(project: str, snapshot: Snapshot, column: str, clock: Clock) -> Mapping[str, None] | None:
    """Return names of the contacts' projects, or None if the requested project has a contact."""
    try:
        is_own = compile_rule(project_rule(project), snapshot.schema, clock).predicate
    except RuleError:  # every segment fails with this error and reports it
        return None
    names = dict[str, None]()
    for frame in _batches(snapshot, column):
        if frame.select(is_own.any()).item():
            return None
        if len(names) < _MOST_NAMES:
            names |= dict.fromkeys(frame.get_column(column).drop_nulls().unique(maintain_order=True).cast(pl.String))
    return names


def _batches(snapshot: Snapshot, column: str) -> Iterator[pl.DataFrame]:
    return (batch.frame for batch in snapshot.batches([column], _BATCH))
