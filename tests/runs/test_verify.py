"""Checking published files: changed, cut and lost ones."""

import json
import re
import shutil
from pathlib import Path

import pytest

from segbatch import Keep, PublishError, UsageError
from segbatch.runs import verify as verifying
from segbatch.runs.verify import verify
from segbatch.storage.catalog_rebuild import relink
from workspace import Workspace

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "_PAUSE", 0)


@pytest.fixture
def three(workspace: Workspace) -> Workspace:
    """Three runs, of which the second has changes."""
    workspace.run(0)
    workspace.contacts(ann="free", bob="pro", cem="free")
    workspace.run(1)
    workspace.run(2)
    assert verify(workspace.output, every_run=True).problems == []
    return workspace


def problems(workspace: Workspace, *, every_run: bool = False) -> list[str]:
    prefix = f"{workspace.output}/"
    return [line.removeprefix(prefix) for line in verify(workspace.output, every_run=every_run).problems]


def spoil(path: Path) -> None:
    """Change one byte in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


FILES = ["membership/part-00000.parquet", "state.arrow", "changes.parquet"]
AGAIN = (
    "restore it from a copy, or run the snapshot of that run again with --run-id night-2 --as-of 2025-11-03T02:00:00Z"
)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_was_changed_cut_or_lost_is_found(three: Workspace, name: str) -> None:
    path = three.place("night-2") / name
    place, size = f"runs/night-2/{name}", path.stat().st_size
    spoil(path)
    assert problems(three) == [f"{place}: was changed: its checksum differs from the one in the manifest; {AGAIN}"]
    path.write_bytes(path.read_bytes()[:-1])
    assert problems(three) == [f"{place}: has {size - 1:,} bytes instead of {size:,}; {AGAIN}"]
    path.unlink()
    assert problems(three) == [f"{place}: is missing; {AGAIN}"]
    path.mkdir()
    assert len(problems(three)) == 1


def test_running_again_fixes_the_last_run(three: Workspace) -> None:
    for name in FILES:
        spoil(three.place("night-2") / name)
    assert len(problems(three)) == 3
    three.run(2)
    assert problems(three) == []


def test_the_members_of_older_runs_are_read_when_all_are_asked_for(three: Workspace) -> None:
    spoil(three.place("night-0") / "state.arrow")
    spoil(three.place("night-1") / FILES[0])
    assert problems(three) == []
    changed = "was changed: its checksum differs from the one in the manifest; restore it from a copy"
    assert problems(three, every_run=True) == [
        f"runs/night-0/state.arrow: {changed}",
        f"runs/night-1/{FILES[0]}: {changed}",
    ]


def test_the_changes_of_older_runs_are_always_read(three: Workspace) -> None:
    (three.place("night-1") / "changes.parquet").unlink()
    assert problems(three) == ["runs/night-1/changes.parquet: is missing; restore it from a copy"]


@pytest.mark.parametrize("content", [None, b"x" * 100])
@pytest.mark.parametrize("lost", [1, 2])
def test_lost_changes_of_an_older_run_are_left_out_and_reported(
    three: Workspace, content: bytes | None, lost: int
) -> None:
    three.contacts(ann="pro", bob="free", cem="free")
    three.run(2)
    path = three.output / "runs" / three.history().runs[lost].folder / "changes.parquet"
    whole = path.read_bytes()
    everything = three.changes()
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    three.contacts(ann="pro", bob="pro", cem="free")
    report = three.run(3)
    [warning] = report.warnings
    assert warning.file == str(path)
    assert warning.message.split("; ")[1:] == [
        f"membership_changes and membership_history lack the changes of run night-{lost}",
        "restore it from a copy and run segbatch relink",
        "segbatch verify lists all lost files",
    ]
    assert three.manifest("night-3").warnings == (str(warning),)
    assert three.members("pro") == ["ann", "bob"]
    tonight = three.ask("FROM membership_changes WHERE run_id = 'night-3'")
    assert {run_id for run_id, *_ in three.changes()} == {"night-1", "night-2", "night-3"} - {f"night-{lost}"}
    assert len(problems(three)) == 1
    assert relink(three.output).warnings == (warning,)
    path.write_bytes(whole)
    assert problems(three) == ["segbatch.duckdb: does not show all changes; fix it with segbatch relink"]
    assert relink(three.output).warnings == ()
    assert len(three.changes()) == len(everything) + len(tonight)


def test_a_history_without_sizes_is_read_too(three: Workspace) -> None:
    history = three.place("night-2") / "history.json"
    history.write_text(re.sub(r',\s*"changes_size": [0-9a-z]+', "", history.read_text()))
    (three.place("night-1") / "changes.parquet").write_bytes(b"")
    [warning] = three.run(3).warnings
    assert "changes.parquet: is damaged; " in str(warning)


def test_relink_needs_the_members_alone(three: Workspace) -> None:
    three.contacts(ann="pro", bob="free", cem="free")
    three.run(3)
    (three.place("night-3") / "changes.parquet").unlink()
    (three.place("night-3") / "state.arrow").unlink()
    assert len(relink(three.output).warnings) == 2
    assert three.members("pro") == ["ann"]
    assert {run_id for run_id, *_ in three.changes()} == {"night-1"}


def test_relink_reads_runs_of_versions_without_pending_definitions(three: Workspace) -> None:
    before = three.ask("SELECT segment_id, status, member_count, pending_definition FROM segments ORDER BY ALL")
    for file in three.output.glob("runs/*/manifest.json"):
        manifest = json.loads(file.read_text())
        for segment in manifest["segments"]:
            assert "pending_definition" in segment
            del segment["pending_definition"]
        file.write_text(json.dumps(manifest))
    (three.output / "segbatch.duckdb").unlink()
    assert relink(three.output).warnings == ()
    after = three.ask("SELECT segment_id, status, member_count, pending_definition FROM segments ORDER BY ALL")
    assert after == before
    assert {pending for *_, pending in after} == {None}
    assert three.run(3).run.status == "ok"


def test_relink_reports_the_run_that_it_returns_to(three: Workspace) -> None:
    shutil.rmtree(three.place("night-2"))
    fault = "current: names night-2, whose folder is missing"
    with pytest.raises(PublishError, match=f"{fault}; restore it, or go back to night-1 with segbatch relink"):
        three.run(3)
    assert problems(three)[0].startswith(fault)
    [warning] = relink(three.output).warnings
    assert str(warning).endswith(f"{fault}; the tables show run night-1 now, the last one that exists")
    assert relink(three.output).warnings == ()
    assert three.ask("SELECT max(run_id) FROM runs") == [("night-1",)]


def test_pruned_files_are_not_reported(three: Workspace) -> None:
    three.run(3, keep=Keep(2, 0))
    found = verify(three.output, every_run=True)
    assert (found.runs, found.problems) == (2, [])
    shutil.rmtree(three.place("night-2") / "membership")
    (three.place("night-2") / "state.arrow").unlink()
    assert len(problems(three, every_run=True)) == 2


def test_files_pruned_during_the_check_are_not_reported(three: Workspace) -> None:
    def prune(_done: int, _total: int) -> None:
        (three.place("night-0") / "state.arrow").unlink(missing_ok=True)
        shutil.rmtree(three.place("night-0") / "membership", ignore_errors=True)

    assert verify(three.output, every_run=True, progress=prune).problems == []


def test_a_run_published_during_the_check_is_not_reported(three: Workspace) -> None:
    runs = iter([3])

    def publish(_done: int, _total: int) -> None:
        for number in runs:
            three.run(number)

    assert verify(three.output, progress=publish).problems == []


@pytest.mark.parametrize("content", ["", "{}", None])
def test_a_manifest_that_cannot_be_read_is_found(three: Workspace, content: str | None) -> None:
    for number in (0, 2):
        path = three.place(f"night-{number}") / "manifest.json"
        path.unlink()
        if content is not None:
            path.write_text(content)
    told = "manifest.json: is missing or damaged; restore it, or publish into another folder (--output)"
    assert problems(three) == [f"runs/night-{number}/{told}" for number in (0, 2)]


def test_a_manifest_of_another_run_is_reported(three: Workspace) -> None:
    shutil.copy(three.place("night-0") / "manifest.json", three.place("night-1") / "manifest.json")
    told = "is that of another run, or was changed; restore it from a copy"
    assert problems(three) == [f"runs/night-1/manifest.json: {told}"]


def test_a_history_that_cannot_be_read_is_found(three: Workspace) -> None:
    (three.place("night-2") / "history.json").write_text("{}")
    [told] = problems(three)
    assert told.startswith("runs/night-2/history.json: is missing or damaged; ")


def test_a_pointer_that_is_lost_is_found_and_the_rest_is_read(three: Workspace) -> None:
    spoil(three.place("night-2") / "state.arrow")
    (three.output / "current").unlink()
    assert [line.split(":")[0] for line in problems(three)] == ["current", "runs/night-2/state.arrow"]


def test_a_pointer_to_nothing_is_found(three: Workspace) -> None:
    shutil.rmtree(three.output / "runs")
    told = "names night-2, whose folder is missing; restore the folder, or remove this file"
    assert problems(three) == [f"current: {told}"]


def test_tables_of_another_run_are_reported_and_fixed(three: Workspace) -> None:
    older = (three.output / "segbatch.duckdb").read_bytes()
    three.run(3)
    (three.output / "segbatch.duckdb").write_bytes(older)
    told = "segbatch.duckdb: does not show the published run; fix it with segbatch relink"
    assert problems(three) == [told]
    relink(three.output)
    assert problems(three) == []


def test_tables_that_are_lost_or_damaged_are_found(three: Workspace) -> None:
    path = three.output / "segbatch.duckdb"
    content = path.read_bytes()
    path.unlink()
    assert problems(three) == ["segbatch.duckdb: is missing; fix it with segbatch relink"]
    path.write_bytes(b"x" * 5000)
    assert problems(three) == ["segbatch.duckdb: does not show the published run; fix it with segbatch relink"]
    path.write_bytes(content)
    assert problems(three) == []


def test_tables_with_damaged_blocks_are_reported(three: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "shows", lambda *_: True)
    (three.output / "segbatch.duckdb").write_bytes(b"x" * 5000)
    [told] = problems(three)
    assert told.startswith("segbatch.duckdb: is damaged: IO Error: ")
    assert told.endswith("; fix it with segbatch relink")


def test_tables_of_moved_files_are_reported_and_fixed(three: Workspace) -> None:
    moved = three.move("there's")
    told = (
        "segbatch.duckdb: names files that are elsewhere; fix it with segbatch relink, or with relink --to FILE if the "
        "output is read-only"
    )
    assert problems(moved) == [told]
    relink(moved.output)
    assert problems(moved) == []


def test_an_unreadable_file_is_reported(three: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> str:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(verifying, "_digest", fail)
    assert f"runs/night-2/state.arrow: cannot be read: Input/output error; {AGAIN}" in problems(three)


def test_it_gives_up_where_runs_are_published_again_and_again(three: Workspace) -> None:
    runs = iter(range(100))

    def publish(_done: int, _total: int) -> None:
        (three.output / "current").write_text(f"night-2{chr(10) * next(runs)}")

    spoil(three.place("night-2") / "state.arrow")
    assert len(verify(three.output, progress=publish).problems) == 1


def test_there_has_to_be_something_published(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing is published there"):
        verify(tmp_path)


def test_progress_is_reported(three: Workspace) -> None:
    told: list[tuple[int, int]] = []
    found = verify(three.output, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (found.size, found.size)
    assert (found.runs, found.files) == (1, 4)
