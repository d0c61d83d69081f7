"""Normal forms of rules: rules with the same meaning but different notation have the same form.

A form is a positive test that is wanted or not, or `all` or `any` of such forms. `none` and the negative operators are
converted to these. Equal forms match the same contacts; different forms may also match the same contacts.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from segbatch.definitions.definition import Definition
from segbatch.errors import Problem
from segbatch.findings.finding import Finding
from segbatch.model.operators import NEGATIONS, MissingName
from segbatch.model.rule import Group, Node, Rule, TableRule
from segbatch.model.segment import Segment
from segbatch.model.values import Scalar

_FLIPPED: dict[MissingName | None, MissingName | None] = {"include": None, "exclude": "include", None: None}
"""The `missing` of a positive rule, by the `missing` of its negation; None is the operator's default."""


@dataclass(frozen=True, slots=True)
class Test:
    """A positive operator over a field, or membership of a segment.

    Attributes:
        about: The field or aggregate, the operator, whether missing values match, whether case is ignored.
        values: The values to match one of, or the single value as a whole.
    """

    about: tuple[Hashable, str, bool, bool]
    values: frozenset[Hashable]


@dataclass(frozen=True, slots=True)
class _Literal:
    test: Test
    wanted: bool


@dataclass(frozen=True, slots=True)
class _BoolForm:
    match: Literal["all", "any"]
    parts: frozenset["_Form"]


_Form = _Literal | _BoolForm


def scalar_key(value: Scalar) -> Hashable:
    """Return a key that is equal for values of the same meaning, such as 10 and 10.0, but not `true` and 1."""
    return type(value).__name__ if isinstance(value, str | bool) else "number", value


def test_of(rule: Rule, subject: Hashable) -> tuple[Test, bool]:
    """Return the positive test of a rule, and whether the rule requires it to match.

    Args:
        rule: The comparison.
        subject: A key of what is compared, if it is not the field of the rule.
    """
    wanted = rule.operator not in NEGATIONS
    operator = NEGATIONS.get(rule.operator, rule.operator)
    missing = rule.missing == "include" if wanted else _FLIPPED[rule.missing] == "include"
    operator = "in" if operator == "eq" else operator
    return Test(
        (subject or _subject(rule), operator, missing, rule.ignore_case), frozenset(_values(rule, operator))
    ), wanted


def _subject(rule: Rule) -> Hashable:
    return rule.field if rule.read_as is None else (rule.field, rule.read_as)


def _values(rule: Rule, operator: str) -> Iterator[Hashable]:
    value = rule.value
    if rule.value_field is not None:
        yield "field", rule.value_field
        return
    match operator:
        case "empty" | "blank":
            return
        case "contains":
            yield type(value).__name__, _lowered(rule, cast("Scalar", value)), repr(value) if _is_number(value) else ""
        case "between":
            yield tuple(scalar_key(item) for item in cast("tuple[Scalar, ...]", value))
        case _:
            many = value if isinstance(value, tuple) else (cast("Scalar", value),)
            yield from (scalar_key(_lowered(rule, item)) for item in many)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _lowered(rule: Rule, value: Scalar) -> Scalar:
    is_compared_lower = rule.ignore_case and rule.operator != "matches" and isinstance(value, str)
    return str(value).lower() if is_compared_lower else value


