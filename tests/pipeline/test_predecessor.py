"""The predecessor of a run: repeated runs, earlier times, and outputs of another project."""

from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
import pytest

from builders import write_contacts
from segbatch import Guard, Keep, PublishError, UsageError
from segbatch.runs.verify import verify
from segbatch.storage import publish
from segbatch.storage.catalog_rebuild import relink
from workspace import FIRST_RUN, Workspace

pytestmark = pytest.mark.slow


def run_ids(workspace: Workspace) -> list[str]:
    return [run.run.run_id for run in workspace.history().runs]


def test_the_first_run_is_a_baseline_without_changes(workspace: Workspace) -> None:
    report = workspace.run(0)
    assert [(segment.entered, segment.exited) for segment in report.segments] == [(None, None), (None, None)]
    assert workspace.changes() == []
    assert workspace.ask(
        "SELECT contact_id, exited_at FROM membership_history WHERE segment_id = 'pro' ORDER BY 1"
    ) == [
        ("ann", None),
        ("bob", None),
    ]


def test_a_run_of_the_same_id_takes_the_place_of_the_last_one(workspace: Workspace) -> None:
    workspace.run(0)
    workspace.contacts(ann="free", bob="free", cem="free")
    workspace.run(1)
    workspace.contacts(ann="free", bob="pro", cem="free")
    for _ in range(2):
        workspace.run(1)
        assert run_ids(workspace) == ["night-0", "night-1"]
        assert workspace.changes() == [("night-1", "free", "ann", "entered"), ("night-1", "pro", "ann", "exited")]
    assert workspace.folders() == ["night-0", "night-1", "night-1~2", "night-1~3"]


def test_the_first_run_can_be_run_again(workspace: Workspace) -> None:
    workspace.run(0)
    workspace.contacts(ann="free", bob="free", cem="free")
    workspace.run(0)
    assert (run_ids(workspace), workspace.changes(), workspace.members("pro")) == (["night-0"], [], [])


def test_a_run_for_an_earlier_moment_is_refused(workspace: Workspace) -> None:
    workspace.run(3)
    expected = (
        r"output: run night-3 is as of 2025-11-04 02:00:00 UTC, later than this run, as of 2025-11-02 02:00:00 UTC; "
        r"--rewind rolls back 1 run \(night-3\); then run them again, in order"
    )
    with pytest.raises(UsageError, match=expected):
        workspace.run(1)
    assert run_ids(workspace) == ["night-3"]


def test_a_run_of_an_earlier_id_is_refused(workspace: Workspace) -> None:
    for number in range(3):
        workspace.run(number)
    with pytest.raises(UsageError, match=r"run night-1 was published before run night-2; --rewind rolls back 1 run"):
        workspace.run(3, run_id="night-1")


def test_repeating_the_last_run_with_an_earlier_time_names_the_later_runs(workspace: Workspace) -> None:
    for number in range(3):
        workspace.run(number)
    expected = "run night-1 is as of 2025-11-02 02:00:00 UTC, later than this run, as of 2025-11-01 02:00:00 UTC; "
    with pytest.raises(UsageError, match=expected + r"--rewind rolls back 1 run \(night-1\); then run them again"):
        workspace.run(0, run_id="night-2")


@pytest.mark.parametrize(("hours", "days"), [(23, None), (49, "2 days"), (25, "1 day")])
def test_a_run_for_a_moment_far_ahead_is_warned_of(workspace: Workspace, hours: int, days: str | None) -> None:
    report = workspace.run(as_of=datetime.now(UTC) + timedelta(hours=hours, minutes=1))
    expected = f"--as-of is {days} in the future; runs with an earlier --as-of will be refused, unless with --rewind"
    assert [str(warning) for warning in report.warnings] == ([expected] if days else [])


def test_runs_of_the_same_moment_follow_each_other(workspace: Workspace) -> None:
    workspace.run(0)
    workspace.run(0, run_id="again")
    assert run_ids(workspace) == ["night-0", "again"]


