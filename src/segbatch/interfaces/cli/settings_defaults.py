"""Defaults of options from segbatch.toml and the environment.

An option is also a setting if its `envvar` is the variable of a setting. Typer reads the variables. The values of the
file are passed in as Click's default map.
"""

import functools
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Annotated, Any, get_args

import typer
from typer.core import TyperCommand, TyperGroup
from typer.models import OptionInfo

from segbatch.config.env_vars import CHOICES, FILE, OTHERS, PREFIX, variable
from segbatch.config.resolve import Settings, read_settings, salvage_settings
from segbatch.errors import SegbatchError
from segbatch.interfaces.cli.configuration_options import CONFIG, HELP_ALL, JOB, NO_CONFIG, shorten_help
from segbatch.interfaces.cli.render.base import print_problems
from segbatch.model.invalid_values import invalid_reason
from segbatch.snapshot.related.sources import as_texts
from segbatch.text import shown

_ORIGINS = "segbatch.origins"
_ERROR_REPORTER = "report_invalid_settings"
_NAMED = re.compile(r"\((--[a-z-]+)\)")
_NO_SETTINGS = OTHERS.union(map(variable, CHOICES))


def configure(app: typer.Typer) -> None:
    """Make the commands with such options take their defaults from the settings, in this group and all groups below it.

    Commands for which that is done already are not changed.

    Args:
        app: The group, with its commands registered.
    """
    for command in app.registered_commands:
        if command.cls is not _Command and command.callback and any(_variables(command.callback)):
            command.callback, command.cls = _choosing(command.callback), _Command
    for group in (below.typer_instance for below in app.registered_groups):
        if group is None:
            continue
        configure(group)
        itself = group.registered_callback
        if itself and itself.cls is not _Group and itself.callback and any(_variables(itself.callback)):
            itself.callback, itself.cls = _choosing(itself.callback), _Group


def reports_invalid_settings(report: Callable[[dict[str, Any], SegbatchError], int]) -> Callable[[Any], Any]:
    """Mark a command that reports errors in the settings itself. The command is then not run.

    Args:
        report: Called with the settings that are known nevertheless, including the option `--dry-run`, and with the
            error. It returns the exit status.
    """

    def mark(function: Any) -> Any:
        setattr(function, _ERROR_REPORTER, report)
        return function

    return mark


def settings_of(command: Any) -> dict[str, str]:
    """Return the parameters of a command that are settings, with the names of the settings."""
    variables = {param.name: param.envvar for param in command.params if isinstance(param.envvar, str)}
    return {
        name: envvar.removeprefix(PREFIX).lower()
        for name, envvar in variables.items()
        if envvar.startswith(PREFIX) and envvar not in _NO_SETTINGS
    }


def settings_for(context: Any) -> Settings:
    """Return the settings of the file and job that the command line of a command selects."""
    settings: Settings = context.default_map.settings()
    return settings


def name_origins(context: Any, message: str) -> str:
    """Replace the option in a message by the origin of its value, if that is not the command line.

    Args:
        context: The context of a command, or of a group that contains it.
        message: A message that names an option at its end, such as `(--timezone)`.
    """
    origins = context.meta.get(_ORIGINS, {})
    return _NAMED.sub(lambda named: f"({origins.get(named[1], named[1])})", message)


def explain_parameter(error: typer.BadParameter) -> None:
    """Replace the message of Typer about an option by one in our own words, with the settings that can set it."""
    param, cause = error.param, error.__cause__
    reasons = getattr(cause, "errors", None)
    if reasons is not None:
        first = reasons(include_url=False)[0]
        error.message = f"{invalid_reason(first)}; found {shown(first['input'])}"
    elif param is not None and str(param.envvar).startswith(PREFIX) and not error.message:
        name = str(param.envvar)
        setting = f"the variable {name}" if name in OTHERS else f"'{name.removeprefix(PREFIX).lower()}' in {FILE}"
        error.message = f"Pass it, or set {setting}"


