"""The commands for SQL: sql, sql views."""

from typing import Annotated, Any

import typer

from segbatch.definitions.source import Source
from segbatch.errors import UsageError
from segbatch.interfaces.cli.app import SQL_VIEWS, app
from segbatch.interfaces.cli.option_groups import EVALUATION, SOURCE, TABLES, expand_groups
from segbatch.interfaces.cli.options import (
    CONTACTS,
    MATCH,
    OUTPUT,
    RULE,
    TABLE_CONTACT,
    TABLE_TIME,
)
from segbatch.interfaces.cli.render.base import print_problems
from segbatch.model.operators import MatchName
from segbatch.snapshot.related.sources import read_tables


@app.command(epilog="Exit status: 0 printed; 2 the segment has errors, or the dialect cannot express it.")
@expand_groups
def sql(
    contacts: Annotated[str, CONTACTS],
    definition: Annotated[
        str | None, typer.Argument(help="A JSON file, - for standard input, or the id of a segment in --segments.")
    ] = None,
    rule: Annotated[list[str] | None, RULE] = None,
    match: Annotated[MatchName | None, MATCH] = None,
    *,
    source: Annotated[Source, SOURCE],
    dialect: Annotated[
        str, typer.Option(envvar="SEGBATCH_DIALECT", help="duckdb, postgres, snowflake, bigquery, clickhouse or spark.")
    ] = "duckdb",
    table: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|NAME=PATH",
            envvar="SEGBATCH_TABLES",
            show_default="the snapshot's files",
            help="NAME: the table to select from. NAME=PATH: a related table that rules name; repeatable.",
        ),
    ] = None,
    table_contact: Annotated[list[str] | None, TABLE_CONTACT] = None,
    table_time: Annotated[list[str] | None, TABLE_TIME] = None,
    evaluation: Annotated[dict[str, Any], EVALUATION.without(*TABLES.options)],
) -> None:
    """Print a segment as one SQL query, for review or for another database.

    The types of the snapshot's columns decide how the rules are translated.

    Example: [bold]segbatch sql pro-plan-users --contacts contacts.parquet[/bold]
    """
    from segbatch.sql.generate import write_sql  # noqa: PLC0415 - loads Polars and sqlglot

    names = [text for text in table or () if "=" not in text]
    if len(names) > 1:
        raise UsageError(f"a query selects from one table; found {' and '.join(names)} (--table)")
    related = [text for text in table or () if "=" in text]
    text = write_sql(
        definition,
        contacts,
        source,
        rules=rule or (),
        match=match,
        dialect=dialect,
        table=names[0] if names else None,
        tables=read_tables(related, table_contact or (), table_time or ()),
        warn=print_problems,
        **evaluation,
    )
    typer.echo(f"{text};")


@app.command(SQL_VIEWS, epilog="Exit status: 0 printed; 2 wrong usage, or the engine cannot read such an output.")
def views(
    dialect: Annotated[
        str,
        typer.Option(metavar="ENGINE", help="duckdb, spark, databricks, trino, athena, snowflake or bigquery."),
    ],
    output: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            envvar="SEGBATCH_OUTPUT",
            rich_help_panel=OUTPUT,
            help="The output: delta+PATH, delta+s3://BUCKET/PREFIX, iceberg://CATALOG/NAMESPACE, or s3://BUCKET/PREFIX.",
        ),
    ] = "output",
    schema: Annotated[
        str | None,
        typer.Option(metavar="NAME", show_default="the current one", help="The schema of the views."),
    ] = None,
    tables: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            show_default="their path, or their catalog",
            help="The schema in which the engine knows the tables of the output.",
        ),
    ] = None,
) -> None:
    """Print the SQL statements that create the published tables as views, for an engine that reads the output.

    Example: [bold]segbatch sql views --dialect spark --output delta+s3://audiences/crm[/bold]
    """
    from segbatch.sql.views.generate import write_views  # noqa: PLC0415 - loads sqlglot

    typer.echo(write_views(output, dialect=dialect, schema=schema, tables=tables))
