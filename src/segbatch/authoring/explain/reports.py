"""What an explanation says."""

from dataclasses import dataclass

from segbatch.errors import Problem

__all__ = ["Explanation", "Funnel", "Step", "Verdict"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule or group says of a contact.

    Attributes:
        path: Its place in the definition, such as `$.rules[1]`; of the project, `$.project_id`.
        rule: The rule as it would be typed, or what the group asks.
        holds: Whether it holds.
        why: Why, in words, with the value that it saw.
        parts: The verdicts of what the group joins, or of the segment that the rule names.
    """

    path: str
    rule: str
    holds: bool
    why: str
    parts: tuple["Verdict", ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a contact is in a segment, or is not.

    Attributes:
        segment_id: The id of the segment.
        contact_id: The id of the contact.
        member: Whether it is in.
        verdicts: Of which a member meets every one.
        warnings: What is legal in the definition and often a mistake.
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
    """How many contacts one rule or group keeps.

    Attributes:
        path: Its place in the definition.
        rule: The rule as it would be typed, or what the group asks.
        keeps: How many contacts it holds for, of all of the snapshot.
        share: Of all contacts of the snapshot; None where there are none.
        left: For how many this one and all above it hold; None for what stands inside a group.
        parts: What the group joins.
    """

    path: str
    rule: str
    keeps: int
    share: float | None
    left: int | None
    parts: tuple["Step", ...] = ()


@dataclass(frozen=True, slots=True)
class Funnel:
    """Where a segment loses its contacts.

    Attributes:
        segment_id: The id of the segment.
        contacts: How many contacts the snapshot has.
        members: How many of them the segment holds.
        share: The share of its members; None where there are no contacts.
        steps: Of which a member meets every one.
        warnings: What is legal in the definition and often a mistake.
        notes: Facts about how the fields are read.
    """

    segment_id: str
    contacts: int
    members: int
    share: float | None
    steps: tuple[Step, ...]
    warnings: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()
