"""Gives back memory that only the start of a process needed: spare pages of its heap, pages of libraries.

A process that has imported a few hundred modules has touched many pages once, for initialisers and tables. Pages of
files stay in the system's cache, shared with every other process; taken out of this one they are mapped again, in a few
microseconds each, when they are really used.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_MADV_DONTNEED: Final = 4
_MAPS: Final = Path("/proc/self/smaps")


def settle() -> None:
    """Collect garbage, give free heap back, unmap the pages of files; best called while nothing else happens.

    Only mappings that were never writable in any page are touched: others may hold what the loader wrote into them.
    """
    gc.collect()
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
    for start, end in _files(_MAPS.read_text()):
        libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _MADV_DONTNEED)


def _files(smaps: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of private mappings of files that are read-only and hold no page of their own."""
    found: tuple[int, int] | None = None
    for line in smaps.splitlines():
        words = line.split()
        if "-" in words[0] and len(words) >= 5:
            start, _, end = words[0].partition("-")
            file = words[1] in ("r--p", "r-xp") and words[4] != "0" and words[-1].startswith("/")
            found = (int(start, 16), int(end, 16)) if file else None
        elif found is not None and words[0] == "Anonymous:" and words[1] == "0":
            yield found
