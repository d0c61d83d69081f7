"""The commands for published runs: runs, diff, verify, query, relink."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from segbatch.errors import UsageError
from segbatch.interfaces.cli.app import app
from segbatch.interfaces.cli.options import (
    DAYS_KEPT,
    JSON,
    PUBLISHED,
    RUN,
    RUNS_KEPT,
    WAIT,
    path_parser,
)
from segbatch.interfaces.cli.render.bar import opened, show_progress
from segbatch.interfaces.cli.render.base import print_problems, print_waiting, stdout_guard
from segbatch.interfaces.cli.render.query import print_answer
from segbatch.interfaces.cli.render.runs import (
    print_diff,
    print_pruned,
    print_run_details,
    print_runs,
    print_verified,
)
from segbatch.storage.keep import KEEP_DAYS, Keep
from segbatch.storage.output_lock import LockPolicy
from segbatch.text import printable

_OPTIONS = {
    "output": "--output",
    "as_json": "--json",
    "job": "--job",
    "config": "--config",
    "no_config": "--no-config",
}

runs = typer.Typer(
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
)
app.add_typer(runs, name="runs")


@runs.callback()
def list_all(
    context: typer.Context,
    output: Annotated[str, PUBLISHED] = "output",
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """List the published runs, the last one first; show one, or remove the members of old ones.

    Example: [bold]segbatch runs[/bold]
    """
    if context.invoked_subcommand is not None:
        _ensure_no_options(context)
        return
    list_runs(output, as_json=as_json)


@runs.command("list")
def list_runs(output: Annotated[str, PUBLISHED] = "output", as_json: Annotated[bool, JSON] = False) -> None:
    """List the published runs, the last one first; the same as [bold]segbatch runs[/bold].

    Example: [bold]segbatch runs list[/bold]
    """
    from segbatch.runs.history import list_runs as read_runs  # noqa: PLC0415 - loads pydantic, which other commands do without

    with opened(output, members=False) as folder:
        print_runs(read_runs(folder), as_json=as_json)


def _ensure_no_options(context: typer.Context) -> None:
    """Raise an error for options between `runs` and its command, because they would be ignored there."""
    for name, option in _OPTIONS.items():
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise UsageError(
                f"{option} must come after the command: segbatch runs {context.invoked_subcommand} {option}"
            )


@runs.command()
def show(
    run: Annotated[str, typer.Argument(metavar="RUN", help=RUN)] = "last",
    output: Annotated[str, PUBLISHED] = "output",
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Show a run: its time, its snapshot, and the result of each segment.

    Example: [bold]segbatch runs show last[/bold]
    """
    from segbatch.runs.history import show_run  # noqa: PLC0415 - loads pydantic

    with opened(output, members=False) as folder:
        print_run_details(show_run(folder, run), as_json=as_json)


@runs.command(epilog="Exit status: 0 done, or there was nothing to do; 75 a run is at work.")
def prune(
    keep: Annotated[int, RUNS_KEPT],
    keep_days: Annotated[float, DAYS_KEPT] = KEEP_DAYS,
    output: Annotated[str, PUBLISHED] = "output",
    wait: Annotated[bool, WAIT] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Report what would be removed, and remove nothing.")
    ] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Remove the members of old runs. Their changes and manifests stay.

    Example: [bold]segbatch runs prune --keep 2[/bold]
    """
    from segbatch.runs.prune import prune_runs  # noqa: PLC0415 - loads DuckDB

    policy = LockPolicy(wait, print_waiting)
    pruned = prune_runs(output, Keep(keep, keep_days), datetime.now(UTC), policy, dry_run=dry_run)
    print_pruned(pruned, dry_run=dry_run, as_json=as_json)


@app.command()
def diff(
    run_a: Annotated[str, typer.Argument(metavar="RUN_A", help=RUN)],
    run_b: Annotated[str, typer.Argument(metavar="RUN_B", help="The run to compare it with, in the same way.")],
    output: Annotated[str, PUBLISHED] = "output",
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Compare two runs: sizes, contacts that entered or left, definitions, and the snapshot.

    Example: [bold]segbatch diff previous last[/bold]
    """
    from segbatch.runs.diff import diff as compare_runs  # noqa: PLC0415 - loads DuckDB

    with opened(output, members=False) as folder:
        print_diff(compare_runs(folder, run_a, run_b), as_json=as_json)


@app.command(epilog="Exit status: 0 nothing is wrong; 1 something is; 2 nothing is published there.")
def verify(
    output: Annotated[str, PUBLISHED] = "output",
    every_run: Annotated[
        bool, typer.Option("--all", help="Check all runs that keep their members, not only the last.")
    ] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Check published files against their recorded checksums.

    Example: [bold]segbatch verify --output output[/bold]
    """
    from segbatch.runs.verify import verify as verify_output  # noqa: PLC0415 - loads DuckDB
    from segbatch.runs.verify_store import verify_store  # noqa: PLC0415 - loads DuckDB
    from segbatch.storage.remote.addresses import open_publication  # noqa: PLC0415 - loads pydantic

    publication = open_publication(output)
    with show_progress("bytes") as progress:
        if publication is None:
            verified = verify_output(Path(output), every_run=every_run, progress=progress)
        else:
            verified = verify_store(publication, every_run=every_run, progress=progress)
    print_verified(verified, as_json=as_json)
    if verified.problems:
        raise typer.Exit(1)


@app.command()
def query(
    sql: Annotated[
        str,
        typer.Argument(
            help="A DuckDB statement over membership, segments, runs, membership_changes, membership_history."
        ),
    ],
    output: Annotated[str, PUBLISHED] = "output",
    rows: Annotated[int, typer.Option(metavar="N", min=1, help="Show at most N rows.")] = 1000,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Query the published tables.

    Example: [bold]segbatch query "SELECT segment_id, member_count FROM segments"[/bold]
    """
    from segbatch.runs.query import query as run_query  # noqa: PLC0415 - loads DuckDB

    with opened(output) as folder:
        print_answer(run_query(folder, sql, rows), as_json=as_json)


@app.command()
def relink(
    output: Annotated[str, PUBLISHED] = "output",
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            parser=path_parser("tables", "--to"),
            help="Write the tables to this DuckDB file and do not change the output, for a read-only mount.",
        ),
    ] = None,
    wait: Annotated[bool, WAIT] = False,
) -> None:
    """Update the paths in segbatch.duckdb after its folder was moved or mounted elsewhere.

    Example: [bold]segbatch relink --output /mnt/audiences[/bold]
    """
    from segbatch.storage import catalog_rebuild, moved_catalog  # noqa: PLC0415 - loads DuckDB
    from segbatch.storage.remote.addresses import open_publication  # noqa: PLC0415 - loads pydantic

    publication = open_publication(output)
    if publication is not None:
        message = "has no segbatch.duckdb to update; commands read it by its address, without relink"
        raise UsageError(f"{publication.name}: {message}")
    if to is None:
        relinked = catalog_rebuild.relink(Path(output), LockPolicy(wait, print_waiting))
    else:
        relinked = moved_catalog.relink_to(Path(output), to)
    print_problems(relinked.warnings)
    with stdout_guard():
        typer.echo(printable(str(relinked.catalogue)))
