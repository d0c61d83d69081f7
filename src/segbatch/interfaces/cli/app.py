"""Options and error handling shared by all commands."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from segbatch.definitions.suggestions import read_match
from segbatch.errors import ProblemsError, QueryError, SegbatchError, UsageError
from segbatch.interfaces.cli import render
from segbatch.interfaces.cli.settings_defaults import name_origins
from segbatch.platform.io_errors import io_reason
from segbatch.platform.shutdown import shutdown
from segbatch.storage.layout import output_at
from segbatch.storage.retention import FEWEST
from segbatch.version import __version__

FOUND = 3
"""The exit status of `lint` if it has findings."""

INTERRUPTED = 130
PIPE_CLOSED = 141
"""The exit status of a program that SIGPIPE ended, as in a shell."""

_UNDONE = {"run": "nothing was published", "export": "nothing was written"}
"""Messages for commands that a signal ended before they changed anything. Commands that only read have none."""


class _Commands(TyperGroup):
    """The commands. Errors that a user can fix are printed as a message with an exit status, without a traceback."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command and set the messages that a signal prints from now on."""
        name, command, rest = super().resolve_command(ctx, args)
        shutdown.pending_message, shutdown.done_message = _UNDONE.get(name or "", ""), ""
        return name, command, rest

    def invoke(self, ctx: Any) -> object:
        """Run the command and convert errors to messages and exit statuses."""
        try:
            return super().invoke(ctx)
        except ProblemsError as error:
            render.print_problems(
                replace(problem, message=name_origins(ctx, problem.message)) for problem in error.problems
            )
            raise typer.Exit(error.exit_code) from None
        except QueryError as error:
            render.print_error(str(error), in_lines=True)
            raise typer.Exit(error.exit_code) from None
        except SegbatchError as error:
            render.print_error(name_origins(ctx, str(error)))
            raise typer.Exit(error.exit_code) from None
        except BrokenPipeError:  # the reader has read enough, as with `| head`
            render.silence_stdout()
            raise typer.Exit(PIPE_CLOSED) from None
        except KeyboardInterrupt:
            render.print_error(shutdown.end_message("interrupted"))
            raise typer.Exit(INTERRUPTED) from None
        except Exception as error:
            reason = io_reason(error)
            place = error.filename if isinstance(error, OSError) else None
            if reason is None or (not place and render.is_of_stdout(error)):
                raise
            render.print_error(f"{place}: {reason}" if place else f"a file cannot be read or written: {reason}")
            raise typer.Exit(1) from None


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _path(what: str, option: str, place_at: Callable[[str | Path], Path] = Path) -> Callable[[str | Path], Path]:
    """Return a parser of paths that rejects an empty one, which would mean the current folder by mistake."""

    def read(text: str | Path) -> Path:
        if not str(text):
            raise UsageError(f"the path of the {what} is empty; is a variable not set? ({option})")
        return place_at(text)

    return read


SEGMENTS = typer.Option(
    metavar="PATH",
    envvar="SEGBATCH_SEGMENTS",
    parser=_path("definitions", "--segments"),
    help="A JSON file of segment definitions, or a folder of such files.",
    show_default=True,
)
EXCLUDE = typer.Option(
    metavar="GLOB",
    envvar="SEGBATCH_EXCLUDE",
    help="Leave out these files and folders below --segments, such as 'drafts/**'; can be repeated.",
)
CONTACTS = typer.Option(
    metavar="PATH",
    envvar="SEGBATCH_CONTACTS",
    help="The snapshot: a Parquet file, a folder of them, or a glob in quotes; on a disk or at s3://, gs://, az://.",
)
AS_OF = typer.Option(
    metavar="TIME", envvar="SEGBATCH_AS_OF", show_default="now", help="The moment for which it holds, ISO 8601."
)
CUSTOM_FIELDS = typer.Option(
    metavar="NAME",
    envvar="SEGBATCH_CUSTOM_FIELDS",
    show_default="custom_fields",
    help="The column that definitions call custom_fields.",
)
ID_COLUMN = typer.Option(metavar="NAME", envvar="SEGBATCH_ID_COLUMN", help="The column with the contacts' ids.")
_LINT_IGNORE: Any = {
    "metavar": "NAME",
    "envvar": "SEGBATCH_LINT_IGNORE",
    "help": "Leave out lint's findings of this name; can be repeated.",
}
LINT_IGNORE = typer.Option("--lint-ignore", **_LINT_IGNORE)
LINT_IGNORE_HERE = typer.Option("--lint-ignore", "--ignore", **_LINT_IGNORE)
"""The same option for `lint` itself, which also has a short name."""

MATCH = typer.Option(metavar="<all|any|none>", parser=read_match, show_default="all", help="How the rules are joined.")
PROJECT = typer.Option(
    metavar="ID",
    envvar="SEGBATCH_PROJECT",
    help="Only the segments of this project (and those of none), which hold its contacts alone.",
)
TIMEZONE = typer.Option(
    metavar="TZ", envvar="SEGBATCH_TIMEZONE", help="The IANA time zone of calendar days and of times without an offset."
)
STRICT = typer.Option(
    "--strict/--no-strict",
    show_default=False,
    envvar="SEGBATCH_STRICT",
    help="A custom field that no contact has is an error of its segment; in a run, a field that changed is one too.",
)
READ_OUTPUT = _path("output", "--output", output_at)
READ_TO = _path("tables", "--to")
READ_METRICS = _path("metrics", "--metrics-file")
PUBLISHED = typer.Option(
    metavar="DIR", envvar="SEGBATCH_OUTPUT", parser=READ_OUTPUT, help="The folder that runs publish in."
)
WAIT = typer.Option(
    "--wait/--no-wait",
    show_default=False,
    envvar="SEGBATCH_WAIT",
    help="Wait while another run is at work on the output, however long that takes.",
)
KEYS = typer.Option(
    metavar="FILE",
    envvar="SEGBATCH_KEYS",
    parser=_path("keys", "--keys"),
    help="The file of the API's keys; never commit it.",
)
RUNS_KEPT = typer.Option(metavar="N", min=FEWEST, envvar="SEGBATCH_KEEP", help="How many runs keep their members.")
DAYS_KEPT = typer.Option(
    metavar="DAYS", min=0, envvar="SEGBATCH_KEEP_DAYS", help="And those that were shown within so many days."
)
RUN = "The id of a run; or 'last', or 'previous' for the one before it."
JSON = typer.Option("--json", help="Print JSON to stdout, and nothing else there.")


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

    Definitions are JSON files, contacts are Parquet, and what comes out is a membership table for DuckDB.

    Start with [bold]segbatch check[/bold], then [bold]segbatch run[/bold].
    """
