"""Detection of rules that can never match the same contact; only certain cases are reported."""

from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from segbatch.compiler.clock import Clock
from segbatch.compiler.literals import UNICODE_SPACE
from segbatch.compiler.lowering import LOWERING_ERRORS
from segbatch.definitions.definition import Definition
from segbatch.errors import Problem
from segbatch.findings.finding import Finding
from segbatch.findings.intervals import Region, can_overlap, region_of
from segbatch.findings.kinds import COUNTS, Kinds, kind_of_rule
from segbatch.findings.normal_form import NormalForms, Test, test_of
from segbatch.model.operators import NEGATIONS
from segbatch.model.rule import Group, Node, Rule, TableRule
from segbatch.model.sample import SampleRange
from segbatch.model.segment import Segment
from segbatch.snapshot.fields.types import Kind
from segbatch.text import shown

_COMPARABLE = (Kind.LIST, Kind.TEXT, Kind.NUMBER, Kind.BOOLEAN, Kind.DATETIME, Kind.DATE, Kind.UUID)
"""Kinds whose values rules compare. Lists come first, since most rules can match together for a list."""

_MOST_BEFORE = 50
"""Maximum number of earlier rules on the same field that each rule is compared with; bounds the time for thousands."""

_EQUALITIES = {"eq", "in"}
_PARTS = {"contains", "starts_with", "ends_with"}


@dataclass(frozen=True)
class _Claim:
    """A rule that must match, or must not match, together with its neighbours.

    It is compared with up to fifty others, so its derived properties are cached.

    Attributes:
        path: The place of the rule.
        rule: The comparison; for a rule on a table, of the label of its aggregate.
        wanted: Whether the rule must match, or must not match.
        known: The kind of what is compared, if it is known.
        aggregate: A key of the aggregate, for a rule on a table.
        never_missing: Whether every contact, or every row, has a value to compare.
    """

    path: str
    rule: Rule
    wanted: bool
    known: Kind | None
    aggregate: Hashable = None
    never_missing: bool = False
    _regions: dict[Kind, Region | Exception | None] = field(default_factory=dict)

    @cached_property
    def _test(self) -> tuple[Test, bool]:
        return test_of(self.rule, self.aggregate)

    @property
    def test(self) -> Test:
        """The positive test of the rule."""
        return self._test[0]

    @cached_property
    def is_positive(self) -> bool:
        """Whether the test must match; otherwise it must not match."""
        return self._test[1] == self.wanted

    @property
    def subject(self) -> Hashable:
        """The subject of the rule: a field, an aggregate, a segment, or the seed of a sample."""
        if isinstance(self.rule.value, SampleRange):
            return ("sample", self.rule.value.seed)
        if self.rule.field is None:
            return ("segment", self.rule.value)
        return self.aggregate or (self.rule.field, self.rule.read_as)

    @cached_property
    def takes_missing(self) -> bool:
        """Whether it matches a contact without a value for the field, if there can be one."""
        if self.never_missing:
            return False
        _, operator, by_missing, _ = self.test.about
        return (by_missing or operator in {"empty", "blank"}) == self.is_positive

    @cached_property
    def takes_present(self) -> bool | None:
        """Whether it matches all other contacts (True) or none of them (False); None if it depends on their values."""
        return None if self.test.about[1] != "empty" else not self.is_positive

    @cached_property
    def takes_blank(self) -> bool | None:
        """Whether it matches blank values (True) or the others (False); None if it is not a test for blank values."""
        return None if self.test.about[1] != "blank" else self.is_positive

    def region(self, kind: Kind, clock: Clock) -> Region | None:
        """Return the values of a column of this kind that match; None if intervals cannot represent them.

        Raises:
            Exception: One of `LOWERING_ERRORS`, if the column does not support the comparison.
        """
        if kind not in self._regions:
            try:
                self._regions[kind] = region_of(self.rule, kind, clock, wanted=self.wanted)
            except LOWERING_ERRORS as error:
                self._regions[kind] = error
        region = self._regions[kind]
        if isinstance(region, Exception):
            raise region
        return region

    @property
    def text(self) -> str:
        """The rule, for a message."""
        found = self.rule.value
        value = "" if self.rule.shape == "nothing" else f" {found if isinstance(found, SampleRange) else shown(found)}"
        return f"{'' if self.wanted else 'not '}'{self.rule.operator}'{value}"


def find_contradictions(definition: Definition, kinds: Kinds, clock: Clock, forms: NormalForms) -> Iterator[Finding]:
    """Find the rules of a segment that can never match together with an earlier rule.

    Args:
        kinds: The kinds of the fields, as far as they are known.
        clock: The time of the run; its time zone decides which instants belong to a day.
        forms: The normal forms of the parts of the segment.
    """
    for claims in (several for several in _conjunctions(definition.segment, kinds, forms) if len(several) > 1):
        before: defaultdict[Hashable, list[_Claim]] = defaultdict(list)
        for claim in claims:
            other = next((one for one in before[claim.subject] if _never_both_match(one, claim, clock)), None)
            if other is not None:
                place = definition.path + other.path.removeprefix("$")
                about = f"'{claim.rule.field}': " if claim.rule.field else ""
                message = f"{about}{claim.text} and {other.text} ({place}) can never match together; remove one of them"
                problem = Problem(message, path=claim.path, severity="warning")
                yield Finding("contradiction", definition.locate(problem))
            if len(before[claim.subject]) < _MOST_BEFORE:
                before[claim.subject].append(claim)


