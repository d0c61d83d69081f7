"""Lock files, and the requirements among the packages that they pin."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "requirements"

LINE = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9-]*)(?:\[(?P<extras>[a-z0-9,-]+)])?==(?P<version>[A-Za-z0-9.+!]+)"
    r"(?: ; (?P<marker>[^\\]+?))?(?P<hashes>(?: --hash=sha256:[0-9a-f]{64})+)"
)

ENVIRONMENTS: list[dict[str, str]] = [
    {"python_version": version, "python_full_version": f"{version}.9", "sys_platform": name, "platform_system": system}
    for version in ("3.11", "3.12", "3.13", "3.14")
    for name, system in (("linux", "Linux"), ("darwin", "Darwin"), ("win32", "Windows"))
]

Variant = tuple[str, frozenset[str]]
"""The name of a package with its required extras; old versions of pip pin each combination separately."""


@dataclass(frozen=True)
class Pin:
    """One package of a lock file."""

    name: str
    extras: frozenset[str]
    version: str
    hashes: frozenset[str]

    @property
    def variant(self) -> Variant:
        return self.name, self.extras


def read_lines(text: str) -> list[str]:
    """Return the lines of a requirements file, with continued lines joined."""
    joined = re.sub(r"\s*\\\n\s*", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    return [line.strip() for line in joined.splitlines() if line.strip()]


def read_pins(file: Path) -> list[Pin]:
    """Return the packages that a lock file pins; a line without a pin is an error."""
    pins = []
    for line in read_lines(file.read_text()):
        found = LINE.fullmatch(line)
        assert found, f"{file.name}: {line[:120]}"
        extras = frozenset((found["extras"] or "").split(",")) - {""}
        pins.append(Pin(found["name"], extras, found["version"], frozenset(found["hashes"].split())))
    return pins


def read_group(name: str) -> Iterator[str]:
    """Return the requirements of a dependency group, including those of its included groups."""
    groups: dict[str, list[str | dict[str, str]]] = tomllib.loads((ROOT / "pyproject.toml").read_text())[
        "dependency-groups"
    ]
    for entry in groups[name]:
        if isinstance(entry, str):
            yield entry
        else:
            yield from read_group(entry["include-group"])


def read_project(*extras: str) -> list[str]:
    """Return the requirements of segbatch itself, with extras."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [*project["dependencies"], *(entry for extra in extras for entry in project["optional-dependencies"][extra])]


def applies(marker: Marker | None, extras: Iterable[str]) -> bool:
    """Return whether a requirement applies on any platform and Python, with any or none of these extras."""
    base: dict[str, str] = {key: str(value) for key, value in default_environment().items()}
    return marker is None or any(
        marker.evaluate({**base, **environment, "extra": extra})
        for environment in ENVIRONMENTS
        for extra in {"", *extras}
    )


def walk(roots: Iterable[str], requires: Mapping[str, list[str]]) -> dict[Variant, str]:
    """Return each package with extras that the tree requires, and an example of a package that requires it.

    Args:
        roots: The requirements to start with.
        requires: The requirements of each package, by its name; a missing package has no requirements.
    """
    seen: dict[Variant, str] = {}
    todo = [(root, "pyproject.toml", frozenset[str]()) for root in roots]
    while todo:
        text, parent, extras = todo.pop()
        requirement = Requirement(text)
        if not applies(requirement.marker, extras):
            continue
        variant = (canonicalize_name(requirement.name), frozenset(map(canonicalize_name, requirement.extras)))
        if variant not in seen:
            seen[variant] = f"{text} (required by {parent})"
            todo += [(entry, variant[0], variant[1]) for entry in requires.get(variant[0], [])]
    return seen
