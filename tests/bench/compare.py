"""Are two trees the same, bit for bit?"""

from __future__ import annotations

import filecmp
from dataclasses import dataclass
from pathlib import Path

from tests.folders import plain_files


@dataclass(frozen=True)
class Compared:
    """What was compared and the first few names that differ or are on one side only."""

    files: int
    size: int
    differing: tuple[str, ...]

    @property
    def identical(self) -> bool:
        """True when every file is there with the same bytes, and none besides."""
        return not self.differing and self.files > 0


def compare(wanted: Path, found: Path) -> Compared:
    """Compare the plain files of two folders by name and content (every byte is read)."""
    left = {path.relative_to(wanted): path for path in plain_files(wanted)}
    right = {path.relative_to(found): path for path in plain_files(found)}
    differing = sorted(str(name) for name in left.keys() ^ right.keys())
    both = sorted(left.keys() & right.keys())
    differing += [str(name) for name in both if not filecmp.cmp(left[name], right[name], shallow=False)]
    return Compared(len(both), sum(left[name].stat().st_size for name in both), tuple(differing[:20]))
