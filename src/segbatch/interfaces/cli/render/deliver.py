"""Output of deliveries, without their rows."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from segbatch.interfaces.cli.render.base import escape, out, print_json, print_problems, stdout_guard
from segbatch.text import counted

if TYPE_CHECKING:
    from segbatch.deliveries.deliver import Delivery, DeliveryReport

_DONE = {"sent": "", "failed": ": failed", "not_sent": ": not sent"}


@stdout_guard()
def print_deliveries(report: "DeliveryReport", *, as_json: bool) -> None:
    """Print deliveries to stdout, one on each line, or as JSON. Errors and warnings go to stderr."""
    if as_json:
        print_json(_data(report))
        return
    print_problems((*report.warnings, *report.errors))
    for destination, segment_id in report.started:
        line = f"{destination}: {segment_id}: starts after run {report.run_id}; its members are not sent"
        out().print(escape(line), soft_wrap=True)
    for delivery in report.deliveries:
        out().print(escape(_line(delivery)), soft_wrap=True)
    sent = sum(delivery.status == "sent" for delivery in report.deliveries)
    missed = len(report.deliveries) - sent
    out().print(f"{counted(sent, 'delivery', 'deliveries')} sent" + (f", {missed:,} not sent" if missed else ""))


def _line(delivery: "Delivery") -> str:
    numbers = f"{delivery.entered:,} entered, {delivery.exited:,} exited"
    amount = numbers if delivery.kind == "changes" else f"all {counted(delivery.entered, 'member')}"
    where = f"{delivery.destination}: {delivery.segment_id}"
    return f"{where}: run {delivery.run_id}: {amount}{_DONE[delivery.status]}"


def _data(report: "DeliveryReport") -> dict[str, object]:
    return {
        "run_id": report.run_id,
        "deliveries": [asdict(delivery) for delivery in report.deliveries],
        "started": [{"destination": name, "segment_id": segment_id} for name, segment_id in report.started],
        "errors": list(map(str, report.errors)),
        "warnings": list(map(str, report.warnings)),
    }
