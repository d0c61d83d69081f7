"""The commands for writing definitions: check, lint, preview, explain, sql."""

from pathlib import Path
from typing import Annotated, Any

import typer

from segbatch.definitions.exclusions import Source
from segbatch.interfaces.cli import render
from segbatch.interfaces.cli.app import FOUND, app
from segbatch.interfaces.cli.options import (
    CHECKED_CONTACTS,
    CONTACTS,
    COUNTED_CONTACTS,
    EXCLUDE,
    JSON,
    LINT_IGNORE,
    LINT_IGNORE_SHORT,
    MATCH,
    RULE,
    SEGMENTS,
    evaluation_options,
)
from segbatch.model.operators import MatchName


@app.command(
    epilog="Exit status: 0 no errors (there may be warnings); 2 errors were found; 1 the snapshot cannot be used."
)
@evaluation_options("as_of")
def check(
    segments: Annotated[Path, SEGMENTS] = Path("segments"),
    exclude: Annotated[list[str] | None, EXCLUDE] = None,
    contacts: Annotated[str | None, CHECKED_CONTACTS] = None,
    *,
    evaluation: Any,
    lint_ignore: Annotated[list[str] | None, LINT_IGNORE] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Find errors in definitions, without evaluating them.

    Example: [bold]segbatch check --segments segments --contacts contacts.parquet[/bold]
    """
    from segbatch.authoring import check as checking  # noqa: PLC0415 - loads Polars, which other commands do without

    source = Source.of(segments, exclude or ())
    report = checking.check(source, contacts, lint_ignore=lint_ignore or (), **evaluation)
    render.print_check(report, as_json=as_json)
    if report.errors:
        raise typer.Exit(2)


@app.command(
    epilog="Exit status: 0 no findings; 3 there are findings; 2 definitions have errors; 1 the snapshot cannot be used."
)
@evaluation_options("strict")
def lint(
    segments: Annotated[Path, SEGMENTS] = Path("segments"),
    exclude: Annotated[list[str] | None, EXCLUDE] = None,
    contacts: Annotated[str | None, COUNTED_CONTACTS] = None,
    *,
    evaluation: Any,
    lint_ignore: Annotated[list[str] | None, LINT_IGNORE_SHORT] = None,
    list_names: Annotated[bool, typer.Option("--list", help="Only list the names of all findings.")] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Find definitions that are valid but probably wrong.

    Example: [bold]segbatch lint --segments segments --contacts contacts.parquet[/bold]
    """
    from segbatch.findings import lint as linting  # noqa: PLC0415 - loads Polars, which other commands do without
    from segbatch.findings.finding import NAMES  # noqa: PLC0415 - used together with it

    if list_names:
        render.print_finding_names(NAMES, as_json=as_json)
        return
    report = linting.lint(Source.of(segments, exclude or ()), contacts, ignore=lint_ignore or (), **evaluation)
    render.print_lint(report, as_json=as_json)
    if report.errors:
        raise typer.Exit(2)
    if report.findings:
        raise typer.Exit(FOUND)


@app.command(
    epilog="Exit status: 0 evaluated; 2 a definition has errors, or wrong usage; 1 the snapshot cannot be used."
)
@evaluation_options()
def preview(
    contacts: Annotated[str, CONTACTS],
    definition: Annotated[
        str | None,
        typer.Argument(help="A JSON file or a folder of them, - for standard input, or a segment's id in --segments."),
    ] = None,
    rule: Annotated[list[str] | None, RULE] = None,
    match: Annotated[MatchName | None, MATCH] = None,
    segments: Annotated[Path, SEGMENTS] = Path("segments"),
    exclude: Annotated[list[str] | None, EXCLUDE] = None,
    first: Annotated[int, typer.Option(metavar="N", help="How many members to show.")] = 5,
    *,
    evaluation: Any,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Show the size and the first members of a segment, without publishing.

    The value of a --rule is parsed as JSON if possible, otherwise it is text.

    Example: [bold]segbatch preview --contacts contacts.parquet --rule "status eq active" --rule "seats gte 50"[/bold]
    """
    from segbatch.authoring import preview as previewing  # noqa: PLC0415 - loads Polars, which other commands do without

    source = Source.of(segments, exclude or ())
    report = previewing.preview(
        contacts, definition, rules=rule or (), match=match, segments=source, first=first, **evaluation
    )
    render.print_preview(report, as_json=as_json)
    if report.errors:
        raise typer.Exit(2)


@app.command(
    epilog="Exit status: 0 explained; 2 unknown segment or contact, or a definition with errors; 1 the snapshot cannot "
    "be used."
)
@evaluation_options()
def explain(
    contacts: Annotated[str, CONTACTS],
    segment: Annotated[
        str, typer.Argument(help="The id of a segment in --segments, a JSON file with one, or - for standard input.")
    ],
    contact_id: Annotated[
        str | None, typer.Argument(help="The id of a contact; without it, count the contacts that each rule keeps.")
    ] = None,
    segments: Annotated[Path, SEGMENTS] = Path("segments"),
    exclude: Annotated[list[str] | None, EXCLUDE] = None,
    *,
    evaluation: Any,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Explain why a contact is in a segment or not, or count the contacts that each rule keeps.

    Example: [bold]segbatch explain pro-plan-users 4711 --contacts contacts.parquet[/bold]
    """
    from segbatch.authoring.explain import explain as explaining  # noqa: PLC0415 - loads Polars

    options = {"segments": Source.of(segments, exclude or ()), **evaluation}
    if contact_id is None:
        render.print_funnel(explaining.funnel(contacts, segment, **options), as_json=as_json)
    else:
        render.print_explanation(explaining.explain(contacts, segment, contact_id, **options), as_json=as_json)


@app.command(epilog="Exit status: 0 printed; 2 the segment has errors, or the dialect cannot express it.")
@evaluation_options()
def sql(
    contacts: Annotated[str, CONTACTS],
    definition: Annotated[
        str | None, typer.Argument(help="A JSON file, - for standard input, or the id of a segment in --segments.")
    ] = None,
    rule: Annotated[list[str] | None, RULE] = None,
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
    *,
    evaluation: Any,
) -> None:
    """Print a segment as one SQL query, for review or for another database.

    The types of the snapshot's columns decide how the rules are translated.

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
        warn=render.print_problems,
        **evaluation,
    )
    typer.echo(f"{text};")
