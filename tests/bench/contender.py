"""What every contender of the locker bench can do."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from tests.bench.measure import Cost


class Contender(Protocol):
    """One store at work: a backup program with its repository, or our box with one open locker."""

    name: str

    def init(self) -> None:
        """Make the empty store."""
        ...

    def key_cpu(self) -> float:
        """Return the CPU seconds a command spends deriving the key from the passphrase (start-up not included)."""
        ...

    def put(self, tree: Path, label: str) -> Cost:
        """Store the present state of ``tree``; durable when it returns."""
        ...

    def stored_bytes(self) -> int:
        """Return what the store takes on disk, in bytes of files."""
        ...

    def verify(self) -> Cost:
        """Read and authenticate every stored byte."""
        ...

    def restore(self, label: str, target: Path) -> tuple[Cost, Path]:
        """Give state ``label`` back under ``target``, a new folder; return the cost and where the tree lies."""
        ...

    def own_figures(self) -> dict[str, float]:
        """Return further figures of this round, by name."""
        ...

    def close(self) -> None:
        """End what still runs."""
        ...
