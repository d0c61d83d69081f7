"""The commands for writing definitions: check, lint, preview, explain, columns, lists."""

from pathlib import Path
from typing import Annotated, Any

import typer

from segbatch.definitions.source import Source
from segbatch.interfaces.cli.app import FOUND, app
from segbatch.interfaces.cli.option_groups import EVALUATION, FILTER, SOURCE, TABLES, expand_groups
from segbatch.interfaces.cli.options import (
    CHECKED_CONTACTS,
    CONTACTS,
    COUNTED_CONTACTS,
    CUSTOM_FIELDS,
    ID_COLUMN,
    JSON,
    LINT_IGNORE,
    LINT_IGNORE_SHORT,
    LISTS,
    MATCH,
    QUERY,
    READ_CONTACTS,
    REPORT_FORMAT,
    RULE,
    SCHEMA,
    WRITTEN_SCHEMA,
)
from segbatch.interfaces.cli.render.authoring import (
    print_check,
    print_columns,
    print_explanation,
    print_finding_names,
    print_funnel,
    print_lint,
    print_lists,
    print_preview,
)
from segbatch.interfaces.cli.render.bar import show_progress
from segbatch.interfaces.cli.render.problem_formats import ReportFormat, choose_format
from segbatch.model.operators import MatchName
from segbatch.platform.blas import no_blas_threads


