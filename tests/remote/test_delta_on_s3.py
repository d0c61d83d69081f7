"""Runs whose output is at delta+s3://, on moto."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen

import pytest
from deltalake import DeltaTable

import segbatch
from calling import Commands
from object_store.bucket import Bucket
from object_store.conftest import SERVER
from segbatch.storage.remote.addresses import open_delta_publication
from segbatch.storage.remote.publication import Pointer
from segbatch.storage.remote.store import OutdatedError
from workspace import FIRST_RUN, Workspace

from .delta_output import DeltaOutput
from .table_readers import open_views

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server that talks like S3, in a process of its own: beside a server in a thread, deltalake would hang."""
    with Popen([sys.executable, "-c", SERVER], stdin=PIPE, stdout=PIPE, stderr=DEVNULL, text=True) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        yield int(server.stdout.readline())
        server.communicate("\n", 60)


@pytest.fixture
def bucket(port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    for name in os.environ:
        if name.startswith(("AWS_", "AZURE_", "GOOGLE_", "STORAGE_")):
            monkeypatch.delenv(name)
    settings = {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "AKIDTESTTEST",
        "AWS_SECRET_ACCESS_KEY": "a-very-secret-key",
        "SEGBATCH_CACHE_DIR": str(tmp_path / "cache"),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return Bucket.new(port)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path)
    workspace.segment("pro")
    workspace.contacts(ann="pro", bob="free")
    return workspace


def test_runs_are_published_in_a_bucket(bucket: Bucket, workspace: Workspace, port: int) -> None:
    address = f"delta+{bucket.at('audiences/crm')}"
    for run_id, plans in {"mon": {"ann": "pro", "bob": "free"}, "tue+1": {"bob": "pro"}}.items():
        workspace.contacts(**plans)
        segbatch.run(
            workspace.folder / "contacts.parquet",
            workspace.folder / "segments",
            address,
            as_of=FIRST_RUN,
            run_id=run_id,
        )
    options = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1"}
    root = bucket.at("audiences/crm")
    ask = open_views(lambda name: DeltaTable(f"{root}/{name}", storage_options=options).to_pyarrow_table())
    assert ask("SELECT segment_id, contact_id, run_id FROM membership") == [("pro", "bob", "tue+1")]
    changes = ask("SELECT run_id, contact_id, change FROM membership_changes ORDER BY ALL")
    assert changes == [("tue+1", "ann", "exited"), ("tue+1", "bob", "entered")]


def test_the_second_of_two_writers_is_outdated(bucket: Bucket, workspace: Workspace) -> None:
    workspace.run(0)
    publication = open_delta_publication(f"delta+{bucket.at('audiences')}")
    local = DeltaOutput(workspace, workspace.folder / "unused")
    before = publication.pointer()
    assert before == Pointer(None, None)
    for name in ("night-0", "night-0~2"):
        new = local.upload_as("night-0", name)
        for file in new.manifest.files:
            if (new.staged / file.path).exists():
                publication.store.upload(new.staged / file.path, publication.key(name, file.path))
        if name == "night-0":
            publication.publish(new, before)
        else:
            with pytest.raises(OutdatedError):
                publication.publish(new, before)
    assert publication.pointer().folder == "night-0"


def test_reading_tells_causes_apart(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commands = Commands(monkeypatch, capsys)
    assert commands("runs", "--output", "delta+s3://no-such-bucket/crm") == 1
    assert "the bucket does not exist; create it first, or check its name" in commands.err
    address = f"delta+{bucket.at('audiences/crm')}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert commands("runs", "--output", address) == 1
    assert "the storage cannot be reached; check the network, and AWS_ENDPOINT_URL" in commands.err
    assert commands.err.count("\n") == 1
