"""Output of the commands for settings."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table

from segbatch.interfaces.cli.render.base import escape, in_shell, out, print_json, print_table, stdout_guard
from segbatch.text import some_of

if TYPE_CHECKING:
    from pathlib import Path

    from segbatch.config.scaffold import NewProject
    from segbatch.config.show import ShownSetting


@stdout_guard()
def print_new_project(project: "NewProject", folder: "Path") -> None:
    """Print the created files and the next steps to stdout."""
    for path in project.created:
        out().print(escape(f"created {path}"), soft_wrap=True)
    if project.kept:
        lines = ", ".join(project.ignored)
        out().print(escape(f"kept {project.kept} unchanged; add these lines to it: {lines}"), soft_wrap=True)
    enter = "" if str(folder) == "." else f"cd {in_shell(str(folder))}; "
    out().print(
        escape(f"next: {enter}segbatch check, then set contacts in segbatch.toml and: segbatch run"), soft_wrap=True
    )


@stdout_guard()
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
        table.add_row(setting.name, escape(_written(setting.value)), escape(setting.origin))
    print_table(table, droppable=("from",), records=True)
    if jobs:
        out().print(f"jobs in the file: {escape(some_of(jobs))}", soft_wrap=True)


def _written(value: Any) -> str:
    """Format a value as in the file, but text without quotes."""
    return (
        "-"
        if value is None
        else value
        if isinstance(value, str)
        else json.dumps(value, ensure_ascii=False, default=str)
    )
