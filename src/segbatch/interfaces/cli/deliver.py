"""The command that sends changes to destinations: deliver."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segbatch.config.env_vars import FILE
from segbatch.errors import Problem, SegbatchError, UsageError
from segbatch.interfaces.cli.app import app
from segbatch.interfaces.cli.options import JSON, PUBLISHED, WAIT
from segbatch.interfaces.cli.render.bar import opened
from segbatch.interfaces.cli.render.base import escape, out, print_json, print_problems, print_waiting, stdout_guard
from segbatch.interfaces.cli.settings_defaults import settings_for
from segbatch.storage.output_lock import LockedError, LockPolicy
from segbatch.text import counted, did_you_mean, some_of

if TYPE_CHECKING:
    from segbatch.deliveries.deliver import Delivery, DeliveryReport
    from segbatch.deliveries.destination import Destination

_FAILED = 3
_DONE = {"sent": "", "failed": ": failed", "not_sent": ": not sent"}


@app.command(
    epilog="Exit status: 0 everything is sent; 3 some deliveries failed, and the next call repeats them; 2 wrong "
    "usage; 75 another process delivers."
)
def deliver(
    context: typer.Context,
    destination: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this destination; repeatable."),
    ] = None,
    segment: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Only this segment; repeatable."),
    ] = None,
    resend: Annotated[
        bool, typer.Option("--resend", help="Send all members again, to replace what the receiver has.")
    ] = False,
    output: Annotated[str, PUBLISHED] = "output",
    wait: Annotated[bool, WAIT] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Report what would be sent, and send and write nothing.")
    ] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Send contacts that entered and left segments to the destinations in the settings file.

    Example: [bold]segbatch deliver --destination crm[/bold]
    """
    chosen = _choose(read_destinations(context), destination or ())
    from segbatch.deliveries.deliver import DeliveryOptions  # noqa: PLC0415 - loads Polars
    from segbatch.deliveries.deliver import deliver as send_changes  # noqa: PLC0415 - loads Polars

    options = DeliveryOptions(
        segments=segment or (),
        resend=resend,
        dry_run=dry_run,
        lock_policy=LockPolicy(wait, print_waiting),
    )
    with opened(output) as folder:
        report = send_changes(folder, chosen, options)
    _print_deliveries(report, as_json=as_json)
    if report.errors:
        raise typer.Exit(LockedError.exit_code if report.are_locked else _FAILED)


def read_destinations(context: typer.Context) -> "Sequence[Destination]":
    """Return the destinations of the settings that a command uses.

    Raises:
        UsageError: The settings have no destinations, or this system cannot run their commands.
    """
    from segbatch.deliveries.destination import Destination  # noqa: PLC0415 - other commands do without it

    settings = settings_for(context)
    found = settings.values.get("destinations") or {}
    if not found:
        hint = f"; it has the jobs {some_of(settings.jobs)}, choose one with --job" if settings.jobs else ""
        raise UsageError(f"no destinations are set; add [destinations.NAME] to {FILE}{hint}")
    return [Destination.of(name, values) for name, values in found.items()]


def _choose(found: "Sequence[Destination]", names: Sequence[str]) -> "Sequence[Destination]":
    known = [one.name for one in found]
    for name in names:
        if name not in known:
            near = did_you_mean(name, known) or f"; there are {some_of(known)}"
            raise UsageError(f"unknown destination '{name}'{near} (--destination)")
    return [one for one in found if not names or one.name in names]


def deliver_afterwards(output: str | Path, destinations: "Sequence[Destination]") -> Iterator[Problem]:
    """Deliver after a run, and yield a warning for each failure."""
    from segbatch.deliveries.deliver import deliver as send_changes  # noqa: PLC0415 - only needed if a run delivers

    try:
        report = send_changes(output, destinations)
        problems = [*report.warnings, *report.errors]
    except SegbatchError as error:
        problems = [Problem(str(error))]
    for problem in problems:
        yield replace(problem, severity="warning")


@stdout_guard()
def _print_deliveries(report: "DeliveryReport", *, as_json: bool) -> None:
    """Print deliveries to stdout, one on each line, or as JSON. Errors and warnings go to stderr."""
    if as_json:
        print_json(_to_json(report))
        return
    print_problems((*report.warnings, *report.errors))
    for destination, segment_id in report.started:
        line = f"{destination}: {segment_id}: starts after run {report.run_id}; its members are not sent"
        out().print(escape(line), soft_wrap=True)
    for delivery in report.deliveries:
        out().print(escape(_describe(delivery)), soft_wrap=True)
    sent = sum(delivery.status == "sent" for delivery in report.deliveries)
    missed = len(report.deliveries) - sent
    out().print(f"{counted(sent, 'delivery', 'deliveries')} sent" + (f", {missed:,} not sent" if missed else ""))


def _describe(delivery: "Delivery") -> str:
    numbers = f"{delivery.entered:,} entered, {delivery.exited:,} exited"
    amount = numbers if delivery.kind == "changes" else f"all {counted(delivery.entered, 'member')}"
    where = f"{delivery.destination}: {delivery.segment_id}"
    return f"{where}: run {delivery.run_id}: {amount}{_DONE[delivery.status]}"


def _to_json(report: "DeliveryReport") -> dict[str, object]:
    return {
        "run_id": report.run_id,
        "deliveries": [asdict(delivery) for delivery in report.deliveries],
        "started": [{"destination": name, "segment_id": segment_id} for name, segment_id in report.started],
        "errors": list(map(str, report.errors)),
        "warnings": list(map(str, report.warnings)),
    }
