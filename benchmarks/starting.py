"""How long commands take whose work is small: the start of Python and of the program, and what every run costs."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from comparing import tell
from measuring import ROOT, measure, size_of
from two_nights import cleared
from works import warm

if TYPE_CHECKING:
    from comparing import Settings

RUN: Final = "segbatch run on the sample data"
TIMES_A_ROUND: Final = 3
"""They take half a second, so they have some turns in each round."""


def commands(out: str) -> dict[str, list[str]]:
    """Return the commands by what they are called in a table."""
    sample = ROOT / "sample_data"
    segments = ["--segments", str(sample / "segments")]
    return {
        RUN: ["run", "--contacts", str(sample / "contacts.parquet"), *segments, "--output", out],
        "segbatch check": ["check", *segments],
        "segbatch segments list": ["segments", "list", *segments],
        "segbatch --help": ["--help"],
        "segbatch --version": ["--version"],
    }


def measure_start(settings: Settings) -> dict[str, Any]:
    """Measure all commands in turns."""
    print("start", flush=True)
    out = settings.folder / "out"
    warm(ROOT / "sample_data" / "contacts.parquet")
    turns: dict[str, list[dict[str, Any]]] = {}
    for number in range(1 + settings.rounds * TIMES_A_ROUND):
        for name, words in commands(str(out)).items():
            cleared(out)
            found = measure([sys.executable, "-m", "segbatch", *words], settings.timeout)
            if number:  # the first turn compiles, and brings the libraries into memory
                turns.setdefault(name, []).append(replace(found, written=size_of(out)).record())
                tell(name, found)
    cleared(out)
    return {"turns": turns}
