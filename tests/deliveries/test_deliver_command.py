"""The command `segbatch deliver`, and `segbatch run --deliver`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from calling import Commands
from segbatch.deliveries.state import DeliveryState
from segbatch.storage.output_lock import FAIL_IF_LOCKED, lock_output

if TYPE_CHECKING:
    from workspace import Workspace

SETTINGS = """
contacts = "contacts.parquet"
[destinations.files]
command = "cat > $SEGBATCH_SEGMENT_ID.ndjson"
start = "all"
[destinations.down]
command = "exit 3"
start = "all"
retries = 0
segments = ["pro"]
"""


@pytest.fixture
def command(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    monkeypatch.chdir(workspace.folder)
    Path("segbatch.toml").write_text(SETTINGS)
    return Commands(monkeypatch, capsys)


def test_deliver_prints_each_delivery_and_each_failure(workspace: Workspace, command: Commands) -> None:
    workspace.run(0)
    assert command("deliver") == 3
    assert command.out.splitlines() == [
        "files: free: run night-0: all 1 member",
        "files: pro: run night-0: all 2 members",
        "down: pro: run night-0: all 2 members: failed",
        "2 deliveries sent, 1 not sent",
    ]
    assert command.err == "error: destination 'down': segment 'pro': the command ended with 3\n"
    rows = [json.loads(line) for line in Path("pro.ndjson").read_text().splitlines()]
    assert rows == [{"contact_id": name, "change": "entered"} for name in ("ann", "bob")]
    assert (command("deliver", "--destination", "files"), command.out) == (0, "0 deliveries sent\n")


def test_deliver_prints_json(workspace: Workspace, command: Commands) -> None:
    workspace.run(0)
    assert command("deliver", "--destination", "files", "--segment", "pro", "--json", "--dry-run") == 0
    printed = json.loads(command.out)
    [delivery] = printed["deliveries"]
    assert (delivery.pop("key") != "", delivery) == (
        True,
        {
            "destination": "files",
            "segment_id": "pro",
            "run_id": "night-0",
            "kind": "all",
            "entered": 2,
            "exited": 0,
            "status": "not_sent",
        },
    )
    assert {name: printed[name] for name in ("run_id", "started", "errors", "warnings")} == {
        "run_id": "night-0",
        "started": [],
        "errors": [],
        "warnings": [],
    }
    Path("segbatch.toml").write_text('[destinations.now]\ncommand = "true"\nsegments = ["pro"]')
    command("deliver")
    assert command.out.splitlines()[0] == "now: pro: starts after run night-0; its members are not sent"


def test_a_run_delivers_and_reports_failures_as_warnings(command: Commands) -> None:
    assert command("run", "--quiet", "--deliver") == 0
    assert command.err == "warning: destination 'down': segment 'pro': the command ended with 3\n"
    assert Path("pro.ndjson").exists()
    Path("segbatch.toml").write_text(f"deliver = true\n{SETTINGS.replace('exit 3', 'true')}")
    assert (command("run", "--quiet"), command.err) == (0, "")
    assert (command("deliver", "--dry-run"), command.out) == (0, "0 deliveries sent\n")


def test_a_dry_run_delivers_nothing(workspace: Workspace, command: Commands) -> None:
    workspace.run(0)
    assert command("run", "--quiet", "--deliver", "--dry-run") == 0
    assert not Path("pro.ndjson").exists()


def test_a_run_that_cannot_deliver_publishes_nothing(workspace: Workspace, command: Commands) -> None:
    assert command("run", "--quiet", "--no-config", "--contacts", "contacts.parquet", "--deliver") == 2
    assert command.err == "error: no destinations are set; add [destinations.NAME] to segbatch.toml\n"
    assert not workspace.output.exists()


def test_a_failed_run_delivers_nothing(command: Commands) -> None:
    assert command("run", "--quiet", "--contacts", "nope.parquet", "--deliver") == 1
    assert not Path("pro.ndjson").exists()


def test_a_state_that_cannot_be_written_is_a_warning_of_the_run(workspace: Workspace, command: Commands) -> None:
    workspace.output.mkdir()
    (workspace.output / "deliveries").write_text("a file")
    assert command("run", "--quiet", "--deliver") == 0
    assert command.err.startswith("warning: ")
    assert "is published" in command.err or "deliveries" in command.err
    assert workspace.history().runs


def test_another_process_delivers(workspace: Workspace, command: Commands) -> None:
    workspace.run(0)
    with lock_output(DeliveryState.of(workspace.output, "files").lock, "deliver files", FAIL_IF_LOCKED):
        assert command("deliver", "--destination", "files") == 75
    folder = Path("output/deliveries/files")
    start = f"error: destination 'files': {folder}: deliver files (process {os.getpid()} on "
    assert command.err.startswith(start)


WRONG = {
    "none": (("--no-config",), "no destinations are set; add [destinations.NAME] to segbatch.toml"),
    "unknown": (
        ("--destination", "file"),
        "unknown destination 'file'; did you mean 'files'? (--destination)",
    ),
    "unlike any": (
        ("--destination", "zebra"),
        "unknown destination 'zebra'; there are files, down (--destination)",
    ),
    "nothing published": (
        ("--output", "elsewhere"),
        "elsewhere: nothing is published there; name the folder that a run published in (--output)",
    ),
}


@pytest.mark.parametrize(("arguments", "message"), WRONG.values(), ids=list(WRONG))
def test_wrong_usage(workspace: Workspace, command: Commands, arguments: tuple[str, ...], message: str) -> None:
    workspace.run(0)
    assert (command("deliver", *arguments), command.err) == (2, f"error: {message}\n")


def test_destinations_that_only_jobs_have(workspace: Workspace, command: Commands) -> None:
    workspace.run(0)
    Path("segbatch.toml").write_text('[jobs.a.destinations.x]\ncommand = "true"\n[jobs.b]\n')
    assert command("deliver") == 2
    hint = "it has the jobs a, b, choose one with --job"
    assert command.err == f"error: no destinations are set; add [destinations.NAME] to segbatch.toml; {hint}\n"
    assert command("deliver", "--job", "a") == 0


def test_settings_show_only_names(command: Commands) -> None:
    Path("segbatch.toml").write_text('[destinations.crm]\nurl = "https://a.example/secret"\nheaders = {A = "secret"}')
    assert command("config", "show") == 0
    assert "secret" not in command.out
    assert command.out.splitlines()[-1].split() == [
        "destinations",
        '["crm"]',
        "segbatch.toml:",
        "destinations",
    ]
