"""Output of the columns of a snapshot."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from segbatch.interfaces.cli.render.base import escape, out, print_json, print_problems, print_table, stdout_guard
from segbatch.text import counted, cut

if TYPE_CHECKING:
    from segbatch.authoring.columns.columns import ColumnsReport
    from segbatch.authoring.columns.profile import FieldProfile

_MOST_SHOWN = 5
_LONGEST_VALUE = 30
_WIDEST_PATH = 40
"""On a narrow terminal, the values are wrapped before paths up to this width are."""


@stdout_guard()
def print_columns(report: "ColumnsReport", schema_file: Path | None, *, as_json: bool) -> None:
    """Print the fields of a snapshot to stdout, one on each line, or as JSON. With a table, problems go to stderr.

    Args:
        schema_file: The schema file that was written, if any. It is reported in place of the table.
    """
    if as_json:
        problems = {"warnings": list(map(str, report.warnings)), "notes": list(map(str, report.notes))}
        print_json({"contacts": report.contacts, "fields": [asdict(field) for field in report.fields]} | problems)
        return
    print_problems((*report.notes, *report.warnings))
    if schema_file is not None:
        out().print(escape(f"wrote {counted(len(report.fields), 'field')} to {schema_file}"), soft_wrap=True)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    longest = max((len(_cells(field)[0]) for field in report.fields), default=0)
    table.add_column("field", overflow="fold", min_width=min(longest, _WIDEST_PATH))
    for column in ("type", "missing", "distinct", "values", "rule"):
        is_number = column in {"missing", "distinct"}
        table.add_column(column, justify="right" if is_number else "left", no_wrap=is_number, overflow="fold")
    for field in report.fields:
        table.add_row(*map(escape, _cells(field)))
    print_table(table, droppable=("rule", "distinct"), records=True)
    out().print(f"{counted(report.contacts, 'contact')}, {counted(len(report.fields), 'field')}", soft_wrap=True)


def _cells(field: "FieldProfile") -> tuple[str, ...]:
    approximately = "" if field.is_distinct_exact else "~"
    distinct = f"{approximately}{field.distinct:,}" if field.distinct else "-"
    rule = json.dumps(field.rule, ensure_ascii=False)
    kind = f"{field.type}, mixed" if field.is_mixed else field.type
    path = field.path if field.table is None else f"{field.table}: {field.path}"
    return path, kind, f"{field.missing:.1%}", distinct, _values(field), rule


def _values(field: "FieldProfile") -> str:
    """Return the range of numbers and dates, or the most frequent values with their shares."""
    if field.is_unique and field.distinct > 1:
        return "(almost all different)"
    if field.low is not None and len(field.values) < field.distinct:
        return f"{field.low} to {field.high}"
    values = ", ".join(f"{_shown(entry.value)} {entry.share:.0%}" for entry in field.values[:_MOST_SHOWN])
    return values or ("(only rare values)" if field.distinct else "-")


def _shown(value: object) -> str:
    return "(empty)" if value == "" else cut(value if isinstance(value, str) else json.dumps(value), _LONGEST_VALUE)
