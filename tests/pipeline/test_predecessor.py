"""On which run a new one follows: re-runs, earlier moments, and outputs of something else."""

from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
import pytest

from builders import write_contacts
from nights import FIRST_NIGHT, Nights
from segbatch import Guard, Keep, PublishError, UsageError
from segbatch.runs.verify import verify
from segbatch.storage import publish
from segbatch.storage.catalog_rebuild import relink

pytestmark = pytest.mark.slow


def run_ids(nights: Nights) -> list[str]:
    return [run.run.run_id for run in nights.history().runs]


def test_the_first_run_is_a_baseline_without_changes(nights: Nights) -> None:
    report = nights.run(0)
    assert [(segment.entered, segment.exited) for segment in report.segments] == [(None, None), (None, None)]
    assert nights.changes() == []
    assert nights.ask("SELECT contact_id, exited_at FROM membership_history WHERE segment_id = 'pro' ORDER BY 1") == [
        ("ann", None),
        ("bob", None),
    ]


def test_a_run_of_the_same_id_takes_the_place_of_the_last_one(nights: Nights) -> None:
    nights.run(0)
    nights.contacts(ann="free", bob="free", cem="free")
    nights.run(1)
    nights.contacts(ann="free", bob="pro", cem="free")
    for _ in range(2):
        nights.run(1)
        assert run_ids(nights) == ["night-0", "night-1"]
        assert nights.changes() == [("night-1", "free", "ann", "entered"), ("night-1", "pro", "ann", "exited")]
    assert nights.folders() == ["night-0", "night-1", "night-1~2", "night-1~3"]


def test_the_first_run_can_be_run_again(nights: Nights) -> None:
    nights.run(0)
    nights.contacts(ann="free", bob="free", cem="free")
    nights.run(0)
    assert (run_ids(nights), nights.changes(), nights.members("pro")) == (["night-0"], [], [])


def test_a_run_for_an_earlier_moment_is_refused(nights: Nights) -> None:
    nights.run(3)
    expected = (
        r"output: run night-3 is as of 2025-11-04 02:00:00 UTC, later than this run, as of 2025-11-02 02:00:00 UTC; "
        r"--rewind rolls back 1 run \(night-3\); then run them again, in order"
    )
    with pytest.raises(UsageError, match=expected):
        nights.run(1)
    assert run_ids(nights) == ["night-3"]


def test_a_run_of_an_earlier_id_is_refused(nights: Nights) -> None:
    for night in range(3):
        nights.run(night)
    with pytest.raises(UsageError, match=r"run night-1 was published before run night-2; --rewind rolls back 1 run"):
        nights.run(3, run_id="night-1")


def test_the_last_run_made_again_for_a_moment_before_the_others_is_told_of_those(nights: Nights) -> None:
    for night in range(3):
        nights.run(night)
    expected = "run night-1 is as of 2025-11-02 02:00:00 UTC, later than this run, as of 2025-11-01 02:00:00 UTC; "
    with pytest.raises(UsageError, match=expected + r"--rewind rolls back 1 run \(night-1\); then run them again"):
        nights.run(0, run_id="night-2")


@pytest.mark.parametrize(("hours", "days"), [(23, None), (49, "2 days"), (25, "1 day")])
def test_a_run_for_a_moment_far_ahead_is_warned_of(nights: Nights, hours: int, days: str | None) -> None:
    report = nights.run(as_of=datetime.now(UTC) + timedelta(hours=hours, minutes=1))
    expected = f"--as-of is {days} in the future; runs with an earlier --as-of will be refused, unless with --rewind"
    assert [str(warning) for warning in report.warnings] == ([expected] if days else [])


def test_runs_of_the_same_moment_follow_each_other(nights: Nights) -> None:
    nights.run(0)
    nights.run(0, run_id="again")
    assert run_ids(nights) == ["night-0", "again"]


