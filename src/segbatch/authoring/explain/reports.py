"""Results of `explain` and `funnel`."""

from collections.abc import Mapping
from dataclasses import dataclass

from segbatch.errors import Problem


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a related table that an aggregate was made of.

    Attributes:
        number: How many there are.
        shown: Up to five of them, each with the time of the row and the columns that the rule names.
        has_source: Whether the aggregate is the value of a single row, which is the first of those that are shown.
    """

    number: int
    shown: tuple[Mapping[str, object], ...] = ()
    has_source: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of one rule or group for a contact.

    Attributes:
        path: The location in the definition, such as `$.rules[1]`; `$.project_id` for the project.
        rule: The rule as a user would type it, or the group's condition.
        holds: Whether the contact matches it.
        why: The reason as text, with the contact's value.
        parts: The verdicts of the group's rules, or of the segment that the rule refers to.
        rows: The rows that the aggregate was made of, for a rule on a related table.
    """

    path: str
    rule: str
    holds: bool
    why: str
    parts: tuple["Verdict", ...] = ()
    rows: Rows | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The reasons why a contact is in a segment, or why it is not.

    Attributes:
        member: Whether the contact is in the segment.
        verdicts: The verdicts; a member matches every one.
        warnings: Parts of the definition that are valid but often a mistake.
        notes: Facts about how the fields are read.
    """

    segment_id: str
    contact_id: str | int
    member: bool
    verdicts: tuple[Verdict, ...]
    warnings: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """The number of contacts that one rule or group keeps.

    Attributes:
        path: The location in the definition.
        rule: The rule as a user would type it, or the group's condition.
        keeps: The number of contacts of the snapshot that match it.
        share: `keeps` as a share of all contacts in the snapshot; None if the snapshot is empty.
        left: The number of contacts that match this step and all steps above it; None inside a group.
        parts: The steps of the group's rules.
    """

    path: str
    rule: str
    keeps: int
    share: float | None
    left: int | None
    parts: tuple["Step", ...] = ()


@dataclass(frozen=True, slots=True)
class Funnel:
    """The number of contacts that each step of a segment keeps.

    Attributes:
        contacts: The number of contacts in the snapshot.
        members: The number of contacts in the segment.
        share: `members` as a share of all contacts; None if the snapshot is empty.
        steps: The steps; a member matches every one.
        warnings: Parts of the definition that are valid but often a mistake.
        notes: Facts about how the fields are read.
    """

    segment_id: str
    contacts: int
    members: int
    share: float | None
    steps: tuple[Step, ...]
    warnings: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()
