"""Findings that need the contacts: empty fields, rules that match no or every contact, values in another case.

The snapshot is read once, in batches. Only counts and the values that occur in definitions are kept of each batch.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

import polars as pl

from segbatch.compiler.clock import Clock
from segbatch.compiler.predicates import RuleError, compile_rule
from segbatch.compiler.project_rule import project_column, project_rule
from segbatch.definitions.definition import Definition
from segbatch.engine.local import batch_rows
from segbatch.errors import Problem
from segbatch.findings.finding import Finding, FindingName
from segbatch.findings.rule_checks import has_empty_part, values_of
from segbatch.model.segment import Rule
from segbatch.snapshot.fields.resolution import Field, element_of, resolve
from segbatch.snapshot.fields.types import Kind
from segbatch.snapshot.id_checks import IdCheck, ids_as_series
from segbatch.snapshot.snapshot import Snapshot
from segbatch.text import counted, shown

_CASED = {"eq", "neq", "in", "not_in"}
_CASED_IN_LISTS = {"contains", "not_contains"}


@dataclass(slots=True)
class _Spellings:
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
    """Counts over the contacts of the snapshot.

    Attributes:
        contacts: The number of contacts that were counted.
        present: For each field, the number of contacts that have it.
        reasons: For each field that is missing for all contacts according to the columns, the reason.
        matched: For each rule, as JSON, the number of contacts that it matches.
        spellings: For each field with texts, how the texts in rules are spelled.
    """

    contacts: int
    present: Mapping[str, int]
    reasons: Mapping[str, str]
    matched: Mapping[str, int]
    spellings: Mapping[str, _Spellings]


def count_matches(snapshot: Snapshot, definitions: Iterable[Definition], clock: Clock, project: str | None) -> Counts:
    """Count the matches of each distinct rule and find the spellings of texts, in one pass.

    Args:
        snapshot: The contacts, opened for the fields of the definitions.
        definitions: The segments that can be evaluated.
        clock: The time of the run.
        project: The project that contacts are restricted to, if any.

    Raises:
        SnapshotError: The snapshot cannot be read to its end, or has ids that a run rejects.
    """
    rules = {rule.model_dump_json(): rule for entry in definitions for _, rule in entry.segment.rule_paths()}
    rules = {key: rule for key, rule in rules.items() if rule.field is not None}
    fields = {rule.field: resolve(rule.field, snapshot.schema) for rule in rules.values() if rule.field is not None}
    spellings = _spellings(rules.values(), fields)
    tests = {f"matched {key}": compile_rule(rule, snapshot.schema, clock)[0] for key, rule in rules.items()}
    tests |= {f"has {name}": found.expr.is_not_null() for name, found in fields.items() if found.kind != Kind.NOTHING}
    own = _of_project(snapshot, clock, project)
    owner = project_column(snapshot.schema)
    leaves = {found.leaf for found in fields.values()} | ({owner} if own is not None and owner else set())
    sums = [test.cast(pl.UInt32).sum().cast(pl.UInt64).alias(key) for key, test in tests.items()]
    totals, contacts = dict.fromkeys(tests, 0), 0
    check = IdCheck(snapshot.id_column)
    for batch in snapshot.batches(leaves, batch_rows(len(tests))):
        check.add(ids_as_series(batch.ids))
        frame = batch.frame if own is None else batch.frame.filter(own)
        contacts += frame.height
        for key, number in frame.select(sums).row(0, named=True).items() if sums else ():
            totals[key] += number
        for entry in spellings.values():
            entry.add(frame)
    check.finish(snapshot.ids, snapshot.file_rows)
    present = {name: totals.get(f"has {name}", 0) for name in fields}
    reasons = {name: found.warning for name, found in fields.items() if found.warning}
    return Counts(contacts, present, reasons, {key: totals[f"matched {key}"] for key in rules}, spellings)


def _of_project(snapshot: Snapshot, clock: Clock, project: str | None) -> pl.Expr | None:
    if project is None or project_column(snapshot.schema) is None:
        return None
    try:
        return compile_rule(project_rule(project), snapshot.schema, clock)[0]
    except RuleError:
        return None


def _spellings(rules: Iterable[Rule], fields: Mapping[str, Field]) -> dict[str, _Spellings]:
    found: dict[str, _Spellings] = {}
    for rule in rules:
        name = cast("str", rule.field)
        texts = _texts(fields[name])
        values = _cased(rule, fields[name].kind)
        if texts is not None and values:
            found.setdefault(name, _Spellings(texts)).wanted.update(text for _, text in values)
    return found


def _texts(found: Field) -> pl.Expr | None:
    if found.kind is Kind.TEXT:
        return found.expr
    is_list_of_texts = found.kind is Kind.LIST and element_of(found).kind is Kind.TEXT
    return found.expr.list.eval(element_of(found).expr).explode() if is_list_of_texts else None


def _cased(rule: Rule, kind: Kind) -> list[tuple[str, str]]:
    """Return the texts of a rule that are compared case-sensitively, each with its place in the rule."""
    is_cased = rule.operator in _CASED or (rule.operator in _CASED_IN_LISTS and kind is Kind.LIST)
    if rule.ignore_case or not is_cased:
        return []
    return [(place, value) for place, value in values_of(rule) if isinstance(value, str)]


def find_in_counts(definition: Definition, counts: Counts, kinds: Mapping[str, Kind]) -> Iterator[Finding]:
    """Yield the findings about the rules of a segment that follow from the counts."""
    for path, rule in definition.segment.rule_paths():
        if rule.field is not None and counts.contacts:
            for name, place, message in _of_rule(rule, rule.field, counts, kinds[rule.field]):
                yield Finding(name, definition.locate(Problem(message, path=path + place, severity="warning")))


def _of_rule(rule: Rule, name: str, counts: Counts, kind: Kind) -> Iterator[tuple[FindingName, str, str]]:
    if not counts.present[name]:
        reason = counts.reasons.get(name, f"no contact in this snapshot has '{name}'; check its spelling")
        yield "unknown-field", ".field", reason
        return
    mismatches = list(_mismatches(rule, counts.spellings.get(name), kind))
    yield from mismatches
    matched = counts.matched[rule.model_dump_json()]
    if not matched and not (mismatches and rule.operator not in {"neq", "not_in", "not_contains"}):
        yield "never-holds", "", f"it matches none of {counted(counts.contacts, 'contact')}"
    if matched == counts.contacts and not mismatches and not has_empty_part(rule):
        yield "always-holds", "", f"it matches all {counted(counts.contacts, 'contact')}; it can be removed"


def _mismatches(rule: Rule, spellings: _Spellings | None, kind: Kind) -> Iterator[tuple[FindingName, str, str]]:
    for place, text in _cased(rule, kind) if spellings else ():
        other = spellings.others.get(text.lower()) if spellings and text not in spellings.found else None
        if other is not None:
            message = f"no contact has {shown(text)} in '{rule.field}', but some have {shown(other)}; write that"
            yield "case-mismatch", place, f'{message}, or add "ignore_case": true'