def test_a_rewind_takes_back_the_later_runs_and_their_changes(workspace: Workspace) -> None:
    workspace.run(0)
    workspace.contacts(ann="free", bob="pro", cem="free")
    workspace.run(1)
    workspace.contacts(ann="free", bob="free", cem="free")
    workspace.run(2)
    workspace.contacts(ann="pro", bob="pro", cem="pro")
    workspace.run(1, rewind=True)
    assert run_ids(workspace) == ["night-0", "night-1"]
    assert workspace.changes() == [("night-1", "free", "cem", "exited"), ("night-1", "pro", "cem", "entered")]
    assert [gone.folder for gone in workspace.history().taken_back] == ["night-1", "night-2"]


def test_a_rewind_names_the_runs_that_it_rolls_back(workspace: Workspace) -> None:
    for number in range(4):
        workspace.run(number)
    told = "--rewind rolls back 2 runs (night-2, night-3), with their changes; run those to keep again, in order"
    expected = [f"{workspace.output}: {told}"]
    for options in ({"dry_run": True}, {}):
        report = workspace.run(1, rewind=True, **options)
        assert (report.taken_back, [str(one) for one in report.warnings]) == (("night-2", "night-3"), expected)
    assert workspace.manifest("night-1~2").warnings == tuple(expected)
    report = workspace.run(1, rewind=True)
    assert (report.taken_back, report.warnings) == ((), ())


def test_a_rewind_before_the_first_run_has_to_be_meant(workspace: Workspace) -> None:
    workspace.run(1)
    workspace.run(2)
    for options in ({"as_of": FIRST_RUN}, {"run_id": "night-1"}):
        with pytest.raises(UsageError, match=r"roll back every run, .*; to start over, add --accept all"):
            workspace.run(1, rewind=True, **options)
    assert run_ids(workspace) == ["night-1", "night-2"]
    workspace.run(0, rewind=True, guard=Guard(accepted=["all"]))
    assert (run_ids(workspace), workspace.changes()) == (["night-0"], [])


def test_a_rewind_can_be_undone_for_a_day_however_little_is_kept(workspace: Workspace) -> None:
    workspace.run(0)
    for number in (1, 2):
        workspace.contacts(ann="free", bob="pro", cem="free" if number == 1 else "pro")
        workspace.run(number)
    expected = workspace.changes(), workspace.members("pro")
    for _ in range(2):
        workspace.run(1, rewind=True, keep=Keep(2, 0))
    assert workspace.folders() == ["night-0", "night-1", "night-1~2", "night-1~3", "night-2"]
    (workspace.output / "current").write_text("night-2\n")
    relink(workspace.output)
    assert run_ids(workspace) == ["night-0", "night-1", "night-2"]
    assert (workspace.changes(), workspace.members("pro")) == expected
    assert verify(workspace.output).problems == []


def test_a_pruned_run_does_not_count_as_damaged(workspace: Workspace) -> None:
    for number in range(4):
        workspace.run(number, keep=Keep(2, 0))
    expected = "run night-0, which this one would follow, was pruned; rewind to night-3 at the earliest, and keep more"
    with pytest.raises(PublishError, match=expected):
        workspace.run(1, rewind=True)
    workspace.run(3, rewind=True)


def test_the_last_run_can_be_made_again_where_its_state_is_lost(workspace: Workspace) -> None:
    for number in range(2):
        workspace.run(number)
    state = workspace.place("night-1") / "state.arrow"
    state.unlink()
    expected = (
        "is missing; restore it, or first run the snapshot of that run again with --run-id night-1 --as-of 2025-11"
    )
    with pytest.raises(PublishError, match=expected + "-02T02:00:00Z$"):
        workspace.run(2)
    [warning] = relink(workspace.output).warnings
    assert warning.message.startswith("is missing or damaged; the tables do not need it, but the next run does")
    workspace.run(1)
    workspace.run(2)
    assert run_ids(workspace) == ["night-0", "night-1", "night-2"]


def test_the_output_of_another_project_is_refused(workspace: Workspace) -> None:
    workspace.segment("pro", project_id="p1")
    workspace.run(0, project="p1")
    with pytest.raises(
        UsageError, match=r"has the segments of project 'p1', and this run is of all projects; publish elsewhere"
    ):
        workspace.run(1)
    assert run_ids(workspace) == ["night-0"]


