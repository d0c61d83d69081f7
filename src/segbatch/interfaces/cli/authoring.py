"""The commands for writing definitions: check, lint, preview, explain, sql."""

from pathlib import Path
from typing import Annotated, Any

import typer

from segbatch.definitions.exclusions import Source
from segbatch.interfaces.cli import render
from segbatch.interfaces.cli.app import (
    AS_OF,
    CONTACTS,
    CUSTOM_FIELDS,
    EXCLUDE,
    FOUND,
    ID_COLUMN,
    JSON,
    LINT_IGNORE,
    LINT_IGNORE_HERE,
    MATCH,
    PROJECT,
    SEGMENTS,
    STRICT,
    TIMEZONE,
    app,
)
from segbatch.model.operators import MatchName


@app.command(
    epilog="Exit status: 0 nothing is wrong (there may be warnings); 2 something is; 1 the snapshot cannot be used."
)
def check(
    segments: Annotated[Path, SEGMENTS] = Path("segments"),
    exclude: Annotated[list[str] | None, EXCLUDE] = None,
    contacts: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            envvar="SEGBATCH_CONTACTS",
            help="Check fields and types against this snapshot's columns too.",
        ),
    ] = None,
    id_column: Annotated[str, ID_COLUMN] = "id",
    custom_fields: Annotated[str | None, CUSTOM_FIELDS] = None,
    project: Annotated[str | None, PROJECT] = None,
    timezone: Annotated[str, TIMEZONE] = "UTC",
    strict: Annotated[bool, STRICT] = False,
    lint_ignore: Annotated[list[str] | None, LINT_IGNORE] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Find what is wrong with definitions, without evaluating them.

    Example: [bold]segbatch check --segments segments --contacts contacts.parquet[/bold]
    """
    from segbatch.authoring import check as checking  # noqa: PLC0415 - loads Polars, which other commands do without

    report = checking.check(
        Source.of(segments, exclude or ()),
        contacts,
        id_column=id_column,
        custom_fields=custom_fields,
        project=project,
        timezone=timezone,
        strict=strict,
        lint_ignore=lint_ignore or (),
    )
    render.print_check(report, as_json=as_json)
    if report.errors:
        raise typer.Exit(2)


@app.command(
    epilog="Exit status: 0 nothing was found; 3 something was; 2 definitions are wrong; 1 the snapshot cannot be used."
)
def lint(
    segments: Annotated[Path, SEGMENTS] = Path("segments"),
    exclude: Annotated[list[str] | None, EXCLUDE] = None,
    contacts: Annotated[
        str | None,
        typer.Option(
            metavar="PATH", envvar="SEGBATCH_CONTACTS", help="Count over this snapshot too whom the rules hold."
        ),
    ] = None,
    lint_ignore: Annotated[list[str] | None, LINT_IGNORE_HERE] = None,
    id_column: Annotated[str, ID_COLUMN] = "id",
    custom_fields: Annotated[str | None, CUSTOM_FIELDS] = None,
    project: Annotated[str | None, PROJECT] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", envvar="SEGBATCH_AS_OF", show_default="now", help="The moment for relative dates, ISO 8601."
        ),
    ] = None,
    timezone: Annotated[str, TIMEZONE] = "UTC",
    list_names: Annotated[bool, typer.Option("--list", help="Show the names of all findings, and do no more.")] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Find what is legal in definitions and probably wrong.

    Example: [bold]segbatch lint --segments segments --contacts contacts.parquet[/bold]
    """
    from segbatch.findings import lint as linting  # noqa: PLC0415 - loads Polars, which other commands do without
    from segbatch.findings.finding import NAMES  # noqa: PLC0415 - used together with it

    if list_names:
        render.print_finding_names(NAMES, as_json=as_json)
        return
    report = linting.lint(
        Source.of(segments, exclude or ()),
        contacts,
        ignore=lint_ignore or (),
        id_column=id_column,
        custom_fields=custom_fields,
        project=project,
        as_of=as_of,
        timezone=timezone,
    )
    render.print_lint(report, as_json=as_json)
    if report.errors:
        raise typer.Exit(2)
    if report.findings:
        raise typer.Exit(FOUND)