@app.command(
    epilog="Exit status: 0 no errors (there may be warnings); 2 errors were found; 1 the snapshot cannot be used."
)
@expand_groups
def check(
    *,
    source: Annotated[Source, SOURCE],
    contacts: Annotated[str | None, CHECKED_CONTACTS] = None,
    schema_file: Annotated[Path | None, SCHEMA] = None,
    only: Annotated[Any, FILTER],
    evaluation: Annotated[dict[str, Any], EVALUATION],
    lint_ignore: Annotated[list[str] | None, LINT_IGNORE] = None,
    report_format: Annotated[ReportFormat | None, REPORT_FORMAT] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Find errors in definitions, and evaluate their examples.

    Example: [bold]segbatch check --segments segments --contacts contacts.parquet[/bold]
    """
    with no_blas_threads():
        from segbatch.authoring.check import check as check_definitions  # noqa: PLC0415 - loads Polars, which other commands do without

    chosen = choose_format(report_format, as_json=as_json)
    report = check_definitions(
        source, contacts, schema=schema_file, lint_ignore=lint_ignore or (), only=only, **evaluation
    )
    print_check(report, chosen)
    if report.errors:
        raise typer.Exit(2)


@app.command(
    epilog="Exit status: 0 no findings; 3 there are findings; 2 definitions have errors; 1 the snapshot cannot be used."
)
@expand_groups
def lint(
    *,
    source: Annotated[Source, SOURCE],
    contacts: Annotated[str | None, COUNTED_CONTACTS] = None,
    only: Annotated[Any, FILTER],
    evaluation: Annotated[dict[str, Any], EVALUATION.without("strict")],
    lint_ignore: Annotated[list[str] | None, LINT_IGNORE_SHORT] = None,
    list_names: Annotated[bool, typer.Option("--list", help="Only list the names of all findings.")] = False,
    report_format: Annotated[ReportFormat | None, REPORT_FORMAT] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Find definitions that are valid but probably wrong.

    Example: [bold]segbatch lint --segments segments --contacts contacts.parquet[/bold]
    """
    from segbatch.findings.finding import NAMES  # noqa: PLC0415 - used together with the next
    from segbatch.findings.lint import lint as find_mistakes  # noqa: PLC0415 - loads Polars, which other commands do without

    chosen = choose_format(report_format, as_json=as_json)
    if list_names:
        print_finding_names(NAMES, as_json=chosen == "json")
        return
    report = find_mistakes(source, contacts, ignore=lint_ignore or (), only=only, **evaluation)
    print_lint(report, chosen)
    if report.errors:
        raise typer.Exit(2)
    if report.findings:
        raise typer.Exit(FOUND)


@app.command(
    epilog="Exit status: 0 evaluated; 2 a definition has errors, or wrong usage; 1 the snapshot cannot be used."
)
@expand_groups
def preview(
    contacts: Annotated[str, READ_CONTACTS],
    definition: Annotated[
        str | None,
        typer.Argument(help="A JSON file or a folder of them, - for standard input, or a segment's id in --segments."),
    ] = None,
    rule: Annotated[list[str] | None, RULE] = None,
    match: Annotated[MatchName | None, MATCH] = None,
    query: Annotated[str | None, QUERY] = None,
    *,
    source: Annotated[Source, SOURCE],
    first: Annotated[int, typer.Option(metavar="N", help="How many members to show.")] = 5,
    evaluation: Annotated[dict[str, Any], EVALUATION],
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Show the size and the first members of a segment, without publishing.

    The value of a --rule is parsed as JSON if possible, otherwise it is text.

    Example: [bold]segbatch preview --contacts contacts.parquet --rule "status eq active" --rule "seats gte 50"[/bold]
    """
    with no_blas_threads():
        from segbatch.authoring.preview import preview as count_members  # noqa: PLC0415 - loads Polars, which other commands do without

    report = count_members(
        contacts, definition, query=query, rules=rule or (), match=match, segments=source, first=first, **evaluation
    )
    print_preview(report, as_json=as_json)
    if report.errors:
        raise typer.Exit(2)


@app.command(
    epilog="Exit status: 0 explained; 2 unknown segment or contact, or a definition with errors; 1 the snapshot cannot "
    "be used."
)
@expand_groups
def explain(
    contacts: Annotated[str, CONTACTS],
    segment: Annotated[
        str, typer.Argument(help="The id of a segment in --segments, a JSON file with one, or - for standard input.")
    ],
    contact_id: Annotated[
        str | None, typer.Argument(help="The id of a contact; without it, count the contacts that each rule keeps.")
    ] = None,
    *,
    source: Annotated[Source, SOURCE],
    evaluation: Annotated[dict[str, Any], EVALUATION],
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Explain why a contact is in a segment or not, or count the contacts that each rule keeps.

    Example: [bold]segbatch explain pro-plan-users 4711 --contacts contacts.parquet[/bold]
    """
    with no_blas_threads():
        from segbatch.authoring.explain.explain import explain as explain_contact  # noqa: PLC0415 - loads Polars
        from segbatch.authoring.explain.explain import funnel  # noqa: PLC0415 - as above

    if contact_id is None:
        print_funnel(funnel(contacts, segment, segments=source, **evaluation), as_json=as_json)
    else:
        explanation = explain_contact(contacts, segment, contact_id, segments=source, **evaluation)
        print_explanation(explanation, as_json=as_json)


@app.command(epilog="Exit status: 0 described; 1 the snapshot cannot be used.")
@expand_groups
def columns(
    contacts: Annotated[str, CONTACTS],
    *,
    id_column: Annotated[str, ID_COLUMN] = "id",
    custom_fields: Annotated[str | None, CUSTOM_FIELDS] = None,
    tables: Annotated[Any, TABLES],
    schema_file: Annotated[Path | None, WRITTEN_SCHEMA] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Show the fields of a snapshot that rules can name: type, missing values, values, and an example of a rule.

    A value is shown if at least five contacts have it. The ends of a range may be values of single contacts.

    Example: [bold]segbatch columns --contacts contacts.parquet[/bold]
    """
    from segbatch.authoring.columns.columns import describe_columns, schema_file_of  # noqa: PLC0415 - loads Polars
    from segbatch.snapshot.schema_file import schema_destination, write_schema_file  # noqa: PLC0415 - loads Polars

    if schema_file is not None:
        schema_destination(schema_file)  # an error before the snapshot is read
    with show_progress("rows") as progress:
        report = describe_columns(
            contacts, id_column=id_column, custom_fields=custom_fields, tables=tables, progress=progress
        )
    if schema_file is not None:
        write_schema_file(schema_file, schema_file_of(report))
    print_columns(report, schema_file, as_json=as_json)


@app.command("lists", epilog="Exit status: 0 printed; 2 a list cannot be used, or a definition has errors.")
@expand_groups
def lists_(
    *,
    source: Annotated[Source, SOURCE],
    lists: Annotated[Path | None, LISTS] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Show the lists that rules can name, with their sizes and the segments that use them.

    Example: [bold]segbatch lists --segments segments[/bold]
    """
    from segbatch.authoring.lists import show_lists  # noqa: PLC0415 - loads pydantic, which other commands do without

    report = show_lists(source, lists)
    print_lists(report, as_json=as_json)
    if report.errors or report.problems:
        raise typer.Exit(2)
