"""Commands that read an output in object storage: they give what they give for a folder with the same runs."""

from pathlib import Path

import pytest

import segbatch
from calling import Commands
from object_store.bucket import Bucket
from segbatch.deliveries.deliver import deliver
from segbatch.deliveries.destination import Destination
from workspace import Workspace

pytestmark = pytest.mark.slow

COMMANDS = (
    ("runs",),
    ("runs", "list", "--json"),
    ("runs", "show", "previous"),
    ("runs", "show", "--json"),
    ("diff", "previous", "last", "--json"),
    ("query", "SELECT * FROM membership ORDER BY ALL"),
    ("query", "SELECT * FROM membership_history ORDER BY ALL", "--json"),
    ("export", "pro"),
    ("export", "pro", "--run", "previous"),
    ("export", "pro", "--changes"),
    ("export", "pro", "--since", "previous"),
    ("segments", "list", "--segments", "segments"),
    ("verify", "--all"),
)


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], origin: Workspace) -> Commands:
    monkeypatch.chdir(origin.folder)
    monkeypatch.setenv("COLUMNS", "200")
    return Commands(monkeypatch, capsys)


@pytest.fixture
def address(origin: Workspace, bucket: Bucket) -> str:
    """Upload the output, as a run would, and return its address."""
    upload(origin.output, bucket)
    return bucket.at("audiences")


def upload(output: Path, bucket: Bucket) -> None:
    for path in [*(output / "runs").rglob("*"), output / "current"]:
        if path.is_file():
            bucket.put(f"audiences/{path.relative_to(output).as_posix()}", path)


def without_padding(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_each_command_gives_the_same(origin: Workspace, address: str, commands: Commands) -> None:
    for command in COMMANDS:
        if command[0] == "verify":
            assert commands("relink", "--output", str(origin.output)) == 0  # the folder was copied
        assert commands(*command, "--output", str(origin.output)) == 0, (command, commands.err)
        expected = without_padding(commands.out.replace(str(origin.output), address))
        notes = commands.err
        assert commands(*command, "--output", address) == 0, (command, commands.err)
        assert without_padding(commands.out) == expected, command
        assert commands.err == notes


def test_a_new_run_is_read_at_once(origin: Workspace, bucket: Bucket, address: str, commands: Commands) -> None:
    sql = "SELECT run_id FROM runs ORDER BY run_number"
    assert commands("query", sql, "--output", address) == 0
    assert "night-2" not in commands.out
    origin.run(2)
    upload(origin.output, bucket)
    assert commands("query", sql, "--output", address) == 0
    assert "night-2" in commands.out


def test_pruning_removes_members_from_the_bucket(
    origin: Workspace, bucket: Bucket, address: str, commands: Commands
) -> None:
    origin.run(2)
    upload(origin.output, bucket)
    assert commands("export", "pro", "--run", "night-0", "--output", address) == 0  # its members are in the copy now
    prune = ("runs", "prune", "--keep", "2", "--keep-days", "0", "--output")
    for output in (str(origin.output), address):
        assert commands(*prune, output, "--dry-run") == 0
        planned = commands.out
        assert "night-0" in planned
        assert commands(*prune, output) == 0
    assert commands("runs", "--output", str(origin.output)) == 0
    expected = commands.out
    assert commands("runs", "--output", address) == 0
    assert commands.out == expected
    assert commands("export", "pro", "--run", "night-0", "--output", address) == 2
    assert f"{address}: run night-0: its members are deleted" in commands.err
    assert commands("verify", "--all", "--output", address) == 0


def test_verify_names_files_in_the_bucket(bucket: Bucket, address: str, commands: Commands) -> None:
    bucket.put("audiences/runs/night-1/state.arrow", b"damaged")
    bucket.remove("audiences/runs/night-0/changes.parquet")
    bucket.put("audiences/runs/night-0/manifest.json", b"{")
    assert commands("verify", "--output", address) == 1
    assert f"{address}/runs/night-0/manifest.json: is missing or damaged; restore it from a copy" in commands.err
    assert f"{address}/runs/night-1/state.arrow: has 7 bytes instead of" in commands.err


def test_relink_is_not_needed(address: str, commands: Commands) -> None:
    assert commands("relink", "--output", address) == 2
    assert commands.err == (
        f"error: {address}: has no segbatch.duckdb to update; commands read it by its address, without relink\n"
    )


@pytest.mark.parametrize("command", [("runs",), ("query", "SELECT 1"), ("verify",), ("runs", "prune", "--keep", "2")])
def test_an_empty_address_has_one_clear_line(bucket: Bucket, commands: Commands, command: tuple[str, ...]) -> None:
    assert commands(*command, "--output", bucket.at("nothing")) == 2
    message = "nothing is published there; name the folder that a run published in (--output)"
    assert commands.err == f"error: {bucket.at('nothing')}: {message}\n"


@pytest.mark.usefixtures("bucket")
def test_a_missing_bucket_has_one_clear_line_without_secrets(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")
    assert commands("runs", "--output", "s3://no-such-bucket/audiences") == 1
    assert commands.err.startswith("error: s3://no-such-bucket/audiences")
    assert commands.err.count("\n") == 1
    assert "canary-secret" not in commands.err


def test_an_unknown_run_is_reported_with_the_address(address: str, commands: Commands) -> None:
    assert commands("runs", "show", "night-9", "--output", address) == 2
    assert commands.err.startswith(f"error: {address}: run 'night-9' does not exist")


def test_a_database_gets_the_published_run(origin: Workspace, address: str, tmp_path: Path) -> None:
    here = segbatch.sync(f"sqlite:///{tmp_path}/here.db", origin.output)
    there = segbatch.sync(f"sqlite:///{tmp_path}/there.db", address)
    assert (there.run_id, there.extent, there.rows) == (here.run_id, here.extent, here.rows)


def test_a_destination_gets_the_changes(origin: Workspace, bucket: Bucket, address: str, tmp_path: Path) -> None:
    received = tmp_path / "received"
    received.mkdir()
    command = f"cat > {received}/$SEGBATCH_SEGMENT_ID-$SEGBATCH_DELIVERY.ndjson"
    destination = Destination.of("crm", {"command": command})
    assert deliver(address, [destination]).errors == []
    origin.contacts(a="free", b="pro", c="free")
    origin.run(2)
    upload(origin.output, bucket)
    assert deliver(address, [destination]).errors == []
    assert '"exited"' in (received / "pro-changes.ndjson").read_text()
