"""Whose rows are exported, of which run: members, changes, and what remains of many changes."""

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import segbatch
from builders import write_contacts
from segbatch import ExportError, Keep, PublishError, UsageError
from workspace import Workspace

from .conftest import Export

pytestmark = pytest.mark.slow


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["ann"]),
        ({"run": "night-1"}, ["bob", "dan"]),
        ({"run": "previous"}, ["ann", "dan"]),
        ({"changes": True}, ["dan,exited"]),
        ({"changes": True, "run": "night-1"}, ["dan,entered", "ann,exited"]),
        ({"changes": True, "run": "night-2"}, ["ann,entered", "bob,exited"]),
        ({"since": "night-0"}, ["bob,exited"]),
        ({"since": "night-1"}, ["ann,entered", "bob,exited", "dan,exited"]),
        ({"since": "night-0", "run": "night-2"}, ["dan,entered", "bob,exited"]),
        ({"since": "previous", "changes": True}, ["dan,exited"]),
        ({"since": "last"}, []),
    ],
)
def test_rows(export: Export, options: dict[str, Any], expected: list[str]) -> None:
    header, *rows = export("pro", **options)
    assert header == ('"contact_id","change"' if "," in "".join(expected) or "since" in options else '"contact_id"')
    is_changes = "change" in header
    plain = [row.replace('"', "") for row in rows]
    assert (sorted(plain) if is_changes else plain) == (sorted(expected) if is_changes else expected)
    report = export.last  # type: ignore[attr-defined]
    entered, exited = (sum(row.endswith(word) for row in expected) for word in ("entered", "exited"))
    assert (report.rows, report.entered, report.exited) == (
        len(expected),
        entered if is_changes else None,
        exited if is_changes else None,
    )
    assert report.warnings == ()


def test_changes_of_the_first_run_are_empty_with_a_warning(workspace: Workspace, export: Export) -> None:
    workspace.run(0)
    assert export("pro", changes=True) == ['"contact_id","change"']
    [warning] = export.last.warnings  # type: ignore[attr-defined]
    assert "run night-0 is the first run" in str(warning)


def test_a_failed_segment_has_its_last_good_members_and_a_warning(workspace: Workspace, export: Export) -> None:
    workspace.run(0)
    workspace.contacts(ann="free", cem="free")
    (workspace.folder / "segments" / "pro.json").write_text("{")
    workspace.run(1)
    assert export("pro")[1:] == ['"ann"', '"bob"']
    [warning] = export.last.warnings  # type: ignore[attr-defined]
    assert "failed in run night-1, so these are the members of run night-0: pro.json" in str(warning).replace(
        str(workspace.folder / "segments") + "/", ""
    )
    assert export("pro", "changes.csv", changes=True)[1:] == []
    assert "so it has no changes" in str(export.last.warnings[0])  # type: ignore[attr-defined]


def test_a_segment_that_failed_and_never_had_members_is_refused(workspace: Workspace, export: Export) -> None:
    (workspace.folder / "segments" / "bad.json").write_text("{")
    workspace.run(0)
    with pytest.raises(ExportError, match="segment 'bad' has no members to export, since it failed and never had any"):
        export("bad")
    assert not (workspace.folder / "out.csv").exists()


def test_a_disabled_segment_has_changes_and_no_members(workspace: Workspace, export: Export) -> None:
    workspace.run(0)
    workspace.segment("pro", enabled=False)
    workspace.run(1)
    assert export("pro") == ['"contact_id"']
    message = "is disabled in run night-1, so it has no members"
    assert [problem.message for problem in export.last.warnings] == [message]  # type: ignore[attr-defined]
    assert len(export("pro", "changes.csv", changes=True)) == 3
    assert not export.last.warnings  # type: ignore[attr-defined]