@app.command(epilog="Exit status: 0 evaluated; 2 a definition is wrong, or wrong usage; 1 the snapshot cannot be used.")
def preview(
    contacts: Annotated[str, CONTACTS],
    definition: Annotated[
        str | None,
        typer.Argument(help="A JSON file or a folder of them, - for standard input, or a segment's id in --segments."),
    ] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option(metavar="RULE", help="A rule, FIELD OPERATOR VALUE, in place of a definition; repeatable."),
    ] = None,
    match: Annotated[MatchName | None, MATCH] = None,
    segments: Annotated[Path, SEGMENTS] = Path("segments"),
    exclude: Annotated[list[str] | None, EXCLUDE] = None,
    first: Annotated[int, typer.Option(metavar="N", help="How many members to show.")] = 5,
    id_column: Annotated[str, ID_COLUMN] = "id",
    custom_fields: Annotated[str | None, CUSTOM_FIELDS] = None,
    project: Annotated[str | None, PROJECT] = None,
    as_of: Annotated[str | None, AS_OF] = None,
    timezone: Annotated[str, TIMEZONE] = "UTC",
    strict: Annotated[bool, STRICT] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Tell how large a segment would be and who is in it first, publishing nothing.

    The value of a --rule is read as JSON where it is JSON, else as a text.

    Example: [bold]segbatch preview --contacts contacts.parquet --rule "status eq active" --rule "seats gte 50"[/bold]
    """
    from segbatch.authoring import preview as previewing  # noqa: PLC0415 - loads Polars, which other commands do without

    report = previewing.preview(
        contacts,
        definition,
        rules=rule or (),
        match=match,
        segments=Source.of(segments, exclude or ()),
        first=first,
        id_column=id_column,
        custom_fields=custom_fields,
        project=project,
        as_of=as_of,
        timezone=timezone,
        strict=strict,
    )
    render.print_preview(report, as_json=as_json)
    if report.errors:
        raise typer.Exit(2)


@app.command(
    epilog="Exit status: 0 explained; 2 no such segment or contact, or a wrong segment; 1 a snapshot of no use."
)
def explain(
    contacts: Annotated[str, CONTACTS],
    segment: Annotated[
        str, typer.Argument(help="The id of a segment of --segments, a JSON file with one, or - for standard input.")
    ],
    contact_id: Annotated[
        str | None, typer.Argument(help="A contact's id; without one, what each rule keeps of all contacts is told.")
    ] = None,
    segments: Annotated[Path, SEGMENTS] = Path("segments"),
    exclude: Annotated[list[str] | None, EXCLUDE] = None,
    id_column: Annotated[str, ID_COLUMN] = "id",
    custom_fields: Annotated[str | None, CUSTOM_FIELDS] = None,
    project: Annotated[str | None, PROJECT] = None,
    as_of: Annotated[str | None, AS_OF] = None,
    timezone: Annotated[str, TIMEZONE] = "UTC",
    strict: Annotated[bool, STRICT] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Tell why a contact is in a segment or is not, or which rule loses how many contacts.

    Example: [bold]segbatch explain pro-plan-users 4711 --contacts contacts.parquet[/bold]
    """
    from segbatch.authoring.explain import explain as explaining  # noqa: PLC0415 - loads Polars

    options: Any = {
        "segments": Source.of(segments, exclude or ()),
        "id_column": id_column,
        "custom_fields": custom_fields,
        "project": project,
        "as_of": as_of,
        "timezone": timezone,
        "strict": strict,
    }
    if contact_id is None:
        render.print_funnel(explaining.funnel(contacts, segment, **options), as_json=as_json)
    else:
        render.print_explanation(explaining.explain(contacts, segment, contact_id, **options), as_json=as_json)


@app.command(epilog="Exit status: 0 printed; 2 the segment is wrong, or the dialect cannot say it.")
def sql(
    contacts: Annotated[
        str,
        typer.Option(
            metavar="PATH", envvar="SEGBATCH_CONTACTS", help="The snapshot, whose columns decide what a rule means."
        ),
    ],
    definition: Annotated[
        str | None, typer.Argument(help="A JSON file, - for standard input, or the id of a segment of --segments.")
    ] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option(metavar="RULE", help="A rule, FIELD OPERATOR VALUE, in place of a definition; repeatable."),
    ] = None,
    match: Annotated[MatchName | None, MATCH] = None,
    segments: Annotated[Path, SEGMENTS] = Path("segments"),
    exclude: Annotated[list[str] | None, EXCLUDE] = None,
    dialect: Annotated[
        str, typer.Option(envvar="SEGBATCH_DIALECT", help="duckdb, postgres, snowflake, bigquery, clickhouse or spark.")
    ] = "duckdb",
    table: Annotated[
        str | None,
        typer.Option(metavar="NAME", show_default="the snapshot's files", help="The table to select from."),
    ] = None,
    id_column: Annotated[str, ID_COLUMN] = "id",
    custom_fields: Annotated[str | None, CUSTOM_FIELDS] = None,
    project: Annotated[str | None, PROJECT] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            envvar="SEGBATCH_AS_OF",
            show_default="now",
            help="What relative dates are measured from, ISO 8601.",
        ),
    ] = None,
    timezone: Annotated[str, TIMEZONE] = "UTC",
    strict: Annotated[bool, STRICT] = False,
) -> None:
    """Print a segment as one SQL query, to be reviewed or run elsewhere.

    Example: [bold]segbatch sql pro-plan-users --contacts contacts.parquet[/bold]
    """
    from segbatch.sql.generate import write_sql  # noqa: PLC0415 - loads Polars and sqlglot

    text = write_sql(
        definition,
        contacts,
        Source.of(segments, exclude or ()),
        rules=rule or (),
        match=match,
        dialect=dialect,
        table=table,
        id_column=id_column,
        custom_fields=custom_fields,
        project=project,
        as_of=as_of,
        timezone=timezone,
        strict=strict,
        warn=render.print_problems,
    )
    typer.echo(f"{text};")
