"""Commands that read an output in tables: they give what they give for a folder with the same runs."""

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

import segbatch
from calling import Commands
from lakehouse.catalog import configure
from workspace import FIRST_RUN, Workspace

pytestmark = pytest.mark.slow

COMMANDS = (
    ("diff", "previous", "last", "--json"),
    ("query", "SELECT * FROM membership ORDER BY ALL"),
    ("query", "SELECT * FROM membership_changes ORDER BY ALL", "--json"),
    ("query", "SELECT * FROM membership_history ORDER BY ALL", "--json"),
    ("query", "SELECT segment_id, member_count, run_id FROM segments ORDER BY ALL"),
    ("export", "pro"),
    ("export", "pro", "--run", "previous"),
    ("export", "pro", "--changes"),
    ("export", "pro", "--since", "previous"),
    ("segments", "list", "--segments", "segments"),
)


@dataclass(frozen=True, slots=True)
class Twice:
    """The same runs in a folder and in tables."""

    workspace: Workspace
    address: str
    store: Path
    private: str

    def run(self, number: int) -> None:
        self.workspace.run(number)
        folder, as_of = self.workspace.folder, FIRST_RUN + timedelta(days=number)
        segbatch.run(
            folder / "contacts.parquet", folder / "segments", self.address, run_id=f"night-{number}", as_of=as_of
        )


@pytest.fixture(params=["delta", "iceberg"])
def both(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Twice:
    monkeypatch.setenv("SEGBATCH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    workspace = Workspace(tmp_path)
    monkeypatch.chdir(tmp_path)
    for plan in ("pro", "free"):
        workspace.segment(plan)
    store = tmp_path / "lake" if request.param == "delta" else tmp_path / "ware house" / "audiences"
    if request.param == "iceberg":
        configure(monkeypatch, tmp_path)
    address = f"delta+{store}" if request.param == "delta" else "iceberg://prod/audiences"
    twice = Twice(workspace, address, store, f"{store}/_segbatch/runs")
    workspace.contacts(a="pro", b="free", c="free")
    twice.run(0)
    workspace.contacts(a="pro", b="pro", c="free")
    twice.run(1)
    return twice


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(monkeypatch, capsys)


def lines(text: str) -> list[str]:
    """Return the lines of an output, without padding and the times when a run worked."""
    return [" ".join(line.split()) for line in text.splitlines() if not re.search('"(started|finished)_at"', line)]


def test_each_command_gives_the_same(both: Twice, commands: Commands) -> None:
    for command in COMMANDS:
        assert commands(*command, "--output", str(both.workspace.output)) == 0, (command, commands.err)
        expected = lines(commands.out.replace(str(both.workspace.output), both.address))
        assert commands(*command, "--output", both.address) == 0, (command, commands.err)
        assert lines(commands.out) == expected, command


def test_runs_are_shown_with_the_place_of_their_manifest(both: Twice, commands: Commands) -> None:
    assert commands("runs", "--output", both.address) == 0
    assert len(re.findall("night-[01]", commands.out)) == 2
    assert commands("runs", "show", "last", "--json", "--output", both.address) == 0
    assert f'"folder": "{both.private}/night-1"' in commands.out
    assert Path(both.private, "night-1", "manifest.json").exists()


def test_verify_names_a_damaged_file_where_it_is(both: Twice, commands: Commands) -> None:
    assert commands("verify", "--all", "--output", both.address) == 0
    [file] = both.store.glob("membership/**/night-1/*.parquet")
    file.write_bytes(b"damaged")
    assert commands("verify", "--output", both.address) == 1
    assert commands.err.startswith(f"error: {file}: has 7 bytes instead of ")


def test_errors_of_the_copy_name_the_file_in_the_store(both: Twice, commands: Commands) -> None:
    Path(both.private, "night-1", "manifest.json").write_text("{")
    assert commands("runs", "show", "last", "--output", both.address) == 1
    assert f"{both.private}/night-1/manifest.json: is " in commands.err
    assert str(both.workspace.folder / "cache") not in commands.err
