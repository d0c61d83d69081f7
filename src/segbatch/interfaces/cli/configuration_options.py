"""The options of the panel Configuration: the settings that a command reads, and its help in short or in full."""

from collections.abc import Iterable, Iterator
from typing import Any

import typer

from segbatch.config.env_vars import FILE, variable

_PANEL = "Configuration"
"""The title over the options that are the same in all commands."""

_ALL_HELP = "segbatch.all_help"


def _show_all_help(context: typer.Context, wanted: bool) -> None:
    if wanted:
        context.meta[_ALL_HELP] = True
        typer.echo(context.get_help())
        raise typer.Exit


JOB = typer.Option(
    metavar="NAME",
    envvar=variable("job"),
    is_eager=True,
    rich_help_panel=_PANEL,
    help=f"Use the settings of this job in {FILE}.",
)
CONFIG = typer.Option(
    metavar="FILE",
    envvar=variable("config"),
    is_eager=True,
    rich_help_panel=_PANEL,
    show_default="nearest",
    help="The settings file.",
)
NO_CONFIG = typer.Option(
    "--no-config",
    envvar=variable("no_config"),
    is_eager=True,
    rich_help_panel=_PANEL,
    help="Do not read a settings file.",
)
HELP_ALL = typer.Option(
    "--help-all",
    is_eager=True,
    rich_help_panel=_PANEL,
    callback=_show_all_help,
    help="Show this help with environment variables.",
)


def shorten_help(params: Iterable[Any], context: Any) -> None:
    """Move details into the help texts, since Rich cuts long names in columns of their own.

    The short help has only the defaults. `--help-all` also has the variables, the limits of numbers, and the forms that
    switch flags off.
    """
    shows_all = bool(context.meta.get(_ALL_HELP))
    for param in params:
        if param.name == "help":
            param.rich_help_panel = _PANEL
        if param.param_type_name != "option":
            continue
        details = [*(_details(param) if shows_all else ()), *_default(param)]
        param.show_envvar, param.show_default, param.secondary_opts, param.min = False, False, [], None
        if param.is_flag:
            param.metavar = ""
        if details:
            param.help = " ".join((param.help, *(rf"[dim]\[{detail}][/dim]" for detail in details)))


def _default(param: Any) -> Iterator[str]:
    if isinstance(param.show_default, str):
        yield f"default: {param.show_default}"
    elif param.show_default and not param.is_flag and param.default is not None:
        yield f"default: {param.default}"


def _details(param: Any) -> Iterator[str]:
    """Yield the details of an option that only the long help has."""
    if isinstance(param.envvar, str):
        yield f"env: {param.envvar}"
    if param.min is not None:
        yield f"at least {param.min:g}"
    yield from (f"off: {name}" for name in param.secondary_opts)
