"""Segments that are not enabled, or expired: they have no members, and do not count as failed."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

import segbatch
from builders import rule, write_segment
from segbatch import Guard
from segbatch.errors import DefinitionError, NothingToPublishError
from segbatch.findings.finding import NAMES
from workspace import Workspace

STATUS = "SELECT status, error, member_count, entered, exited, run_id FROM segments WHERE segment_id = 'pro'"


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path)
    workspace.contacts(ann="pro", bob="pro", cem="free")
    workspace.segment("pro")
    workspace.segment("free")
    return workspace


def test_members_of_a_disabled_segment_leave_once_and_enter_again_when_it_is_enabled(place: Workspace) -> None:
    place.run(0)
    place.segment("pro", enabled=False)
    report = place.run(1)
    assert (report.run.status, report.run.segments_ok, report.run.segments_disabled) == ("ok", 1, 1)
    assert report.errors == ()
    assert place.ask(STATUS) == [("disabled", None, 0, 0, 2, None)]
    assert place.members("pro") == []
    place.run(2)
    assert place.ask(STATUS) == [("disabled", None, 0, 0, 0, None)]
    place.segment("pro")
    place.run(3)
    assert place.ask(STATUS) == [("ok", None, 2, 2, 0, "night-3")]
    assert place.changes() == [
        ("night-1", "pro", "ann", "exited"),
        ("night-1", "pro", "bob", "exited"),
        ("night-3", "pro", "ann", "entered"),
        ("night-3", "pro", "bob", "entered"),
    ]


def test_guards_do_not_hold_back_a_segment_that_is_disabled_or_enabled_again(tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    place.crowd(400, 300)
    place.segment("pro", max_change=0.1)
    place.segment("free")
    place.run(0)
    place.segment("pro", max_change=0.1, enabled=False)
    assert place.run(1, guard=Guard(0.1)).run.segments_held == 0
    place.segment("pro", max_change=0.1)
    assert place.run(2, guard=Guard(0.1)).run.segments_held == 0
    assert place.ask(STATUS) == [("ok", None, 300, 300, 0, "night-2")]


def test_a_first_run_publishes_a_disabled_segment_without_members(place: Workspace) -> None:
    place.segment("pro", enabled=False)
    place.run(0)
    assert place.ask(STATUS) == [("disabled", None, 0, None, None, None)]


def test_all_segments_may_be_disabled(place: Workspace) -> None:
    for segment_id in ("pro", "free"):
        place.segment(segment_id, enabled=False)
    report = place.run(0)
    assert (report.run.status, report.run.segments_disabled, report.run.memberships) == ("ok", 2, 0)
    place.segment("pro")
    place.run(1)
    place.segment("pro", enabled=False)
    place.contacts(ann="pro")
    place.run(2, guard=Guard(accepted=("all",)))
    assert place.ask("SELECT count(*) FROM membership") == [(0,)]
    assert len([row for row in place.changes() if row[0] == "night-2"]) == 2


def test_nothing_is_published_if_every_enabled_segment_fails(place: Workspace) -> None:
    place.segment("pro", enabled=False)
    write_segment(place.folder / "segments", "free", rule("plam", "eq", "free"))
    with pytest.raises(NothingToPublishError, match="no segment can be evaluated"):
        place.run(0)


def test_a_segment_that_references_a_disabled_one_fails_and_keeps_its_members(place: Workspace) -> None:
    write_segment(place.folder / "segments", "both", {"operator": "in_segment", "value": "pro"})
    place.run(0)
    place.segment("pro", expires_at="2025-11-02")
    report = place.run(1)
    assert report.run.segments_failed == 1
    message = "segment 'pro' expired at 2025-11-02, so it has no members"
    assert [(problem.segment_id, problem.message) for problem in report.errors] == [("both", message)]
    assert place.members("both") == ["ann", "bob"]


def test_mistakes_in_a_disabled_segment_that_only_a_snapshot_shows_do_not_matter(place: Workspace) -> None:
    write_segment(place.folder / "segments", "pro", rule("custom_fields.nope", "eq", 1), enabled=False)
    report = place.run(0, strict=True)
    assert (report.errors, report.warnings) == ((), ())


def test_a_disabled_segment_that_cannot_be_read_fails_without_members(place: Workspace) -> None:
    place.segment("pro", enabled=False)
    place.run(0)
    place.segment("pro", enabled=False, tags="vip", owner="growth")
    report = place.run(1)
    assert report.run.segments_failed == 1
    assert place.ask("SELECT status, member_count, owner, tags FROM segments WHERE segment_id = 'pro'") == [
        ("failed", 0, "growth", [])
    ]


@pytest.mark.parametrize(
    ("expires_at", "timezone", "is_expired"),
    [
        ("2025-11-01T02:00:00Z", "UTC", True),
        ("2025-11-01T02:00:01Z", "UTC", False),
        ("2025-11-01", "UTC", True),
        ("2025-11-02", "UTC", False),
        ("2025-11-01", "America/New_York", False),
        ("2025-11-01T03:00", "Europe/Berlin", True),
    ],
)
def test_a_segment_is_disabled_from_its_expiry_on(
    place: Workspace, expires_at: str, timezone: str, *, is_expired: bool
) -> None:
    place.segment("pro", expires_at=expires_at)
    report = place.run(0, timezone=timezone)
    statuses = {segment.segment_id: segment.status for segment in report.segments}
    assert statuses["pro"] == ("disabled" if is_expired else "ok")
    assert not [problem for problem in report.warnings if "expires" in problem.message] or not is_expired


def test_a_run_a_check_and_a_lint_warn_before_a_segment_expires(place: Workspace) -> None:
    place.segment("pro", expires_at="2025-11-15T02:00:00Z")
    place.segment("free", expires_at="2025-11-15T02:00:01Z")
    report = place.run(0, strict=True)
    message = (
        "the segment expires in 14 days, at 2025-11-15T02:00:00Z, and has no members from then on; "
        "change 'expires_at' to keep it (expires-soon)"
    )
    assert [(problem.segment_id, problem.path, problem.message) for problem in report.warnings] == [
        ("pro", "$.expires_at", message)
    ]
    assert not place.run(0, lint_ignore=["expires-soon"]).warnings
    place.segment("free", expires_at="2025-11-01T23:00:00Z")
    found = segbatch.lint(place.folder / "segments", as_of="2025-11-01T02:00:00Z").findings
    assert [finding.name for finding in found] == ["expires-soon", "expires-soon"]
    assert "expires in less than a day" in found[0].problem.message
    assert "expires-soon" in NAMES


def test_a_check_finds_references_to_disabled_segments(place: Workspace) -> None:
    place.segment("pro", enabled=False)
    write_segment(place.folder / "segments", "both", {"operator": "in_segment", "value": "pro"})
    message = "segment 'pro' is not enabled, so it has no members"
    for contacts in (None, place.folder / "contacts.parquet"):
        report = segbatch.check(place.folder / "segments", contacts)
        assert [(problem.segment_id, problem.message) for problem in report.errors] == [("both", message)]


def test_disabled_segments_are_not_linted(place: Workspace) -> None:
    rules = [rule("plan", "eq", "pro "), rule("plan", "eq", "pro ")]
    write_segment(place.folder / "segments", "pro", *rules, enabled=False)
    for contacts in (None, place.folder / "contacts.parquet"):
        assert not segbatch.lint(place.folder / "segments", contacts).findings


def test_a_preview_evaluates_a_disabled_segment_and_warns(place: Workspace) -> None:
    place.segment("pro", enabled=False)
    place.segment("free", expires_at="2025-11-01")
    contacts, segments = place.folder / "contacts.parquet", place.folder / "segments"
    report = segbatch.preview(contacts, "pro", segments=segments)
    assert [entry.members for entry in report.segments] == [2]
    assert [(problem.path, problem.message) for problem in report.warnings] == [
        ("$.enabled", "the segment is not enabled; a run does not evaluate it, and it has no members")
    ]
    report = segbatch.preview(contacts, "free", segments=segments)
    assert [(problem.path, problem.message) for problem in report.warnings] == [
        ("$.expires_at", "the segment expired at 2025-11-01; a run does not evaluate it, and it has no members")
    ]
    write_segment(segments, "both", {"operator": "in_segment", "value": "pro"})
    with pytest.raises(DefinitionError, match="segment 'pro' is not enabled"):
        segbatch.preview(contacts, "both", segments=segments)


def test_the_tables_have_owner_tags_and_expiry_in_the_documented_order(place: Workspace) -> None:
    place.segment("pro", owner="growth", tags=["vip", "new"], expires_at="2026-01-01")
    place.run(0, timezone="Europe/Berlin")
    with duckdb.connect(str(place.output / "segbatch.duckdb"), read_only=True) as connection:
        columns = [row[0] for row in connection.execute("DESCRIBE segments").fetchall()]
        query = "SELECT owner, tags, CAST(expires_at AS VARCHAR) FROM segments ORDER BY segment_id"
        rows = connection.execute(query).fetchall()
    documented = (
        "segment_id project_id name description list_id definition status error owner tags expires_at member_count "
        "entered exited run_id"
    )
    assert columns[:15] == documented.split()
    assert rows == [(None, [], None), ("growth", ["vip", "new"], "2025-12-31 23:00:00")]


def test_a_segment_that_keeps_members_keeps_their_owner_and_tags(place: Workspace) -> None:
    place.segment("pro", owner="growth", tags=["vip"])
    place.run(0)
    write_segment(place.folder / "segments", "pro", rule("plam", "eq", "pro"), owner="sales", tags=["new"])
    place.run(1)
    [(status, owner, tags, pending)] = place.ask(
        "SELECT status, owner, tags, pending_definition FROM segments WHERE segment_id = 'pro'"
    )
    assert (status, owner, tags) == ("failed", "growth", ["vip"])
    waiting: dict[str, Any] = json.loads(pending)
    assert (waiting["owner"], waiting["tags"]) == ("sales", ["new"])
