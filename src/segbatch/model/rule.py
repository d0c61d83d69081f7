"""Model of rules: conditions on a field of a contact or on the rows of a related table, and groups of them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from segbatch.model.operators import (
    TAKES_IGNORE_CASE,
    TAKES_VALUE_FIELD,
    WITHOUT_FIELD,
    AggregateName,
    MatchName,
    MissingName,
    OperatorName,
    ReadingName,
    Shape,
    shape_of,
)
from segbatch.model.pattern import reason_against
from segbatch.model.strict import Strict
from segbatch.model.values import RuleValue, check_value, wrong
from segbatch.text import shown

_HINTS_FOR_NULL: dict[Shape, str] = {
    "one": "; to find contacts without a value, use 'empty' or 'exists'",
    "text": ", a text",
    "list": ', a list such as ["pro", "team"]',
    "pair": ", a list [low, high]",
    "duration": " such as '30d'",
    "days": " such as '7d'",
    "segment": ", the id of a segment",
    "list_name": ", the name of a list",
    "sample": ' such as {"seed": "spring", "from": 0, "to": 0.1}',
}


_ALIASES = {"read_as": "as"}
"""Attributes whose keys are words of Python."""

_TABLE_KEYS = {"table", "where", "aggregate"}


def _check_path(path: str | None) -> str | None:
    """Validate a column, or a path into one."""
    if path is not None and "" in path.split("."):
        raise wrong(f"{shown(path)} has an empty part; a path looks like 'custom_fields.plan'")
    if path is not None and "\0" in path:
        raise wrong(f"{shown(path)} has a NUL character, which no column or key can have; rename the key")
    return path


def _check_value(value: object, info: ValidationInfo) -> object:
    """Validate the value of a rule whose operator is known."""
    operator = info.data.get("operator")
    checked = check_value(value, shape_of(operator)) if operator else None
    reason = reason_against(checked) if operator == "matches" and isinstance(checked, str) else None
    if reason:
        raise wrong(reason)
    return checked


def _check_operand(rule: "Rule | TableRule") -> None:
    """Check that a rule has a value if its operator needs one."""
    if rule.shape == "nothing":
        _ensure_unset(rule, "missing", "ignore_case")
    elif rule.value is None:
        is_null = "value" in rule.model_fields_set
        need = (
            f"null is not a value, and '{rule.operator}' needs one" if is_null else f"'{rule.operator}' needs a 'value'"
        )
        raise wrong(need + _HINTS_FOR_NULL[rule.shape], "value")


def _check_ignore_case(rule: "Rule | TableRule") -> None:
    if rule.ignore_case and rule.operator not in TAKES_IGNORE_CASE:
        raise wrong(f"'ignore_case' does not apply to '{rule.operator}'; remove it", "ignore_case")


def _ensure_unset(rule: "Rule | TableRule", *keys: str) -> None:
    for key in keys:
        if getattr(rule, key):
            name = _ALIASES.get(key, key)
            raise wrong(f"'{name}' does not apply to '{rule.operator}'; remove it", name)


def _check_value_field(rule: "Rule") -> None:
    if rule.operator not in TAKES_VALUE_FIELD:
        raise wrong(f"'value_field' does not apply to '{rule.operator}'; remove it", "value_field")
    if "value" in rule.model_fields_set:
        raise wrong("a rule has a 'value' or a 'value_field', not both; remove one of them", "value_field")


class Rule(Strict):
    """One condition on one field of a contact.

    Attributes:
        field: A column of the snapshot, or a path into one, such as `custom_fields.plan`; None if the operator refers
            to another segment or takes a sample.
        operator: How the field is compared with the value; see `docs/rules.md`.
        value: The value to compare with: a text, number or boolean, or for some operators a list of them.
        value_field: Another field of the contact to compare with, instead of a value.
        as: The type that the values of the field are read as, instead of the column's type; a value that cannot be
            read is missing.
        missing: `include` or `exclude` contacts without a value for the field, instead of the operator's default.
        ignore_case: Whether texts are compared in lower case.
    """

    field: Annotated[str | None, Field(min_length=1)] = None
    operator: OperatorName
    value: RuleValue | None = None
    value_field: Annotated[str | None, Field(min_length=1)] = None
    read_as: Annotated[ReadingName | None, Field(alias="as")] = None
    missing: MissingName | None = None
    ignore_case: bool = False

    @property
    def shape(self) -> Shape:
        """The kind of value that the operator takes."""
        return shape_of(self.operator)

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that the rule reads: none, one, or two that it compares with each other."""
        return tuple(name for name in (self.field, self.value_field) if name is not None)

    _is_path = field_validator("field", "value_field")(_check_path)
    _fits_its_operator = field_validator("value", mode="before")(_check_value)

    @model_validator(mode="after")
    def _has_what_its_operator_needs(self) -> Self:
        if self.shape in WITHOUT_FIELD:
            _ensure_unset(self, "field", "missing", "ignore_case", "read_as")
        elif self.field is None:
            raise wrong(
                '\'field\' is missing; it is a column such as "status", or a path such as "custom_fields.plan"', "field"
            )
        if self.value_field is not None:
            _check_value_field(self)
        else:
            _check_operand(self)
        _check_ignore_case(self)
        return self


