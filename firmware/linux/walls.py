"""What one process tells another about the walls around it; ``sandbox`` raises them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Walls:
    """Which walls stand: landlock's ABI version (0 = this kernel has none) and whether seccomp filters."""

    landlock: int
    seccomp: bool
