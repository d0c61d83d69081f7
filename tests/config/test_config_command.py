"""`segbatch config show`, and commands that read their settings from a file, in processes of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CUSTOMERS = """
timezone = "Europe/Berlin"
keep = 3

[jobs.customers]
contacts = "exports/customers.parquet"
segments = "definitions"
output = "audiences/customers"

[jobs.leads]
contacts = "s3://bucket/leads.parquet"
"""


def start(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a folder, with only these variables of segbatch."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEGBATCH_")}
    environment |= {"COLUMNS": "100", **variables}
    command = [sys.executable, "-m", "segbatch", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Create a folder with segbatch.toml, a snapshot, a definition and nested subfolders to start from."""
    (tmp_path / "notebooks" / "may").mkdir(parents=True)
    (tmp_path / "exports").mkdir()
    (tmp_path / "definitions").mkdir()
    shutil.copy(ROOT / "sample_data" / "contacts.parquet", tmp_path / "exports" / "customers.parquet")
    shutil.copy(ROOT / "sample_data" / "segments" / "pro-plan-users.json", tmp_path / "definitions")
    (tmp_path / "segbatch.toml").write_text(CUSTOMERS)
    return tmp_path


def test_commands_use_a_job_from_a_subfolder(project: Path) -> None:
    below = project / "notebooks" / "may"
    ran = start(below, "run", "--job", "customers", "--json")
    assert ran.returncode == 0
    assert "warning" not in ran.stderr
    assert json.loads(ran.stdout)["timezone"] == "Europe/Berlin"
    assert (project / "audiences" / "customers" / "segbatch.duckdb").is_file()
    asked = start(below, "query", "SELECT member_count FROM segments", "--json", SEGBATCH_JOB="customers")
    assert json.loads(asked.stdout)[0]["member_count"] > 0
    assert not list(below.iterdir())
    for words in (("runs",), ("runs", "show"), ("segments", "list"), ("check",), ("lint",), ("verify",)):
        done = start(below, *words, "--job", "customers")
        assert (done.returncode, done.stderr) in {(0, ""), (3, "")}, words


def test_config_show_prints_each_setting_with_its_source(project: Path) -> None:
    shown = start(project / "notebooks", "config", "show", "--job", "customers", SEGBATCH_KEEP="5", SEGBATCH_OUTPT="x")
    lines = {line.split()[0]: line.rstrip().split(maxsplit=2)[1:] for line in shown.stdout.splitlines()}
    assert lines["config"] == ["../segbatch.toml", "found"]
    assert lines["job"] == ["customers", "--job"]
    assert lines["contacts"] == ["../exports/customers.parquet", "../segbatch.toml: jobs.customers.contacts"]
    assert lines["timezone"] == ["Europe/Berlin", "../segbatch.toml: timezone"]
    assert lines["keep"] == ["5", "SEGBATCH_KEEP"]
    assert lines["strict"] == ["false", "default"]
    assert lines["id_column"] == ["id", "default"]
    assert lines["project"] == ["-", "not set"]
    assert shown.stdout.endswith("\njobs in the file: customers, leads\n")
    assert shown.stderr == "warning: SEGBATCH_OUTPT: unknown setting; did you mean 'SEGBATCH_OUTPUT'?\n"
    assert shown.returncode == 0


def test_config_show_prints_json(project: Path) -> None:
    variables = {"SEGBATCH_JOB": "leads", "SEGBATCH_CONFIG": "segbatch.toml", "SEGBATCH_STRICT": "yes"}
    shown = json.loads(start(project, "config", "show", "--json", **variables).stdout)
    assert shown["jobs"] == ["customers", "leads"]
    settings = shown["settings"]
    assert settings["config"] == {"value": "segbatch.toml", "from": "SEGBATCH_CONFIG"}
    assert settings["job"] == {"value": "leads", "from": "SEGBATCH_JOB"}
    assert settings["contacts"] == {"value": "s3://bucket/leads.parquet", "from": "segbatch.toml: jobs.leads.contacts"}
    assert settings["output"] == {"value": "output", "from": "default"}
    assert settings["keep"] == {"value": 3, "from": "segbatch.toml: keep"}
    assert settings["strict"] == {"value": True, "from": "SEGBATCH_STRICT"}
    assert settings["max_change"] == {"value": None, "from": "not set"}


def test_a_setting_that_is_only_in_jobs_is_shown_as_such(project: Path) -> None:
    shown = start(project, "config", "show", "--json")
    assert json.loads(shown.stdout)["settings"]["contacts"] == {"value": None, "from": "set only in jobs"}
    assert shown.returncode == 0


@pytest.mark.parametrize(("options", "origin"), [(("--no-config",), "--no-config"), ((), "not set")])
def test_defaults_are_shown_without_a_file(tmp_path: Path, options: tuple[str, ...], origin: str) -> None:
    shown = json.loads(start(tmp_path, "config", "show", "--json", *options).stdout)
    assert shown["settings"]["config"] == {"value": None, "from": origin}
    assert shown["settings"]["segments"] == {"value": "segments", "from": "default"}
    assert shown["jobs"] == []


def test_the_table_fits_the_screen(project: Path) -> None:
    shown = start(project, "config", "show", "--job", "customers", COLUMNS="60", FORCE_COLOR="1")
    assert shown.returncode == 0
    assert max(map(len, shown.stdout.replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines())) <= 60


def test_the_option_config_replaces_the_nearest_file(project: Path) -> None:
    (project / "notebooks" / "other.toml").write_text('output = "there"')
    shown = json.loads(start(project, "config", "show", "--json", "--config", "notebooks/other.toml").stdout)
    assert shown["settings"]["output"] == {"value": "notebooks/there", "from": "notebooks/other.toml: output"}


def test_no_config_ignores_the_settings_of_the_file(project: Path) -> None:
    done = start(project, "check", SEGBATCH_NO_CONFIG="1")
    assert done.returncode == 2
    assert "segments: no such file or folder" in done.stderr


@pytest.mark.parametrize("option", ["--job", "--config"])
def test_options_of_a_command_group_must_come_after_the_command(project: Path, option: str) -> None:
    done = start(project, "runs", option, "x", "show")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: {option} must come after the command: segbatch runs show {option}\n"


UNUSED = ("polars", "pyarrow", "pydantic_settings")


@pytest.mark.parametrize("words", [("--help",), ("segments", "list"), ("run", "--help")], ids=" ".join)
def test_commands_load_only_the_packages_that_they_need(project: Path, words: tuple[str, ...]) -> None:
    code = (
        "import sys; from segbatch.interfaces import cli\n"
        f"sys.argv = ['segbatch', *{words!r}]\n"
        "try: cli.main()\n"
        "except SystemExit: pass\n"
        "print(*(name for name in sys.modules), file=sys.stderr)"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEGBATCH_")}
    (project / "segbatch.toml").unlink()
    (project / "definitions").rename(project / "segments")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert "segbatch.config.resolve" in done.stderr
    assert not set(done.stderr.split()).intersection(UNUSED)
