"""The host's own time: it never goes back, and being moved ahead ages nothing (docs/formats/hosted.md, *Time*)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from firmware.limits import HOST_PAUSE_SECONDS

_BYTES: Final = 16


@dataclass
class Patience:
    """``latest_ms``: the highest time ever seen. ``lived_ms``: how long this box ran, pauses counting a day at most."""

    latest_ms: int = 0
    lived_ms: int = 0
    _ticks_ns: int | None = None

    @classmethod
    def read(cls, data: bytes) -> Patience:
        """Return what ``write`` kept; nothing lived yet when it is not that."""
        if len(data) != _BYTES:
            return cls()
        return cls(int.from_bytes(data[:8], "big"), int.from_bytes(data[8:], "big"))

    def write(self) -> bytes:
        """Return 16 bytes to keep."""
        return self.latest_ms.to_bytes(8, "big") + self.lived_ms.to_bytes(8, "big")

    def at(self, now_ms: int, ticks_ns: int) -> int:
        """It is ``now_ms`` by the system and ``ticks_ns`` by the counter nobody sets; return the time that counts."""
        if self._ticks_ns is None:  # the first look since the start: nobody knows how long the pause was
            pause = now_ms - self.latest_ms if self.latest_ms else 0
            self.lived_ms += max(0, min(pause, HOST_PAUSE_SECONDS * 1000))
            self._ticks_ns = ticks_ns
        lived, rest = divmod(max(0, ticks_ns - self._ticks_ns), 1_000_000)
        self.lived_ms += lived
        self._ticks_ns = max(self._ticks_ns, ticks_ns - rest)
        self.latest_ms = max(self.latest_ms, now_ms)
        return self.latest_ms