def _walk(nodes: "Sequence[Node]", path: str) -> "Iterator[tuple[str, Rule | TableRule]]":
    """Yield the rules in some nodes with their paths, in their order; works without recursion."""
    waiting: list[tuple[str, Node]] = [(f"{path}[{i}]", node) for i, node in enumerate(nodes)]
    while waiting:
        place, node = waiting.pop(0)
        if isinstance(node, Group):
            waiting = [(f"{place}.rules[{i}]", child) for i, child in enumerate(node.rules)] + waiting
        else:
            yield place, node


def walk_rules(nodes: "Sequence[Node]") -> "Iterator[tuple[str, Rule | TableRule]]":
    """Yield every rule of a segment with its path, such as `$.rules[0].rules[1]`, in the order of the definition."""
    return _walk(nodes, "$.rules")


def _check_row_rule(node: "Node") -> "Node":
    """Refuse rules in `where` that are not about the rows of the table."""
    for path, rule in _walk([node], ""):
        within = path.removeprefix("[0]")
        if isinstance(rule, TableRule):
            raise wrong(
                "rules in 'where' are about the rows of one table; 'table' cannot be used here", f"{within}.table"
            )
        if rule.shape in WITHOUT_FIELD:
            message = f"rules in 'where' are about the rows of a table, and a row is not in a {rule.shape}"
            raise wrong(f"{message}; use '{rule.operator}' next to this rule", f"{within}.operator")
    return node


class TableRule(Strict):
    """One condition on the rows that a contact has in a related table.

    Attributes:
        table: The name of a table that the run was given, or the path of a list in the contact.
        where: Rules and groups over the columns of the table; only rows that match all of them count. None counts
            every row.
        aggregate: How the rows become one value: `count` (the default), `count_distinct`, `sum`, `avg`, `min`, `max`,
            `first` or `last`.
        field: The column of the table to aggregate, or a path into one; `count` has none.
        operator: How the aggregate is compared with the value; see `docs/rules.md`.
        value: The value to compare with: a text, number or boolean, or for some operators a list of them.
        missing: `include` or `exclude` contacts without a value of the aggregate, instead of the operator's default.
        ignore_case: Whether texts are compared in lower case.
    """

    table: Annotated[str, Field(min_length=1)]
    where: (
        Annotated[tuple[Annotated["Node", AfterValidator(_check_row_rule)], ...], Field(min_length=1, strict=False)]
        | None
    ) = None
    aggregate: AggregateName = "count"
    field: Annotated[str | None, Field(min_length=1)] = None
    operator: OperatorName
    value: RuleValue | None = None
    missing: MissingName | None = None
    ignore_case: bool = False

    @property
    def shape(self) -> Shape:
        """The kind of value that the operator takes."""
        return shape_of(self.operator)

    _is_path = field_validator("table", "field")(_check_path)
    _fits_its_operator = field_validator("value", mode="before")(_check_value)

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        if self.shape in WITHOUT_FIELD:
            subject = "segments" if self.shape == "segment" else "contacts"
            raise wrong(f"'{self.operator}' is for {subject}; a rule on a table compares its aggregate", "operator")
        if self.aggregate == "count" and self.field is not None:
            raise wrong("'count' counts rows and takes no 'field'; use 'count_distinct', or remove it", "field")
        if self.aggregate != "count" and self.field is None:
            raise wrong(f"'{self.aggregate}' needs a 'field', a column of the table", "field")
        _check_operand(self)
        _check_ignore_case(self)
        return self

    @property
    def key(self) -> str:
        """A text that is equal for rules that compare the same aggregate of the same rows."""
        return self.model_dump_json(include={"table", "where", "aggregate", "field"})

    @property
    def label(self) -> str:
        """The aggregate, for messages: `count of orders`, `sum of amount in orders`."""
        return f"{self.aggregate} of {f'{self.field} in ' if self.field else ''}{self.table}"

    def as_rule(self, field: str) -> Rule:
        """Return the comparison as a rule on a field that contains the aggregate.

        Args:
            field: The name of the field, such as `label`.
        """
        keys = {"operator", "value", "missing", "ignore_case"}
        return Rule.model_construct(field=field, **{key: getattr(self, key) for key in keys & self.model_fields_set})

    def row_rules(self) -> Iterator[tuple[str, Rule]]:
        """Yield every rule in `where` with its path in the rule, such as `.where[0].rules[1]`."""
        return ((path, node) for path, node in _walk(self.where or (), ".where") if isinstance(node, Rule))


def kind_of_node(node: object) -> str | None:
    """Return the tag of a rule or a group, based on its keys, so that an error message refers to the right one."""
    match node:
        case Rule():
            return "<rule>"
        case TableRule():
            return "<table rule>"
        case Group():
            return "<group>"
        case Mapping():
            if "rules" in node or ("match" in node and "operator" not in node):
                return "<group>"
            return "<table rule>" if _TABLE_KEYS & node.keys() else "<rule>"
        case _:
            return None


Node = Annotated[
    Annotated[Rule, Tag("<rule>")] | Annotated[TableRule, Tag("<table rule>")] | Annotated["Group", Tag("<group>")],
    Discriminator(kind_of_node),
]
"""A rule on a field or on a related table, or a group of them."""


class Group(Strict):
    """Rules that are combined.

    Attributes:
        match: `all` (every rule matches), `any` (at least one matches), or `none` (none matches).
        rules: The rules and groups to combine; at least one.
    """

    match: MatchName
    rules: Annotated[tuple[Node, ...], Field(min_length=1, strict=False)]


TableRule.model_rebuild()
