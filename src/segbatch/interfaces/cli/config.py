"""The commands for settings: init, config show."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from segbatch.config.env_vars import variable
from segbatch.config.resolve import read_settings
from segbatch.interfaces.cli.app import app
from segbatch.interfaces.cli.options import JSON, READ_PROJECT_FOLDER
from segbatch.interfaces.cli.render.base import print_problems
from segbatch.interfaces.cli.render.config import print_new_project, print_settings
from segbatch.interfaces.cli.settings_defaults import CONFIG, JOB, NO_CONFIG, settings_of

_SOURCES = {"COMMANDLINE": lambda name: f"--{name.replace('_', '-')}", "ENVIRONMENT": variable}

commands = typer.Typer(
    rich_markup_mode="rich", no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]}
)
app.add_typer(commands, name="config", help="Show the settings of segbatch.toml and the environment.")


@app.command(epilog="Exit status: 0 created; 2 a file exists already; 1 a file cannot be written.")
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", parser=READ_PROJECT_FOLDER, help="The folder; created if missing.")
    ] = Path(),
) -> None:
    """Create a settings file, a first segment and a .gitignore. Existing files are not changed.

    Example: [bold]segbatch init audiences[/bold]
    """
    from segbatch.config.scaffold import create_project  # noqa: PLC0415 - not needed by other commands

    print_new_project(create_project(folder), folder)


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
    from segbatch.config.show import list_settings  # noqa: PLC0415 - loads pydantic-settings

    settings = read_settings(job=job, config=config, no_config=no_config)
    print_problems(settings.warnings)
    choices = dict(_choices(context))
    shown = list_settings(settings, dict(_defaults(typer.main.get_command(app))), choices)
    print_settings(shown, settings.jobs, as_json=as_json)


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
