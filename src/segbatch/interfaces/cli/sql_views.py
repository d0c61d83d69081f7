"""The command sql views: the published tables as views for an engine that reads the output."""

from typing import Annotated

import typer

from segbatch.interfaces.cli.app import SQL_VIEWS, app
from segbatch.interfaces.cli.options import OUTPUT


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
