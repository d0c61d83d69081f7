"""The command that runs: segbatch run."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segbatch.definitions.source import Source
from segbatch.interfaces.cli.app import app
from segbatch.interfaces.cli.deliver import deliver_afterwards, read_destinations
from segbatch.interfaces.cli.option_groups import ENGINE, EVALUATION, FILTER, SOURCE, expand_groups, settle_engine
from segbatch.interfaces.cli.options import (
    DAYS_KEPT,
    GUARDRAILS,
    JSON,
    LINT_IGNORE,
    LOGGING,
    OUTPUT,
    QUERY,
    READ_CONTACTS,
    READ_TARGET,
    RUNS_KEPT,
    SCHEMA,
    WAIT,
    path_parser,
)
from segbatch.interfaces.cli.render.run import is_watched, print_run
from segbatch.interfaces.cli.run_log import open_log, report_invalid_settings
from segbatch.interfaces.cli.settings_defaults import name_origins, reports_invalid_settings
from segbatch.model.share import read_share
from segbatch.observability.events import LockAwaited
from segbatch.observability.hooks import HOOK_TIMEOUT, MIN_HOOK_TIMEOUT, Hooks
from segbatch.observability.log import LogFormat, read_log_format
from segbatch.pipeline.guardrails import FLOOR, Guard
from segbatch.platform.blas import no_blas_threads
from segbatch.storage.keep import KEEP_DAYS, KEEP_RUNS, Keep
from segbatch.storage.output_lock import LockPolicy

if TYPE_CHECKING:
    from segbatch.observability.prometheus import MetricsFile


@app.command(
    epilog="Exit status: 0 published; 3 published, but some segments failed or were held back; 1 nothing was "
    "published; 2 wrong usage; 75 another run uses the output."
)
@reports_invalid_settings(report_invalid_settings)
@expand_groups
def run(
    context: typer.Context,
    contacts: Annotated[str, READ_CONTACTS],
    query: Annotated[str | None, QUERY] = None,
    *,
    source: Annotated[Source, SOURCE],
    schema_file: Annotated[Path | None, SCHEMA] = None,
    only: Annotated[Any, FILTER],
    evaluation: Annotated[dict[str, Any], EVALUATION],
    lint_ignore: Annotated[list[str] | None, LINT_IGNORE] = None,
    engine: Annotated[dict[str, Any], ENGINE],
    max_change: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE",
            envvar="SEGBATCH_MAX_CHANGE",
            rich_help_panel=GUARDRAILS,
            help="Hold back segments whose size changes by more, such as 30%.",
        ),
    ] = None,
    max_change_floor: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            envvar="SEGBATCH_MAX_CHANGE_FLOOR",
            rich_help_panel=GUARDRAILS,
            help="Do not guard segments with fewer members.",
        ),
    ] = FLOOR,
    allow_collapse: Annotated[
        bool,
        typer.Option(
            "--allow-collapse/--no-allow-collapse",
            show_default=False,
            envvar="SEGBATCH_ALLOW_COLLAPSE",
            rich_help_panel=GUARDRAILS,
            help="Publish segments that lost all of their members.",
        ),
    ] = False,
    allow_empty: Annotated[
        bool,
        typer.Option(
            "--allow-empty/--no-allow-empty",
            show_default=False,
            envvar="SEGBATCH_ALLOW_EMPTY",
            rich_help_panel=GUARDRAILS,
            help="Publish a snapshot without contacts.",
        ),
    ] = False,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SEGMENT",
            rich_help_panel=GUARDRAILS,
            help="Do not hold back this segment, or 'all'; repeatable.",
        ),
    ] = None,
    rewind: Annotated[
        bool,
        typer.Option(
            "--rewind",
            rich_help_panel=GUARDRAILS,
            help="Roll back runs with a later --as-of; all runs only with --accept all.",
        ),
    ] = False,
    output: Annotated[
        str,
        typer.Option(
            metavar="DIR",
            envvar="SEGBATCH_OUTPUT",
            parser=READ_TARGET,
            rich_help_panel=OUTPUT,
            help="The folder to publish in; or s3://, gs://, az://, delta+PATH, iceberg://.",
        ),
    ] = "output",
    run_id: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            envvar="SEGBATCH_RUN_ID",
            rich_help_panel=OUTPUT,
            help="The run's id. A last run with this id is replaced.",
        ),
    ] = None,
    keep: Annotated[int, RUNS_KEPT] = KEEP_RUNS,
    keep_days: Annotated[float, DAYS_KEPT] = KEEP_DAYS,
    wait: Annotated[bool, WAIT] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", rich_help_panel=OUTPUT, help="Report what would be published, and change nothing."),
    ] = False,
    as_json: Annotated[bool, JSON] = False,
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet/--no-quiet",
            "-q",
            show_default=False,
            envvar="SEGBATCH_QUIET",
            rich_help_panel=LOGGING,
            help="Print no table, and log only warnings and errors.",
        ),
    ] = False,
    log_format: Annotated[
        LogFormat,
        typer.Option(
            metavar="FORMAT",
            parser=read_log_format,
            envvar="SEGBATCH_LOG_FORMAT",
            rich_help_panel=LOGGING,
            help="Format of stderr: plain text or json.",
        ),
    ] = "plain",
    log_ids: Annotated[
        bool,
        typer.Option(
            "--log-ids/--no-log-ids",
            show_default=False,
            envvar="SEGBATCH_LOG_IDS",
            rich_help_panel=LOGGING,
            help="Show contact ids in hooks, and if stderr is not a terminal.",
        ),
    ] = False,
    on_success: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND",
            envvar="SEGBATCH_ON_SUCCESS",
            rich_help_panel=LOGGING,
            help="Run this shell command after exit status 0.",
        ),
    ] = None,
    on_failure: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND",
            envvar="SEGBATCH_ON_FAILURE",
            rich_help_panel=LOGGING,
            help="Run this one after any other, even if killed.",
        ),
    ] = None,
    hook_timeout: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            min=MIN_HOOK_TIMEOUT,
            envvar="SEGBATCH_HOOK_TIMEOUT",
            rich_help_panel=LOGGING,
            help="The time limit of such a command.",
        ),
    ] = HOOK_TIMEOUT,
    deliver: Annotated[
        bool,
        typer.Option(
            "--deliver/--no-deliver",
            show_default=False,
            envvar="SEGBATCH_DELIVER",
            rich_help_panel=OUTPUT,
            help="Then send changes to the destinations.",
        ),
    ] = False,
    metrics_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            envvar="SEGBATCH_METRICS_FILE",
            parser=path_parser("metrics", "--metrics-file"),
            rich_help_panel=LOGGING,
            help="Write Prometheus metrics to this file.",
        ),
    ] = None,
    metrics_segments: Annotated[
        bool,
        typer.Option(
            "--metrics-segments/--no-metrics-segments",
            show_default=False,
            envvar="SEGBATCH_METRICS_SEGMENTS",
            rich_help_panel=LOGGING,
            help="Also write each segment's size there.",
        ),
    ] = False,
) -> None:
    """Evaluate every segment over a snapshot and publish the membership.

    Example: [bold]segbatch run --contacts contacts.parquet --output output[/bold]
    """
    from segbatch.observability.observer import observe_run  # noqa: PLC0415 - other commands do without it

    with no_blas_threads():
        from segbatch.pipeline.run import run as evaluate_and_publish  # noqa: PLC0415 - loads Polars, which other commands do without

    ids = log_ids or is_watched()
    log, is_logged = open_log(log_format, quiet=quiet, log_ids=log_ids)
    hooks = Hooks(on_success, on_failure, hook_timeout, ids=log_ids)
    metrics = _metrics_file(metrics_file, output, metrics_segments) if metrics_file else None
    wording = partial(name_origins, context)
    with observe_run(log, output, hooks, metrics, wording=wording, dry_run=dry_run) as observer:
        observer.check()
        destinations = read_destinations(context) if deliver and not dry_run else ()
        report = evaluate_and_publish(
            contacts,
            source,
            output,
            query=query,
            schema=schema_file,
            **evaluation,
            only=only,
            lint_ignore=lint_ignore or (),
            allow_empty=allow_empty,
            run_id=run_id,
            guard=Guard(
                None if max_change is None else read_share(max_change), max_change_floor, accept or (), allow_collapse
            ),
            keep=Keep(keep, keep_days),
            lock_policy=LockPolicy(wait, lambda message: observer.handle(LockAwaited(message))),
            rewind=rewind,
            dry_run=dry_run,
            **settle_engine(context, engine),
            events=observer.handle,
        )
        observer.set_report(report)
        print_run(report, as_json=as_json, quiet=quiet, is_logged=is_logged, ids=ids)
        if destinations:
            for problem in deliver_afterwards(output, destinations):
                observer.warn_afterwards(problem)
    if observer.exit_status:
        raise typer.Exit(observer.exit_status)


def _metrics_file(path: Path, output: str, each_segment: bool) -> "MetricsFile":
    from segbatch.observability.prometheus import MetricsFile  # noqa: PLC0415 - most runs write no metrics

    return MetricsFile(path, output, each_segment)
