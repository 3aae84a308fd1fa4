"""The processes of the box: start them, notice their death, start them again, stop them in order.

A child that had been ready and is killed starts again at once; one that dies before it was ready (or falls over
right after) waits a little longer every time. No orphan survives: every child gets a parent-death signal, and
this process adopts (sub-reaper) and kills whatever a dead child leaves behind before a new one starts.
"""

from __future__ import annotations

import ctypes
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_LIBC = ctypes.CDLL(None, use_errno=True)
_FAST_DEATH_SECONDS = 2.0
_BACK_OFF_SECONDS = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Waits before the restarts of a child that keeps dying young; guards the machine against a crash loop."""
_REPORT_BYTES = 4096
HOUSE = Path(__file__).resolve().parents[2]

Report = Mapping[str, object]
Log = Callable[[str], None]


@dataclass(slots=True)
class Child:
    """One process of the box; ``arguments`` is asked again at every start, ``report`` is its ready line."""

    name: str
    arguments: Callable[[], Sequence[str]]
    keeps_telling: bool = False
    """Whether more lines may follow the ready line; each replaces ``report``."""
    process: subprocess.Popen[bytes] | None = None
    report: Report | None = None
    report_fd: int = -1
    early_deaths: int = 0
    restarts: int = 0
    restarts_told: int = 0
    died_of: str = ""
    started: float = 0.0
    due: float | None = None
    heard: bytearray = field(default_factory=bytearray)

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self.process.pid if self.process else None


def become_reaper() -> None:
    """Adopt orphaned descendants (PR_SET_CHILD_SUBREAPER), so that they can be found and ended."""
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _dying_with(parent: int) -> Callable[[], None]:
    def ask() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it died before it could be watched: nothing would ever end this child
            os._exit(1)

    return ask


class Children:
    """All children; everything happens in the caller's one thread through ``reap``, ``start_due`` and ``hear``."""

    def __init__(self, selector: selectors.BaseSelector, keep_fds: Sequence[int], log: Log) -> None:
        """``keep_fds`` are handed to every child (the data folder's lock); ``log`` takes one line."""
        self._selector, self._keep_fds, self._log = selector, tuple(keep_fds), log
        self._children: dict[str, Child] = {}

    def add(self, child: Child) -> None:
        """Take ``child`` in and start it now."""
        self._children[child.name] = child
        self._start(child)

    def __getitem__(self, name: str) -> Child:
        """The child called ``name``."""
        return self._children[name]

    def __contains__(self, name: str) -> bool:
        """Whether a child called ``name`` was ever added."""
        return name in self._children

    def report(self, name: str) -> Report | None:
        """What the child said when it was ready, or None before that."""
        child = self._children.get(name)
        return child.report if child else None

    def _start(self, child: Child) -> None:
        self._kill_strays()
        read_fd, write_fd = os.pipe2(os.O_CLOEXEC)
        command = [sys.executable, "-m", f"services.{child.name}", *child.arguments(), "--ready-fd", str(write_fd)]
        try:
            child.process = subprocess.Popen(
                command,
                cwd=HOUSE,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr.fileno(),
                pass_fds=(write_fd, *self._keep_fds),
                process_group=0,
                preexec_fn=_dying_with(os.getpid()),  # noqa: PLW1509 - this process has one thread
            )
        finally:
            os.close(write_fd)
        child.started, child.due, child.report, child.report_fd = time.monotonic(), None, None, read_fd
        child.heard.clear()
        os.set_blocking(read_fd, False)
        self._selector.register(read_fd, selectors.EVENT_READ, child.name)

    def hear(self, name: str) -> bool:
        """Read from the child's ready pipe; True when a report just became complete."""
        child = self._children[name]
        try:
            piece = os.read(child.report_fd, _REPORT_BYTES)
        except BlockingIOError:
            return False
        child.heard += piece
        *lines, rest = bytes(child.heard).split(b"\n")
        child.heard[:] = rest
        if not piece or len(rest) > _REPORT_BYTES or (lines and not child.keeps_telling):
            self._close_report(child)
        if not lines:
            return False
        line = lines[-1]
        try:
            said = json.loads(line)
        except ValueError:
            self._log(f"{name} said something else than JSON when it was ready")
            said = {}
        child.report = said if isinstance(said, dict) else {}
        return True

    def _close_report(self, child: Child) -> None:
        if child.report_fd >= 0:
            self._selector.unregister(child.report_fd)
            os.close(child.report_fd)
            child.report_fd = -1

    def reap(self) -> list[Child]:
        """Collect the dead and plan their restart; returns the children that died."""
        dead = []
        for child in self._children.values():
            if child.process is None or (status := child.process.poll()) is None:
                continue
            self._close_report(child)
            self._plan_restart(child, status)
            dead.append(child)
        self._kill_strays()
        return dead

    def _plan_restart(self, child: Child, status: int) -> None:
        lived = time.monotonic() - child.started
        early = child.report is None or (lived < _FAST_DEATH_SECONDS and status != -signal.SIGKILL)
        child.early_deaths = child.early_deaths + 1 if early else 0
        wait = _BACK_OFF_SECONDS[min(child.early_deaths, len(_BACK_OFF_SECONDS) - 1)]
        how = signal.Signals(-status).name if status < 0 else f"exit {status}"
        when = f" in {wait} s" if wait else ""
        self._log(f"{child.name} ended ({how}) after {lived:.1f} s; it starts again{when}")
        child.process, child.report, child.due = None, None, time.monotonic() + wait
        child.restarts += 1
        child.died_of = how

    def start_due(self) -> None:
        """Start every child whose waiting time is over."""
        now = time.monotonic()
        for child in self._children.values():
            if child.process is None and child.due is not None and child.due <= now:
                self._start(child)

    def next_due(self) -> float | None:
        """Seconds until the next planned start, or None."""
        waits = [child.due for child in self._children.values() if child.process is None and child.due is not None]
        return max(0.0, min(waits) - time.monotonic()) if waits else None

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send ``number`` to the child if it runs."""
        child = self._children.get(name)
        if child and child.process and child.process.poll() is None:
            child.process.send_signal(number)

    def stop(self, order: Sequence[Sequence[str]], patience_s: float) -> None:
        """End the children group by group with SIGTERM; each group gets ``patience_s``, then SIGKILL."""
        for group in order:
            running = [child for name in group if (child := self._children.get(name)) and child.process]
            for child in running:
                self.signal(child.name, signal.SIGTERM)
            deadline = time.monotonic() + patience_s
            for child in running:
                assert child.process is not None
                try:
                    child.process.wait(max(0.0, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    self._log(f"{child.name} did not stop in {patience_s:.0f} s and was killed")
                    child.process.kill()
                    child.process.wait()
                self._close_report(child)
                child.process, child.due = None, None
        self._kill_strays()

    def _kill_strays(self) -> None:
        """Kill and collect every process this one adopted (workers of a dead lockerd, readers of dead workers)."""
        known = {child.pid for child in self._children.values()}
        while strays := [pid for pid in _own_children() if pid not in known]:
            for pid in strays:
                try:
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
                except (ProcessLookupError, ChildProcessError):
                    continue


def _own_children() -> list[int]:
    try:
        text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    except FileNotFoundError:
        return []
    return [int(word) for word in text.split()]


def environment() -> dict[str, str]:
    """What a child may know: where programs are, a UTF-8 locale, a home. Never a secret.

    One malloc arena, as in the units: threads here share the interpreter anyway, and it saves 20 MiB while ingesting
    (`./box bench locker`, ingest_peak_pss_mib).
    """
    kept = {name: os.environ[name] for name in ("HOME", "PATH", "TZ") if name in os.environ}
    return kept | {"LANG": "C.UTF-8", "MALLOC_ARENA_MAX": "1"}
