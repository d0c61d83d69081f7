"""Where an export is written: nothing that is there is lost, and nothing half done is left."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import segbatch
from failing_disk import report_failure
from segbatch import ExportError, UsageError
from segbatch.platform.checksum_file import DigestingFile
from workspace import Workspace

from .conftest import Export


@pytest.fixture(autouse=True)
def published(workspace: Workspace) -> None:
    workspace.run(0)


def left(workspace: Workspace) -> list[str]:
    return sorted(path.name for path in workspace.folder.iterdir() if path.name.startswith("."))


def test_an_existing_file_is_replaced_only_by_force(workspace: Workspace, export: Export) -> None:
    place = workspace.folder / "out.csv"
    place.write_text("mine")
    place.chmod(0o600)
    with pytest.raises(UsageError, match=r"out\.csv: already exists; choose another file, or overwrite it with"):
        export("pro")
    assert place.read_text() == "mine"
    assert len(export("pro", force=True)) == 3
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert left(workspace) == []


def test_a_file_created_in_the_meantime_is_kept(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    place = workspace.folder / "out.csv"

    def meanwhile(_done: int, _total: int) -> None:
        place.write_text("mine")

    for links in (os.link, no_links):
        place.unlink(missing_ok=True)
        monkeypatch.setattr(os, "link", links)
        with pytest.raises(UsageError, match=r"out\.csv: was created by another program"):
            segbatch.export("pro", place, workspace.output, progress=meanwhile)
        assert place.read_text() == "mine"
        assert left(workspace) == []


def no_links(*_: Any) -> None:
    raise PermissionError(1, "Operation not permitted")


def test_export_works_without_hard_links(export: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", no_links)
    assert len(export("pro")) == 3


def test_a_link_is_followed(workspace: Workspace, export: Export) -> None:
    (workspace.folder / "kept").mkdir()
    (workspace.folder / "out.csv").symlink_to(workspace.folder / "kept" / "there.csv")
    assert len(export("pro")) == 3
    assert (workspace.folder / "out.csv").is_symlink()
    assert len(export("free", force=True)) == 2
    assert (workspace.folder / "kept" / "there.csv").read_text().splitlines()[1] == '"cem"'


def test_invalid_paths_are_refused(workspace: Workspace, export: Export) -> None:
    (workspace.folder / "folder.csv").mkdir()
    (workspace.folder / "file").touch()
    os.mkfifo(workspace.folder / "pipe.csv")
    (workspace.folder / "dangling.csv").symlink_to(workspace.folder / "gone" / "x.csv")
    (workspace.folder / "round.csv").symlink_to("round.csv")
    (workspace.folder / "stream.csv").symlink_to("pipe.csv")
    messages = {
        "folder.csv": "is a folder; name a file",
        "pipe.csv": "is a pipe or a device, not a regular file; export to -",
        "stream.csv": r"stream\.csv: is a pipe or a device, not a regular file; export to -",
        "file/x.csv": "file: is a file, not a folder",
        "nowhere/x.csv": "nowhere: no such folder; create it first",
        "dangling.csv": r"dangling\.csv: is a link into a missing folder: .*/gone; create it first \(--to\)",
        "round.csv": r"round\.csv: cannot be written: Too many levels of symbolic links",
        "nul\0.csv": r"nul\\x00\.csv: a path cannot contain a NUL character",
        "/dev/stdout": "/dev/stdout: is a pipe or a device, not a regular file; export to -, the standard output",
        "/dev/fd/1": "/dev/fd/1: is a pipe or a device",
        "output/segbatch.duckdb": "is one of the files that runs publish",
        "output/runs/night-0/membership/part-00000.parquet": "is one of the files that runs publish",
    }
    for name, message in messages.items():
        options = {} if name.endswith((".csv", ".parquet")) else {"format": "csv"}
        with pytest.raises(UsageError, match=message):
            export("pro", name, force=True, **options)
    assert workspace.members("pro") == ["ann", "bob"]


def test_a_full_disk_keeps_the_old_file(workspace: Workspace, export: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: DigestingFile, _data: bytes) -> int:
        self.error = OSError(28, "No space left on device")
        raise self.error

    (workspace.folder / "out.csv").write_text("mine")
    monkeypatch.setattr(DigestingFile, "write", full)
    for kind in ("csv", "jsonl", "parquet"):
        (workspace.folder / f"out.{kind}").write_text("mine")
        with pytest.raises(ExportError, match=r"out\.\w+: .*: No space left on device; nothing was changed"):
            export("pro", f"out.{kind}", force=True)
        assert (workspace.folder / f"out.{kind}").read_text() == "mine"
    assert left(workspace) == []


def test_a_read_only_folder_is_an_error(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(ExportError, match=r"x\.csv: cannot be written: Permission denied; nothing was changed"):
        segbatch.export("pro", workspace.folder / "x.csv", workspace.output)


@pytest.mark.parametrize("step", ["link", "replace"])
@pytest.mark.parametrize("is_done", [True, False])
@pytest.mark.parametrize("is_blind", [True, False])
def test_the_message_after_a_failed_last_step_describes_the_file(
    workspace: Workspace, export: Export, monkeypatch: pytest.MonkeyPatch, *, step: str, is_done: bool, is_blind: bool
) -> None:
    place = workspace.folder / "out.csv"
    if step == "replace":
        place.write_text("mine")
    with monkeypatch.context() as patch:
        report_failure(patch, os if step == "link" else Path, step, is_done=is_done, is_blind=is_blind)
        with pytest.raises(ExportError) as raised:
            export("pro", "out.csv", force=step == "replace")
    was = step == "replace" and place.read_text() == "mine"
    assert (place.exists() and not was) == is_done
    expected = "nothing was changed"
    if is_blind:
        expected = "it may be complete or unchanged; check it"
    elif is_done:
        expected = "is written, but that may not survive a power failure: Input/output error; check the disk"
    assert expected in str(raised.value)


KILLED = """
import os, signal, sys
import segbatch
segbatch.export("pro", sys.argv[1], sys.argv[2], progress=lambda *_: os.kill(os.getpid(), signal.SIGKILL))
"""


def test_the_next_export_removes_the_files_of_a_killed_one(workspace: Workspace, export: Export) -> None:
    place = workspace.folder / "out.csv"
    ended = subprocess.run([sys.executable, "-c", KILLED, place, workspace.output], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert not place.exists()
    assert len(left(workspace)) == 1
    assert len(export("pro", "other.csv")) == 3
    assert len(left(workspace)) == 1, "that of another file is nobody else's"
    assert len(export("pro")) == 3
    assert left(workspace) == []


def test_the_file_of_a_running_export_is_kept(workspace: Workspace) -> None:
    place, counts = workspace.folder / "out.csv", []

    def another(_done: int, _total: int) -> None:
        segbatch.export("free", place, workspace.output, force=True)
        counts.append(len(left(workspace)))

    segbatch.export("pro", place, workspace.output, force=True, progress=another)
    assert counts == [1]
    assert place.read_text().splitlines()[1:] == ['"ann"', '"bob"']
    assert left(workspace) == []


def test_export_to_a_stream(tmp_path: Path, workspace: Workspace) -> None:
    with (tmp_path / "stream").open("wb") as file:
        report = segbatch.export("pro", file, workspace.output)
        assert not file.closed
    assert (tmp_path / "stream").read_text().splitlines() == ['"contact_id"', '"ann"', '"bob"']
    assert (report.file, report.format) == (None, "csv")
