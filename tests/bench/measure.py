"""What a run cost: CPU seconds of whole process trees and peak memory, from the kernel's books (/proc, wait4)."""

from __future__ import annotations

import os
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_TICK: Final = os.sysconf("SC_CLK_TCK")
_KIB: Final = 1 << 10
MIB: Final = 1 << 20


@dataclass(frozen=True)
class Cost:
    """CPU (user and system, with children) and wall seconds of one run, its peak resident bytes, what it printed."""

    cpu: float
    wall: float
    rss: int = 0
    output: str = ""
    code: int = 0


def run(
    command: Sequence[str | Path], *, env: dict[str, str] | None = None, cwd: Path | None = None, check: bool = True
) -> Cost:
    """Run ``command`` to its end; every child it waited for counts. With ``check``, a failure raises RuntimeError."""
    started = time.perf_counter()
    child = subprocess.Popen(
        [str(part) for part in command], env={**os.environ, **(env or {})}, cwd=cwd, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert child.stdout is not None
    with child.stdout, _peak(child.pid) as peak:
        output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if check and child.returncode:
        raise RuntimeError(f"{command[0]} ended with {child.returncode}: {output[-2000:]}")
    return Cost(usage.ru_utime + usage.ru_stime, time.perf_counter() - started, peak[0], output, child.returncode)


@contextmanager
def _peak(pid: int) -> Iterator[list[int]]:
    """Keep the peak resident bytes of ``pid`` in the list; wait4's figure would begin with the bench's own size."""
    over, found = threading.Event(), [0]

    def loop() -> None:
        while not over.wait(0.05):
            try:
                found[0] = _kilobytes(Path(f"/proc/{pid}/status").read_text(), "VmHWM:") or found[0]
            except OSError:
                return

    sampler = threading.Thread(target=loop, daemon=True)
    sampler.start()
    try:
        yield found
    finally:
        over.set()
        sampler.join()


def _kilobytes(text: str, name: str) -> int:
    """Return a field of /proc in bytes; 0 when it is not there."""
    return next((int(line.split()[1]) * _KIB for line in text.splitlines() if line.startswith(name)), 0)


@dataclass(frozen=True)
class Process:
    """One line of the process table."""

    pid: int
    parent: int
    command: str
    cpu: float
    """Seconds, user and system, its own and of every child it has waited for."""


def processes() -> dict[int, Process]:
    """Read the process table once; processes that end meanwhile are left out."""
    table: dict[int, Process] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path("/proc", entry, "stat").read_text()
                command = Path("/proc", entry, "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            fields = stat.rpartition(")")[2].split()
            ticks = sum(int(value) for value in fields[11:15])
            table[int(entry)] = Process(int(entry), int(fields[1]), command, ticks / _TICK)
    return table


def tree(root: int, table: dict[int, Process] | None = None) -> list[Process]:
    """Return ``root`` and all its descendants, parents first."""
    known = processes() if table is None else table
    found = [known[root]] if root in known else []
    for process in found:
        found.extend(child for child in known.values() if child.parent == process.pid)
    return found


def tree_cpu(root: int) -> float:
    """Sum the CPU seconds of ``root``, its living descendants and every ended child one of them waited for."""
    return sum(process.cpu for process in tree(root))


def memory(pid: int) -> int:
    """Return the proportional set size of one process in bytes; 0 when it is gone."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return _kilobytes(rollup, "Pss:")


def peak_resident(pid: int) -> int:
    """Return the largest resident set a process ever had, in bytes; 0 when it is gone."""
    try:
        return _kilobytes(Path(f"/proc/{pid}/status").read_text(), "VmHWM:")
    except OSError:
        return 0


@contextmanager
def watching_parts(pid: int, every_s: float = 0.05) -> Iterator[dict[str, int]]:
    """Sample one process until the block ends: the largest of each kind of its memory, in bytes, by the kernel's word.

    ``Pss`` shares pages with whoever else maps them; ``Anonymous`` is its own; ``Pss_File`` are programs and libraries.
    """
    over, found = threading.Event(), dict.fromkeys(("Rss", "Pss", "Anonymous", "Pss_File"), 0)

    def loop() -> None:
        while not over.wait(every_s):
            try:
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                return
            for name in found:
                found[name] = max(found[name], _kilobytes(text, f"{name}:"))

    sampler = threading.Thread(target=loop, daemon=True)
    sampler.start()
    try:
        yield found
    finally:
        over.set()
        sampler.join()


Told = Callable[[Process, dict[int, Process]], bool]
"""Says of a process, with the whole table at hand, whether it is of a kind."""


@dataclass
class MemoryWatch:
    """Samples a process tree: the summed PSS of those that stay; throw-away readers and their mother apart (bytes)."""

    root: int
    is_passing: Told
    is_apart: Told
    peak_pss: int = 0
    peak_whole: int = 0
    """Peak of the sum with the reader's mother, still without its throw-away children."""
    samples: int = 0
    peak_parts: dict[str, int] = field(default_factory=dict)

    def sample(self) -> None:
        """Take one sample now."""
        table = processes()
        parts: dict[str, int] = {}
        apart = 0
        for process in tree(self.root, table):
            if self.is_passing(process, table):
                continue
            pss = memory(process.pid)
            if self.is_apart(process, table):
                apart += pss
            else:
                parts[f"{process.pid} {process.command[-40:].strip()}"] = pss
        self.samples += 1
        whole = sum(parts.values())
        self.peak_whole = max(self.peak_whole, whole + apart)
        if whole > self.peak_pss:
            self.peak_pss, self.peak_parts = whole, parts


@contextmanager
def watching(watch: MemoryWatch, every_s: float = 0.1) -> Iterator[MemoryWatch]:
    """Sample ``watch`` from a thread of this process until the block ends."""
    over = threading.Event()

    def loop() -> None:
        while not over.wait(every_s):
            watch.sample()

    sampler = threading.Thread(target=loop, daemon=True)
    sampler.start()
    try:
        yield watch
    finally:
        over.set()
        sampler.join()


def median(values: Sequence[float]) -> float:
    """Return the median, rounded to the microsecond so that printed figures stay readable."""
    return round(statistics.median(values), 6)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that ``share`` (0 to 1) of ``values`` do not exceed (nearest rank)."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, max(0, -(-len(ranked) * round(share * 1000) // 1000) - 1))]


def folder_bytes(folder: Path) -> int:
    """Sum the sizes (not blocks) of all plain files under ``folder``."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
