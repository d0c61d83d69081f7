"""After any sequence of runs and synchronisations, the tables in the database are the published ones."""

from pathlib import Path

import pytest

from database_tables import published_tables, sqlite_tables, without_run
from run_sequences import RunSequence
from segbatch.exports.database.sync import sync


def follow(folder: Path, seed: int, acts: int) -> set[str]:
    """Let things happen, synchronise now and then, and return what the synchronisations did."""
    sequence = RunSequence(folder / "work", seed)
    file, output = folder / "audiences.db", sequence.place.output
    seen = set[str]()
    for number in range(acts):
        sequence.act()
        if sequence.random.random() < 0.6 or number == acts - 1:
            report = sync(f"sqlite:///{file}", output)
            seen |= {report.extent, *(["undone"] if report.undone else []), *report.reason.split()[-3:]}
            sequence.log.append(f"sync: {report.extent} {report.reason} {report.undone}")
            stored, published = sqlite_tables(file), published_tables(output)
            if sequence.lost_run is not None:  # its changes stay in a database that has them
                stored["membership_changes"][1][:] = without_run(stored, sequence.lost_run)
            assert stored == published, (seed, sequence.log)
            assert sync(f"sqlite:///{file}", output).extent == "none"
    return seen


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_the_tables_follow_a_short_sequence(tmp_path: Path, seed: int) -> None:
    follow(tmp_path, seed, 6)


@pytest.mark.slow
def test_the_tables_follow_long_sequences(tmp_path: Path) -> None:
    seen = set[str]()
    for seed in range(105, 114):
        seen |= follow(tmp_path / str(seed), seed, 10)
    assert {"none", "changes", "full", "undone"} <= seen
