"""What the pure core asks of the world: disk, clock, randomness, other boxes; ``firmware.linux`` implements it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
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

    def read_into(self, name: str, offset: int, room: memoryview) -> int:
        """Fill ``room`` from ``offset`` as ``read`` does; return how many bytes of it that were. Raises Missing."""
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


class Standing(Enum):
    """What a key that proved itself in the handshake is to this box; only the caller of a transport knows."""

    PINNED = "pinned"
    INVITED = "invited"
    STRANGER = "stranger"
    """Nobody known; it may show a kit."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PeerPath:
    """The way bytes take to a peer now: its address (or the relay's), the round trip in milliseconds."""

    address: str
    rtt_ms: int
    relayed: bool


class PeerStream(Protocol):
    """Both directions of one request. An end is no proof that everything came: senders state length and hash."""

    async def read(self, most: int) -> bytes:
        """Return 1 to ``most`` bytes, or none at the end the other side declared; raises LinkLost.

        A caller may give up waiting (``asyncio.wait_for``): what arrives meanwhile is returned by the next read.
        """
        ...

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of ``data``, as fast as the other side reads; raises LinkLost. Cancelled, the stream is reset."""
        ...

    async def finish(self) -> None:
        """Declare that nothing more will be written; reading goes on. Raises LinkLost."""
        ...

    async def reset(self, code: int = 1) -> None:
        """Give up both directions; the other side reads LinkLost. Harmless on a stream that ended."""
        ...


class PeerLink(Protocol):
    """One connection to the holder of a key, dialled by either side; streams may be opened from both."""

    @property
    def peer(self) -> bytes:
        """The key (32 bytes, the endpoint id) that the other side proved to hold."""
        ...

    @property
    def standing(self) -> Standing:
        """What the judge said when the link began."""
        ...

    @property
    def closed(self) -> bool:
        """True once nothing can be sent any more."""
        ...

    async def open(self) -> PeerStream:
        """Open a stream; the other side notices it with its first byte. Raises LinkLost."""
        ...

    async def ping(self) -> float:
        """Return the seconds until the other process answered; raises LinkLost when it does not in time."""
        ...

    def path(self) -> PeerPath | None:
        """Tell the way the bytes take; None when there is none at the moment."""
        ...

    def close(self, code: int = 0) -> None:
        """End the link and all its streams now."""
        ...

    async def ended(self) -> None:
        """Return when the link is closed, by whomever."""
        ...


Judge = Callable[[bytes], Standing]
"""Says what a key is; asked right after every handshake."""

Answer = Callable[[PeerLink, PeerStream], Awaitable[None]]
"""Serves one request; a stream that was not finished when it returns or raises is reset."""

Arrived = Callable[[PeerLink], None]
"""Is told of every link a peer dialled, before its first stream."""


class Transport(Protocol):
    """Links to other boxes, by key. An address is a hint (``192.0.2.7:4433``, ``[2001:db8::7]:4433``)."""

    @property
    def key(self) -> bytes:
        """This box's own endpoint id (32 bytes)."""
        ...

    async def dial(self, peer: bytes, addresses: Sequence[str], relay: str | None = None) -> PeerLink:
        """Open a link, all addresses at once, and prove with a ping that the peer takes it.

        Links to the same peer that were open before are closed. Raises PeerAway or PeerRefused.
        """
        ...

    async def serve(self, judge: Judge, answer: Answer, arrived: Arrived) -> None:
        """Answer streams on links of either side until ``close``; keys the judge does not know get nothing."""
        ...

    def addresses(self) -> tuple[str, ...]:
        """Where this transport can be dialled, as far as it knows."""
        ...

    async def close(self) -> None:
        """Tell every peer and give the sockets back; returns within a few seconds."""
        ...
