"""Small matrix products on one thread.

OpenBLAS shares out every product of more than some hundred rows, and its threads wait for each other by spinning: where
the machine has other work, a product of a millisecond then takes a hundred.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any


@contextmanager
def one_thread() -> Iterator[None]:
    """numpy multiplies on one thread meanwhile. Some versions of OpenBLAS count by thread, others by process: with these
    another thread that leaves gives all back their threads, which costs time alone."""
    libraries = _libraries()
    for library, _ in libraries:
        library.set_num_threads(1)
    try:
        yield
    finally:
        for library, threads in libraries:
            library.set_num_threads(threads)


@lru_cache(maxsize=1)
def _libraries() -> tuple[tuple[Any, int], ...]:
    """Those that multiply, each with the threads that it began with: found once, all loaded ones are looked through."""
    from threadpoolctl import ThreadpoolController

    chosen = ThreadpoolController().select(user_api="blas").lib_controllers
    return tuple((library, int(library.num_threads)) for library in chosen)
