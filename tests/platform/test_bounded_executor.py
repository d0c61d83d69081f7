"""A bounded number of threads that run tasks."""

from threading import Event, Timer

import pytest

from segbatch.platform.bounded_executor import BoundedExecutor


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
