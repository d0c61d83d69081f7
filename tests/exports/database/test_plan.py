"""The plan: which runs are undone, applied and sent, from the runs of the tables and of the output."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from segbatch.exports.database.plan import Step, SyncPlan, make_plan
from segbatch.exports.database.record import SyncRecord, from_row, make_record, to_row
from segbatch.model.manifest import History, PastRun, RunRecord
from workspace import FIRST_RUN

Renames = Mapping[str, Mapping[str, str]]


def history(*folders: str, renames: Renames | None = None) -> History:
    """Return runs with these folders; `b~2` is a run with the id `b` that was done again. Each has a change."""
    return History(runs=tuple(past(folder, number, renames or {}) for number, folder in enumerate(folders)))


def past(folder: str, number: int, renames: Renames) -> PastRun:
    moment = FIRST_RUN + timedelta(days=number)
    run = RunRecord(
        run_id=folder.partition("~")[0],
        as_of=moment,
        timezone="UTC",
        started_at=moment,
        finished_at=moment,
        status="ok",
        contacts=1,
        segments_ok=1,
        segments_failed=0,
        segments_held=0,
        memberships=1,
        snapshot_fingerprint="",
        version="1",
    )
    return PastRun(folder=folder, run=run, changes=min(number, 1), renamed=dict(renames.get(folder, {})))


def record(known: History, without_changes: Sequence[str] = ()) -> SyncRecord:
    return make_record(Path("output"), known, "layout", without_changes)


def plan(known: History | None, now: History, *, lost: Sequence[str] = (), full: bool = False) -> SyncPlan:
    return make_plan(record(known) if known else None, now, frozenset(lost), full=full)


def sent(made: SyncPlan) -> list[str]:
    return [run.folder for run in made.sent]


def test_new_tables_get_all_members_and_changes() -> None:
    made = plan(None, history("a", "b", "c"))
    assert (made.extent, made.reason, made.removed, sent(made)) == ("full", "the tables are new", None, ["b", "c"])


def test_the_same_run_needs_nothing() -> None:
    assert plan(history("a", "b"), history("a", "b")).extent == "none"


def test_skipped_runs_are_applied_in_one_step() -> None:
    made = plan(history("a", "b"), history("a", "b", "c", "d"))
    assert (made.extent, made.steps, made.undone) == ("changes", (Step({}, ("c", "d")),), ())
    assert (made.removed, sent(made)) == ((), ["c", "d"])


@pytest.mark.parametrize(
    ("known", "now", "renames", "only"),
    [
        ("ab", "abc", None, "c"),
        ("ab", "abcd", None, None),
        ("abx", "abc", None, None),
        ("ab", "abc", {"c": {"old": "new"}}, None),
        ("ab", "ab", None, None),
    ],
)
def test_a_single_run_without_renames_is_written_on_its_own(
    known: str, now: str, renames: Renames | None, only: str | None
) -> None:
    run = plan(history(*known), history(*now, renames=renames)).only_run
    assert (run.folder if run else None) == only


def test_a_run_that_was_done_again_is_undone_and_applied() -> None:
    made = plan(history("a", "b"), history("a", "b~2"))
    assert (made.extent, made.undone, made.steps) == ("changes", ("b",), (Step({}, ("b",)),))
    assert (made.removed, sent(made)) == (("b",), ["b~2"])


def test_runs_that_were_rolled_back_are_undone() -> None:
    made = plan(history("a", "b", "c", "d"), history("a", "b", "c~2"))
    assert (made.undone, made.removed, sent(made)) == (("c", "d"), ("c", "d"), ["c~2"])
    back = plan(history("a", "b", "c"), history("a", "b"))
    assert (back.extent, back.undone, back.removed, sent(back)) == ("changes", ("c",), ("c",), [])


def test_another_output_or_another_first_run_replaces_all() -> None:
    for now in (history("x", "y"), history("a~2", "b")):
        made = plan(history("a", "b"), now)
        assert (made.extent, made.removed, len(made.sent)) == ("full", None, 1)
        assert made.reason.startswith("the tables have runs of another output")


def test_a_request_for_all_rows_sends_everything_again() -> None:
    made = plan(history("a", "b"), history("a", "b"), full=True)
    assert (made.extent, made.removed, sent(made)) == ("full", None, ["b"])


def test_lost_changes_of_new_runs_need_all_members() -> None:
    made = plan(history("a"), history("a", "b", "c"), lost=["b"])
    assert (made.extent, made.reason) == ("full", "the changes of run b are lost")
    assert (made.removed, sent(made), made.without_changes) == ((), ["c"], ("b",))


def test_changes_that_are_lost_later_stay_in_the_tables() -> None:
    made = plan(history("a", "b"), history("a", "b", "c"), lost=["b"])
    assert (made.extent, made.removed, sent(made), made.without_changes) == ("changes", (), ["c"], ())


def test_changes_that_are_found_again_are_sent() -> None:
    now = history("a", "b", "c")
    made = make_plan(record(now, ["b"]), now, frozenset())
    assert (made.extent, sent(made), made.steps) == ("changes", ["b"], (Step({}, ()),))
    assert make_plan(record(now, ["b"]), now, frozenset(["b"])).extent == "none"


def test_a_rolled_back_run_without_changes_in_the_tables_cannot_be_undone() -> None:
    made = make_plan(record(history("a", "b"), ["b"]), history("a", "b~2"), frozenset())
    assert (made.extent, made.reason) == ("full", "the changes of run b, which was rolled back, were lost")


def test_a_rename_begins_a_step_and_renames_earlier_changes() -> None:
    now = history("a", "b", "c", "d", "e", renames={"d": {"old": "new"}})
    made = plan(history("a", "b"), now)
    assert made.steps == (Step({}, ("c",)), Step({"old": "new"}, ("d", "e")))
    assert (dict(made.present), made.removed, sent(made)) == ({"old": "new"}, (), ["c", "d", "e"])


def test_a_rename_that_was_rolled_back_needs_all_rows() -> None:
    made = plan(history("a", "b", "c", renames={"c": {"old": "new"}}), history("a", "b"))
    assert (made.extent, made.removed, sent(made)) == ("full", None, ["b"])
    assert made.reason == "run c, which was rolled back, had renamed segments"


def test_changes_of_two_segments_under_one_id_are_sent_again_if_that_is_renamed() -> None:
    """`two` was deleted before `one` got its id: in the tables, the changes of both are of `two`."""
    renames = {"c": {"one": "two"}}
    known, now = (history(*"abcd"[:count], renames=renames | {"d": {"two": "three"}}) for count in (3, 4))
    made = plan(known, now)
    assert (made.extent, made.removed, sent(made)) == ("changes", ("a", "b"), ["b", "d"])


def test_the_record_survives_its_row() -> None:
    made = record(history("a", "b", "c", renames={"b": {"old": "new"}}), ["c"])
    row = to_row(made)
    assert (row["run_id"], row["run_number"]) == ("c", 3)
    assert from_row({name: str(value) for name, value in row.items()}) == made
    with pytest.raises(ValueError, match="validation error"):
        from_row(dict.fromkeys(row, "?"))
