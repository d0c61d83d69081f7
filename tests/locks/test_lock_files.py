"""Lock files are reproducible: all packages are pinned with extras and hashes, and no registry is named."""

import json
import re
from collections import defaultdict
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from repeat_extras import repeat_extras

from .lockfiles import FOLDER, ROOT, read_group, read_pins, read_project, walk

LOCKS = sorted(FOLDER.glob("*.txt"))
NPM_LOCKS = sorted([*ROOT.glob("*/package-lock.json"), *ROOT.glob("clients/*/package-lock.json")])
INSTALLED = {str(canonicalize_name(found.metadata["Name"])): found.requires or [] for found in distributions()}
DEV = [*read_project(), *read_group("dev")]
RUN = [*read_project(), *read_group("build")]


def versions(file: str) -> dict[str, str]:
    return {pin.name: pin.version for pin in read_pins(FOLDER / file)}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_line_pins_a_version_with_hashes_and_no_line_contains_a_registry(lock: Path) -> None:
    assert read_pins(lock)
    assert not re.search(r"://|^\s*-|\bindex\b|find-links", lock.read_text().replace("    --hash", ""), re.MULTILINE)


@pytest.mark.parametrize("lock", NPM_LOCKS, ids=lambda lock: lock.parent.name)
def test_every_npm_package_has_a_checksum_and_no_address(lock: Path) -> None:
    packages = json.loads(lock.read_text())["packages"]
    assert packages.pop("")
    assert {name for name, package in packages.items() if "integrity" not in package} == set()
    assert {name for name, package in packages.items() if "resolved" in package} == set()


def test_the_typescript_client_and_the_page_have_lock_files() -> None:
    assert {lock.parent.name for lock in NPM_LOCKS} == {"typescript", "web"}


@pytest.mark.parametrize(("lock", "roots"), [("dev.txt", DEV), ("run.txt", RUN)], ids=["dev", "run"])
def test_every_package_is_pinned_with_its_required_extras(lock: str, roots: list[str]) -> None:
    pinned = {pin.variant for pin in read_pins(FOLDER / lock)}
    required = walk(roots, INSTALLED)
    assert {why for variant, why in required.items() if variant not in pinned} == set()
    assert {name for name, _ in pinned} == {name for name, _ in required}


def test_walk_finds_packages_that_are_required_with_extras() -> None:
    tree = {
        "one": ["two[fast,safe]>=1; python_version < '3.12'", "far; extra == 'x'"],
        "two": ["three[c]; extra == 'Fast'"],
    }
    tree["three"] = ["two"]
    found = walk(["one"], tree)
    assert [(name, sorted(extras)) for name, extras in sorted(found, key=str)] == [
        ("one", []),
        ("three", ["c"]),
        ("two", []),
        ("two", ["fast", "safe"]),
    ]


def test_the_demo_requires_no_test_tools_and_has_the_versions_of_the_tests() -> None:
    assert versions("run.txt").items() <= versions("dev.txt").items()
    tools = {name for name, _ in walk(read_group("dev"), {})} - {name for name, _ in walk(RUN, {})}
    assert {"pytest", "mypy"} <= tools
    assert not tools & versions("run.txt").keys()


def test_a_package_has_the_same_version_in_the_tests_and_the_benchmark() -> None:
    dev, bench = versions("dev.txt"), versions("bench.txt")
    assert {name for name in dev.keys() & bench.keys() if dev[name] != bench[name]} == set()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_all_lines_of_a_package_pin_the_same_version_and_hashes(lock: Path) -> None:
    pins: dict[str, set[tuple[str, frozenset[str]]]] = defaultdict(set)
    for pin in read_pins(lock):
        pins[pin.name].add((pin.version, pin.hashes))
    assert {name for name, found in pins.items() if len(found) > 1} <= {"pip"}
    assert repeat_extras(lock.read_text()) == lock.read_text()


def test_a_package_with_extras_is_repeated_for_each_combination_of_extras() -> None:
    one = "==1.0 ; sys_platform == 'linux' \\\n    --hash=sha256:00\n    # via other\n"
    text = f"# made\nfirst==2\nmoto[s3, server]{one}other==3\n"
    repeated = f"# made\nfirst==2\nmoto{one}moto[s3]{one}moto[server]{one}moto[s3,server]{one}other==3\n"
    assert repeat_extras(text) == repeated
    assert repeat_extras(repeated) == repeated
