"""Options that several commands share, grouped by the panel of the help that lists them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from segbatch.cluster.engine_names import read_engine, read_spark_remote
from segbatch.definitions.suggestions import read_match
from segbatch.errors import UsageError
from segbatch.interfaces.cli.render.problem_formats import read_report_format
from segbatch.platform.urls import is_output_address
from segbatch.storage.keep import FEWEST

INPUT = "Input"
EVALUATION = "Evaluation"
GUARDRAILS = "Guardrails"
OUTPUT = "Output"
LOGGING = "Logging"


def path_parser(what: str, option: str, path_at: Callable[[str | Path], Path] = Path) -> Callable[[str | Path], Path]:
    """Return a parser of paths that rejects an empty one, which would mean the current folder by mistake."""

    def read(text: str | Path) -> Path:
        if not str(text):
            raise UsageError(f"the path of the {what} is empty; is a variable not set? ({option})")
        return path_at(text)

    return read


def _text(what: str, option: str) -> Callable[[str | Path], str]:
    """Return a parser of paths and addresses that rejects an empty one."""
    read = path_parser(what, option)
    return lambda text: str(text if is_output_address(str(text)) else read(text))


_CONTACTS: Any = {"metavar": "PATH", "envvar": "SEGBATCH_CONTACTS", "rich_help_panel": INPUT}
CONTACTS = typer.Option(
    **_CONTACTS,
    help="The snapshot: a Parquet file, folder or quoted glob; local, s3://, gs://, az://; or delta+PATH, iceberg://.",
)
READ_CONTACTS = typer.Option(
    **_CONTACTS,
    help="The snapshot: a Parquet file, folder or quoted glob; s3://, gs://, az://, delta+PATH, iceberg://, database.",
)
QUERY = typer.Option(metavar="SQL", envvar="SEGBATCH_QUERY", rich_help_panel=INPUT, help="The query, for a database.")
CHECKED_CONTACTS = typer.Option(**_CONTACTS, help="Also check fields and types against this snapshot's columns.")
COUNTED_CONTACTS = typer.Option(**_CONTACTS, help="Also count the matches of each rule in this snapshot.")
SEGMENTS = typer.Option(
    metavar="PATH",
    envvar="SEGBATCH_SEGMENTS",
    parser=path_parser("definitions", "--segments"),
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
SCHEMA = typer.Option(
    "--schema",
    metavar="FILE",
    envvar="SEGBATCH_SCHEMA_FILE",
    parser=path_parser("schema", "--schema"),
    rich_help_panel=INPUT,
    help="Compare fields with this schema.",
)
WRITTEN_SCHEMA = typer.Option(
    "--schema",
    metavar="FILE",
    parser=path_parser("schema", "--schema"),
    rich_help_panel=OUTPUT,
    help="Write the fields and their types to this file, for check and run.",
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
TABLE = typer.Option(
    metavar="NAME=PATH",
    envvar="SEGBATCH_TABLES",
    rich_help_panel=INPUT,
    help="A related table; repeatable.",
)
TABLE_CONTACT = typer.Option(
    metavar="NAME=COL",
    envvar="SEGBATCH_TABLE_CONTACT",
    show_default="contact_id",
    rich_help_panel=INPUT,
    help="The column of a table with the contact's id; repeatable.",
)
TABLE_TIME = typer.Option(
    metavar="NAME=COL",
    envvar="SEGBATCH_TABLE_TIME",
    rich_help_panel=INPUT,
    help="A table's time column; repeatable.",
)
LISTS = typer.Option(
    metavar="DIR",
    envvar="SEGBATCH_LISTS",
    parser=path_parser("lists", "--lists"),
    show_default="lists, next to --segments",
    rich_help_panel=INPUT,
    help="The folder of lists for in_list.",
)
PROJECT = typer.Option(
    metavar="ID",
    envvar="SEGBATCH_PROJECT",
    rich_help_panel=INPUT,
    help="Only segments of this project or of none, over its contacts only.",
)
ONLY_SEGMENTS = typer.Option(
    "--segment",
    metavar="ID",
    envvar="SEGBATCH_ONLY_SEGMENTS",
    rich_help_panel=INPUT,
    help="Only this segment, and those that it refers to; repeatable.",
)
ONLY_TAGS = typer.Option(
    "--tag",
    metavar="TAG",
    envvar="SEGBATCH_ONLY_TAGS",
    rich_help_panel=INPUT,
    help="Only segments with a tag; repeatable.",
)
ONLY_OWNERS = typer.Option(
    "--owner",
    metavar="NAME",
    envvar="SEGBATCH_ONLY_OWNERS",
    rich_help_panel=INPUT,
    help="Only segments of an owner; repeatable.",
)
AS_OF = typer.Option(
    metavar="TIME",
    envvar="SEGBATCH_AS_OF",
    show_default="now",
    rich_help_panel=EVALUATION,
    help="Evaluate at this time (ISO 8601).",
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
ENGINE = typer.Option(
    metavar="NAME",
    envvar="SEGBATCH_ENGINE",
    parser=read_engine,
    rich_help_panel=EVALUATION,
    help="Evaluate here, or on 'spark'.",
)
SPARK_REMOTE = typer.Option(
    metavar="URL",
    envvar="SEGBATCH_SPARK_REMOTE",
    parser=read_spark_remote,
    rich_help_panel=EVALUATION,
    help="The Spark Connect server, sc://HOST:PORT.",
)
BUCKETS = typer.Option(
    metavar="N",
    min=1,
    envvar="SEGBATCH_BUCKETS",
    rich_help_panel=EVALUATION,
    help="Divide contacts on Spark into N parts.",
)
_LINT_IGNORE: Any = {
    "metavar": "NAME",
    "envvar": "SEGBATCH_LINT_IGNORE",
    "rich_help_panel": EVALUATION,
    "help": "Leave out findings with this name; repeatable.",
}
LINT_IGNORE = typer.Option("--lint-ignore", **_LINT_IGNORE)
LINT_IGNORE_SHORT = typer.Option("--lint-ignore", "--ignore", **_LINT_IGNORE)
"""The same option for `lint` itself, which also has a short name."""

RULE = typer.Option(metavar="RULE", help="A rule, FIELD OPERATOR VALUE, in place of a definition; repeatable.")
MATCH = typer.Option(
    metavar="<all|any|none>", parser=read_match, show_default="all", help="How the rules are combined."
)
READ_TARGET = _text("output", "--output")
PUBLISHED = typer.Option(
    metavar="DIR",
    envvar="SEGBATCH_OUTPUT",
    parser=READ_TARGET,
    rich_help_panel=OUTPUT,
    help="The folder with the published runs; or s3://, gs://, az://, delta+PATH, iceberg://.",
)
WAIT = typer.Option(
    "--wait/--no-wait",
    show_default=False,
    envvar="SEGBATCH_WAIT",
    rich_help_panel=OUTPUT,
    help="Wait until no other run uses the output.",
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
    help="Also keep runs of the last DAYS.",
)
RUN = "The id of a run; or 'last', or 'previous' for the one before it."
JSON = typer.Option("--json", rich_help_panel=OUTPUT, help="Print only JSON to stdout.")
REPORT_FORMAT = typer.Option(
    "--format",
    metavar="<text|json|github|sarif>",
    parser=read_report_format,
    show_default="text",
    rich_help_panel=OUTPUT,
    help="Print as text, JSON, annotations for GitHub, or SARIF for code scanning.",
)
