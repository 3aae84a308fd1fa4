"""One thread for work that needs no answer at once: compressing, sealing and writing segments."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_T = TypeVar("_T")


class ThreadLane:
    """The Lane port on one thread, started with the first job and ended with this object."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lane")

    def __call__(self, job: Callable[[], _T], /) -> Callable[[], _T]:
        """Begin ``job`` behind those before it."""
        return self._pool.submit(job).result