def test_a_deleted_segment_has_changes_but_no_members(workspace: Workspace, export: Export) -> None:
    workspace.run(0)
    workspace.drop("pro")
    workspace.run(1)
    assert export("pro", changes=True)[1:] == ['"ann","exited"', '"bob","exited"']
    assert export("pro", "since.csv", since="night-0")[1:] == ['"ann","exited"', '"bob","exited"']
    assert export("pro", "then.csv", run="night-0")[1:] == ['"ann"', '"bob"']
    with pytest.raises(UsageError, match="segment 'pro' was deleted in run night-1; export its last changes"):
        export("pro", "now.csv")


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize(
    ("segment_id", "options", "message"),
    [
        ("pr", {}, "run night-3 has no segment 'pr'; did you mean 'pro'"),
        ("other", {}, "run night-3 has no segment 'other'; segbatch runs show lists its segments"),
        ("other", {"changes": True}, "run night-3 has no segment 'other'"),
        ("other", {"since": "night-0"}, "run night-3 has no segment 'other'"),
        ("pro", {"run": "night-9"}, "run 'night-9' does not exist; did you mean 'night-"),
        ("pro", {"since": "last", "run": "night-1"}, r"run night-3 came after night-1 \(--since\)"),
    ],
)
def test_unknown_segments_and_runs_are_refused(
    export: Export, segment_id: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        export(segment_id, **options)


def test_a_pruned_run_has_changes_but_no_members(four: Workspace, export: Export) -> None:
    four.run(4, keep=Keep(2, 0))
    with pytest.raises(UsageError, match="run night-1: its members are deleted; segbatch runs lists"):
        export("pro", run="night-1")
    assert len(export("pro", run="night-1", changes=True)) == 3


def test_an_empty_output_is_refused(export: Export) -> None:
    with pytest.raises(UsageError, match="nothing is published there"):
        export("pro")


def lose(file: Path) -> None:
    file.unlink()


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-9])


def spoil(file: Path) -> None:
    file.write_bytes(b"x" * file.stat().st_size)


@pytest.mark.parametrize("damage", [lose, cut, spoil])
def test_a_damaged_file_of_the_run_is_an_error(workspace: Workspace, export: Export, damage: Any) -> None:
    workspace.run(0)
    [part] = workspace.output.rglob("part-*.parquet")
    damage(part)
    with pytest.raises(PublishError, match="damaged"):
        export("pro")
    assert not list(workspace.folder.glob("*.csv"))


def test_a_file_that_does_not_match_the_manifest_is_an_error(workspace: Workspace, export: Export) -> None:
    workspace.run(0)
    manifest = workspace.place("night-0") / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"member_count": 2', '"member_count": 3'))
    with pytest.raises(PublishError, match="the files of run night-0 are damaged"):
        export("pro")


def test_net_changes_are_the_difference_of_the_first_and_the_last_run(workspace: Workspace, export: Export) -> None:
    """The last members are the first members, plus the contacts that entered, minus those that left."""
    draws = random.Random(7)  # noqa: S311
    for number in range(8):
        workspace.contacts(**{f"c{number}": draws.choice(["pro", "free"]) for number in draws.sample(range(60), 50)})
        workspace.run(number)
    members = {number: set(export("pro", f"{number}.csv", run=f"night-{number}")[1:]) for number in (2, 7)}
    changes = [row.split(",") for row in export("pro", "since.csv", since="night-2", run="night-7")[1:]]
    entered = {who for who, change in changes if change == '"entered"'}
    exited = {who for who, change in changes if change == '"exited"'}
    assert (entered, exited) == (members[7] - members[2], members[2] - members[7])


def test_integer_ids_may_become_wider(tmp_path: Path) -> None:
    made = Workspace(tmp_path)
    made.segment("pro")
    for number, kind in enumerate((pa.int32(), pa.int64(), pa.int64())):
        ids = pa.array([1, 2, 3, 4 + number], kind)
        made_of = pa.table({"id": ids, "plan": ["pro", "pro", "free", "pro"]})
        write_contacts(made.folder / "contacts.parquet", made_of)
        made.run(number)
    place = tmp_path / "net.csv"
    segbatch.export("pro", place, made.output, since="night-0", columns=["plan"])
    assert place.read_text().splitlines()[1:] == ['6,"entered","pro"', '4,"exited",']
