"""What the pure core asks of the world: a disk, a clock, randomness. ``firmware.linux`` implements these."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

_T = TypeVar("_T")


class AppendFile(Protocol):
    """One file open for appending by its only writer."""

    def append(self, data: bytes | bytearray | memoryview) -> int:
        """Append all of ``data`` and return the offset (bytes) it starts at; raises Full or Damaged."""
        ...

    def sync(self) -> None:
        """Return only when every appended byte is on the medium (fdatasync)."""
        ...

    def truncate(self, size: int) -> None:
        """Drop everything from offset ``size`` (bytes) on."""
        ...

    def close(self) -> None:
        """Close the handle; does not sync."""
        ...


class Disk(Protocol):
    """A folder tree of a locker. Names are relative, ``/``-separated, chosen by the box alone."""

    def create(self, name: str) -> AppendFile:
        """Create ``name`` (fails with Conflict when it exists) with mode 0600 and open it for appending."""
        ...

    def reopen(self, name: str) -> AppendFile:
        """Open an existing ``name`` for appending at its end (recovery only)."""
        ...

    def read(self, name: str, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes from ``offset``; short only at the end of the file. Raises Missing."""
        ...

    def size(self, name: str) -> int:
        """Return the size of ``name`` in bytes; raises Missing."""
        ...

    def names(self, folder: str) -> list[str]:
        """List the plain file names in ``folder`` (sorted); an absent folder is empty."""
        ...

    def replace(self, name: str, data: bytes) -> None:
        """Write ``data`` under ``name`` atomically and durably (temporary, fsync, rename, fsync of the folder)."""
        ...

    def remove(self, name: str) -> None:
        """Unlink ``name`` if it exists; durable after ``sync_folder``."""
        ...

    def sync_folder(self, folder: str) -> None:
        """Make creations and removals in ``folder`` durable (fsync of the directory)."""
        ...

    def free_bytes(self) -> int:
        """Return the bytes an unprivileged writer may still use."""
        ...

    def total_bytes(self) -> int:
        """Return the size of the whole file system, used or not."""
        ...


class Clock(Protocol):
    """Time as values; the core never asks the system."""

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC, ratcheted: never earlier than any value returned before."""
        ...

    def ticks_ns(self) -> int:
        """A monotonic counter in nanoseconds for measuring."""
        ...


class Entropy(Protocol):
    """Randomness as a port, so that vectors and simulations are exact."""

    def bytes(self, count: int) -> bytes:
        """Return ``count`` unpredictable bytes."""
        ...


class Lane(Protocol):
    """Runs jobs one after the other, perhaps beside the caller."""

    def __call__(self, job: Callable[[], _T], /) -> Callable[[], _T]:
        """Begin ``job``; what is returned waits for its end and returns, or raises, what it did."""
        ...


def at_once(job: Callable[[], _T], /) -> Callable[[], _T]:
    """The Lane of simulations and small tools: the job runs before this returns."""
    result = job()
    return lambda: result
