"""Planning of rules over the columns of a snapshot or a table: one predicate per distinct rule."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

import polars as pl

from segbatch.compiler.clock import Clock
from segbatch.compiler.comparisons import false_for_all
from segbatch.compiler.conditions import BoolExpr, Condition
from segbatch.compiler.predicates import compile_rule
from segbatch.compiler.rule_errors import RuleError
from segbatch.compiler.samples import SampleCompiler
from segbatch.definitions.value_lists import Lists
from segbatch.errors import Problem
from segbatch.model.operators import NEGATIONS
from segbatch.model.rule import Rule

if TYPE_CHECKING:
    from segbatch.compiler.predicates import TextSearch
    from segbatch.compiler.rule_fields import Reading
    from segbatch.snapshot.fields.resolution import Field


_Compiled = tuple[Condition, tuple[tuple[str, str], ...]]
"""The condition of a rule, and the warnings about its fields, each with its key."""


class RulePlanner:
    """Builds the predicates of rules; compiles each distinct rule once.

    Attributes:
        predicates: The boolean expressions, by their numbers in conditions.
        leaves: The dotted paths of the columns that predicates read.
        fields: The fields that rules read, by the names in the rules.
        sources: The only path that a predicate reads, by the number of the predicate.
        searches: The search that has the same result as a predicate, by the number of the predicate.
        readings: How fields are read that are not read as they are stored, by the field and the type.
    """

    def __init__(self, schema: Mapping[str, pl.DataType], clock: Clock, samples: SampleCompiler, lists: Lists) -> None:
        """Begin without rules.

        Args:
            schema: The columns that rules read.
            samples: Compiles the rules that take samples.
        """
        self.predicates: list[pl.Expr] = []
        self.leaves: set[str] = set()
        self.fields: dict[str, Field] = {}
        self.sources: dict[int, str] = {}
        self.searches: dict[int, TextSearch] = {}
        self.readings: dict[tuple[str, str], Reading] = {}
        self._schema = schema
        self._samples = samples
        self._lists = lists
        self._clock = clock
        self._compiled: dict[str, _Compiled | RuleError] = {}

    def condition(self, rule: Rule, path: str, problems: list[Problem], at: str | None = None) -> Condition:
        """Return the condition of a rule.

        Args:
            problems: The errors and warnings of the rule are added to these.
            at: The key of the definition that the rule is made from, if it is not written as a rule.

        Returns:
            The condition; -1 if the rule has an error, which is never used since the segment fails.
        """
        compiled = self._compile(rule)
        if isinstance(compiled, RuleError):
            problems.append(Problem(str(compiled), path=f"{path}.{at or compiled.key}"))
            return -1
        condition, warnings = compiled
        problems += [Problem(warning, path=f"{path}.{key}", severity="warning") for key, warning in warnings]
        return condition

    def _compile(self, rule: Rule) -> _Compiled | RuleError:
        key = rule.model_dump_json()
        if key not in self._compiled:
            self._compiled[key] = self._add(rule)
        return self._compiled[key]

    def _add(self, rule: Rule) -> _Compiled | RuleError:
        """Compile a rule; the opposite of another rule reuses that rule's predicate, negated."""
        try:
            if rule.shape == "sample":
                predicate, leaf = self._samples.add(rule, len(self.predicates))
                return self.add(predicate, leaf), ()
            compiled = compile_rule(rule, self._schema, self._clock, self._lists)
        except RuleError as error:
            return error
        if rule.operator in NEGATIONS and rule.missing is None:
            positive = self._compile(rule.model_copy(update={"operator": NEGATIONS[rule.operator]}))
            # the rule compiled, so its opposite does too
            condition, warnings = cast("_Compiled", positive)
            return BoolExpr("none", (condition,)), warnings
        self.fields.update(compiled.fields)
        self.readings.update({(name, reading.name): reading for name, reading in compiled.readings.items()})
        leaves = [field.leaf for field in compiled.fields.values()]
        if len(leaves) == 1:
            self.sources[len(self.predicates)] = leaves[0]
        if compiled.search is not None:
            self.searches[len(self.predicates)] = compiled.search
        return self.add(compiled.predicate, *leaves), compiled.warnings

    def add(self, predicate: pl.Expr, *leaves: str) -> Condition:
        """Add a predicate that reads some columns, and return its condition."""
        self.predicates.append(predicate)
        self.leaves.update(leaves)
        return len(self.predicates) - 1

    def replace_rejected(self, empty_frame: pl.DataFrame) -> Mapping[int, str]:
        """Replace the predicates that Polars rejects by one that is false, before the evaluation.

        None is expected, because rules are checked against the snapshot's types first. A rejected predicate is a bug
        in segbatch. This check limits the damage to the segments that use it; the others are still evaluated.

        Args:
            empty_frame: A frame without rows, with the columns that the predicates read.

        Returns:
            The numbers of the rejected predicates, each with the reason.
        """
        if _rejection(self.predicates, empty_frame) is None:
            return {}
        reasons = {number: _rejection([predicate], empty_frame) for number, predicate in enumerate(self.predicates)}
        rejected = {number: reason for number, reason in reasons.items() if reason is not None}
        for number in rejected:
            self.predicates[number] = false_for_all()
            self.searches.pop(number, None)
        return rejected


def _rejection(predicates: Sequence[pl.Expr], empty_frame: pl.DataFrame) -> str | None:
    try:
        empty_frame.lazy().select(
            predicate.alias(str(number)) for number, predicate in enumerate(predicates)
        ).collect_schema()
    except pl.exceptions.PolarsError as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return None
