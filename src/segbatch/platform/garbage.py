"""Python's search for garbage, which takes long in a process with many modules."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

FEW_SEARCHES: Final = 300_000
"""New objects before Python looks for garbage, as `gc.set_threshold` takes it.

With its usual 700 it looks hundreds of times while modules load. A small run makes 150,000 objects that stay, and
looking through them once takes as long as importing Typer.
"""

_lock = Lock()
_before = list[tuple[int, int, int]]()
"""The setting of the program, once for each block at work."""


@contextmanager
def searching_rarely() -> Iterator[None]:
    """Look for garbage rarely during a block or a call, in a process that is not ours alone.

    Blocks may overlap in several threads; the program's setting returns after the last one. A program that looks even
    more rarely, or never, keeps its setting.
    """
    with _lock:
        now = gc.get_threshold()
        _before.append(_before[0] if _before else now)
        if 0 < now[0] < FEW_SEARCHES:
            gc.set_threshold(FEW_SEARCHES)
    try:
        yield
    finally:
        with _lock:
            before = _before.pop()
            if not _before:
                gc.set_threshold(*before)
