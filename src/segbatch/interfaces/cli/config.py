"""The commands for settings: init, config show."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from segbatch.config.env_vars import variable
from segbatch.config.resolve import ShownSetting, list_settings, read_settings
from segbatch.interfaces.cli.app import app
from segbatch.interfaces.cli.configuration_options import CONFIG, JOB, NO_CONFIG
from segbatch.interfaces.cli.options import JSON, path_parser
from segbatch.interfaces.cli.render.base import (
    escape,
    in_shell,
    out,
    print_json,
    print_problems,
    print_table,
    stdout_guard,
)
from segbatch.interfaces.cli.settings_defaults import settings_of
from segbatch.text import some_of

if TYPE_CHECKING:
    from segbatch.config.scaffold import NewProject

_SOURCES = {"COMMANDLINE": lambda name: f"--{name.replace('_', '-')}", "ENVIRONMENT": variable}

commands = typer.Typer(
    rich_markup_mode="rich", no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]}
)
app.add_typer(commands, name="config", help="Show the settings of segbatch.toml and the environment.")


@app.command(epilog="Exit status: 0 created; 2 a file exists already; 1 a file cannot be written.")
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", parser=path_parser("folder", "DIR"), help="The folder; created if missing.")
    ] = Path(),
) -> None:
    """Create a settings file, a first segment and a .gitignore. Existing files are not changed.

    Example: [bold]segbatch init audiences[/bold]
    """
    from segbatch.config.scaffold import create_project  # noqa: PLC0415 - not needed by other commands

    _print_new_project(create_project(folder), folder)


@commands.command(epilog="Exit status: 0 shown; 2 a setting is not valid, or the job does not exist.")
def show(
    context: typer.Context,
    job: Annotated[str | None, JOB] = None,
    config: Annotated[str | None, CONFIG] = None,
    no_config: Annotated[bool, NO_CONFIG] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Show each setting, its value, and the origin of the value.

    Example: [bold]segbatch config show --job customers[/bold]
    """
    from segbatch.interfaces.cli import every_command  # noqa: PLC0415 - imports this module and all other commands

    settings = read_settings(job=job, config=config, no_config=no_config)
    print_problems(settings.warnings)
    choices = dict(_choices(context))
    shown = list_settings(settings, dict(_defaults(typer.main.get_command(every_command()))), choices)
    _print_settings(shown, settings.jobs, as_json=as_json)


def _choices(context: typer.Context) -> Iterator[tuple[str, str]]:
    """Yield the origins of the file and the job, if they are set. With `no_config`, its origin is that of the file."""
    for name, chosen in (("config", "config"), ("job", "job"), ("no_config", "config")):
        source = context.get_parameter_source(name)
        if source is not None and source.name in _SOURCES:
            yield chosen, _SOURCES[source.name](name)


def _defaults(command: Any) -> Iterator[tuple[str, Any]]:
    """Yield the defaults of a command and of those below it, by name of the setting."""
    for below in getattr(command, "commands", {}).values():
        yield from _defaults(below)
    names = settings_of(command)
    for param in command.params:
        if param.name in names and param.default is not None:
            yield names[param.name], str(param.default) if isinstance(param.default, Path) else param.default


@stdout_guard()
def _print_new_project(project: "NewProject", folder: Path) -> None:
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
def _print_settings(shown: "Sequence[ShownSetting]", jobs: Sequence[str], *, as_json: bool) -> None:
    """Print settings with their values and origins to stdout, as a table or JSON."""
    if as_json:
        settings = {setting.name: {"value": setting.value, "from": setting.origin} for setting in shown}
        print_json({"settings": settings, "jobs": list(jobs)})
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("setting", "value", "from"):
        table.add_column(column, overflow="fold", no_wrap=column == "setting")
    for setting in shown:
        table.add_row(setting.name, escape(_format_value(setting.value)), escape(setting.origin))
    print_table(table, droppable=("from",), records=True)
    if jobs:
        out().print(f"jobs in the file: {escape(some_of(jobs))}", soft_wrap=True)


def _format_value(value: Any) -> str:
    """Format a value as in the file, but text without quotes."""
    return (
        "-"
        if value is None
        else value
        if isinstance(value, str)
        else json.dumps(value, ensure_ascii=False, default=str)
    )
