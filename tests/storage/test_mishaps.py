"""Sequences of runs that random tests once found to fail."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

import segbatch
from builders import rule, write_contacts, write_segment
from segbatch import Guard, Keep
from segbatch.errors import PublishError, QueryError
from segbatch.runs.query import query
from workspace import Workspace

ACTIVE = rule("status", "eq", "active")


@pytest.fixture
def job(tmp_path: Path) -> Path:
    write_contacts(tmp_path / "contacts.parquet", {"status": ["active", "new", None, "active"]})
    write_segment(tmp_path / "segments", "active", ACTIVE)
    return tmp_path


def run(job: Path, **options: object) -> segbatch.RunReport:
    return segbatch.run(job / "contacts.parquet", job / "segments", job / "output", **options)  # type: ignore[arg-type]


def rows(job: Path, sql: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in query(job / "output", sql, 1000).rows]


def test_a_folder_that_was_cleared_away_may_be_a_runs_again(job: Path) -> None:
    for _ in range(4):
        run(job, run_id="r1", keep=Keep(2, 0.0))
    assert rows(job, "SELECT run_id FROM runs") == [("r1",)]
    assert len(rows(job, "FROM membership")) == 2


def test_contacts_that_only_a_broken_segment_keeps_are_not_lost_again_in_the_next_run(job: Path) -> None:
    write_segment(job / "segments", "everybody", rule("status", "exists"))
    write_contacts(job / "contacts.parquet", {"id": list(range(10)), "status": ["active"] * 10})
    run(job)
    write_segment(job / "segments", "active", rule("stauts", "eq", "active"))
    write_contacts(job / "contacts.parquet", {"id": [0, 1, 2], "status": ["active"] * 3})
    with pytest.raises(segbatch.SnapshotError, match=r"7 of the 10 contacts of the last run are gone \(70.0%\)"):
        run(job, guard=Guard(floor=5))
    run(job, guard=Guard(floor=5, accepted=["all"]))
    report = run(job, guard=Guard(floor=1))
    assert [segment.member_count for segment in report.segments] == [10, 3]


def test_a_good_segment_is_not_hurt_by_a_file_of_its_name_that_cannot_be_read(job: Path) -> None:
    (job / "segments" / "team").mkdir()
    (job / "segments" / "team" / "active.json").write_text("<<<<<<<")
    report = run(job)
    assert [(segment.status, segment.member_count) for segment in report.segments] == [("failed", 0), ("ok", 2)]
    assert report.segments[0].segment_id == str(job / "segments" / "team" / "active.json")


def test_segments_are_kept_while_two_files_of_one_name_cannot_be_read(job: Path) -> None:
    torn = [job / "segments" / team / "vip.json" for team in ("east", "west")]
    for file in torn:
        write_segment(file.parent, "vip", ACTIVE, id=f"vip-{file.parent.name}")
    run(job)
    for file in torn:
        file.write_text("<<<<<<<")
    run(job)
    expected = [("active", "ok", 2), ("vip-east", "failed", 2), ("vip-west", "failed", 2)]
    assert (
        rows(job, "SELECT segment_id, status, member_count FROM segments WHERE run_id NOTNULL ORDER BY 1") == expected
    )
    assert rows(job, "FROM membership_changes") == []


def test_a_query_over_a_file_that_cannot_be_read_fails_in_one_line(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(job)

    def fail(*_: object) -> None:
        raise duckdb.IOException("IO Error: Could not read from file: Input/output error\n\nLINE 1: FROM x\n   ^")

    monkeypatch.setattr("segbatch.runs.query.ask", fail)
    with pytest.raises(QueryError) as raised:
        query(job / "output", "FROM membership", 10)
    assert str(raised.value) == "IO Error: Could not read from file: Input/output error"


def test_runs_that_cannot_be_listed_are_a_fault_of_reading(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = workspace.output / "runs"
    real = Path.iterdir

    def failing(path: Path) -> Iterator[Path]:
        if path == runs:
            raise OSError(5, "Input/output error")
        return real(path)

    workspace.contacts(a="pro")
    workspace.segment("pro")
    monkeypatch.setattr(Path, "iterdir", failing)
    with pytest.raises(PublishError) as raised:
        workspace.run(0)
    assert str(raised.value) == f"{runs}: cannot be read: Input/output error"
