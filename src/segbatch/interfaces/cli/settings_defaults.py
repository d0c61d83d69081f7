"""Options that are settings too: what segbatch.toml and the environment say of them, unless they are given.

An option is one if its `envvar` is that of a setting. Typer reads the variable; the file comes in as what Click calls a
default map.
"""

import functools
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Annotated, Any, get_args

import typer
from typer.core import TyperCommand, TyperGroup
from typer.models import OptionInfo

from segbatch.config.env_vars import CHOICES, FILE, PREFIX, variable
from segbatch.config.resolve import Settings, read_settings, salvage_settings
from segbatch.errors import SegbatchError
from segbatch.interfaces.cli import render

__all__ = ["CONFIG", "JOB", "NO_CONFIG", "configure", "name_origins", "settings_of", "telling_mistakes"]

_PANEL = "Configuration"
_ORIGINS = "segbatch.origins"
_TELLER = "tell_mistake"
_NAMED = re.compile(r"\((--[a-z-]+)\)")
_CHOOSING = {variable(name) for name in CHOICES}

JOB = typer.Option(
    metavar="NAME",
    envvar=variable("job"),
    is_eager=True,
    rich_help_panel=_PANEL,
    help=f"The job of {FILE} whose settings count.",
)
CONFIG = typer.Option(
    metavar="FILE",
    envvar=variable("config"),
    is_eager=True,
    rich_help_panel=_PANEL,
    show_default=f"the nearest {FILE}, here or above",
    help="The file of settings.",
)
NO_CONFIG = typer.Option(
    "--no-config",
    envvar=variable("no_config"),
    is_eager=True,
    rich_help_panel=_PANEL,
    help="Read no file of settings.",
)


def configure(app: typer.Typer) -> None:
    """Let every command that has such options, in this group and those below it, take the settings for them.

    Args:
        app: The group, with all of its commands registered.
    """
    for command in app.registered_commands:
        if command.callback and any(_variables(command.callback)):
            command.callback, command.cls = _choosing(command.callback), _Command
    for group in (below.typer_instance for below in app.registered_groups):
        if group is None:
            continue
        configure(group)
        itself = group.registered_callback
        if itself and itself.callback and any(_variables(itself.callback)):
            itself.callback, itself.cls = _choosing(itself.callback), _Group


def telling_mistakes(tell: Callable[[dict[str, Any], SegbatchError], int]) -> Callable[[Any], Any]:
    """Mark a command that tells itself of settings that are wrong, and so keep it from running.

    Args:
        tell: Called with what is known of the settings and of the option `--dry-run` nevertheless, and the error;
            returns the exit status.
    """

    def mark(function: Any) -> Any:
        setattr(function, _TELLER, tell)
        return function

    return mark


def settings_of(command: Any) -> dict[str, str]:
    """Return the parameters of a command that are settings, each with the name of its setting."""
    variables = {param.name: param.envvar for param in command.params if isinstance(param.envvar, str)}
    return {
        name: envvar.removeprefix(PREFIX).lower()
        for name, envvar in variables.items()
        if envvar.startswith(PREFIX) and envvar not in _CHOOSING
    }


def name_origins(context: Any, message: str) -> str:
    """Name in a message who set an option, where it was not the command line.

    Args:
        context: The context of a command, or of a group that it is in.
        message: A message that names an option at its end, such as `(--timezone)`.
    """
    origins = context.meta.get(_ORIGINS, {})
    return _NAMED.sub(lambda named: f"({origins.get(named[1], named[1])})", message)


def _variables(function: Callable[..., Any]) -> Iterator[str]:
    """Return the variables of the environment that a function's options have, without those that choose the file."""
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        for info in get_args(parameter.annotation)[1:]:
            if isinstance(info, OptionInfo) and str(info.envvar).startswith(PREFIX) and info.envvar not in _CHOOSING:
                yield str(info.envvar)


def _choosing(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that choose file and job; the settings need them, the function does not."""
    signature = inspect.signature(function, eval_str=True)
    options = (
        ("job", Annotated[str | None, JOB], None),
        ("config", Annotated[str | None, CONFIG], None),
        ("no_config", Annotated[bool, NO_CONFIG], False),
    )
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, annotation, default in options
    ]

    @functools.wraps(function)
    def command(**values: Any) -> Any:
        return function(**{name: value for name, value in values.items() if name not in CHOICES})

    command.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *more])  # type: ignore[attr-defined]
    return command


class _Defaults(dict[str, Any]):
    """What the file says of a command's options: read when the first of them is asked for, so that help needs none."""

    def __init__(self, command: Any, context: Any) -> None:
        super().__init__()
        self._command, self._context = command, context
        self._names = settings_of(command)
        self._read: Settings | None = None
        self.mistake: SegbatchError | None = None

    def get(self, name: str, default: Any = None) -> Any:
        """Return what is set of a parameter, unless only a help or a completion asks."""
        if name not in self._names or self._context.resilient_parsing:
            return default
        settings = self.settings()
        try:
            value = settings.get(self._names[name])
        except SegbatchError as error:
            self.mistake = error
            raise
        return default if value is None else value

    def settings(self) -> Settings:
        """Return the settings of the file and the job that the command line chooses."""
        if self._read is None:
            try:
                self._read = read_settings(**self._choices())
            except SegbatchError as error:
                self.mistake = error
                raise
            render.print_problems(self._read.warnings)
        return self._read

    def salvaged(self, args: list[str]) -> dict[str, Any]:
        """Return what is known where the settings are wrong; what the command line says, above all."""
        given, _, _ = self._command.make_parser(self._context).parse_args(args=list(args))
        options = {name: value for name, value in given.items() if name in self._names or name == "dry_run"}
        said = {self._names.get(name, name): value for name, value in options.items()}
        return {**salvage_settings(**self._choices()), **said}

    def _choices(self) -> dict[str, Any]:
        return {name: self._context.params[name] for name in CHOICES}

    def note_origins(self) -> None:
        """Keep for messages who set the options that were not given."""
        origins = self.settings().origins
        self._context.meta[_ORIGINS] = {
            param.opts[0]: origins[self._names[param.name]]
            for param in self._command.params
            if self._names.get(param.name) in origins
            and self._context.get_parameter_source(param.name).name != "COMMANDLINE"
        }


class _Command(TyperCommand):
    """A command that takes from the settings what is not given."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line."""
        ctx.default_map = defaults = _Defaults(self, ctx)
        given = list(args)
        try:
            rest: list[str] = super().parse_args(ctx, args)
            if not ctx.resilient_parsing:
                defaults.note_origins()
        except SegbatchError as error:
            tell = getattr(self.callback, _TELLER, None)
            if tell is None or error is not defaults.mistake:
                raise
            raise typer.Exit(tell(defaults.salvaged(given), error)) from None
        return rest


class _Group(TyperGroup):
    """A group that is a command too, where none of its commands is named; else these ask for settings themselves."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line, up to the name of a command."""
        _, command, _ = self.make_parser(ctx).parse_args(args=list(args))
        if command:
            return super().parse_args(ctx, args)
        ctx.default_map = defaults = _Defaults(self, ctx)
        rest: list[str] = super().parse_args(ctx, args)
        if not ctx.resilient_parsing:
            defaults.note_origins()
        return rest
