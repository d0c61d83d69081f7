"""Metrics after a run, also after a failed one."""

import os
import re
import sys
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from builders import rule, write_contacts, write_segment
from segbatch.observability.prometheus import METRICS
from segbatch.observability.run_outcome import STATUSES

from .conftest import RUN, Program
from .test_hooks import IN_ITS_MIDDLE, held_up

NIGHTLY = (Path(__file__).parents[2] / "docs" / "nightly.md").read_text()
FILE = "of segments.prom"
METRICS_FILE = (*RUN, "--metrics-file", FILE)

Values = dict[tuple[str, ...], float]


def measured() -> Values:
    """Read the file as Prometheus does: the value of each metric with its labels, but that of the output."""
    found: Values = {}
    for family in text_string_to_metric_families(Path(FILE).read_text()):
        assert family.type == "gauge"
        assert family.documentation == METRICS[family.name].help
        for sample in family.samples:
            labels = dict(sample.labels)
            assert labels.pop("output") == str(Path("output").absolute())
            assert tuple(labels) == METRICS[family.name].labels
            found[(sample.name.removeprefix("segbatch_"), *labels.values())] = sample.value
    return found


def status(values: Values) -> list[str]:
    return [name for name in STATUSES if values["last_run_status", name]]


def test_a_run_is_measured(program: Program) -> None:
    begun = time.time()
    assert program(*METRICS_FILE, "--as-of", "2025-06-01T02:00Z").status == 0
    found = measured()
    assert status(found) == ["published"]
    assert (found["last_run_exit_status",], found["last_run_warnings",]) == (0, 0)
    assert (found["last_run_rules",], found["last_run_columns",]) == (1, 2)
    for name in ("last_run", "last_success", "last_published"):
        assert begun <= found[f"{name}_timestamp_seconds",] <= time.time()
    assert found["as_of_timestamp_seconds",] == 1748743200
    assert (found["contacts",], found["memberships",]) == (4, 2)
    assert [found["segments", name] for name in ("ok", "failed", "held")] == [1, 0, 0]
    phases = [
        found["last_run_phase_seconds", name] for name in ("wait", "prepare", "match", "evaluate", "publish", "prune")
    ]
    assert sum(phases) <= found["last_run_duration_seconds",] + 0.01
    assert not any(name[0] in {"changes", "segment_members"} for name in found)
    assert sorted(path.name for path in Path().iterdir()) == ["contacts.parquet", FILE, "output", "segments"]


def test_the_next_run_counts_the_changes(program: Program) -> None:
    write_segment(Path("segments"), "new", rule("status", "eq", "new"))
    program(*METRICS_FILE)
    Path("segments/new.json").unlink()
    write_contacts(Path("contacts.parquet"), {"status": ["active", "active"]})
    assert program(*METRICS_FILE).status == 0
    found = measured()
    assert (found["changes", "entered"], found["changes", "exited"]) == (1, 2)
    assert found["last_run_warnings",] == 1


def test_metrics_of_the_published_run_stay_when_a_run_fails(program: Program) -> None:
    program(*METRICS_FILE)
    before = measured()
    assert program("run", "--contacts", "nope.parquet", *METRICS_FILE[3:]).status == 1
    after = measured()
    assert status(after) == ["failed"]
    assert after["last_run_timestamp_seconds",] > before["last_run_timestamp_seconds",]
    kept = {name: value for name, value in before.items() if not name[0].startswith("last_run")}
    assert kept == {name: value for name, value in after.items() if not name[0].startswith("last_run")}
    assert {"last_success_timestamp_seconds", "contacts"} <= {name[0] for name in kept}


def test_a_partial_run_does_not_count_as_success(program: Program) -> None:
    program(*METRICS_FILE)
    before = measured()
    write_segment(Path("segments"), "bad", rule("stauts", "eq", "x"))
    assert program(*METRICS_FILE).status == 3
    after = measured()
    assert status(after) == ["partial"]
    assert after["last_success_timestamp_seconds",] == before["last_success_timestamp_seconds",]
    assert after["last_published_timestamp_seconds",] > before["last_published_timestamp_seconds",]
    assert [after["segments", name] for name in ("ok", "failed", "held")] == [1, 1, 0]


def test_a_first_run_that_fails_has_no_success_and_no_sizes(program: Program) -> None:
    assert program("run", "--contacts", "nope.parquet", *METRICS_FILE[3:]).status == 1
    assert {name[0] for name in measured()} == {
        "last_run_timestamp_seconds",
        "last_run_duration_seconds",
        "last_run_phase_seconds",
        "last_run_exit_status",
        "last_run_status",
    }


@pytest.mark.slow
def test_a_run_that_is_terminated_is_measured(program: Program) -> None:
    program(*METRICS_FILE)
    running = held_up(*IN_ITS_MIDDLE, *METRICS_FILE[3:])
    running.terminate()
    running.communicate(timeout=20)
    found = measured()
    assert (status(found), found["last_run_exit_status",]) == (["terminated"], 143)
    assert found["contacts",] == 4


def test_each_segment_is_measured_where_that_is_asked_for(program: Program) -> None:
    write_segment(Path("segments"), "bad", rule("stauts", "eq", "x"))
    program(*METRICS_FILE, "--metrics-segments")
    found = measured()
    assert [found["segment_ok", name] for name in ("active", "bad")] == [1, 0]
    assert {name for name in found if name[0] == "segment_members"} == {("segment_members", "active")}
    assert found["segment_members", "active"] == 2


def test_a_dry_run_is_not_measured(program: Program) -> None:
    assert program(*METRICS_FILE, "--dry-run").status == 0
    assert not Path(FILE).exists()


