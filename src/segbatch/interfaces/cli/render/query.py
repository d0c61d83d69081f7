"""Output of the result of a query."""

from decimal import Decimal
from typing import TYPE_CHECKING

from rich.table import Table

from segbatch.interfaces.cli.render.base import err, escape, exact_json, print_json, print_table, stdout_guard

if TYPE_CHECKING:
    from segbatch.runs.query import Answer


@stdout_guard()
def print_answer(answer: "Answer", *, as_json: bool) -> None:
    """Print the result of a query to stdout, as a table or a JSON list of objects."""
    if as_json:
        print_json([dict(zip(answer.columns, row, strict=True)) for row in answer.rows])
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for index, column in enumerate(answer.columns):
        cells = [row[index] for row in answer.rows if row[index] is not None]
        is_number = bool(cells) and all(isinstance(cell, int | float | Decimal) for cell in cells)
        table.add_column(escape(column), overflow="fold", justify="right" if is_number else "left")
    for row in answer.rows:
        table.add_row(*map(_format_cell, row))
    print_table(table, records=True)
    if not answer.complete:
        err().print(f"[yellow]only the first {len(answer.rows):,} rows are shown; for more, use --rows[/yellow]")


def _format_cell(cell: object) -> str:
    match cell:
        case None:
            return ""
        case list() | dict():
            return escape(exact_json(cell, ensure_ascii=False))
        case _:
            return escape(str(cell))
