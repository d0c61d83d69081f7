"""Segments that are not defined any more: told of, and stopped where they are most of all."""

import json

import pytest

from builders import rule
from nights import Nights
from segbatch import Guard
from segbatch.errors import NothingToPublishError

DELETED = (
    "1 segment of the last run is no longer defined; it is deleted, with 2 memberships: pro; "
    "if that is a mistake, restore it"
)


def some(nights: Nights, number: int) -> None:
    """Add segments to the two that there are."""
    for one in range(number):
        nights.segment(f"s{one}", "pro")


def keep_only(nights: Nights, *segment_ids: str) -> None:
    for path in (nights.folder / "segments").glob("*.json"):
        if path.stem not in segment_ids:
            path.unlink()


def test_a_deleted_segment_is_told_with_its_members(nights: Nights) -> None:
    nights.run(0)
    nights.drop("pro")
    dry = nights.run(1, dry_run=True)
    report = nights.run(1)
    for told, again in ((dry, ""), (report, " and run again with --run-id night-1")):
        assert [(gone.segment_id, gone.exited) for gone in told.deleted] == [("pro", 2)]
        assert [str(warning) for warning in told.warnings] == [f"{nights.folder / 'segments'}: {DELETED}{again}"]
    assert nights.manifest("night-1").deleted == report.deleted
    assert nights.manifest("night-1").warnings == tuple(map(str, report.warnings))
    assert report.run.status == "ok"
    assert nights.run(2).deleted == ()


def test_what_was_deleted_by_a_slip_is_as_it_was_after_the_same_run_again(nights: Nights) -> None:
    nights.run(0)
    nights.drop("pro")
    nights.run(1)
    nights.segment("pro")
    report = nights.run(1)
    assert (report.deleted, report.warnings, nights.changes()) == ((), (), [])


def test_the_guard_does_not_hold_what_is_deleted(nights: Nights) -> None:
    nights.crowd(400, pro=200)
    nights.segment("pro", max_change=0.1)
    nights.run(0)
    nights.drop("pro")
    report = nights.run(1, guard=Guard(0.1))
    assert [(gone.segment_id, gone.exited) for gone in report.deleted] == [("pro", 200)]


@pytest.mark.parametrize("is_dry", [True, False])
def test_a_run_without_most_of_the_segments_is_stopped(nights: Nights, *, is_dry: bool) -> None:
    some(nights, 5)
    nights.run(0)
    keep_only(nights, "pro", "free")
    expected = (
        f"{nights.folder / 'segments'}: 5 of the 7 segments of the last run are gone (s0, s1, s2, …); "
        "nothing was published; check --segments; if they were deleted on purpose, pass --accept all"
    )
    with pytest.raises(NothingToPublishError) as stopped:
        nights.run(1, dry_run=is_dry)
    assert str(stopped.value) == expected
    assert nights.members("s0") == ["ann", "bob"]
    report = nights.run(1, guard=Guard(accepted=["all"]), dry_run=is_dry)
    assert len(report.deleted) == 5


@pytest.mark.parametrize(("before", "stay"), [(4, ()), (8, ("s0", "s1", "s2"))], ids=["four", "half"])
def test_few_segments_or_half_of_them_may_be_deleted(nights: Nights, before: int, stay: tuple[str, ...]) -> None:
    some(nights, before)
    nights.run(0)
    keep_only(nights, "pro", "free", *stay)
    assert len(nights.run(1).deleted) == before - len(stay)


def test_a_file_that_could_not_be_read_was_no_segment(nights: Nights) -> None:
    path = nights.folder / "segments" / "all.json"
    listed = [{"id": name, "name": name, "rules": [rule("plan", "eq", "pro")]} for name in ("one", "two")]
    broken = {"name": "without an id", "rules": []}
    for night, text in enumerate(["[", json.dumps([*listed, broken]), json.dumps([*listed, 5])]):
        path.write_text(text)
        nights.run(night)
    assert [row[0] for row in nights.ask("SELECT segment_id FROM segments ORDER BY 1")] == [
        "all[2]",
        "free",
        "one",
        "pro",
        "two",
    ]
    path.write_text(json.dumps([*listed[:1], 5]))
    report = nights.run(3)
    assert [error.segment_id for error in report.errors] == ["all[1]", "two"]
    path.unlink()
    assert [gone.segment_id for gone in nights.run(4).deleted] == ["one", "two"]
