"""The page that `segbatch serve` and `segbatch report` show: it is in the wheel, complete, and loads nothing else."""

import base64
import hashlib
import re
import subprocess
import zipfile
from importlib.resources import files
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]
PAGE = files("segbatch.interfaces") / "web" / "page.html"
TEXT = PAGE.read_text(encoding="utf-8")
POLICY = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)"', TEXT)
SCRIPTS = re.findall(r"<script(?P<attributes>[^>]*)>(.*?)</script>", TEXT, re.DOTALL)
STYLES = re.findall(r"<style[^>]*>(.*?)</style>", TEXT, re.DOTALL)


def checksum(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def test_it_has_one_empty_place_for_the_data_of_a_report() -> None:
    assert TEXT.count('<script id="segbatch-data" type="application/json"></script>') == 1


def test_its_policy_allows_its_own_script_and_styles_and_nothing_else() -> None:
    [policy] = POLICY
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    code = [text for attributes, text in SCRIPTS if "application/json" not in attributes]
    assert rules == {
        "default-src": "'none'",
        "script-src": " ".join(checksum(text) for text in code),
        "style-src": " ".join(checksum(text) for text in STYLES),
        "img-src": "data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert code
    assert STYLES


def test_no_element_loads_another_file() -> None:
    elements = re.sub(r"(<script[^>]*>|<style[^>]*>).*?(</script>|</style>)", r"\1\2", TEXT, flags=re.DOTALL)
    places = re.findall(r"(?:src|href)=\"([^\"]*)", elements)
    assert [place for place in places if not place.startswith("data:")] == []


def test_it_says_what_it_needs_without_javascript() -> None:
    [text] = re.findall(r"<noscript>(.*?)</noscript>", TEXT, re.DOTALL)
    assert "This page needs JavaScript" in text


def test_the_build_of_the_wheel_does_not_leave_it_out() -> None:
    """Hatchling leaves out what git ignores."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone")
    ignored = subprocess.run(["git", "check-ignore", "-q", str(PAGE)], cwd=ROOT, check=False)
    assert ignored.returncode == 1


@pytest.mark.slow
def test_the_wheel_has_the_same_page(tmp_path: Path) -> None:
    [wheel] = WheelBuilder(str(ROOT)).build(directory=str(tmp_path))
    assert zipfile.ZipFile(wheel).read("segbatch/interfaces/web/page.html") == TEXT.encode()
