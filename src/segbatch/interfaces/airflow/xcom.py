"""The counts and paths of a run that are passed on to other tasks. They contain no contacts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from segbatch.text import counted

_IDENTITY = ("run_id", "as_of", "status")
_OTHERS = ("failed", "held", "disabled", "left_out", "deleted")
_PLACES = ("catalogue", "membership")


def run_facts(report: Mapping[str, Any], cwd: str | None) -> dict[str, Any]:
    """Return the facts of a run, small enough for any XCom.

    Args:
        report: The JSON that the program printed for the run.
        cwd: The working directory of the program, which its paths are relative to.

    Returns:
        `run_id`, `as_of`, `status` (`ok`, `partial`, `dry_run`), and every count of the run; `segments_deleted`,
        `entered` and `exited` (None for the first run); and the absolute paths `catalogue` (the DuckDB file) and
        `membership` (the folder with this run's Parquet files), which are None for a dry run.
    """
    segments, deleted = report["segments"], report["deleted"]
    facts = {
        **{name: report[name] for name in _IDENTITY},
        **{name: value for name, value in report.items() if type(value) is int},  # all counts of `RunRecord`
        "segments_deleted": len(deleted),
        "entered": _total([segment["entered"] for segment in segments]),
        "exited": _total([segment["exited"] for segment in (*segments, *deleted)]),
        **{name: str(Path(cwd or "", report[name]).absolute()) for name in _PLACES},
    }
    return facts | {"status": "dry_run", **dict.fromkeys(_PLACES)} if report["dry_run"] else facts


def segment_errors(report: Mapping[str, Any]) -> list[str]:
    """Return a message for each segment that failed or was held back."""
    evaluated = (one for one in report["segments"] if one["segment_id"] not in report["left_out"])
    return [f"{one['segment_id']} {one['status']}: {one['error']}" for one in evaluated if one["error"]]


def summary(facts: Mapping[str, Any], report: Mapping[str, Any]) -> str:
    """Return a summary of a run in one line, from its facts and its report."""
    kept = Counter(_status(one, report) for one in report["segments"] if one["run_id"] is not None)
    kept["ok"] = 0
    counts = [counted(facts["contacts"], "contact"), counted(facts["segments_ok"] + kept.total(), "segment")]
    for what in _OTHERS:
        earlier = f" ({kept[what]:,} with earlier members)" if kept[what] else ""
        number = facts[f"segments_{what}"]
        counts += [f"{number:,} {what.replace('_', ' ')}{earlier}"] if number else []
    counts.append(counted(facts["memberships"], "membership"))
    if facts["entered"] is not None or facts["exited"] is not None:
        counts += [f"{facts['entered'] or 0:,} entered", f"{facts['exited'] or 0:,} exited"]
    return ", ".join(counts)


def _status(segment: Mapping[str, Any], report: Mapping[str, Any]) -> str:
    return "left_out" if segment["segment_id"] in report["left_out"] else segment["status"]


def _total(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