def test_ids_of_another_type_are_refused(workspace: Workspace) -> None:
    workspace.run(0)
    write_contacts(workspace.folder / "contacts.parquet", {"id": [1, 2, 3], "plan": ["pro"] * 3})
    expected = r"contacts.parquet: its ids are a number \(Int64\), and those of the last run were text; export them as"
    with pytest.raises(UsageError, match=expected):
        workspace.run(1)
    assert run_ids(workspace) == ["night-0"]


def test_texts_in_another_layout_are_the_same_ids(workspace: Workspace) -> None:
    workspace.run(0)
    ids = pa.array(["ann", "bob", "cem"], pa.large_string()).dictionary_encode()
    write_contacts(workspace.folder / "contacts.parquet", {"id": ids, "plan": ["pro", "pro", "free"]})
    workspace.run(1)
    assert workspace.changes() == []


def test_tables_that_were_not_placed_are_placed_by_the_next_run(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.run(0)
    workspace.contacts(ann="free", bob="pro", cem="free")
    with monkeypatch.context() as killed:
        killed.setattr(publish, "replace_catalogue", _kill)
        with pytest.raises(KeyboardInterrupt):
            workspace.run(1)
    assert workspace.members("pro") == ["ann", "bob"]
    with pytest.raises(UsageError):
        workspace.run(0, run_id="earlier", rewind=False)
    assert workspace.members("pro") == ["bob"]


def test_tables_of_an_earlier_attempt_are_replaced(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace.run(0)
    workspace.contacts(ann="free", bob="pro", cem="free")
    with monkeypatch.context() as killed:
        killed.setattr(publish, "replace_catalogue", _kill)
        with pytest.raises(KeyboardInterrupt):
            workspace.run(0)
    assert workspace.members("pro") == ["ann", "bob"]
    with pytest.raises(UsageError):
        workspace.run(0, run_id="other", as_of="2020-01-01")
    assert workspace.members("pro") == ["bob"]


def _kill(*_: object) -> None:
    raise KeyboardInterrupt


def test_damaged_tables_are_rebuilt_by_the_next_run(workspace: Workspace) -> None:
    workspace.run(0)
    (workspace.output / "segbatch.duckdb").write_bytes(b"x" * 5000)
    with pytest.raises(UsageError):
        workspace.run(0, run_id="other", as_of="2020-01-01")
    assert workspace.members("pro") == ["ann", "bob"]


def test_all_views_are_right_again_after_a_move(workspace: Workspace) -> None:
    workspace.run(0)
    workspace.contacts(ann="free", bob="pro", cem="free")
    workspace.run(1)
    sql = [f"FROM {name} ORDER BY ALL" for name in ("membership", "membership_changes")]
    expected = [workspace.ask(one) for one in sql]
    moved = workspace.move("there's [1]")
    assert [moved.ask(one) for one in sql] == expected  # the program finds moved files itself, DuckDB does not
    relink(moved.output)
    assert [moved.ask(one) for one in sql] == expected


def test_a_dry_run_reports_the_same_and_writes_nothing(workspace: Workspace) -> None:
    workspace.run(0)
    workspace.contacts(ann="free", bob="pro")
    before = sorted(workspace.output.rglob("*"))
    dry = workspace.run(1, dry_run=True)
    assert (dry.dry_run, sorted(workspace.output.rglob("*"))) == (True, before)
    wet = workspace.run(1)
    assert [(s.member_count, s.entered, s.exited) for s in dry.segments] == [(1, 1, 1), (1, 0, 1)]
    assert dry.segments == wet.segments
    assert dry.membership == wet.membership


def test_a_dry_run_into_nothing_makes_no_folder(workspace: Workspace) -> None:
    assert workspace.run(0, dry_run=True).run.memberships == 3
    assert not workspace.output.exists()


def test_the_tables_can_be_read_while_they_are_replaced(workspace: Workspace) -> None:
    workspace.run(0)
    with duckdb.connect(str(workspace.output / "segbatch.duckdb"), read_only=True) as reader:
        workspace.contacts(ann="free", bob="free")
        workspace.run(0)
        workspace.run(1)
        assert reader.execute("SELECT count(*) FROM membership_history").fetchone() == (3,)
