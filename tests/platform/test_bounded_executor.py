"""A bounded number of threads that run tasks."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Timer

import pytest

from segbatch.platform.bounded_executor import BoundedExecutor, map_ahead


def test_finish_waits_for_all_tasks() -> None:
    done: list[int] = []
    with BoundedExecutor("test", 2) as threads:
        for number in range(20):
            threads.submit(done.append, number)
        threads.finish()
    assert sorted(done) == list(range(20))


def test_submit_waits_while_all_threads_are_busy() -> None:
    go, done = Event(), list[int]()

    def work(number: int) -> None:
        go.wait(10)
        done.append(number)

    with BoundedExecutor("test", 2) as threads:
        threads.submit(work, 1)
        threads.submit(work, 2)
        assert done == []
        Timer(0.05, go.set).start()
        threads.submit(work, 3)
        assert 1 in done
        threads.finish()
    assert sorted(done) == [1, 2, 3]


@pytest.mark.parametrize("more", [0, 3])
def test_errors_of_tasks_are_raised(more: int) -> None:
    with BoundedExecutor("test", 2) as threads:
        threads.submit(int, "x")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="invalid literal"):  # noqa: PT012 - at one of them
            for _ in range(more):
                threads.submit(lambda: None)
            threads.finish()


def test_results_come_in_the_order_of_the_items() -> None:
    later_is_done = Event()

    def work(number: int) -> int:
        if number == 0:
            later_is_done.wait(10)
        if number == 1:
            later_is_done.set()
        return number * 10

    with ThreadPoolExecutor(2) as pool:
        assert list(map_ahead(pool, work, range(7), 3)) == [0, 10, 20, 30, 40, 50, 60]
        assert list(map_ahead(pool, work, [], 3)) == []


def test_no_more_items_are_taken_than_allowed() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(9):
            taken.append(number)
            yield number

    with ThreadPoolExecutor(2) as pool:
        found = map_ahead(pool, str, items(), 3)
        assert next(found) == "0"
        assert taken == [0, 1, 2]


def test_an_error_of_an_item_is_raised_in_its_turn() -> None:
    with ThreadPoolExecutor(2) as pool:
        found = map_ahead(pool, int, ["1", "x", "3"], 2)
        assert next(found) == 1
        with pytest.raises(ValueError, match="x"):
            next(found)
