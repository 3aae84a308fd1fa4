"""A cutter that can stop in the middle of a stream and go on in another life, cutting where it would have anyway."""

from __future__ import annotations

from collections.abc import Iterator

from firmware.chunk.cutting import Cutter


class ResumingCutter(Cutter):
    """Feed it like a Cutter. Between two lives go: the number of bytes already cut, and what ``rest`` holds."""

    def go_on(self, head: bytes) -> None:
        """Continue behind chunks that were cut before; ``head``: the first bytes of the stream (16 at least)."""
        self._choose(memoryview(head)[:16])

    def certain(self) -> Iterator[memoryview]:
        """Yield chunks whose end no further byte would move; a stream that pauses keeps less in ``rest`` then."""
        if self._cdc is not None and self._end:
            yield from self._defined(final=False)

    @property
    def rest(self) -> bytes:
        """What was fed and is not cut yet (a little over 1 MiB at most)."""
        return bytes(self._waiting)

    @property
    def waiting(self) -> int:
        """How many bytes ``rest`` has."""
        return len(self._waiting)
