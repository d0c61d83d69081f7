"""Rule that restricts a segment to the contacts of its project, and the column with the project of a contact."""

import re
import shlex
from collections.abc import Iterable, Mapping

import polars as pl

from segbatch.errors import Problem
from segbatch.model.rule import Rule
from segbatch.model.segment import Segment
from segbatch.snapshot.fields.keys import PROJECT_COLUMN
from segbatch.text import clipped, shown

_WRITTEN_OTHERWISE = re.compile(r"\s.*|.*\s|[+].*|-?0[0-9].*|-0|.*[.].*0|.*[.]|.*[eE].*", re.DOTALL)
"""Texts that are numerically equal to another text: `007`, `7.0` and `7e0` are 7."""


def project_column(columns: Iterable[str]) -> str | None:
    """Return the column with the project of a contact: `project_id`, or the only one that differs by case."""
    near = [name for name in columns if name.lower() == PROJECT_COLUMN]
    return PROJECT_COLUMN if PROJECT_COLUMN in near else near[0] if len(near) == 1 else None


def project_rule(owner: str) -> Rule:
    """Return the rule that matches a project's contacts."""
    return Rule(field=PROJECT_COLUMN, operator="eq", value=owner)


class Ownership:
    """Finds the project of each segment, and the segments whose contacts cannot be determined."""

    def __init__(self, schema: Mapping[str, pl.DataType], project: str | None, contacts_of: str | None) -> None:
        """Find the project column.

        Args:
            project: The project that contacts are restricted to, if any.
            contacts_of: The project that all contacts belong to if the snapshot has no column with their projects.
        """
        self._columns = [name for name in schema if name.lower() == PROJECT_COLUMN]
        column = project_column(schema)
        self._is_known = column is not None
        self._has_numbers = column is not None and schema[column].is_numeric()
        self._project, self._contacts_of = project, contacts_of

    def owner_of(self, segment: Segment) -> str | None:
        """Return the project that a segment is restricted to; None if only its rules decide."""
        owner = segment.project_id if segment.project_id is not None else self._project
        return owner if self._is_known else None

    def problems_of(self, segment: Segment) -> list[Problem]:
        """Return the reason why a segment cannot be restricted to the contacts of its project, if any."""
        owner = segment.project_id if segment.project_id is not None else self._project
        if owner is not None and self._has_numbers and _WRITTEN_OTHERWISE.fullmatch(owner):
            message = f"'{PROJECT_COLUMN}' is a number in this snapshot, and {shown(owner)} is not how it is written"
            return [Problem(f"{message}, so it may be another project's", path="$.project_id")]
        if owner is None or self._is_known or (owner == self._contacts_of and not self._columns):
            return []
        return [Problem(self._reason(owner), path="$.project_id")]

    @property
    def assumptions(self) -> list[Problem]:
        """Notes about what is assumed of all contacts."""
        if self._contacts_of is None or self._columns or self._project != self._contacts_of:
            return []
        message = f"so all of its contacts count as those of '{clipped(self._contacts_of)}'"
        return [Problem(f"the snapshot has no column '{PROJECT_COLUMN}', {message}", severity="note")]

    def _reason(self, owner: str) -> str:
        if self._columns:
            names = " and ".join(f"'{clipped(name)}'" for name in self._columns)
            return f"the snapshot has no column '{PROJECT_COLUMN}', but {names}; name one of them '{PROJECT_COLUMN}'"
        unknown = f"the snapshot has no column '{PROJECT_COLUMN}', so the contacts of {shown(owner)} are unknown"
        if self._contacts_of is not None:
            return f"{unknown}: all contacts count as those of {shown(self._contacts_of)}"
        option = f"--project {shlex.quote(clipped(owner))}"
        return f"{unknown}; export that column, or pass {option} if all contacts are its own"
