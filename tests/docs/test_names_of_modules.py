"""Modules and packages that the pages for developers name."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("CONTRIBUTING.md", "docs/how-it-works.md", "docs/decisions.md")
NAME = re.compile(r"`([\w./]+(?:\.py|/))`")
OF_OTHERS = {"metadata/"}
"""Folders of Iceberg tables."""


def exists(name: str, paths: set[str]) -> bool:
    """Whether a name, such as `recorder.py` or `storage/remote/`, is the end of a path in the repository."""
    return any(f"/{path}".endswith(f"/{name.rstrip('/')}") for path in paths)


@pytest.mark.parametrize("page", PAGES)
def test_named_modules_exist(page: str) -> None:
    folders = [ROOT / name for name in ("src", "tests", "docs", "requirements", "jobs", "benchmarks")]
    paths = {str(path.relative_to(ROOT)) for folder in folders for path in [folder, *folder.rglob("*")]}
    names = set(NAME.findall((ROOT / page).read_text())) - OF_OTHERS
    assert names
    assert {name for name in names if not exists(name, paths)} == set()
