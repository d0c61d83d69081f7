"""Counts over contacts or rows: how many match a rule or have a field, and how texts are spelled.

The snapshot and each related table are read once, in batches. Only counts and the values that occur in definitions are
kept of each batch.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast

import polars as pl

from segbatch.compiler.clock import Clock
from segbatch.compiler.predicates import compile_rule, compile_test
from segbatch.compiler.prepare import PreparedEvaluation
from segbatch.compiler.project_rule import project_column, project_rule
from segbatch.compiler.rule_errors import RuleError
from segbatch.compiler.rule_fields import RuleFields
from segbatch.compiler.rule_tests import lower_rule
from segbatch.definitions.definition import Definition
from segbatch.definitions.value_lists import Lists
from segbatch.engine.local import batch_rows
from segbatch.findings.rule_checks import values_of
from segbatch.model.rule import Rule
from segbatch.snapshot.fields.resolution import Field, element_of, resolve
from segbatch.snapshot.fields.types import Kind
from segbatch.snapshot.id_checks import IdCheck, ids_as_series
from segbatch.snapshot.snapshot import Snapshot
from segbatch.text import clipped

_MATCHED = "matched "
"""The prefix of the keys of tests that count the matches of a rule."""

_CASED = {"eq", "neq", "in", "not_in"}
_CASED_IN_LISTS = {"contains", "not_contains"}


@dataclass(slots=True)
class Spellings:
    """Spellings of the rules' texts in one field: exact matches, and matches in another case."""

    texts: pl.Expr
    wanted: set[str] = field(default_factory=set)
    found: set[str] = field(default_factory=set)
    others: dict[str, str] = field(default_factory=dict)

    def add(self, frame: pl.DataFrame) -> None:
        """Add the texts of one batch."""
        folded = sorted({text.lower() for text in self.wanted})
        texts = frame.select(self.texts.alias("text")).drop_nulls().unique(maintain_order=True)
        near = texts.filter(pl.col("text").str.to_lowercase().is_in(folded)).get_column("text").to_list()
        self.found |= self.wanted.intersection(near)
        for text in near:
            self.others.setdefault(text.lower(), text)


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts over the contacts of the snapshot, or over the rows of a table.

    Attributes:
        noun: The noun for contacts or rows, in the singular and the plural.
        number: The number of contacts or rows that were counted.
        present: For each field, the number of contacts that have it.
        reasons: For each field that is missing for all contacts according to the columns, the reason.
        matched: For each rule, as JSON, the number of contacts that it matches.
        spellings: For each field with texts, how the texts in rules are spelled.
    """

    noun: tuple[str, str]
    number: int
    present: Mapping[str, int]
    reasons: Mapping[str, str]
    matched: Mapping[str, int]
    spellings: Mapping[str, Spellings]


def count_matches(prepared: PreparedEvaluation, definitions: Iterable[Definition], project: str | None) -> Counts:
    """Count the matches of each distinct rule and find the spellings of texts, in one pass over the contacts.

    Args:
        prepared: The contacts, opened for the fields of the definitions, and their plan.
        definitions: The segments that can be evaluated.
        project: The project that contacts are restricted to, if any.

    Raises:
        SnapshotError: The snapshot cannot be read to its end, or has ids that a run rejects.
    """
    snapshot, clock, definitions = prepared.snapshot, prepared.clock, [*definitions]
    rules = (rule for entry in definitions for _, rule in entry.segment.rule_paths())
    counter = _Counter(("contact", "contacts"), rules, snapshot.schema, clock, prepared.lists)
    for rule in (rule for entry in definitions for _, rule in entry.segment.table_rules()):
        found = RuleFields(prepared.plan.aggregates[rule.key])
        test = compile_test(lower_rule(rule.as_rule(rule.label), found, clock, prepared.lists), found, clock)
        counter.add_test(f"{_MATCHED}{rule.model_dump_json()}", test, found.field.leaf)
    own, owner = _of_project(snapshot, clock, project), project_column(snapshot.schema)
    leaves = counter.leaves | ({owner} if own is not None and owner else set())
    check = IdCheck(snapshot.id_column)
    for batch in snapshot.batches(leaves, batch_rows(len(counter))):
        check.add(ids_as_series(batch.ids))
        counter.add(batch.frame if own is None else batch.frame.filter(own))
    check.finish(snapshot.ids, snapshot.file_rows)
    return counter.counts()


def count_rows(prepared: PreparedEvaluation, definitions: Iterable[Definition]) -> Mapping[str, Counts]:
    """Count the matches of each distinct rule on the rows of a table, in one pass over each table.

    Args:
        prepared: The related tables, opened for the fields of the definitions.
        definitions: The segments that can be evaluated.

    Raises:
        SnapshotError: A table cannot be read to its end.
    """
    rules: dict[str, list[Rule]] = {}
    for rule in (rule for entry in definitions for _, rule in entry.segment.table_rules()):
        rules.setdefault(rule.table, []).extend(row for _, row in rule.row_rules())
    return {name: _count_rows(prepared, name, found) for name, found in rules.items()}


def case_sensitive_texts(rule: Rule, kind: Kind) -> list[tuple[str, str]]:
    """Return the texts of a rule that are compared case-sensitively, each with its place in the rule."""
    is_cased = rule.operator in _CASED or (rule.operator in _CASED_IN_LISTS and kind is Kind.LIST)
    if rule.ignore_case or not is_cased:
        return []
    return [(place, value) for place, value in values_of(rule) if isinstance(value, str)]


def _count_rows(prepared: PreparedEvaluation, name: str, rules: Iterable[Rule]) -> Counts:
    table = prepared.tables[name].snapshot
    of_table = f"of the table '{clipped(name)}'"
    counter = _Counter((f"row {of_table}", f"rows {of_table}"), rules, table.schema, prepared.clock, prepared.lists)
    for batch in table.batches(counter.leaves, batch_rows(len(counter))):
        counter.add(batch.frame)
    return counter.counts()


def _of_project(snapshot: Snapshot, clock: Clock, project: str | None) -> pl.Expr | None:
    if project is None or project_column(snapshot.schema) is None:
        return None
    try:
        return compile_rule(project_rule(project), snapshot.schema, clock).predicate
    except RuleError:
        return None


class _Counter:
    """Counts the matches of each distinct rule and finds the spellings of texts, batch by batch."""

    def __init__(
        self,
        noun: tuple[str, str],
        rules: Iterable[Rule],
        schema: Mapping[str, pl.DataType],
        clock: Clock,
        lists: Lists,
    ) -> None:
        """Begin at 0.

        Args:
            noun: The noun for contacts or rows, in the singular and the plural.
            rules: The rules on fields; they can be evaluated.
        """
        self._noun, self._number = noun, 0
        self._rules = {rule.model_dump_json(): rule for rule in rules if rule.field is not None}
        names = {name for rule in self._rules.values() for name in rule.fields}
        self._fields = {name: resolve(name, schema) for name in sorted(names)}
        self._spellings = _spellings(self._rules.values(), self._fields)
        compiled = {key: compile_rule(rule, schema, clock, lists) for key, rule in self._rules.items()}
        tests = {f"{_MATCHED}{key}": found.predicate for key, found in compiled.items()}
        present = {name: found.expr for name, found in self._fields.items() if found.kind != Kind.NOTHING}
        tests |= {f"has {name}": expr.is_not_null() for name, expr in present.items()}
        self.leaves = {found.leaf for found in self._fields.values()}
        self._tests: dict[str, pl.Expr] = {}
        self._totals: dict[str, int] = {}
        for key, test in tests.items():
            self.add_test(key, test)

    def add_test(self, key: str, test: pl.Expr, leaf: str | None = None) -> None:
        """Count the matches of one more test.

        Args:
            test: A boolean expression that is never null.
            leaf: The column that it reads.
        """
        self._tests[key] = test.cast(pl.UInt32).sum().cast(pl.UInt64).alias(key)
        self._totals[key] = 0
        self.leaves |= set() if leaf is None else {leaf}

    def __len__(self) -> int:
        """Return the number of tests."""
        return len(self._tests)

    def add(self, frame: pl.DataFrame) -> None:
        """Add a batch of contacts or rows."""
        self._number += frame.height
        for key, number in frame.select(self._tests.values()).row(0, named=True).items() if self._tests else ():
            self._totals[key] += number
        for entry in self._spellings.values():
            entry.add(frame)

    def counts(self) -> Counts:
        """Return the counts."""
        present = {name: self._totals.get(f"has {name}", 0) for name in self._fields}
        reasons = {name: found.warning for name, found in self._fields.items() if found.warning}
        matched = {
            key.removeprefix(_MATCHED): number for key, number in self._totals.items() if key.startswith(_MATCHED)
        }
        return Counts(self._noun, self._number, present, reasons, matched, self._spellings)


def _spellings(rules: Iterable[Rule], fields: Mapping[str, Field]) -> dict[str, Spellings]:
    found: dict[str, Spellings] = {}
    for rule in rules:
        name = cast("str", rule.field)
        texts = _texts(fields[name])
        values = case_sensitive_texts(rule, fields[name].kind)
        if texts is not None and values:
            found.setdefault(name, Spellings(texts)).wanted.update(text for _, text in values)
    return found


def _texts(found: Field) -> pl.Expr | None:
    if found.kind is Kind.TEXT:
        return found.expr
    is_list_of_texts = found.kind is Kind.LIST and element_of(found).kind is Kind.TEXT
    return found.expr.list.eval(element_of(found).expr).explode() if is_list_of_texts else None
