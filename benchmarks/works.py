"""What is to be done: so many contacts, so many segments; and the files of it, made once."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from measuring import ask

if TYPE_CHECKING:
    from pathlib import Path

CHANGE: Final = 0.01


@dataclass(frozen=True)
class Work:
    """Segments to evaluate over contacts.

    Attributes:
        contacts: How many contacts there are.
        segments: How many segments.
        distinct: How many distinct rules these have together; None is a usual number.
        times: How often each segment is repeated under another id; the number of segments counts them all.
        form: How the custom fields are stored.
        seed: Another seed makes other contacts and segments.
    """

    contacts: int
    segments: int
    distinct: int | None = None
    times: int = 1
    form: str = "struct"
    seed: int = 1

    def __str__(self) -> str:
        """Say it in words."""
        rules = f", {self.distinct:,} distinct rules" if self.distinct else ""
        times = f", each {self.times} times" if self.times > 1 else ""
        form = "" if self.form == "struct" else f", custom fields as {self.form}"
        return f"{self.contacts:,} contacts, {self.segments:,} segments{rules}{times}{form}"

    def record(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return asdict(self)


@dataclass(frozen=True)
class Files:
    """Where the data of a work is.

    Attributes:
        contacts: The snapshot.
        changed: That of the night after, in which 1 % is different.
        definitions: The folder of the segments, a file each.
    """

    contacts: Path
    changed: Path
    definitions: Path


def make(work: Work, folder: Path, *, next_night: bool) -> Files:
    """Make what of the data is not there yet.

    Args:
        work: For which work.
        folder: Where the data is kept.
        next_night: Whether the contacts of the night after are needed too.
    """
    name = f"{work.contacts}-{work.form}-{work.seed}"
    files = Files(
        folder / f"contacts-{name}.parquet",
        folder / f"contacts-{name}-changed.parquet",
        folder / f"segments-{work.segments}-{work.distinct or 'usual'}-{work.times}-{work.seed}",
    )
    contacts = ("contacts", "--rows", work.contacts, "--custom-fields", work.form, "--seed", work.seed)
    made(files.contacts, *contacts)
    if next_night:
        made(files.changed, *contacts, "--change", CHANGE)
    distinct = ("--distinct", work.distinct) if work.distinct else ()
    count = ("--count", work.segments // work.times, "--times", work.times, *distinct)
    made(files.definitions, "segments", *count, "--seed", work.seed + 19)
    return files


def made(place: Path, *words: object) -> Path:
    """Make a file or folder if it is missing, under another name first, so that half of it is never taken for all."""
    if not place.exists():
        unfinished = place.with_name(f"unfinished-{place.name}")
        print(f"making {place.name}", flush=True)
        ask("make_data.py", *words, "--out", unfinished)
        unfinished.rename(place)
    return place


def warm(path: Path) -> None:
    """Read a file once, so that nobody is the first to read it from the disk."""
    with path.open("rb") as file:
        while file.read(1 << 24):
            pass
    os.sync()
