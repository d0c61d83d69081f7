"""Rules on related tables: aggregates as fields of contacts, and one query per table for the rules of all segments.

A query has each distinct condition and aggregate once.
"""

from collections.abc import Callable, Iterable, Mapping

import polars as pl

from segbatch.compiler.clock import Clock
from segbatch.compiler.conditions import Condition, combine, to_expression
from segbatch.compiler.predicates import compile_test
from segbatch.compiler.row_readings import row_exists
from segbatch.compiler.rule_errors import RuleError
from segbatch.compiler.rule_fields import RuleFields, find_field
from segbatch.compiler.rule_planner import RulePlanner
from segbatch.compiler.rule_tests import lower_rule
from segbatch.compiler.samples import IdColumn, SampleCompiler
from segbatch.definitions.value_lists import Lists
from segbatch.errors import Problem
from segbatch.model.operators import AggregateName
from segbatch.model.rule import Group, Node, Rule, TableRule
from segbatch.snapshot.fields.resolution import Field, readable
from segbatch.snapshot.fields.types import ANY_LENGTH, Kind, UuidType, describe, kind_of
from segbatch.snapshot.related.lists import ListTable
from segbatch.snapshot.related.query import Aggregate, TableQuery
from segbatch.snapshot.related.tables import RelatedTable
from segbatch.text import clipped, did_you_mean, shown

_NOTHING = pl.repeat(None, n=pl.len(), dtype=pl.Int64)
_ORDERED = {Kind.TEXT, Kind.NUMBER, Kind.DATE, Kind.DATETIME, Kind.UUID, Kind.NOTHING}
_SINGLE = _ORDERED | {Kind.BOOLEAN}
_KINDS: Mapping[AggregateName, tuple[set[Kind], str]] = {
    "count_distinct": (_SINGLE, "it needs single values"),
    "sum": ({Kind.NUMBER, Kind.NOTHING}, "it needs numbers"),
    "avg": ({Kind.NUMBER, Kind.NOTHING}, "it needs numbers"),
    "min": (_ORDERED, "it needs values with an order"),
    "max": (_ORDERED, "it needs values with an order"),
    "first": (_SINGLE, "it needs single values"),
    "last": (_SINGLE, "it needs single values"),
}
"""For each aggregate of a column, the kinds of columns that it accepts, and why not the others."""

_DECIMAL_DIGITS = 38


class TablesPlanner:
    """Plans the rules on all related tables of a run.

    Attributes:
        fields: The aggregates as fields of contacts, by the keys of the rules.
    """

    def __init__(self, tables: Mapping[str, RelatedTable | str], clock: Clock, lists: Lists) -> None:
        """Begin without rules.

        Args:
            tables: The tables by name, each opened, or the reason why it cannot be.
        """
        self._tables, self._clock, self._lists = tables, clock, lists
        self._planners: dict[str, _TablePlanner] = {}
        self._compiled: dict[str, Condition] = {}
        self.fields: dict[str, Field] = {}

    def condition(self, rule: TableRule, path: str, problems: list[Problem], rules: RulePlanner) -> Condition:
        """Return the condition of a rule.

        Args:
            problems: The errors and warnings of the rule are added to these.
            rules: The rules on contacts; the predicate is added to them.

        Returns:
            The condition; -1 if the rule has an error, which is never used since the segment fails.
        """
        table = self._tables.get(rule.table)
        if not isinstance(table, RelatedTable):
            problems.append(Problem(table or self._not_given(rule.table), path=f"{path}.table"))
            return -1
        planner = self._planners.setdefault(rule.table, _TablePlanner(table, self._clock, self._lists))
        field = planner.aggregate(rule, path, problems)
        if field is None:
            return -1
        self.fields[rule.key] = field
        key = rule.model_dump_json()
        if key not in self._compiled:
            try:
                test = lower_rule(rule.as_rule(rule.label), RuleFields(field), self._clock, self._lists)
            except RuleError as error:
                problems.append(Problem(str(error), path=f"{path}.{error.key}"))
                return -1
            self._compiled[key] = rules.add(compile_test(test, RuleFields(field), self._clock), field.leaf)
        return self._compiled[key]

    def _not_given(self, name: str) -> str:
        near = did_you_mean(name, self._tables)
        option = "" if near else f"; pass it with --table {clipped(name)}=PATH"
        return f"the run was not given a table {shown(name)}{near}{option}"

    @property
    def queries(self) -> tuple[TableQuery, ...]:
        """The queries of the tables that rules read."""
        queries = (planner.query() for planner in self._planners.values())
        return tuple(query for query in queries if query.aggregates)

    def with_columns(self, empty_frame: Callable[[Iterable[str]], pl.DataFrame], leaves: Iterable[str]) -> pl.DataFrame:
        """Return a frame without rows that has the columns of contacts and of aggregates."""
        columns = {name: dtype for query in self.queries for name, dtype in query.columns.items()}
        frame = empty_frame({*leaves} - columns.keys())
        return frame.with_columns(pl.Series(name, [], dtype) for name, dtype in columns.items())


