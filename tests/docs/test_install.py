"""Installation: the documented commands work, and so do the commands in messages about missing extras."""

import re
import subprocess
import sys
from importlib.metadata import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "jobs").glob("*.md"))]
MODULES = sorted((ROOT / "src").rglob("*.py"))
EXTRAS = set(metadata("segbatch").get_all("Provides-Extra") or [])

BY_NAME = re.compile(r"pip\s+install\s[^`\n]*?(?<![/\w])segbatch\b")
"""An installation by name, which requires that segbatch is already installed, since it is not on PyPI."""

NAMED = re.compile(r"(?:segbatch|\.|clone)\[([a-z,]+)\]'")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_describes_only_installation_from_a_clone(page: Path) -> None:
    text = page.read_text()
    if page.name == "README.md":
        text = text.replace("Into an environment that has segbatch, `pip install 'segbatch[api]'`", "")
    assert not BY_NAME.findall(text)


def test_every_mentioned_extra_exists_and_the_readme_lists_all_extras() -> None:
    for file in [*PAGES, *MODULES]:
        for names in NAMED.findall(file.read_text()):
            assert set(names.split(",")) <= EXTRAS, file
    cells = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert set(re.findall(r"\w+", " ".join(cells))) == EXTRAS


@pytest.mark.slow
def test_the_suggested_install_commands_use_the_installed_segbatch() -> None:
    """Install without an index, as if no package had that name."""
    said = {name for file in MODULES for name in NAMED.findall(file.read_text())}
    assert said == {"api", "client", "delta", "iceberg", "metrics", "objects", "sql"}
    command = [sys.executable, "-m", "pip", "install", "--no-index", "--dry-run", f"segbatch[{','.join(sorted(said))}]"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Would install" not in done.stdout


@pytest.mark.parametrize("page", ["README.md", "docs/client.md"])
def test_no_line_of_a_page_is_too_long(page: str) -> None:
    """Tables and code may be wider."""
    text = re.sub(r"^```.*?^```", "", (ROOT / page).read_text(), flags=re.MULTILINE | re.DOTALL)
    assert [line for line in text.splitlines() if len(line) > 130 and not line.startswith("|")] == []
