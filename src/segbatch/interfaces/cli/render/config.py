"""Output of the settings."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table

from segbatch.interfaces.cli.render.base import answering, out, plain, print_json, print_table
from segbatch.text import some_of

if TYPE_CHECKING:
    from segbatch.config.show import ShownSetting


@answering()
def print_settings(shown: "Sequence[ShownSetting]", jobs: Sequence[str], *, as_json: bool) -> None:
    """Print settings with their values and origins to stdout, as a table or JSON."""
    if as_json:
        settings = {setting.name: {"value": setting.value, "from": setting.origin} for setting in shown}
        print_json({"settings": settings, "jobs": list(jobs)})
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("setting", "value", "from"):
        table.add_column(column, overflow="fold", no_wrap=column == "setting")
    for setting in shown:
        table.add_row(setting.name, plain(_written(setting.value)), plain(setting.origin))
    print_table(table)
    if jobs:
        out().print(f"jobs in the file: {plain(some_of(jobs))}", soft_wrap=True)


def _written(value: Any) -> str:
    """Format a value as in the file, but text without quotes."""
    return (
        "-"
        if value is None
        else value
        if isinstance(value, str)
        else json.dumps(value, ensure_ascii=False, default=str)
    )