def _variables(function: Callable[..., Any]) -> Iterator[str]:
    """Yield the variables of a function's options, without those that select the file."""
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        for info in get_args(parameter.annotation)[1:]:
            if isinstance(info, OptionInfo) and str(info.envvar).startswith(PREFIX) and info.envvar not in _NO_SETTINGS:
                yield str(info.envvar)


def _choosing(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that select file and job to a command. They are not passed to the function."""
    signature = inspect.signature(function, eval_str=True)
    options = (
        ("job", Annotated[str | None, JOB], None),
        ("config", Annotated[str | None, CONFIG], None),
        ("no_config", Annotated[bool, NO_CONFIG], False),
        ("help_all", Annotated[bool, HELP_ALL], False),
    )
    added = {name for name, _, _ in options}
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, annotation, default in options
    ]

    @functools.wraps(function)
    def command(**values: Any) -> Any:
        return function(**{name: value for name, value in values.items() if name not in added})

    command.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *more])  # type: ignore[attr-defined]
    return command


class _Defaults(dict[str, Any]):
    """The default map of a command. The file is read when a value is first used, so that help does not read it."""

    def __init__(self, command: Any, context: Any) -> None:
        super().__init__()
        self._command, self._context = command, context
        self._names = settings_of(command)
        self._read: Settings | None = None
        self.mistake: SegbatchError | None = None

    def get(self, name: str, default: Any = None) -> Any:
        """Return the setting of a parameter. Nothing is read for help or shell completion."""
        if name not in self._names or self._context.resilient_parsing:
            return default
        settings = self.settings()
        try:
            value = settings.get(self._names[name])
        except SegbatchError as error:
            self.mistake = error
            raise
        if isinstance(value, dict):
            value = as_texts(value)
        return default if value is None else value

    def settings(self) -> Settings:
        """Return the settings of the file and job that the command line selects."""
        if self._read is None:
            try:
                self._read = read_settings(**self._choices())
            except SegbatchError as error:
                self.mistake = error
                raise
            print_problems(self._read.warnings)
        return self._read

    def salvaged(self, args: list[str]) -> dict[str, Any]:
        """Return the settings that are known although some are not valid. The command line overrides the others."""
        given, _, _ = self._command.make_parser(self._context).parse_args(args=list(args))
        options = {name: value for name, value in given.items() if name in self._names or name == "dry_run"}
        known = {self._names.get(name, name): value for name, value in options.items()}
        return {**salvage_settings(**self._choices()), **known}

    def _choices(self) -> dict[str, Any]:
        return {name: self._context.params[name] for name in CHOICES}

    def note_origins(self) -> None:
        """Store the origins of options that are not on the command line, for use in messages."""
        origins = self.settings().origins
        self._context.meta[_ORIGINS] = {
            param.opts[0]: origins[self._names[param.name]]
            for param in self._command.params
            if self._names.get(param.name) in origins
            and self._context.get_parameter_source(param.name).name != "COMMANDLINE"
        }


class _Command(TyperCommand):
    """A command with settings as the defaults of its options."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        shorten_help(self.get_params(ctx), ctx)
        super().format_help(ctx, formatter)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the command line."""
        ctx.default_map = defaults = _Defaults(self, ctx)
        given = list(args)
        try:
            rest: list[str] = super().parse_args(ctx, args)
            if not ctx.resilient_parsing:
                defaults.note_origins()
        except SegbatchError as error:
            report = getattr(self.callback, _ERROR_REPORTER, None)
            if report is None or error is not defaults.mistake:
                raise
            raise typer.Exit(report(defaults.salvaged(given), error)) from None
        return rest


class _Group(TyperGroup):
    """A group that is also a command if none of its commands is given.

    If a command is given, it reads the settings itself.
    """

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        shorten_help(self.get_params(ctx), ctx)
        super().format_help(ctx, formatter)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the command line, up to the name of a command."""
        _, command, _ = self.make_parser(ctx).parse_args(args=list(args))
        if command:
            return super().parse_args(ctx, args)
        ctx.default_map = defaults = _Defaults(self, ctx)
        rest: list[str] = super().parse_args(ctx, args)
        if not ctx.resilient_parsing:
            defaults.note_origins()
        return rest