@dataclass(frozen=True, slots=True)
class _Scope:
    """The subject of the rules in a conjunction: contacts, or the rows of a table."""

    kinds: Kinds
    forms: NormalForms
    table: str | None = None

    def claim(self, path: str, rule: Rule | TableRule, *, wanted: bool) -> _Claim:
        """Return the claim of a rule."""
        if isinstance(rule, TableRule):
            known, subject = self.kinds.of_aggregate(rule), self.forms.subject_of(rule)
            return _Claim(path, rule.as_rule(rule.label), wanted, known, subject, rule.aggregate in COUNTS)
        return _Claim(path, rule, wanted, kind_of_rule(rule, self.kinds, self.table))


@dataclass(frozen=True, slots=True)
class _Alternative:
    """A node that must match, or must not match, independently of its neighbours."""

    path: str
    node: Node | Segment
    wanted: bool
    scope: _Scope


def _conjunctions(segment: Segment, kinds: Kinds, forms: NormalForms) -> Iterator[list[_Claim]]:
    """Yield the claims of a segment that must all be met, then those of each alternative in it.

    The rows that a rule on a table counts meet their own claims, regardless of the comparison.
    """
    waiting = [_Alternative("$", segment, wanted=True, scope=_Scope(kinds, forms))]
    while waiting:
        claims: list[_Claim] = []
        alternatives: list[_Alternative] = []
        _collect(waiting.pop(), claims, alternatives)
        yield claims
        waiting += alternatives
    for path, rule in segment.table_rules():
        yield from _conjunctions_of_rows(path, rule, _Scope(kinds, forms, rule.table))


def _conjunctions_of_rows(path: str, rule: TableRule, scope: _Scope) -> Iterator[list[_Claim]]:
    """Yield the claims that a row must all meet to be counted, then those of each alternative in it."""
    claims: list[_Claim] = []
    waiting: list[_Alternative] = []
    for index, node in enumerate(rule.where or ()):
        _collect(_Alternative(f"{path}.where[{index}]", node, wanted=True, scope=scope), claims, waiting)
    yield claims
    while waiting:
        claims, alternatives = list[_Claim](), list[_Alternative]()
        _collect(waiting.pop(), claims, alternatives)
        yield claims
        waiting += alternatives


def _collect(part: _Alternative, claims: list[_Claim], alternatives: list[_Alternative]) -> None:
    """Collect the claims that must all be met for a node to be as wanted, and the groups that are alternatives."""
    node = part.node
    if isinstance(node, Rule | TableRule):
        claims.append(part.scope.claim(part.path, node, wanted=part.wanted))
        return
    wanted_inside = part.wanted != (node.match == "none")
    is_joined = len(node.rules) == 1 or (node.match == "all") == wanted_inside
    for index, child in enumerate(node.rules):
        inner = _Alternative(f"{part.path}.rules[{index}]", child, wanted_inside, part.scope)
        if is_joined:
            _collect(inner, claims, alternatives)
        elif isinstance(child, Group):
            alternatives.append(inner)


def _never_both_match(one: _Claim, other: _Claim, clock: Clock) -> bool:
    """Return whether no contact can match both, for every kind that the field may have."""
    known = other.known
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
        answer = _both_may_match(one, other, kind, clock)
        if answer:
            return False
        is_excluded = is_excluded or answer is False
    return is_excluded


def _never_blank(known: Kind | None) -> bool:
    return known is not None and known not in {Kind.TEXT, Kind.LIST}


def _kinds(known: Kind | None) -> tuple[Kind, ...]:
    if known is None:
        return _COMPARABLE
    return (known,) if known in {*_COMPARABLE, Kind.VERSION} else ()


def _both_may_match(one: _Claim, other: _Claim, kind: Kind, clock: Clock) -> bool | None:
    """Return whether a value may match both claims; None if a column of this kind does not support the comparison."""
    asked = [claim for claim in (one, other) if claim.takes_blank is None]
    try:
        regions = [claim.region(kind, clock) for claim in asked]
    except LOWERING_ERRORS:
        return None
    blank = next((claim.takes_blank for claim in (one, other) if claim.takes_blank is not None), None)
    if blank is not None:
        return all(_blank_may_match(claim.rule, kind, wanted=claim.wanted, blank=blank) for claim in asked)
    first, second = regions
    return first is None or second is None or can_overlap(first, second)


def _blank_may_match(rule: Rule, kind: Kind, *, wanted: bool, blank: bool) -> bool:
    """Return whether a present value that is blank (or not blank) may match a rule; True if it is uncertain.

    Args:
        rule: A rule with a value, which compares present values.
        wanted: Whether the rule must match, or must not match.
        blank: Whether the value must be blank, or must not be blank.
    """
    operator = NEGATIONS.get(rule.operator, rule.operator)
    positive = wanted == (operator == rule.operator)
    if kind is Kind.TEXT and positive:
        return _text_may_match(rule, operator, blank=blank)
    if kind is Kind.TEXT or not blank:
        return True
    return kind is Kind.LIST and not positive


def _text_may_match(rule: Rule, operator: str, *, blank: bool) -> bool:
    values = rule.value if isinstance(rule.value, tuple) else (rule.value,)
    if operator in _EQUALITIES:
        return any(_is_blank(value) == blank for value in values)
    return not (blank and operator in _PARTS) or _is_blank(rule.value)


def _is_blank(value: object) -> bool:
    return isinstance(value, str) and not value.strip(UNICODE_SPACE)
