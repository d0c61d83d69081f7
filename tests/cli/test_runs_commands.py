"""The commands for published runs, and the options of a run that depend on previous runs."""

import json
import shutil
import sys
from collections.abc import Callable
from typing import Any

import pytest

from builders import rule, write_segment
from segbatch.interfaces import cli
from segbatch.storage.output_lock import LockPolicy
from segbatch.storage.publish import own_output
from workspace import Workspace

pytestmark = pytest.mark.slow

Call = Callable[..., tuple[int, list[str], list[str]]]

RUN = ("run", "--contacts", "contacts.parquet")


@pytest.fixture
def call(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Call the program, and return its exit status and the lines of stdout and stderr, without padding."""

    def called(*arguments: str) -> tuple[int, list[str], list[str]]:
        monkeypatch.setattr(sys, "argv", ["segbatch", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        lines = ([" ".join(line.split()) for line in text.splitlines()] for text in (out, err))
        return (int(ended.value.code or 0), *lines)  # type: ignore[return-value]

    monkeypatch.chdir(workspace.folder)
    monkeypatch.setenv("COLUMNS", "200")
    return called


def data(call: Call, *arguments: str, status: int = 0) -> Any:
    ended, out, err = call(*arguments, "--json")
    assert (ended, err) == (status, [])
    return json.loads("\n".join(out))


@pytest.fixture
def two(workspace: Workspace) -> Workspace:
    workspace.run(0)
    workspace.contacts(ann="free", bob="pro", cem="free")
    (workspace.folder / "segments" / "bad.json").write_text("{")
    workspace.run(1)
    return workspace


@pytest.mark.usefixtures("two")
def test_runs_are_listed(call: Call) -> None:
    assert call("runs")[:2] == (
        0,
        [
            "run as of segments contacts memberships changes kept",
            "night-1 2025-11-02 02:00 2 ok, 1 failed 3 3 2 yes",
            "night-0 2025-11-01 02:00 2 ok 3 3 0 yes",
        ],
    )
    listed = data(call, "runs")
    assert [(run["run_id"], run["segments_failed"], run["changes"], run["members_kept"]) for run in listed] == [
        ("night-1", 1, 2, True),
        ("night-0", 0, 0, True),
    ]


def test_a_long_list_of_runs_is_shortened(workspace: Workspace, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segbatch.interfaces.cli.render.runs._MOST_SHOWN", 1)
    workspace.run(0)
    workspace.run(1)
    _, out, _ = call("runs")
    assert [line.split()[0] for line in out] == ["run", "night-1", "and"]
    assert out[-1] == "and 1 more, with --json"


@pytest.mark.usefixtures("two")
def test_runs_show_prints_all_details_of_a_run(call: Call) -> None:
    status, out, _ = call("runs", "show")
    assert status == 0
    assert out[0] == "run night-1"
    assert "as of 2025-11-02 02:00:00 UTC, time zone UTC" in out
    assert "engine local" in out
    assert "segments 2 ok, 1 failed" in out
    [snapshot] = [line for line in out if line.startswith("contacts.parquet") or "/contacts.parquet" in line]
    assert len(snapshot.split()[-1]) == 64
    rows = {line.split()[0]: line.split() for line in out if line}
    assert rows["pro"][1:5] == ["ok", "1", "0", "1"]
    assert rows["bad"][1:] == ["failed", "-", "-", "-", "-", "-"]
    assert out[-1].startswith("failed: bad: ")
    shown = data(call, "runs", "show", "previous")
    assert (shown["run"]["run_id"], shown["members_kept"], shown["changes"]) == ("night-0", True, 0)
    assert {file["path"] for file in shown["files"]} >= {"state.arrow", "changes.parquet"}


def test_runs_show_prints_notes_and_the_project(workspace: Workspace, call: Call) -> None:
    workspace.run(0, project="p1")
    _, out, _ = call("runs", "show", "night-0")
    assert "project p1" in out
    [note] = [line.split(maxsplit=1)[1] for line in out if line.startswith("note ")]
    assert note == "the snapshot has no column 'project_id', so all of its contacts count as those of 'p1'"


@pytest.mark.parametrize(
    "command", [("runs", "show", "nigt-1"), ("diff", "nigt-1", "last"), ("diff", "last", "nigt-1")]
)
@pytest.mark.usefixtures("two")
def test_an_unknown_run_is_reported_with_the_nearest_id(call: Call, command: tuple[str, ...]) -> None:
    assert call(*command) == (2, [], ["error: output: run 'nigt-1' does not exist; did you mean 'night-1'?"])


@pytest.mark.parametrize("command", [("runs",), ("runs", "show"), ("runs", "prune", "--keep", "2"), ("verify",)])
@pytest.mark.usefixtures("workspace")
def test_an_output_without_runs_is_reported(call: Call, command: tuple[str, ...]) -> None:
    expected = "error: output: nothing is published there; name the folder that a run published in (--output)"
    assert call(*command) == (2, [], [expected])


@pytest.mark.parametrize(("option", "named"), [(("--output", "x"), "--output"), (("--json",), "--json")])
@pytest.mark.usefixtures("two")
def test_options_before_the_command_are_an_error(call: Call, option: tuple[str, ...], named: str) -> None:
    expected = f"error: {named} must come after the command: segbatch runs show {named}"
    assert call("runs", *option, "show") == (2, [], [expected])


def test_runs_are_pruned(workspace: Workspace, call: Call) -> None:
    for number in range(3):
        workspace.run(number)
    workspace.run(2)
    prune = ("runs", "prune", "--keep", "2")
    assert call(*prune) == (0, ["nothing to prune"], [])
    now = (*prune, "--keep-days", "0")
    listed = ["night-0: 3 memberships", "night-2: the folder of a rolled-back run"]
    assert call(*now, "--dry-run") == (0, [*listed, "2 runs would be pruned"], [])
    assert call(*now) == (0, [*listed, "2 runs pruned"], [])
    assert data(call, *now) == {"pruned": [], "taken_back": [], "dry_run": False}
    assert [run["members_kept"] for run in data(call, "runs")] == [True, True, False]
    assert "memberships 3, pruned" in call("runs", "show", "night-0")[1]
    assert call("verify", "--all")[0] == 0


def test_runs_are_not_pruned_during_another_run(two: Workspace, call: Call) -> None:
    with own_output(two.output, "run r9", LockPolicy()):
        status, _, [error] = call("runs", "prune", "--keep", "2")
        assert call("runs", "prune", "--keep", "2", "--dry-run")[0] == 0
    assert status == 75
    assert error.startswith("error: output: run r9 (process ")


def test_members_that_cannot_be_removed_are_reported(
    two: Workspace, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PermissionError(13, "no", str(two.output))

    monkeypatch.setattr("segbatch.runs.prune.prune", fail)
    status, _, [error] = call("runs", "prune", "--keep", "2")
    assert status == 1
    assert error.endswith("not all members of old runs are removed; run it again")


@pytest.mark.usefixtures("two")
def test_prune_requires_at_least_two_runs_to_keep(call: Call) -> None:
    assert call("runs", "prune", "--keep", "1")[0] == 2
    assert call("runs", "prune")[0] == 2


def test_diff_prints_the_differences_between_two_runs(two: Workspace, call: Call) -> None:
    status, out, _ = call("diff", "previous", "last")
    assert (status, out[:3]) == (
        0,
        ["segment then now entered exited what", "bad - 0 new, failed", "free 1 2 +1"],
    )
    assert out[3:5] == ["pro 2 1 -1", "0 segments with the same members and definition"]
    assert out[5] == "as of: 2025-11-01T02:00:00Z, now 2025-11-02T02:00:00Z"
    assert out[6].startswith("snapshot: ")
    assert out[7:] == ["definitions: 1 new"]
    found = data(call, "diff", "previous", "last")
    assert (found["then"]["run_id"], found["now"]["run_id"]) == ("night-0", "night-1")
    assert [segment["entered"] for segment in found["segments"]] == [0, 1, 0]
    write_segment(two.folder / "segments", "bad", rule("plann", "eq", "pro"))
    two.run(2)
    _, out, _ = call("diff", "previous", "last")
    assert out[1] == "bad 0 0 changed, still failed"
    two.segment("bad", "pro")
    two.run(3)
    _, out, _ = call("diff", "previous", "last")
    assert out[1] == "bad 0 1 +1 changed, now ok"
    assert call("diff", "last", "last")[1] == ["3 segments with the same members and definition"]


def test_a_missing_file_is_reported_by_verify_with_exit_status_1(two: Workspace, call: Call) -> None:
    status, [line], err = call("verify")
    assert (status, err) == (0, [])
    assert line.startswith("3 files of 1 run, ")
    assert line.endswith(" bytes verified: 0 errors")
    (two.place("night-1") / "state.arrow").unlink()
    status, [line], [error] = call("verify")
    assert (status, line.split(": ")[-1]) == (1, "1 error")
    expected = "error: output/runs/night-1/state.arrow: is missing; restore it from a copy, or run the"
    assert error == f"{expected} snapshot of that run again with --run-id night-1 --as-of 2025-11-02T02:00:00Z"
    found = data(call, "verify", "--all", status=1)
    assert (found["runs"], found["files"], len(found["problems"])) == (2, 6, 1)


def test_run_id_sets_the_id_of_the_run(workspace: Workspace, call: Call) -> None:
    assert call(*RUN, "--run-id", "manual__2025-11-05T02:00:00+00:00")[1][-2].endswith("+00:00")
    assert [run.folder for run in workspace.history().runs] == ["manual__2025-11-05T02:00:00+00:00"]


def run_of(summary: str) -> str:
    """Return the id of the run from the summary line of its table."""
    return summary.rpartition(" ")[2]


def accepting(segment_ids: str) -> str:
    return " ".join(f"--accept {segment_id}" for segment_id in segment_ids.split())


@pytest.mark.parametrize("option", ["--accept pro", "--accept all", "--allow-collapse"])
def test_a_segment_that_collapses_is_held_back_until_it_is_accepted(
    workspace: Workspace, call: Call, option: str
) -> None:
    workspace.crowd(400, pro=200)
    workspace.run(0)
    workspace.crowd(400, pro=0)
    status, out, err = call(*RUN)
    assert (status, [line.split()[-1] for line in out[1:3]]) == (3, ["ok", "held"])
    [error] = err
    assert error == (
        "error: segment 'pro': would go from 200 members to none; if that is right, run with --accept pro, "
        "or with --allow-collapse for all segments"
    )
    assert call(*RUN, *option.split())[0] == 0


@pytest.mark.parametrize("share", ["30%", "0.3"])
def test_a_segment_beyond_max_change_is_held_back_until_it_is_accepted(
    workspace: Workspace, call: Call, share: str
) -> None:
    workspace.crowd(400, pro=200)
    write_segment(workspace.folder / "segments", "also", rule("plan", "neq", "free"))
    workspace.run(0)
    workspace.crowd(400, pro=100)
    status, out, err = call(*RUN, "--max-change", share)
    assert status == 3
    assert [line.split()[-1] for line in out[1:4]] == ["held", "held", "held"]
    assert out[4].startswith("400 contacts, 3 segments, 600 memberships, 3 held (3 with earlier members); run ")
    assert err[0] == (
        "error: segment 'also': would go from 200 to 100 members (-50.0%), more than 30% of its size; "
        "if that is right, run with --accept also"
    )
    assert (
        out[5]
        == f"to publish the held segments, run again with --run-id {run_of(out[4])} and {accepting('also free pro')}"
    )
    assert call(*RUN, "--max-change", share, "--dry-run")[1][5] == (
        f"to publish the held segments, run again and {accepting('also free pro')}"
    )
    status, out, err = call(*RUN, "--max-change", share, "--accept", "also", "--accept", "pro")
    assert (status, [line.split()[-1] for line in out[1:4]], len(err)) == (3, ["ok", "held", "ok"], 1)
    assert call(*RUN, "--max-change", share, "--max-change-floor", "301")[0] == 0


def test_run_prints_the_changes_of_each_segment(workspace: Workspace, call: Call) -> None:
    workspace.run(0)
    workspace.contacts(ann="free", bob="pro", cem="free")
    assert call(*RUN)[1][:3] == [
        "segment members share entered exited status",
        "free 2 66.7% +1 ok",
        "pro 1 33.3% -1 ok",
    ]


def test_a_dry_run_reports_that_it_published_nothing(workspace: Workspace, call: Call) -> None:
    status, out, _ = call(*RUN, "--dry-run")
    assert (status, out[-1]) == (0, "dry run: nothing was published")
    assert data(call, *RUN, "--dry-run")["dry_run"] is True
    assert not workspace.output.exists()


def test_a_run_with_an_earlier_as_of_requires_rewind(workspace: Workspace, call: Call) -> None:
    workspace.run(3)
    earlier = (*RUN, "--as-of", "2025-11-02")
    assert call(*earlier)[0] == 2
    status, _, [error] = call(*earlier, "--rewind")
    assert (status, error.split("; ")[-1]) == (2, "to start over, add --accept all")
    assert call(*earlier, "--rewind", "--accept", "all")[0] == 0
    assert len(workspace.history().runs) == 1


def test_rewind_reports_the_runs_that_it_rolls_back(workspace: Workspace, call: Call) -> None:
    for number in range(3):
        workspace.run(number)
    back = (*RUN, "--run-id", "tuesday", "--as-of", "2025-11-02", "--rewind")
    told = "--rewind rolls back 2 runs (night-1, night-2), with their changes; run those to keep again, in order"
    for options in (("--dry-run",), ()):
        status, _, err = call(*back, *options)
        assert (status, err) == (0, [f"warning: output: {told}"])
    workspace.run(2)
    assert data(call, *back, "--run-id", "wednesday")["taken_back"] == ["night-2"]


def test_relink_warns_about_a_missing_folder_of_the_current_run(two: Workspace, call: Call) -> None:
    shutil.rmtree(two.place("night-1"))
    status, out, [warning] = call("relink")
    assert (status, out) == (0, ["output/segbatch.duckdb"])
    assert warning.startswith("warning: output/current: names night-1, whose folder is missing; ")


def test_a_run_prunes_the_members_of_old_runs(workspace: Workspace, call: Call) -> None:
    for number in range(3):
        workspace.run(number)
    assert call(*RUN, "--keep", "2")[0] == 0
    assert [run["members_kept"] for run in data(call, "runs")] == [True, True, True, True]
    assert call(*RUN, "--keep", "3", "--keep-days", "0")[0] == 0
    assert [run["members_kept"] for run in data(call, "runs")] == [True, True, True, False, False]


@pytest.mark.parametrize("command", [RUN, ("relink",), ("runs", "prune", "--keep", "2")], ids=lambda words: words[0])
def test_a_waiting_command_reports_the_run_that_owns_the_lock(
    two: Workspace, call: Call, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    work = own_output(two.output, "run r9", LockPolicy())
    work.__enter__()
    monkeypatch.setattr("segbatch.storage.output_lock.time.sleep", lambda _: work.__exit__(None, None, None))
    status, _, err = call(*command, "--wait")
    assert status in {0, 3}
    assert err[0].startswith("output: run r9 (process ")
    assert err[0].endswith(" UTC; waiting")
