"""The one way to a whole disk that no cache of this machine stands in."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from types import TracebackType


class WholeDisk:
    """A disk as the kernel gives it, past its page cache (O_DIRECT), each write kept when it returns (O_DSYNC)."""

    def __init__(self, path: Path) -> None:
        """Open it; raises OSError."""
        self._fd = os.open(path, os.O_RDWR | os.O_DIRECT | os.O_DSYNC | os.O_CLOEXEC)

    def __enter__(self) -> WholeDisk:
        """Return the disk."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        os.close(self._fd)

    def write(self, at: int, data: bytes) -> None:
        """Write all of it."""
        with mmap.mmap(-1, len(data)) as page:  # O_DIRECT wants memory that begins at a page
            page.write(data)
            if os.pwritev(self._fd, [page], at) != len(data):
                raise OSError("the disk took a part")

    def read(self, at: int, size: int) -> bytes:
        """Read; what is beyond the end is missing."""
        with mmap.mmap(-1, size) as page:
            return page[: os.preadv(self._fd, [page], at)]
