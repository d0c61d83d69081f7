"""The benchmark runs without errors, at sizes too small for meaningful numbers."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.serial]

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
PEERS_PYTHON = os.environ.get("SEGBATCH_BENCH_PYTHON", sys.executable)
"""The Python in which the other engines are installed; the one that `make bench` creates has all of them."""
TINY = ["--contacts", "500", "--segments", "12", "--rounds", "1"]


def bench(folder: Path, *words: str) -> dict[str, Any]:
    """Run the benchmark, and return its results."""
    place = folder / "results.json"
    where = ["--data", str(folder / "data"), "--results", str(place), "--python", PEERS_PYTHON]
    command = [sys.executable, str(BENCHMARKS / "bench.py"), *TINY, *where, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    results: dict[str, Any] = json.loads(place.read_text())
    return results


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench")


@pytest.fixture(scope="module")
def compared(folder: Path) -> dict[str, Any]:
    return bench(folder, "--page", str(folder / "page.md"))


def test_all_installed_engines_find_the_same_members(compared: dict[str, Any]) -> None:
    [record] = compared["comparisons"]
    assert {
        "segbatch",
        "segbatch-second-night",
        "floor",
        "duckdb",
        "duckdb-tuned",
        "polars-wide",
        "polars-loop",
    } <= set(record["turns"])
    assert [turn["error"] for turns in record["turns"].values() for turn in turns if turn["error"]] == []
    assert record["memberships"] > 0


@pytest.mark.parametrize(
    ("peer", "package"), [("clickhouse", "chdb"), ("clickhouse-tuned", "chdb"), ("pandas", "pandas")]
)
def test_a_peer_that_is_not_installed_is_left_out_and_reported(
    compared: dict[str, Any], peer: str, package: str
) -> None:
    [record] = compared["comparisons"]
    if peer in record["turns"]:
        pytest.skip(f"{package} is installed")
    assert record["left_out"][peer] == f"not installed: {package}"


def test_the_page_is_written_with_a_plot(compared: dict[str, Any], folder: Path) -> None:
    page = (folder / "page.md").read_text()
    assert f"same {compared['comparisons'][0]['memberships']:,} memberships" in page
    assert "(page.svg)" in page
    ET.fromstring((folder / "page.svg").read_text())  # noqa: S314 - our own file


def test_the_profile_finds_all_profiled_functions(folder: Path) -> None:
    [record] = bench(folder, "--profile")["profiles"]
    assert [night["lost"] for night in record["nights"]] == [[], []], "profile_run.py names places that moved"
    steps = {step["step"] for night in record["nights"] for step in night["steps"]}
    assert {"read", "predicates", "conditions", "membership", "bits", "changes: what differs"} <= steps


def test_published_tables_are_compared_with_plain_files(compared: dict[str, Any]) -> None:
    [record] = compared["comparisons"]
    assert [*record["questions"][0]] == [*record["plain_questions"][0]]
    assert len(record["questions"][0]) == 5


def test_segments_of_events_and_small_commands_are_measured(folder: Path) -> None:
    results = bench(folder, "--events", "--start")
    events, start = results["events"]["turns"], results["start"]["turns"]
    assert {*events} == {"segbatch", "duckdb-events", "duckdb-aggregates"}
    assert results["events"]["memberships"] > 0
    assert {"segbatch run on the sample data", "segbatch --version"} <= {*start}
    assert [turn["error"] for turns in (*events.values(), *start.values()) for turn in turns if turn["error"]] == []


def test_a_scaling_series_is_measured(folder: Path) -> None:
    scale = bench(folder, "--scale", "form")["scale"]
    assert [entry["work"]["form"] for entry in scale["form of custom fields"]] == ["struct", "json", "map"]
    assert all(not turn["error"] for entry in scale["form of custom fields"] for turn in entry["turns"])


def test_different_members_are_reported() -> None:
    before, after = {"a": (2, "5"), "b": (1, "7")}, {"a": (2, "6"), "b": (1, "7")}
    code = f"import two_nights; two_nights.ensure_same('duckdb', {before}, {after})"
    done = subprocess.run([sys.executable, "-c", code], cwd=BENCHMARKS, capture_output=True, text=True, check=False)
    assert "duckdb: other members in 1 of 2 segments, first in a (2 by segbatch and 2 by duckdb)" in done.stderr
