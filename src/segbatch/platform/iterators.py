"""Iterators over the items of other iterators."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_T = TypeVar("_T")


def read_ahead(items: Iterator[_T]) -> Iterator[_T]:
    """Yield items, and read the next item in another thread while the caller works on the current one."""
    with ThreadPoolExecutor(1, "read") as pool:
        waiting = pool.submit(next, items, None)
        while (item := waiting.result()) is not None:
            waiting = pool.submit(next, items, None)
            yield item


def gather(items: Iterable[_T], least: int, size: Callable[[_T], int]) -> Iterator[list[_T]]:
    """Yield lists of consecutive items, each as soon as its size is reached, and the rest at the end.

    Args:
        least: The sum of the sizes of the items from which a list gets no more.
        size: Returns the size of an item.
    """
    waiting, total = list[_T](), 0
    for item in items:
        waiting.append(item)
        total += size(item)
        if total >= least:
            yield waiting
            waiting, total = [], 0
    if waiting:
        yield waiting