class NormalForms:
    """Cache of the normal forms of the parts of one segment."""

    def __init__(self) -> None:
        self._forms: dict[tuple[int, bool], _Form] = {}

    def of(self, node: Node | Segment, *, wanted: bool = True) -> _Form:
        """Return the normal form of a rule, a group or a whole segment, or of its opposite.

        Args:
            node: A part of the segment. It must stay in memory as long as the cache, because its `id()` is the key.
            wanted: Whether the form matches the same contacts as the node, or all others.
        """
        key = id(node), wanted
        if key not in self._forms:
            self._forms[key] = self._form(node, wanted=wanted)
        return self._forms[key]

    def subject_of(self, rule: TableRule) -> Hashable:
        """Return a key that is equal for rules on the same aggregate of the same rows."""
        rows = self._combination("all", rule.where, wanted=True) if rule.where else None
        return rule.table, rule.aggregate, rule.field, rows

    def _form(self, node: Node | Segment, *, wanted: bool) -> _Form:
        if isinstance(node, TableRule):
            test, positive = test_of(node.as_rule(node.label), self.subject_of(node))
            return _Literal(test, positive == wanted)
        if isinstance(node, Rule):
            test, positive = test_of(node, None)
            return _Literal(test, positive == wanted)
        if node.match == "none":
            return self._combination("any", node.rules, wanted=not wanted)
        return self._combination(node.match, node.rules, wanted=wanted)

    def _combination(self, match: Literal["all", "any"], nodes: Sequence[Node], *, wanted: bool) -> _Form:
        """Combine forms; the opposite of `any` is `all` of the opposites."""
        if not wanted:
            match = "all" if match == "any" else "any"
        parts: set[_Form] = set()
        for form in (self.of(node, wanted=wanted) for node in nodes):
            parts |= form.parts if isinstance(form, _BoolForm) and form.match == match else {form}
        parts = _with_merged_lists(match, parts)
        return next(iter(parts)) if len(parts) == 1 else _BoolForm(match, frozenset(parts))


def _with_merged_lists(match: Literal["all", "any"], parts: Iterable[_Form]) -> set[_Form]:
    """Merge `eq a`, `eq b` into one list in an `any`, and `neq a`, `neq b` in an `all`."""
    merged: set[_Form] = set()
    lists: defaultdict[tuple[Hashable, str, bool, bool], set[Hashable]] = defaultdict(set)
    wanted = match == "any"
    for part in parts:
        if isinstance(part, _Literal) and part.wanted == wanted and part.test.about[1] == "in":
            lists[part.test.about] |= part.test.values
        else:
            merged.add(part)
    return merged | {_Literal(Test(about, frozenset(values)), wanted) for about, values in lists.items()}


class SameMeaningFinder:
    """Finds the segments that have the same meaning as another segment of their project."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str | None, int], list[Definition]] = {}

    def find(self, definition: Definition, forms: NormalForms) -> Iterator[Finding]:
        """Compare a segment with the previous ones. To save memory, only the hashes of their forms are kept.

        Args:
            forms: The normal forms of its parts.
        """
        segment = definition.segment
        form = forms.of(segment)
        alike = self._seen.setdefault((segment.project_id, hash(form)), [])
        other = next((one for one in alike if NormalForms().of(one.segment) == form), None)
        if other is None:
            alike.append(definition)
            return
        message = f"has the same meaning as segment '{other.segment_id}' ({other.place}); keep one of them"
        yield Finding("same-meaning", definition.locate(Problem(message, severity="warning")))


def find_duplicate_rules(definition: Definition, forms: NormalForms) -> Iterator[Finding]:
    """Find the rules and groups with the same meaning as another one of the same group.

    Args:
        definition: The segment to check.
        forms: The normal forms of its parts.
    """
    waiting: list[tuple[str, Sequence[Node]]] = [("$.rules", definition.segment.rules)]
    while waiting:
        path, nodes = waiting.pop()
        first: dict[_Form, str] = {}
        for index, node in enumerate(nodes):
            place = f"{path}[{index}]"
            other = first.setdefault(forms.of(node), place)
            if other != place:
                message = f"has the same meaning as {definition.path}{other.removeprefix('$')}; remove one of them"
                yield Finding("duplicate-rule", definition.locate(Problem(message, path=place, severity="warning")))
            if isinstance(node, Group):
                waiting.append((f"{place}.rules", node.rules))
            if isinstance(node, TableRule) and node.where:
                waiting.append((f"{place}.where", node.where))
