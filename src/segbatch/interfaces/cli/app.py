"""The application that commands are added to, and the conversion of errors to messages and exit statuses."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from segbatch.errors import ProblemsError, QueryError, SegbatchError
from segbatch.interfaces.cli.render.base import is_of_stdout, print_error, print_problems, silence_stdout
from segbatch.interfaces.cli.settings_defaults import explain_parameter, name_origins
from segbatch.platform.io_errors import io_reason
from segbatch.platform.shutdown import shutdown
from segbatch.platform.version import __version__

FOUND = 3
"""The exit status of `lint` if it has findings."""

INTERRUPTED = 130
PIPE_CLOSED = 141
"""The exit status of a program that SIGPIPE ended, as in a shell."""

SQL_VIEWS = "sql views"
"""The command whose name has two words."""

_UNDONE = {
    "run": "nothing was published",
    "export": "nothing was written",
    "snapshot": "nothing was written",
    "sync": "the tables are unchanged",
}
"""Messages for commands that a signal ended before they changed anything. Commands that only read have none."""


def called_command(arguments: Sequence[str]) -> str | None:
    """Return the name of the command or group that arguments call; None if they call none.

    `sql views` is a command of its own. With `--contacts`, it is the segment `views` as SQL, as it always was.
    """
    has_contacts = any(one == "--contacts" or one.startswith("--contacts=") for one in arguments)
    if list(arguments[:2]) == SQL_VIEWS.split() and not has_contacts:
        return SQL_VIEWS
    return arguments[0] if arguments else None


class _Commands(TyperGroup):
    """The commands. Errors that a user can fix are printed as a message with an exit status, without a traceback."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command and set the messages that a signal prints from now on."""
        if called_command(args) == SQL_VIEWS:
            args = [SQL_VIEWS, *args[2:]]
        name, command, rest = super().resolve_command(ctx, args)
        shutdown.pending_message, shutdown.done_message = _UNDONE.get(name or "", ""), ""
        return name, command, rest

    def invoke(self, ctx: Any) -> object:
        """Run the command and convert errors to messages and exit statuses."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            explain_parameter(error)
            raise
        except ProblemsError as error:
            print_problems(replace(problem, message=name_origins(ctx, problem.message)) for problem in error.problems)
            raise typer.Exit(error.exit_code) from None
        except QueryError as error:
            print_error(str(error), in_lines=True)
            raise typer.Exit(error.exit_code) from None
        except SegbatchError as error:
            print_error(name_origins(ctx, str(error)))
            raise typer.Exit(error.exit_code) from None
        except BrokenPipeError:  # the reader has read enough, as with `| head`
            silence_stdout()
            raise typer.Exit(PIPE_CLOSED) from None
        except KeyboardInterrupt:
            print_error(shutdown.end_message("interrupted"))
            raise typer.Exit(INTERRUPTED) from None
        except Exception as error:
            reason = io_reason(error)
            place = error.filename if isinstance(error, OSError) else None
            if reason is None or (not place and is_of_stdout(error)):
                raise
            print_error(f"{place}: {reason}" if place else f"a file cannot be read or written: {reason}")
            raise typer.Exit(1) from None


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"segbatch {__version__}")
        raise typer.Exit


@app.callback()
def segbatch(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Turn segment definitions into audiences.

    Definitions are JSON files, contacts are Parquet, and the result is a membership table for DuckDB.

    Start with [bold]segbatch init[/bold], then [bold]segbatch check[/bold] and [bold]segbatch run[/bold].
    """