def aggregate_field(rule: TableRule, column: Field | None) -> Field:
    """Return an aggregate as a field of contacts.

    Args:
        rule: The rule with the aggregate.
        column: The column of the table to aggregate; None for `count`.

    Raises:
        RuleError: The aggregate does not accept the column.
    """
    if column is None:
        return _as_field(rule, pl.Int64())
    kinds, needs = _KINDS[rule.aggregate]
    if column.kind not in kinds:
        _refuse(rule, column, needs)
    if column.dtype == ANY_LENGTH and rule.aggregate != "count_distinct":
        _refuse(rule, column, "its numbers are too long for it")
    if column.kind is Kind.NOTHING and rule.aggregate not in {"sum", "count_distinct"}:
        return Field(pl.lit(None), pl.Null(), Kind.NOTHING, rule.key, rule.key)
    return _as_field(rule, _aggregate_type(rule.aggregate, readable(column.expr, column.dtype)[1]))


class _TablePlanner:
    """Plans the rules on one table."""

    def __init__(self, table: RelatedTable, clock: Clock, lists: Lists) -> None:
        self._table, self._clock = table, clock
        schema = table.snapshot.schema
        self._rules = RulePlanner(schema, clock, SampleCompiler(schema, IdColumn()), lists)
        self._conditions: dict[str, tuple[int | None, Condition, list[Problem]]] = {}
        self._where: list[Condition] = []
        self._values: dict[str, int] = {}
        self._columns: list[pl.Expr] = []
        self._aggregates: dict[str, Aggregate] = {}

    def aggregate(self, rule: TableRule, path: str, problems: list[Problem]) -> Field | None:
        """Return the aggregate of a rule as a field of contacts; None if the rule has an error."""
        found = list[Problem]()
        if isinstance(self._table.snapshot, ListTable) and self._table.snapshot.field.warning is not None:
            found.append(Problem(self._table.snapshot.field.warning, path=f"{path}.table", severity="warning"))
        parts = [self._node(node, f"{path}.where[{i}]", found) for i, node in enumerate(rule.where or ())]
        field = self._result(rule, path, found)
        problems += found
        if field is None or any(problem.severity == "error" for problem in found):
            return None
        if rule.key not in self._aggregates:
            number = self._condition(parts)
            value = None if rule.field is None else self._value(rule.field)
            self._aggregates[rule.key] = Aggregate(rule.key, rule.aggregate, _stored_type(field.dtype), number, value)
        return field

    def _result(self, rule: TableRule, path: str, problems: list[Problem]) -> Field | None:
        if rule.aggregate in {"first", "last"} and self._table.time is None:
            problems.append(Problem(self._need_of_time(rule.aggregate), path=f"{path}.aggregate"))
            return None
        try:
            column = None if rule.field is None else find_field(rule.field, self._schema)
            field = aggregate_field(rule, column)
        except RuleError as error:
            problems.append(Problem(str(error), path=f"{path}.{error.key}"))
            return None
        if column is not None and column.warning is not None:
            problems.append(Problem(column.warning, path=f"{path}.field", severity="warning"))
        return field

    def _need_of_time(self, function: str) -> str:
        name = clipped(self._table.name)
        if isinstance(self._table.snapshot, ListTable):
            return f"'{function}' needs a time column, and the list '{name}' in contacts has none; use 'min' or 'max'"
        return f"'{function}' needs the time column of the table '{name}'; pass it with --table-time {name}=COLUMN"

    @property
    def _schema(self) -> Mapping[str, pl.DataType]:
        return self._table.snapshot.schema

    def _node(self, node: Node, path: str, problems: list[Problem]) -> Condition:
        match node:
            case Group():
                parts = [self._node(child, f"{path}.rules[{i}]", problems) for i, child in enumerate(node.rules)]
                return combine(node.match, parts)
            case Rule():
                return self._rules.condition(node, path, problems)
            case TableRule():  # pragma: no cover - the model refuses it
                raise AssertionError(path)

    def _condition(self, parts: list[Condition]) -> int | None:
        """Return the number of the condition that all parts are met; None if there are no parts."""
        if not parts:
            return None
        condition = combine("all", parts)
        if condition not in self._where:
            self._where.append(condition)
        return self._where.index(condition)

    def _value(self, name: str) -> int:
        """Return the number of a column that is aggregated."""
        if name not in self._values:
            field = find_field(name, self._schema)
            self._values[name] = len(self._columns)
            self._columns.append(_NOTHING if field.kind is Kind.NOTHING else field.expr)
            self._rules.leaves.add(field.leaf)
        return self._values[name]

    def query(self) -> TableQuery:
        """Return the query of all aggregates."""
        results = [pl.col(str(number)) for number in range(len(self._rules.predicates))]
        time = self._table.time
        leaves = self._rules.leaves | ({time.leaf} if time is not None else set())
        return TableQuery(
            self._table.name,
            self._table.snapshot,
            frozenset(leaves),
            tuple(self._rules.predicates),
            tuple(to_expression(condition, results, {}) for condition in self._where),
            tuple(self._columns),
            tuple(self._aggregates.values()),
            row_exists(time, self._clock),
            None if time is None else _order_of(time).cast(pl.Int64),
            None if time is None else time.leaf,
        )


