"""Python's search for garbage, which takes long in a process with many modules."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

FEW_SEARCHES: Final = 300_000
"""New objects before Python looks for garbage, as `gc.set_threshold` takes it.

With its usual 700 it looks hundreds of times while modules load. A small run makes 150,000 objects that stay, and
looking through them once takes as long as importing Typer.
"""


@contextmanager
def searching_rarely() -> Iterator[None]:
    """Look for garbage rarely during a block or a call, in a process that is not ours alone."""
    before = gc.get_threshold()
    gc.set_threshold(FEW_SEARCHES)
    try:
        yield
    finally:
        gc.set_threshold(*before)
