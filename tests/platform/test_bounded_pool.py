"""Threads beside the one that asks for work."""

from threading import Event, Timer

import pytest

from segbatch.platform.bounded_pool import Beside


def test_all_is_done_in_the_end() -> None:
    done: list[int] = []
    with Beside("test", 2) as threads:
        for number in range(20):
            threads.do(done.append, number)
        threads.finish()
    assert sorted(done) == list(range(20))


def test_who_asks_waits_while_every_thread_has_something_to_do() -> None:
    go, done = Event(), list[int]()

    def work(number: int) -> None:
        go.wait(10)
        done.append(number)

    with Beside("test", 2) as threads:
        threads.do(work, 1)
        threads.do(work, 2)
        assert done == []
        Timer(0.05, go.set).start()
        threads.do(work, 3)
        assert 1 in done
        threads.finish()
    assert sorted(done) == [1, 2, 3]


@pytest.mark.parametrize("more", [0, 3])
def test_what_goes_wrong_is_raised(more: int) -> None:
    with Beside("test", 2) as threads:
        threads.do(int, "x")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="invalid literal"):  # noqa: PT012 - at one of them
            for _ in range(more):
                threads.do(lambda: None)
            threads.finish()
