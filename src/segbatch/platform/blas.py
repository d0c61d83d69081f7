"""Imports of NumPy without the threads of its library for linear algebra (BLAS)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

THREADS = "OPENBLAS_NUM_THREADS"
"""The variable that OpenBLAS, the library in the wheels of NumPy, reads when it is loaded."""


@contextmanager
def no_blas_threads() -> Iterator[None]:
    """Import NumPy in this block without threads for linear algebra, unless the user has set their number.

    Their start takes more than a third of the import, and segbatch does not use them. The environment is restored
    after the block, because the commands that hooks run inherit it.
    """
    is_set = THREADS in os.environ
    os.environ.setdefault(THREADS, "1")
    try:
        yield
    finally:
        if not is_set:
            del os.environ[THREADS]
