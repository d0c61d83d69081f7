"""Rules that can never hold together, found where that is certain."""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from segbatch.compiler.clock import Clock
from segbatch.compiler.literals import Unreadable
from segbatch.definitions.loader import Definition
from segbatch.errors import Problem
from segbatch.findings.blanks import may_meet
from segbatch.findings.intervals import Region, meet, region_of
from segbatch.findings.names import Finding
from segbatch.findings.normal_form import Test, test_of
from segbatch.model.segment import Group, Node, Rule, Segment
from segbatch.snapshot.fields.types import Kind
from segbatch.text import shown

__all__ = ["contradictions"]

_COMPARABLE = (Kind.LIST, Kind.TEXT, Kind.NUMBER, Kind.BOOLEAN, Kind.DATETIME, Kind.DATE, Kind.UUID)
"""Kinds whose values rules compare; lists come first, since most rules can hold together for one."""

_MOST_BEFORE = 50
"""With so many rules on the same field before it each rule is compared, lest thousands of them take hours."""


@dataclass(frozen=True)
class _Claim:
    """A rule that has to hold, or must not, where all of its neighbours have their way too.

    It is compared with up to fifty others, so what it means is worked out once.
    """

    path: str
    rule: Rule
    wanted: bool
    _regions: dict[Kind, Region | Unreadable | None] = field(default_factory=dict)

    @cached_property
    def _test(self) -> tuple[Test, bool]:
        return test_of(self.rule)

    @property
    def test(self) -> Test:
        """The positive test of the rule."""
        return self._test[0]

    @cached_property
    def is_positive(self) -> bool:
        """Whether the test has to hold; else it must not."""
        return self._test[1] == self.wanted

    @property
    def subject(self) -> Hashable:
        """What it is about: a field, or a segment."""
        return ("segment", self.rule.value) if self.rule.field is None else self.rule.field

    @cached_property
    def takes_missing(self) -> bool:
        """Whether it is met by a contact for which the field is missing."""
        _, operator, by_missing, _ = self.test.about
        return (by_missing or operator in {"empty", "blank"}) == self.is_positive

    @cached_property
    def takes_present(self) -> bool | None:
        """Whether it is met by all other contacts, or by none of them; None if it depends on their values."""
        return None if self.test.about[1] != "empty" else not self.is_positive

    @cached_property
    def takes_blank(self) -> bool | None:
        """Whether it is met by the values that are blank, or by those that are not; None if it asks something else."""
        return None if self.test.about[1] != "blank" else self.is_positive

    def region(self, kind: Kind, clock: Clock) -> Region | None:
        """Return the values of a column of a kind that meet it; None if intervals cannot represent them.

        Raises:
            Unreadable: The column cannot be compared with the value.
        """
        if kind not in self._regions:
            try:
                self._regions[kind] = region_of(self.rule, kind, clock, wanted=self.wanted)
            except Unreadable as error:
                self._regions[kind] = error
        region = self._regions[kind]
        if isinstance(region, Unreadable):
            raise region
        return region

    @property
    def text(self) -> str:
        """The rule, for a message."""
        value = "" if self.rule.shape == "nothing" else f" {shown(self.rule.value)}"
        return f"{'' if self.wanted else 'not '}'{self.rule.operator}'{value}"


def contradictions(definition: Definition, kinds: Mapping[str, Kind], clock: Clock) -> Iterator[Finding]:
    """Find the rules of a segment that can never hold together with one before them.

    Args:
        definition: The segment.
        kinds: The kinds of the fields, as far as they are known.
        clock: In which time zone a day is meant.
    """
    for claims in (several for several in _conjunctions(definition.segment) if len(several) > 1):
        before: defaultdict[Hashable, list[_Claim]] = defaultdict(list)
        for claim in claims:
            known = kinds.get(claim.rule.field or "")
            other = next((one for one in before[claim.subject] if _exclude(one, claim, known, clock)), None)
            if other is not None:
                place = definition.path + other.path.removeprefix("$")
                about = f"'{claim.rule.field}': " if claim.rule.field else ""
                message = f"{about}{claim.text} and {other.text} ({place}) can never hold together; remove one of them"
                problem = Problem(message, path=claim.path, severity="warning")
                yield Finding("contradiction", definition.locate(problem))
            if len(before[claim.subject]) < _MOST_BEFORE:
                before[claim.subject].append(claim)


def _conjunctions(segment: Segment) -> Iterator[list[_Claim]]:
    """Yield the rules of a segment that have to hold together, and those of each alternative in it."""
    waiting: list[tuple[str, Node | Segment, bool]] = [("$", segment, True)]
    while waiting:
        path, node, wanted = waiting.pop()
        claims: list[_Claim] = []
        alternatives: list[tuple[str, Node | Segment, bool]] = []
        _collect(path, node, wanted, claims, alternatives)
        yield claims
        waiting += alternatives


def _collect(
    path: str,
    node: Node | Segment,
    wanted: bool,  # noqa: FBT001 - it goes with the node
    claims: list[_Claim],
    alternatives: list[tuple[str, Node | Segment, bool]],
) -> None:
    """Collect the rules that have to hold for a node to be as wanted, and what only one of has to."""
    if isinstance(node, Rule):
        claims.append(_Claim(path, node, wanted))
        return
    wanted_inside = wanted != (node.match == "none")
    is_joined = len(node.rules) == 1 or (node.match == "all") == wanted_inside
    for index, child in enumerate(node.rules):
        place = f"{path}.rules[{index}]"
        if is_joined:
            _collect(place, child, wanted_inside, claims, alternatives)
        elif isinstance(child, Group):
            alternatives.append((place, child, wanted_inside))


def _exclude(one: _Claim, other: _Claim, known: Kind | None, clock: Clock) -> bool:
    """Tell whether no contact can meet both, whatever the kind of the field is, unless it is known."""
    if one.takes_missing and other.takes_missing:
        return False
    if one.takes_present is False or other.takes_present is False:
        return True
    if one.takes_present or other.takes_present:
        return _never_blank(known) and (one.takes_blank is True or other.takes_blank is True)
    first, second = one.test, other.test
    if first.about[:2] + first.about[3:] == second.about[:2] + second.about[3:] and first.values == second.values:
        return one.is_positive != other.is_positive
    is_excluded = False
    for kind in _kinds(known):
        answer = _meet(one, other, kind, clock)
        if answer:
            return False
        is_excluded = is_excluded or answer is False
    return is_excluded


def _never_blank(known: Kind | None) -> bool:
    return known is not None and known not in {Kind.TEXT, Kind.LIST}


def _kinds(known: Kind | None) -> tuple[Kind, ...]:
    if known is None:
        return _COMPARABLE
    return (known,) if known in _COMPARABLE else ()


def _meet(one: _Claim, other: _Claim, kind: Kind, clock: Clock) -> bool | None:
    """Tell whether a value may meet both claims; None where a column of the kind cannot be asked so."""
    asked = [claim for claim in (one, other) if claim.takes_blank is None]
    try:
        regions = [claim.region(kind, clock) for claim in asked]
    except Unreadable:
        return None
    blank = next((claim.takes_blank for claim in (one, other) if claim.takes_blank is not None), None)
    if blank is not None:
        return all(may_meet(claim.rule, kind, wanted=claim.wanted, blank=blank) for claim in asked)
    first, second = regions
    return first is None or second is None or meet(first, second)
