"""`segbatch sql views`, next to `segbatch sql` with a segment of that name."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from builders import rule, write_contacts, write_segment
from segbatch.interfaces.cli import application


def printed(*arguments: str, status: int = 0) -> str:
    done = CliRunner().invoke(application(arguments), arguments)
    assert done.exit_code == status, done.output
    return done.output


def test_views_are_printed_as_statements() -> None:
    output = printed("sql", "views", "--dialect", "trino", "--output", "iceberg://prod/audiences", "--schema", "crm")
    assert output.startswith("-- The published tables of iceberg://prod/audiences, as views.")
    assert output.count("CREATE OR REPLACE VIEW crm.") == output.count(";\n") == 6


def test_the_output_of_the_settings_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGBATCH_OUTPUT", "delta+s3://bucket/crm")
    assert "DELTA_SCAN('s3://bucket/crm/current')" in printed("sql", "views", "--dialect", "duckdb")


def test_a_folder_has_its_own_views() -> None:
    message = "error: output: is a folder on this machine, which has its views in segbatch.duckdb"
    assert printed("sql", "views", "--dialect", "duckdb", status=2).startswith(message)


@pytest.mark.parametrize("written", [["--contacts", "{}"], ["--contacts={}"]])
def test_with_contacts_views_is_the_id_of_a_segment(written: list[str], tmp_path: Path) -> None:
    contacts = write_contacts(tmp_path / "contacts.parquet", {"plan": ["pro"]})
    write_segment(tmp_path / "segments", "views", rule("plan", "eq", "pro"))
    given = [one.format(contacts) for one in written]
    assert "WHERE plan = 'pro'" in printed("sql", "views", *given, "--segments", str(tmp_path / "segments"))
