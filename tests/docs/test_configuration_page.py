"""docs/configuration.md: its example, and its table of settings."""

import re
import runpy
import shutil
from pathlib import Path

import pytest

from segbatch.config.model import Job
from segbatch.config.resolve import read_settings

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "configuration.md").read_text()
ROWS = dict(re.findall(r"^\| `(\w+)` \| ([a-z ]+) \|", PAGE, re.MULTILINE))

EXAMPLES = {
    "text": ("x", 1),
    "path": ("x", 1),
    "whole number": (5, "5"),
    "number": (5.5, "5.5"),
    "true or false": (True, "true"),
    "list of texts": (["x"], "x"),
    "tables": ({"orders": {"path": "x"}}, "x"),
}
"""A valid and an invalid value of each type."""

NARROWER = {
    "engine": ("spark", "x"),
    "log_format": ("json", "x"),
    "max_change": ("30%", "x"),
    "spark_remote": ("sc://127.0.0.1:15002", "x"),
}
"""A valid and an invalid value of settings that do not accept every text."""


def test_the_page_matches_the_generated_page() -> None:
    made = runpy.run_path(str(DOCS / "make_cli.py"))["make_configuration"](PAGE)
    assert made == PAGE, "run `make docs` and commit docs/configuration.md"


def test_every_setting_has_a_row() -> None:
    assert list(ROWS) == list(Job.model_fields)


@pytest.mark.parametrize("name", ROWS)
def test_a_setting_accepts_only_the_documented_type(name: str) -> None:
    good, bad = EXAMPLES[ROWS[name]]
    good, bad = NARROWER.get(name, (good, bad))
    assert Job.model_validate({name: good}).model_dump(exclude_none=True)[name] == good
    with pytest.raises(ValueError, match=name):
        Job.model_validate({name: bad})


def test_the_example_matches_its_file_and_is_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example = DOCS / "examples" / "segbatch.toml"
    assert f"```toml\n{example.read_text()}```" in PAGE
    shutil.copy(example, tmp_path)
    monkeypatch.chdir(tmp_path)
    for asked_by_the_tests in ("SEGBATCH_LOG_FORMAT", "SEGBATCH_LOG_IDS"):
        monkeypatch.delenv(asked_by_the_tests)
    settings = read_settings(job="second-project")
    assert settings.jobs == ("customers", "second-project")
    assert settings.values == {
        "contacts": "sample_data/contacts.parquet",
        "segments": "sample_data/segments",
        "output": "audiences/second-project",
        "project": "proj-2",
        "strict": True,
        "timezone": "Europe/Berlin",
        "max_change": "30%",
        "keep": 14,
    }


def test_the_variables_of_the_page_are_settings() -> None:
    known = {
        f"SEGBATCH_{name.upper()}" for name in (*Job.model_fields, "as_of", "run_id", "config", "job", "no_config")
    }
    assert set(re.findall(r"SEGBATCH_[A-Z_]+[A-Z]", PAGE)) - {"SEGBATCH_OUTPT"} <= known