def test_a_rewind_takes_back_the_later_runs_and_their_changes(nights: Nights) -> None:
    nights.run(0)
    nights.contacts(ann="free", bob="pro", cem="free")
    nights.run(1)
    nights.contacts(ann="free", bob="free", cem="free")
    nights.run(2)
    nights.contacts(ann="pro", bob="pro", cem="pro")
    nights.run(1, rewind=True)
    assert run_ids(nights) == ["night-0", "night-1"]
    assert nights.changes() == [("night-1", "free", "cem", "exited"), ("night-1", "pro", "cem", "entered")]
    assert [gone.folder for gone in nights.history().taken_back] == ["night-1", "night-2"]


def test_a_rewind_tells_which_runs_it_takes_back(nights: Nights) -> None:
    for night in range(4):
        nights.run(night)
    told = "--rewind rolls back 2 runs (night-2, night-3), with their changes; run those to keep again, in order"
    expected = [f"{nights.output}: {told}"]
    for options in ({"dry_run": True}, {}):
        report = nights.run(1, rewind=True, **options)
        assert (report.taken_back, [str(one) for one in report.warnings]) == (("night-2", "night-3"), expected)
    assert nights.manifest("night-1~2").warnings == tuple(expected)
    report = nights.run(1, rewind=True)
    assert (report.taken_back, report.warnings) == ((), ())


def test_a_rewind_before_the_first_run_has_to_be_meant(nights: Nights) -> None:
    nights.run(1)
    nights.run(2)
    for options in ({"as_of": FIRST_NIGHT}, {"run_id": "night-1"}):
        with pytest.raises(UsageError, match=r"roll back every run, .*; to start over, add --accept all"):
            nights.run(1, rewind=True, **options)
    assert run_ids(nights) == ["night-1", "night-2"]
    nights.run(0, rewind=True, guard=Guard(accepted=["all"]))
    assert (run_ids(nights), nights.changes()) == (["night-0"], [])


def test_a_rewind_can_be_undone_for_a_day_however_little_is_kept(nights: Nights) -> None:
    nights.run(0)
    for night in (1, 2):
        nights.contacts(ann="free", bob="pro", cem="free" if night == 1 else "pro")
        nights.run(night)
    expected = nights.changes(), nights.members("pro")
    for _ in range(2):
        nights.run(1, rewind=True, keep=Keep(2, 0))
    assert nights.folders() == ["night-0", "night-1", "night-1~2", "night-1~3", "night-2"]
    (nights.output / "current").write_text("night-2\n")
    relink(nights.output)
    assert run_ids(nights) == ["night-0", "night-1", "night-2"]
    assert (nights.changes(), nights.members("pro")) == expected
    assert verify(nights.output).problems == []


def test_a_run_that_was_pruned_is_not_taken_for_damaged(nights: Nights) -> None:
    for night in range(4):
        nights.run(night, keep=Keep(2, 0))
    expected = "run night-0, which this one would follow, was pruned; rewind to night-3 at the earliest, and keep more"
    with pytest.raises(PublishError, match=expected):
        nights.run(1, rewind=True)
    nights.run(3, rewind=True)


def test_the_last_run_can_be_made_again_where_its_state_is_lost(nights: Nights) -> None:
    for night in range(2):
        nights.run(night)
    state = nights.place("night-1") / "state.arrow"
    state.unlink()
    expected = (
        "is missing; restore it, or first run the snapshot of that run again with --run-id night-1 --as-of 2025-11"
    )
    with pytest.raises(PublishError, match=expected + "-02T02:00:00Z$"):
        nights.run(2)
    [warning] = relink(nights.output).warnings
    assert warning.message.startswith("is missing or damaged; the tables do without, but the next run will not")
    nights.run(1)
    nights.run(2)
    assert run_ids(nights) == ["night-0", "night-1", "night-2"]


def test_the_output_of_another_project_is_refused(nights: Nights) -> None:
    nights.segment("pro", project_id="p1")
    nights.run(0, project="p1")
    with pytest.raises(
        UsageError, match=r"has the segments of project 'p1', and this run is of all projects; publish elsewhere"
    ):
        nights.run(1)
    assert run_ids(nights) == ["night-0"]


