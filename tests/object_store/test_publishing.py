"""The program publishes to a bucket."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from workspace import Workspace

from .bucket import Bucket
from .proxy import Proxy, Seen

pytestmark = pytest.mark.slow
SECRET = "a-very-secret-key"  # noqa: S105 - of the fixture


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("SEGBATCH_CACHE_DIR", str(tmp_path / "cache"))
    place = Workspace(tmp_path)
    place.segment("pro")
    place.contacts(a="pro", b="free")
    return place


def segbatch(place: Workspace, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "segbatch", *arguments]
    ended = subprocess.run(program, capture_output=True, text=True, check=False, cwd=place.folder, env=os.environ)
    assert SECRET not in ended.stdout + ended.stderr
    return ended


def keys(bucket: Bucket) -> dict[str, bytes]:
    from pyarrow import fs  # noqa: PLC0415 - only here

    found = bucket.store.get_file_info(fs.FileSelector(bucket.name, recursive=True))
    paths = [entry.path for entry in found if entry.is_file]
    return {path.removeprefix(f"{bucket.name}/"): bucket.store.open_input_file(path).read() for path in paths}


def test_runs_are_published_to_a_bucket(place: Workspace, bucket: Bucket) -> None:
    run = "run", "--contacts", "contacts.parquet", "--output", bucket.at("audiences")
    first = segbatch(place, *run, "--run-id", "one", "--dry-run")
    assert (first.returncode, keys(bucket)) == (0, {})
    first = segbatch(place, *run, "--run-id", "one")
    assert first.returncode == 0, first.stderr
    assert f"published to {bucket.at('audiences/runs/one/membership')}" in first.stdout
    place.contacts(a="free", b="pro")
    report = json.loads(segbatch(place, *run, "--run-id", "two", "--json", "--keep", "2", "--keep-days", "0").stdout)
    assert (report["catalogue"], report["membership"]) == (None, bucket.at("audiences/runs/two/membership"))
    assert [(one["entered"], one["exited"]) for one in report["segments"]] == [(1, 1)]
    files = keys(bucket)
    assert files["audiences/current"] == b"two\n"
    assert "audiences/lock" not in files
    assert not any(SECRET.encode() in content for content in files.values())
    (place.folder / "part.parquet").write_bytes(files["audiences/runs/two/membership/part-00000.parquet"])
    [row] = pq.read_table(place.folder / "part.parquet").to_pylist()
    assert (row["segment_id"], row["contact_id"], row["run_id"]) == ("pro", "b", "two")
    assert segbatch(place, *run, "--run-id", "three", "--keep-days", "0").returncode == 0
    pruned = segbatch(place, "runs", "prune", "--output", bucket.at("audiences"), "--keep", "2", "--keep-days", "0")
    assert pruned.returncode == 0, pruned.stderr
    assert "audiences/runs/one/state.arrow" not in keys(bucket)
    assert "audiences/runs/one/changes.parquet" in keys(bucket)


def test_nothing_to_prune(place: Workspace, bucket: Bucket) -> None:
    for more in ((), ("--dry-run",)):
        pruned = segbatch(place, "runs", "prune", "--keep", "2", "--output", bucket.at("audiences"), *more)
        assert pruned.returncode == 2
        assert "nothing is published there" in pruned.stderr


def test_a_lost_response_to_the_write_of_the_pointer_is_no_error(
    place: Workspace, bucket: Bucket, proxy: Proxy
) -> None:
    lost = list[str]()

    def lose(seen: Seen) -> str | None:
        if seen.method != "PUT" or not seen.path.endswith("/current") or lost:
            return None
        lost.append(seen.path)
        return "lost"

    proxy.spoil = lose
    run = "run", "--contacts", "contacts.parquet", "--output", bucket.at("audiences")
    ended = segbatch(place, *run, "--run-id", "one")
    assert lost
    assert ended.returncode == 0, ended.stderr
    assert keys(bucket)["audiences/current"] == b"one\n"


def test_a_refused_write_is_one_line(place: Workspace, bucket: Bucket, proxy: Proxy) -> None:
    proxy.spoil = lambda seen: 403 if seen.method == "PUT" else None
    ended = segbatch(place, "run", "--contacts", "contacts.parquet", "--output", bucket.at("audiences"))
    assert ended.returncode == 1
    assert f"error: {bucket.at('audiences/lock')}: access is denied; set AWS_ACCESS_KEY_ID" in ended.stderr
    assert keys(bucket) == {}