REFUSED = {
    "no folder": ("nowhere/m.prom", "nowhere: no such folder; create it first"),
    "a folder": ("segments", "segments: is a folder; name a file"),
    "no folder of a link": (
        "dangling.prom",
        "dangling.prom: is a link into a missing folder: {}/nowhere; create it first",
    ),
    "below a file": ("contacts.parquet/m.prom", "contacts.parquet: is a file, not a folder"),
    "a loop": ("loop.prom", "loop.prom: cannot be written: Too many levels of symbolic links"),
}


@pytest.mark.parametrize(("path", "message"), REFUSED.values(), ids=list(REFUSED))
def test_a_file_that_cannot_be_is_refused_before_the_run(program: Program, path: str, message: str) -> None:
    Path("dangling.prom").symlink_to("nowhere/m.prom")
    Path("loop.prom").symlink_to("loop.prom")
    ended = program(*RUN, "--metrics-file", path, "--log-format", "plain")
    assert (ended.status, ended.err) == (2, f"error: {message.format(Path.cwd())} (--metrics-file)\n")
    assert not Path("output").exists()


NO_METRICS = "exists, and is not a metrics file; name another file, or remove it"
AMONG_OURS = "is one of the files that runs publish; name a file elsewhere"
NOT_OURS = {
    "contacts.parquet": NO_METRICS,
    "segments/active.json": NO_METRICS,
    "segbatch.toml": NO_METRICS,
    "link to.prom": NO_METRICS,
    "output/segbatch.duckdb": AMONG_OURS,
    "output/current": AMONG_OURS,
    "output/lock": AMONG_OURS,
    "pipe": "is a pipe or a device, not a regular file; name a file",
}


@pytest.mark.parametrize(("path", "message"), NOT_OURS.items(), ids=list(NOT_OURS))
def test_a_file_without_metrics_is_never_replaced(program: Program, path: str, message: str) -> None:
    Path("segbatch.toml").write_text("keep = 3\n")
    Path("link to.prom").symlink_to("contacts.parquet")
    os.mkfifo("pipe")
    program(*RUN)
    before = kept()
    for options in ((), ("--contacts", "nope.parquet")):
        ended = program(*RUN, *options, "--metrics-file", path, "--log-format", "plain")
        assert (ended.status, ended.err) == (2, f"error: {path}: {message} (--metrics-file)\n")
    assert kept() == before


def kept() -> dict[str, tuple[int, int]]:
    stats = {str(path): path.lstat() for path in Path().rglob("*") if not path.is_dir()}
    return {path: (stat.st_ino, stat.st_mtime_ns) for path, stat in stats.items()}


def test_a_link_stays_one_and_an_empty_file_is_filled(program: Program) -> None:
    Path("real").mkdir()
    Path("real/m.prom").touch()
    Path(FILE).symlink_to("real/m.prom")
    for _ in range(2):
        assert program(*METRICS_FILE).status == 0
        assert status(measured()) == ["published"]
    assert Path(FILE).readlink() == Path("real/m.prom")
    assert [path.name for path in Path("real").iterdir()] == ["m.prom"]


def test_a_file_created_during_the_run_is_kept(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segbatch.storage.targets.output.prune", lambda *_: Path(FILE).write_text("mine"))
    ended = program(*METRICS_FILE)
    assert ended.status == 0
    [warning] = ended.events("warning")
    assert warning["message"] == f"{FILE}: {NO_METRICS} (--metrics-file)"
    assert Path(FILE).read_text() == "mine"


def test_an_empty_path_is_refused(program: Program) -> None:
    ended = program(*RUN, "--metrics-file", "")
    assert (ended.status, ended.err) == (
        2,
        "error: the path of the metrics is empty; is a variable not set? (--metrics-file)\n",
    )


def test_a_missing_extra_is_reported_before_the_run(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    ended = program(*METRICS_FILE, "--log-format", "plain")
    install = "which is not installed; run: pip install 'segbatch[metrics]'"
    assert (ended.status, ended.err) == (1, f"error: --metrics-file needs prometheus-client, {install}\n")
    assert not Path("output").exists()


def test_a_file_that_cannot_be_written_any_more_is_a_warning(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("metrics").mkdir()

    def gone(*_: object) -> None:
        Path("metrics").rmdir()

    monkeypatch.setattr("segbatch.storage.targets.output.prune", gone)
    ended = program(*RUN, "--metrics-file", "metrics/m.prom")
    assert ended.status == 0
    [warning] = ended.events("warning")
    assert warning["message"] == "metrics: no such folder; create it first (--metrics-file)"
    assert (warning["segment_id"], warning["file"]) == (None, None)


def test_a_damaged_output_leaves_the_metrics_of_the_run(program: Program) -> None:
    program(*RUN)
    Path("output/current").write_text("../etc")
    assert program(*METRICS_FILE).status == 1
    assert status(measured()) == ["failed"]


def test_every_metric_is_documented() -> None:
    rows = re.findall(r"^\| `(segbatch_[a-z_]+)` \|(.*?)\| .+? \|$", NIGHTLY, re.MULTILINE)
    documented = {name: tuple(re.findall(r"`([a-z_]+)`", labels)) for name, labels in rows}
    assert documented == {name: metric.labels for name, metric in METRICS.items()}


def test_the_alert_rules_of_the_docs_name_metrics_that_there_are() -> None:
    [rules] = re.findall(r"```yaml\n(groups:.*?)```", NIGHTLY, re.DOTALL)
    named = set(re.findall(r"segbatch_[a-z_]+", rules))
    assert len(named) >= 3
    assert named <= METRICS.keys()
