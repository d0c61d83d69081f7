"""The commands in the documentation print the output that is documented below them.

A `console` block has commands after `$ ` and their output, to the end of each line; `...` matches any text. The
blocks of a page are run in turn, in a folder with the files of a clone.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.serial]

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", *sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs").glob("*.md"))]
IN_A_CLONE = ["sample_data", "docs", "jobs"]
NOT_HERE = ("make ",)
"""`make test` would run this test again."""

BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(page: str) -> list[tuple[str, str]]:
    """Return the commands of a page, each with its expected output."""
    blocks = BLOCK.findall((ROOT / page).read_text())
    parts = [part.split("\n", 1) for block in blocks for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    return [(command, output) for command, output in parts if not command.startswith(NOT_HERE)]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    for name in IN_A_CLONE:
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


AS_CRON = "docs/nightly.md"
"""The page whose commands run unattended, so that they log as in a scheduled run."""


def run(command: str, folder: Path, *, as_cron: bool = False) -> str:
    """Run a command in a shell with the programs of this environment, and return its output."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "COLUMNS": "200"}
    for name in ("SEGBATCH_LOG_FORMAT", "SEGBATCH_LOG_IDS") if as_cron else ():
        del environment[name]
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout


def pattern(expected: str) -> str:
    return ".*?".join(re.escape(part) for part in expected.split("..."))


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)])
def test_the_commands_of_a_page_print_the_documented_output(page: str, clone: Path) -> None:
    for command, expected in commands(page):
        printed = run(command, clone, as_cron=page == AS_CRON)
        assert re.fullmatch(pattern(expected), printed, re.DOTALL), f"$ {command}\n{printed}"


@pytest.mark.parametrize("page", [page for page in PAGES if PYTHON.search((ROOT / page).read_text())])
def test_the_python_of_a_page_runs(page: str, clone: Path) -> None:
    for code in PYTHON.findall((ROOT / page).read_text()):
        done = subprocess.run([sys.executable, "-c", code], cwd=clone, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES)
def test_the_links_of_a_page_have_existing_targets(page: str) -> None:
    text = (ROOT / page).read_text()
    for target in re.findall(r'(?:\]\(|src=")(?!https?:)([^)#"]+)', text):
        assert ((ROOT / page).parent / target).exists(), target


def test_the_segment_in_the_readme_matches_the_sample_file() -> None:
    sample = (ROOT / "sample_data" / "segments" / "pro-plan-users.json").read_text()
    assert f"```json\n{sample}```" in (ROOT / "README.md").read_text()
