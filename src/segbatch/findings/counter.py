"""Counts over contacts or rows: how many match a rule or have a field, and how texts are spelled.

Only counts and the values that occur in definitions are kept of each batch.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast

import polars as pl

from segbatch.compiler.clock import Clock
from segbatch.compiler.predicates import compile_rule
from segbatch.definitions.value_lists import Lists
from segbatch.findings.rule_checks import values_of
from segbatch.model.rule import Rule
from segbatch.snapshot.fields.resolution import Field, element_of, resolve
from segbatch.snapshot.fields.types import Kind

MATCHED = "matched "
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


class Counter:
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
            schema: The columns with their types.
            clock: The time of the run.
            lists: The lists that rules name.
        """
        self._noun, self._number = noun, 0
        self._rules = {rule.model_dump_json(): rule for rule in rules if rule.field is not None}
        names = {name for rule in self._rules.values() for name in rule.fields}
        self._fields = {name: resolve(name, schema) for name in sorted(names)}
        self._spellings = _spellings(self._rules.values(), self._fields)
        compiled = {key: compile_rule(rule, schema, clock, lists) for key, rule in self._rules.items()}
        tests = {f"{MATCHED}{key}": found.predicate for key, found in compiled.items()}
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
            key: The key of its count.
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
        matched = {key.removeprefix(MATCHED): number for key, number in self._totals.items() if key.startswith(MATCHED)}
        return Counts(self._noun, self._number, present, reasons, matched, self._spellings)


def _spellings(rules: Iterable[Rule], fields: Mapping[str, Field]) -> dict[str, Spellings]:
    found: dict[str, Spellings] = {}
    for rule in rules:
        name = cast("str", rule.field)
        texts = _texts(fields[name])
        values = cased(rule, fields[name].kind)
        if texts is not None and values:
            found.setdefault(name, Spellings(texts)).wanted.update(text for _, text in values)
    return found


def _texts(found: Field) -> pl.Expr | None:
    if found.kind is Kind.TEXT:
        return found.expr
    is_list_of_texts = found.kind is Kind.LIST and element_of(found).kind is Kind.TEXT
    return found.expr.list.eval(element_of(found).expr).explode() if is_list_of_texts else None


def cased(rule: Rule, kind: Kind) -> list[tuple[str, str]]:
    """Return the texts of a rule that are compared case-sensitively, each with its place in the rule."""
    is_cased = rule.operator in _CASED or (rule.operator in _CASED_IN_LISTS and kind is Kind.LIST)
    if rule.ignore_case or not is_cased:
        return []
    return [(place, value) for place, value in values_of(rule) if isinstance(value, str)]
