"""Options that several commands share, grouped by the panel of the help that lists them."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from segbatch.definitions.suggestions import read_match
from segbatch.errors import UsageError
from segbatch.storage.layout import output_at
from segbatch.storage.retention import FEWEST

INPUT = "Input"
EVALUATION = "Evaluation"
GUARDRAILS = "Guardrails"
OUTPUT = "Output"
LOGGING = "Logging"


def _path(what: str, option: str, path_at: Callable[[str | Path], Path] = Path) -> Callable[[str | Path], Path]:
    """Return a parser of paths that rejects an empty one, which would mean the current folder by mistake."""

    def read(text: str | Path) -> Path:
        if not str(text):
            raise UsageError(f"the path of the {what} is empty; is a variable not set? ({option})")
        return path_at(text)

    return read


_CONTACTS: Any = {"metavar": "PATH", "envvar": "SEGBATCH_CONTACTS", "rich_help_panel": INPUT}
CONTACTS = typer.Option(
    **_CONTACTS, help="The snapshot: a Parquet file, a folder, or a quoted glob; local, or s3://, gs://, az://."
)
CHECKED_CONTACTS = typer.Option(**_CONTACTS, help="Also check fields and types against this snapshot's columns.")
COUNTED_CONTACTS = typer.Option(**_CONTACTS, help="Also count the matches of each rule in this snapshot.")
SEGMENTS = typer.Option(
    metavar="PATH",
    envvar="SEGBATCH_SEGMENTS",
    parser=_path("definitions", "--segments"),
    rich_help_panel=INPUT,
    help="A JSON file of segment definitions, or a folder of them.",
    show_default=True,
)
EXCLUDE = typer.Option(
    metavar="GLOB",
    envvar="SEGBATCH_EXCLUDE",
    rich_help_panel=INPUT,
    help="Skip these files below --segments, such as 'drafts/**'; repeatable.",
)
ID_COLUMN = typer.Option(
    metavar="NAME", envvar="SEGBATCH_ID_COLUMN", rich_help_panel=INPUT, help="The column with the contact ids."
)
CUSTOM_FIELDS = typer.Option(
    metavar="NAME",
    envvar="SEGBATCH_CUSTOM_FIELDS",
    show_default="custom_fields",
    rich_help_panel=INPUT,
    help="The column that definitions call custom_fields.",
)
PROJECT = typer.Option(
    metavar="ID",
    envvar="SEGBATCH_PROJECT",
    rich_help_panel=INPUT,
    help="Only segments of this project or of none, over its contacts only.",
)
AS_OF = typer.Option(
    metavar="TIME",
    envvar="SEGBATCH_AS_OF",
    show_default="now",
    rich_help_panel=EVALUATION,
    help="Evaluate as of this time (ISO 8601).",
)
TIMEZONE = typer.Option(
    metavar="TZ",
    envvar="SEGBATCH_TIMEZONE",
    rich_help_panel=EVALUATION,
    help="The IANA zone of days and of times without an offset.",
)
STRICT = typer.Option(
    "--strict/--no-strict",
    show_default=False,
    envvar="SEGBATCH_STRICT",
    rich_help_panel=EVALUATION,
    help="Fail segments if no contact has a custom field of theirs or, in a run, if a field changed.",
)
_LINT_IGNORE: Any = {
    "metavar": "NAME",
    "envvar": "SEGBATCH_LINT_IGNORE",
    "rich_help_panel": EVALUATION,
    "help": "Leave out lint findings with this name; repeatable.",
}
LINT_IGNORE = typer.Option("--lint-ignore", **_LINT_IGNORE)
LINT_IGNORE_SHORT = typer.Option("--lint-ignore", "--ignore", **_LINT_IGNORE)
"""The same option for `lint` itself, which also has a short name."""

RULE = typer.Option(metavar="RULE", help="A rule, FIELD OPERATOR VALUE, in place of a definition; repeatable.")
MATCH = typer.Option(
    metavar="<all|any|none>", parser=read_match, show_default="all", help="How the rules are combined."
)
READ_OUTPUT = _path("output", "--output", output_at)
READ_TO = _path("tables", "--to")
READ_PROJECT_FOLDER = _path("folder", "DIR")
READ_METRICS = _path("metrics", "--metrics-file")
PUBLISHED = typer.Option(
    metavar="DIR",
    envvar="SEGBATCH_OUTPUT",
    parser=READ_OUTPUT,
    rich_help_panel=OUTPUT,
    help="The folder with the published runs.",
)
WAIT = typer.Option(
    "--wait/--no-wait",
    show_default=False,
    envvar="SEGBATCH_WAIT",
    rich_help_panel=OUTPUT,
    help="Wait until no other run uses the output.",
)
KEYS = typer.Option(
    metavar="FILE",
    envvar="SEGBATCH_KEYS",
    parser=_path("keys", "--keys"),
    help="The file of the API's keys; never commit it.",
)
RUNS_KEPT = typer.Option(
    metavar="N",
    min=FEWEST,
    envvar="SEGBATCH_KEEP",
    rich_help_panel=OUTPUT,
    help="Keep the members of the last N runs.",
)
DAYS_KEPT = typer.Option(
    metavar="DAYS",
    min=0,
    envvar="SEGBATCH_KEEP_DAYS",
    rich_help_panel=OUTPUT,
    help="Also keep runs published in the last DAYS days.",
)
RUN = "The id of a run; or 'last', or 'previous' for the one before it."
JSON = typer.Option("--json", rich_help_panel=OUTPUT, help="Print only JSON to stdout.")

_EVALUATION: dict[str, tuple[Any, object]] = {
    "id_column": (Annotated[str, ID_COLUMN], "id"),
    "custom_fields": (Annotated[str | None, CUSTOM_FIELDS], None),
    "project": (Annotated[str | None, PROJECT], None),
    "as_of": (Annotated[str | None, AS_OF], None),
    "timezone": (Annotated[str, TIMEZONE], "UTC"),
    "strict": (Annotated[bool, STRICT], False),
}


def evaluation_options(*without: str) -> Callable[[Any], Any]:
    """Replace the parameter `evaluation` of a command by the options that all evaluations have.

    The command gets their values as a dictionary, to be passed to a use case as keyword arguments.

    Args:
        without: The names of options that the command does not have.
    """
    names = [name for name in _EVALUATION if name not in without]

    def expand(function: Any) -> Any:
        signature = inspect.signature(function, eval_str=True)
        parameters = list[inspect.Parameter]()
        for parameter in signature.parameters.values():
            if parameter.name == "evaluation":
                parameters += map(_option, names)
            else:
                parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

        @functools.wraps(function)
        def command(**values: Any) -> Any:
            evaluation = {name: values.pop(name) for name in names}
            return function(**values, evaluation=evaluation)

        command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        return command

    return expand


def _option(name: str) -> inspect.Parameter:
    annotation, default = _EVALUATION[name]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
