"""Names of runs and of their folders."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from segbatch import UsageError
from segbatch.storage.layout import check_run_id, free_folder, new_run_id, to_run_id


@pytest.mark.parametrize("run_id", ["7", "2025-11-05", "scheduled__2025-11-05T02:00:00+00:00", "a@b=c.d", "x" * 150])
def test_a_run_id_of_a_scheduler_is_accepted(run_id: str) -> None:
    assert check_run_id(run_id) == run_id


@pytest.mark.parametrize("run_id", ["", ".", "..", "-x", ".tmp-x", "a/b", "a b", "a~2", "ü", "a\n", "x" * 151])
def test_a_run_id_that_cannot_be_a_folder_is_refused(run_id: str) -> None:
    with pytest.raises(UsageError, match=r"cannot be a run id; a run id begins with a letter or digit.*\(--run-id\)"):
        check_run_id(run_id)


@pytest.mark.parametrize("run_id", ["last", "previous", "current"])
def test_a_word_that_means_another_run_is_refused(run_id: str) -> None:
    expected = rf"'{run_id}' cannot be a run id: it means the {run_id} run; choose another"
    with pytest.raises(UsageError, match=expected):
        check_run_id(run_id)


@pytest.mark.parametrize(
    "name", ["", "-x", "a/b", "a b", "a~2", "ü", "last", "current", "x" * 151, "manual__" + "x~" * 121]
)
def test_the_run_name_of_another_program_becomes_a_unique_id(name: str) -> None:
    run_id = to_run_id(name)
    assert check_run_id(run_id) == run_id == to_run_id(name)
    assert to_run_id(f"{name}!") != run_id


def test_an_id_that_can_be_one_stays_as_it_is() -> None:
    assert to_run_id("scheduled__2025-11-05T02:00:00+00:00") == "scheduled__2025-11-05T02:00:00+00:00"


def test_a_new_run_id_is_one_and_no_two_are_the_same() -> None:
    moment = datetime(2025, 11, 5, 2, tzinfo=UTC)
    assert check_run_id(new_run_id(moment)).startswith("20251105T020000Z-")
    assert new_run_id(moment) != new_run_id(moment)


def test_a_folder_that_is_there_is_not_written_again(tmp_path: Path) -> None:
    for expected in ("r", "r~2", "r~3"):
        assert free_folder(tmp_path, "r") == expected
        (tmp_path / "runs" / expected).mkdir(parents=True)
    (tmp_path / "runs" / "r~2").rmdir()
    assert free_folder(tmp_path, "r") == "r~2"
