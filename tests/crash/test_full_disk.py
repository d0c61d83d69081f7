"""A disk that becomes full at any point of a run: one clear message, and no change."""

import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from programs import run, tree
from sequence import PlannedRun, ensure_tidy, fingerprint, make_runs

SIZES = [0, 30, 1_000, 10_000, 100_000, 300_000]


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> list[PlannedRun]:
    return make_runs(tmp_path_factory.mktemp("runs"), 2)


def arguments(planned_run: PlannedRun, output: Path) -> list[object]:
    options = ["--contacts", planned_run.contacts, "--segments", planned_run.segments, "--output", output]
    return ["run", *options, "--run-id", planned_run.run_id, "--as-of", planned_run.as_of]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("earlier", [0, 1])
def test_a_run_with_a_file_size_limit_publishes_or_changes_nothing(
    tmp_path: Path, planned: list[PlannedRun], size: int, earlier: int
) -> None:
    output = tmp_path / "output"
    if earlier:
        assert run(*arguments(planned[0], output))[0] == 0
    before = tree(tmp_path)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    status, out, err = run(*arguments(planned[earlier], output), limit=limit)
    if status == 0:
        assert size >= 100_000
    else:
        assert (status, out) == (1, "")
        assert err.count("\n") == 1, err
        assert err.startswith(f"error: {output}: cannot be written: ")
        assert err.endswith("; nothing was published\n")
        assert tree(tmp_path) == before
    assert run(*arguments(planned[earlier], output))[0] == 0
    ensure_tidy(output)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], check=False)
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("free", [0, 8, 100, 400, 1100])
def test_a_run_on_a_disk_that_becomes_full_publishes_or_changes_nothing(
    small_disk: Path, planned: list[PlannedRun], free: int
) -> None:
    output, ballast = small_disk / "output", small_disk / "ballast"
    assert run(*arguments(planned[0], output))[0] == 0
    was = fingerprint(output)
    room = _free(small_disk) - free * 1024
    ballast.write_bytes(b"x" * max(room, 0))
    before = tree(small_disk)
    status, out, err = run(*arguments(planned[1], output))
    if status == 0:
        assert free >= 200
    else:
        assert (status, out) == (1, "")
        assert err.count("\n") == 1, err
        assert err.startswith(f"error: {output}: cannot be written: ")
        assert err.endswith("; nothing was published\n")
        assert tree(small_disk) == before
        assert fingerprint(output) == was
    ballast.unlink()
    assert run(*arguments(planned[1], output))[0] == 0
    ensure_tidy(output)


def _free(folder: Path) -> int:
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize
