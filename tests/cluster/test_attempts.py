"""Moving the files of attempts to their final names, by a driver that dies or is killed at any step."""

from pathlib import Path
from typing import Any

import pytest

import segbatch
from remote.faulty_store import Killed
from segbatch.cluster import attempts
from segbatch.cluster.attempts import adopt_files, prepare_attempts
from segbatch.cluster.loop import LoopCluster
from segbatch.cluster.report import BucketReport
from segbatch.model.manifest import PublishedFile
from segbatch.storage.recorder import Recorded
from workspace import Workspace

VIEWS = ("membership", "membership_changes")


def report(folder: Path, bucket: int, attempt: str, *paths: str) -> BucketReport:
    """Write the files of an attempt, and return its report."""
    for path in paths:
        (folder / attempt / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / attempt / path).write_text(f"{bucket} {path}")
    files = tuple(PublishedFile(path=path, rows=1, size=len(f"{bucket} {path}"), sha256="") for path in paths)
    return BucketReport(bucket, recorded=Recorded(is_compared=True, files=files), attempt=attempt)


FILES = ("membership/part-00000.parquet", "membership/part-00001.parquet", "state.arrow", "changes.parquet")


def test_files_of_the_reported_attempts_get_their_final_names(tmp_path: Path) -> None:
    folder = tmp_path / ".tmp-night-0"
    folder.mkdir()
    staged = prepare_attempts(folder, None)
    reports = [report(staged.attempts, bucket, f"bucket-{bucket:05}.aa", *FILES) for bucket in (0, 1)]
    report(staged.attempts, 1, "bucket-00001.bb", *FILES)
    files = adopt_files(staged, reports)
    assert [file.path for file in files] == [
        *(f"membership/bucket-{bucket:05}-part-{part:05}.parquet" for bucket in (0, 1) for part in (0, 1)),
        *(f"state/{bucket:05}.arrow" for bucket in (0, 1)),
        *(f"changes/{bucket:05}.parquet" for bucket in (0, 1)),
    ]
    found = {path.relative_to(staged.path).as_posix() for path in Path(staged.path).rglob("*") if path.is_file()}
    assert found == {file.path for file in files}
    assert (Path(staged.path) / "state/00001.arrow").read_text() == "1 state.arrow"
    assert [path.name for path in tmp_path.iterdir()] == [".tmp-night-0"]


def test_a_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    staged = prepare_attempts(tmp_path, None)
    lost = report(staged.attempts, 0, "bucket-00000.aa", *FILES)
    (staged.attempts / "bucket-00000.aa" / "state.arrow").unlink()
    with pytest.raises(segbatch.PublishError, match="the files of a worker cannot be moved: No such file"):
        adopt_files(staged, [lost])


@pytest.mark.slow
@pytest.mark.parametrize("step", [0, 1, 5, 9, 99])
def test_a_driver_that_dies_hurts_nobody(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Let the driver die at a step: a file gets its name, or the other attempts are removed."""
    cluster: dict[str, Any] = {"engine": LoopCluster(), "buckets": 3}
    workspace.run(0, **cluster)
    workspace.contacts(ann="free", bob="pro", dan="pro")
    before, calls = [workspace.ask(f"FROM {view} ORDER BY ALL") for view in VIEWS], []
    rename = Path.rename

    def die(self: Path, target: Path) -> Path:
        if "attempts" in self.parts:
            calls.append(self)
            if len(calls) == step + 1:
                raise Killed
        return rename(self, target)

    def die_at_the_end(_: Path) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", die)
        patch.setattr("segbatch.storage.publish.discard_run", lambda _: None)  # as of a process that is killed
        if step > 90:
            patch.setattr(attempts, "discard_run", die_at_the_end)
        with pytest.raises(Killed):
            workspace.run(1, **cluster)
    assert [workspace.ask(f"FROM {view} ORDER BY ALL") for view in VIEWS] == before
    assert any(name.startswith(".tmp-") for name in workspace.folders())
    workspace.run(1, **cluster)
    assert workspace.folders() == ["night-0", "night-1"]
    assert workspace.members("pro") == ["bob", "dan"]
