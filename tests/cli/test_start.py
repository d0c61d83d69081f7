"""What a command loads and builds before it works, since each run pays for it."""

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import typer.main

from builders import rule, write_segment
from segbatch.interfaces import cli

NEEDED_BY_OTHERS = (
    "adbc_driver_manager",
    "asyncio",
    "deltalake",
    "fastapi",
    "httpx",
    "multiprocessing",
    "numpy.ma",
    "obstore",
    "pandas",
    "prometheus_client",
    "pyarrow.compute",
    "pyarrow.dataset",
    "pydantic_settings",
    "rich.progress",
    "segbatch.authoring.check",
    "segbatch.cluster.driver",
    "segbatch.exports.export",
    "segbatch.interfaces.api.server",
    "segbatch.model.schema_file",
    "segbatch.observability.prometheus",
    "segbatch.platform.adbc",
    "segbatch.snapshot.database.query",
    "segbatch.snapshot.database.rows",
    "segbatch.snapshot.lakehouse.table",
    "segbatch.snapshot.related.values",
    "segbatch.sql.generate",
    "segbatch.storage.remote.publication",
    "sqlglot",
    "sqlite3",
    "urllib.request",
)

COMMAND_MODULES = {f"{cli.__name__}.{module}" for module in cli.COMMANDS}


def test_a_run_of_local_files_loads_nothing_that_only_others_need(tmp_path: Path) -> None:
    pl.DataFrame({"id": ["ann", "bob"], "plan": ["pro", "free"]}).write_parquet(tmp_path / "contacts.parquet")
    write_segment(tmp_path / "segments", "pro", rule("plan", "eq", "pro"))
    arguments = ["run", "-q", "--contacts", "contacts.parquet"]
    loaded = loaded_by(arguments, tmp_path)
    assert not loaded.intersection(NEEDED_BY_OTHERS)
    assert loaded & COMMAND_MODULES == {f"{cli.__name__}.run", f"{cli.__name__}.deliver"}
    assert (tmp_path / "output" / "current").exists()


def test_a_run_without_changes_since_the_previous_one_calls_no_function_of_pyarrow_either(tmp_path: Path) -> None:
    pl.DataFrame({"id": [2, 1], "plan": ["pro", "free"]}).write_parquet(tmp_path / "contacts.parquet")
    write_segment(tmp_path / "segments", "pro", rule("plan", "eq", "pro"))
    arguments = ["run", "-q", "--contacts", "contacts.parquet"]
    loaded_by(arguments, tmp_path)
    assert "pyarrow.compute" not in loaded_by(arguments, tmp_path)


def test_a_check_of_definitions_loads_no_duckdb_and_no_functions_of_pyarrow(tmp_path: Path) -> None:
    write_segment(tmp_path / "segments", "pro", rule("plan", "eq", "pro"))
    assert not loaded_by(["check"], tmp_path).intersection({"duckdb", "pyarrow.compute"})


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]], ids=" ".join)
def test_help_and_version_load_no_models_and_no_metadata_of_packages(arguments: list[str], tmp_path: Path) -> None:
    assert not loaded_by(arguments, tmp_path).intersection({"importlib.metadata", "pydantic", "structlog"})


def test_the_version_is_printed_without_the_command_line(tmp_path: Path) -> None:
    assert not loaded_by(["--version"], tmp_path).intersection({"rich", "segbatch.interfaces", "typer"})


def test_listing_segments_loads_no_other_command(tmp_path: Path) -> None:
    write_segment(tmp_path / "segments", "pro", rule("plan", "eq", "pro"))
    loaded = loaded_by(["segments", "list"], tmp_path)
    assert loaded & COMMAND_MODULES == {f"{cli.__name__}.segments"}
    assert not loaded.intersection({"duckdb", "polars", "pyarrow"})


def loaded_by(arguments: list[str], folder: Path) -> set[str]:
    """Run a command in a folder, and return the modules that it loaded."""
    code = (
        f"import sys\nsys.argv = ['segbatch', *{arguments}]\nbefore = {{*sys.modules}}\n"  # coverage has loaded some
        f"import segbatch.__main__ as program\n"
        f"try:\n    program.main()\n"
        f"finally:\n    print('\\nLOADED', *sorted({{*sys.modules}} - before))\n"
    )
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SEGBATCH_")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder, env=environ
    )
    assert done.stderr == ""
    return set(done.stdout.partition("\nLOADED ")[2].split())


def test_each_command_is_listed_with_the_module_that_has_it() -> None:
    app = cli.every_command()
    found = dict[str, set[str]]()
    for command in app.registered_commands:
        assert command.callback
        module = command.callback.__module__.rpartition(".")[2]
        found.setdefault(module, set()).add(command.name or command.callback.__name__)
    for group in app.registered_groups:
        assert group.typer_instance
        callback = group.typer_instance.registered_commands[0].callback
        assert callback
        found.setdefault(callback.__module__.rpartition(".")[2], set()).add(str(group.name))
    assert found == {module: set(names) for module, names in cli.COMMANDS.items()}


@pytest.mark.parametrize("called", ["run", "lists", "segments"])
def test_only_the_command_that_is_called_is_built(called: str) -> None:
    assert [*typer.main.get_command(cli.application([called, "run"])).commands] == [called]  # type: ignore[attr-defined]


@pytest.mark.parametrize("arguments", [[], ["--help"], ["nothing"], ["--version", "run"]])
def test_all_commands_are_built_if_none_is_called(arguments: list[str]) -> None:
    assert cli.application(arguments) is cli.every_command()


def test_every_command_can_be_built_alone() -> None:
    for name in typer.main.get_command(cli.every_command()).commands:  # type: ignore[attr-defined]
        assert cli.application([name]) is not cli.every_command()


@pytest.mark.parametrize(("argument", "status"), [("--help", 0), ("nosuch", 2)])
def test_the_end_of_the_program_calls_exit_handlers_and_frees_nothing(argument: str, status: int) -> None:
    code = (
        "import atexit, sys\nfrom segbatch.interfaces import cli\nfrom segbatch.__main__ import program\n"
        "class Kept:\n    def __del__(self): print('freed')\n"
        "kept, run = Kept(), cli.main\n"
        "def command():\n    atexit.register(print, 'handler')\n    run()\n"
        "cli.main = command\nprogram()\n"
    )
    done = subprocess.run([sys.executable, "-c", code, argument], capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert done.stdout.endswith("handler\n")
    assert "freed" not in done.stdout