def test_ids_of_another_type_are_refused(nights: Nights) -> None:
    nights.run(0)
    write_contacts(nights.folder / "contacts.parquet", {"id": [1, 2, 3], "plan": ["pro"] * 3})
    expected = r"contacts.parquet: its ids are a number \(Int64\), and those of the last run were text; export them as"
    with pytest.raises(UsageError, match=expected):
        nights.run(1)
    assert run_ids(nights) == ["night-0"]


def test_texts_in_another_layout_are_the_same_ids(nights: Nights) -> None:
    nights.run(0)
    ids = pa.array(["ann", "bob", "cem"], pa.large_string()).dictionary_encode()
    write_contacts(nights.folder / "contacts.parquet", {"id": ids, "plan": ["pro", "pro", "free"]})
    nights.run(1)
    assert nights.changes() == []


def test_tables_that_were_not_placed_are_placed_by_the_next_run(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    nights.run(0)
    nights.contacts(ann="free", bob="pro", cem="free")
    with monkeypatch.context() as killed:
        killed.setattr(publish, "replace_catalogue", _kill)
        with pytest.raises(KeyboardInterrupt):
            nights.run(1)
    assert nights.members("pro") == ["ann", "bob"]
    with pytest.raises(UsageError):
        nights.run(0, run_id="earlier", rewind=False)
    assert nights.members("pro") == ["bob"]


def test_tables_of_an_earlier_try_of_the_same_run_are_not_taken_for_its_own(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    nights.run(0)
    nights.contacts(ann="free", bob="pro", cem="free")
    with monkeypatch.context() as killed:
        killed.setattr(publish, "replace_catalogue", _kill)
        with pytest.raises(KeyboardInterrupt):
            nights.run(0)
    assert nights.members("pro") == ["ann", "bob"]
    with pytest.raises(UsageError):
        nights.run(0, run_id="other", as_of="2020-01-01")
    assert nights.members("pro") == ["bob"]


def _kill(*_: object) -> None:
    raise KeyboardInterrupt


def test_tables_that_no_duckdb_can_open_are_made_anew_by_the_next_run(nights: Nights) -> None:
    nights.run(0)
    (nights.output / "segbatch.duckdb").write_bytes(b"x" * 5000)
    with pytest.raises(UsageError):
        nights.run(0, run_id="other", as_of="2020-01-01")
    assert nights.members("pro") == ["ann", "bob"]


def test_all_views_are_right_again_after_a_move(nights: Nights) -> None:
    nights.run(0)
    nights.contacts(ann="free", bob="pro", cem="free")
    nights.run(1)
    sql = [f"FROM {name} ORDER BY ALL" for name in ("membership", "membership_changes")]
    expected = [nights.ask(one) for one in sql]
    moved = nights.move("there's [1]")
    assert [moved.ask(one) for one in sql] == expected  # the program finds moved files itself, DuckDB does not
    relink(moved.output)
    assert [moved.ask(one) for one in sql] == expected


def test_a_dry_run_tells_the_same_and_writes_nothing(nights: Nights) -> None:
    nights.run(0)
    nights.contacts(ann="free", bob="pro")
    before = sorted(nights.output.rglob("*"))
    dry = nights.run(1, dry_run=True)
    assert (dry.dry_run, sorted(nights.output.rglob("*"))) == (True, before)
    wet = nights.run(1)
    assert [(s.member_count, s.entered, s.exited) for s in dry.segments] == [(1, 1, 1), (1, 0, 1)]
    assert dry.segments == wet.segments
    assert dry.membership == wet.membership


def test_a_dry_run_into_nothing_makes_no_folder(nights: Nights) -> None:
    assert nights.run(0, dry_run=True).run.memberships == 3
    assert not nights.output.exists()


def test_the_tables_can_be_read_while_they_are_replaced(nights: Nights) -> None:
    nights.run(0)
    with duckdb.connect(str(nights.output / "segbatch.duckdb"), read_only=True) as reader:
        nights.contacts(ann="free", bob="free")
        nights.run(0)
        nights.run(1)
        assert reader.execute("SELECT count(*) FROM membership_history").fetchone() == (3,)