def _order_of(time: Field) -> pl.Expr:
    """Return the number that a time is stored as, which is in the order of time."""
    return _NOTHING if time.kind is Kind.NOTHING else time.expr.to_physical()


def _refuse(rule: TableRule, column: Field, needs: str) -> None:
    raise RuleError("field", f"'{rule.aggregate}' is not for '{rule.field}' ({describe(column.dtype)}): {needs}")


def _aggregate_type(function: AggregateName, dtype: pl.DataType) -> pl.DataType:
    match function:
        case "count" | "count_distinct":
            return pl.Int64()
        case "avg":
            return pl.Float64()
        case "sum" if isinstance(dtype, pl.Decimal):
            return pl.Decimal(_DECIMAL_DIGITS, dtype.scale)
        case "sum":
            return pl.Float64() if dtype.is_float() else pl.Int128()
        case _:
            return dtype


def _stored_type(dtype: pl.DataType) -> pl.DataType:
    """Return the type that frames store values of a type in: UUIDs are texts."""
    return pl.String() if isinstance(dtype, UuidType) else dtype


def _as_field(rule: TableRule, dtype: pl.DataType) -> Field:
    expr = pl.col(rule.key)
    expr = expr.fill_nan(None) if dtype.is_float() else expr  # infinity and minus infinity add up to NaN
    return Field(expr, dtype, kind_of(dtype), rule.key, rule.key)
