"""The plug is pulled while files come in; every card that can come of it starts, and holds all that was acknowledged.

One machine writes, and every write and flush of its card is kept in a log. At moments chosen by a seed it is noted what
was acknowledged until then. For each of these moments the card is made anew as a drive with a cache of its own may have
left it (``tests/image/writelog.py``), and started for itself.

Nothing but the data partition is written meanwhile, which is looked at; so what happens until it is mounted is the same
at each of these starts. Every fifth begins with the firmware, runs everything and has to show its pages; the others go
on from the memory of one machine that was held before it looked at that partition (``Machine.keep``), and run what they
need to check and mount it, to open the locker and to read it.
"""

from __future__ import annotations

import contextlib
import random
import re
import shutil
import time
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.image.monitor import MonitorTrouble
from tests.image.qemu import Card, Machine
from tests.image.writelog import Rewriter, data_begins, entries

_START_S, _ACK_S, _LOOK_S = 1200.0, 120.0, 1500.0
_WHOLE_EVERY: Final = 5
_LEFT_OUT: Final = (
    "boxd.service", "boxd.socket", "webd.service", "webd.socket", "peerd.service", "peerd.socket", "certifier.service",
    "console.path", "console.service", "firstboot.service", "chrony.service", "systemd-resolved.service",
    "systemd-logind.service", "systemd-networkd.service", "systemd-networkd.socket", "systemd-zram-setup@zram0.service",
    "nftables.service", "systemd-binfmt.service",
)  # fmt: skip
"""What a held start does without."""
_MORE: Final = 24
"""So many writes at most after the moment at which was noted what was acknowledged."""

_WAITING: Final = 3
"""So many cards lie ready to be started."""


@dataclass(frozen=True, slots=True)
class Moment:
    """``at``: how long the log was, in bytes; ``acked``: names and digests of the files acknowledged before."""

    at: int
    acked: dict[str, str]


def write(settled: Card, folder: Path, cuts: int, dice: random.Random, words: str) -> tuple[list[Moment], Path]:
    """Let a copy of ``settled`` write; return the moments at which it is cut, and the log."""
    card, log, moments = settled.copied(folder), folder / "writes.log", list[Moment]()
    with Machine(card.board, card, folder, script="writer", words=words, log=log) as machine:
        if not machine.wait_for_line("READY", _START_S):
            return [], log
        for _ in range(cuts):
            before = len(acknowledged(machine.said()))
            end = time.monotonic() + _ACK_S
            while len(acknowledged(machine.said())) == before and time.monotonic() < end:
                time.sleep(0.1)
            time.sleep(dice.uniform(0.0, 2.0))
            acked = acknowledged(machine.said())
            moments.append(Moment(log.stat().st_size, acked))
        with contextlib.suppress(MonitorTrouble):
            machine.monitor().ask("quit")
        machine.wait()
    card.path.unlink()
    return moments, log


def pull(settled: Card, folder: Path, cuts: int, others: Executor, words: str, seed: int = 1) -> dict[str, Any]:
    """Return the figures of ``cuts`` power cuts of copies of ``settled``; machines are started by ``others``."""
    dice = random.Random(seed)
    moments, log = write(settled, folder / "writing", cuts, dice, words)
    if not moments:
        return {"power_cuts_during_write": 0, "bootable_after_every_cut": False, "acked_uploads_lost": None}
    base = settled.copied(folder / "base")
    held = hold(base, folder, words)
    begins = data_begins(base.path)
    elsewhere = sum(each.start < begins for each in entries(log) if each.size)
    rewriter, open_writes, looks = Rewriter(base.path, log), 0, list[Future[tuple[bool, int]]]()
    for number, moment in enumerate(moments):
        cut = min(rewriter.cut_after(moment.at) + dice.randrange(_MORE), len(rewriter.written))
        open_writes += rewriter.advance(cut)
        torn = base.copied(folder / f"cut-{number}")
        rewriter.tear(torn.path, cut, dice)
        looks.append(others.submit(_look, torn, moment.acked, words, held if number % _WHOLE_EVERY else None))
        while sum(not each.done() for each in looks) > _WAITING:
            time.sleep(0.5)
    found = [each.result() for each in looks]
    return {
        "power_cuts_during_write": len(found),
        "acked_uploads": len(moments[-1].acked),
        "acked_uploads_lost": sum(lost for _, lost in found),
        "bootable_after_every_cut": all(up for up, _ in found) and not elsewhere,
        "cuts_started_by_firmware": len(range(0, len(found), _WHOLE_EVERY)),
        "writes_open_at_cuts": open_writes,
    }


def hold(base: Card, folder: Path, words: str) -> Path:
    """Return the memory of a machine that was started from ``base`` up to where it would look at its data."""
    card, memory = base.copied(folder / "held"), folder / "memory"
    words = " ".join([words, *(f"systemd.mask={each}" for each in _LEFT_OUT)]).strip()
    with Machine(card.board, card, card.path.parent, script="reader", words=words, hold=True) as machine:
        if not machine.wait_for_line("HELD", _START_S):
            raise MonitorTrouble("the start was not held")
        machine.keep(memory)
    shutil.copyfile(card.vars, base.vars)
    card.path.unlink()
    return memory


def _look(card: Card, acked: dict[str, str], words: str, held: Path | None) -> tuple[bool, int]:
    """Start a card; return whether its pages and its locker opened, and how many acknowledged files it lacks."""
    with Machine(card.board, card, card.path.parent, script="reader", words=words, held=held) as machine:
        up = held is not None or machine.wait_for_pages(_START_S) is not None
        found = machine.wait_for_findings(_LOOK_S)
    card.path.unlink()
    kept = (found or {}).get("files", {})
    return up and found is not None, sum(kept.get(name) != digest for name, digest in acked.items())


def acknowledged(said: str) -> dict[str, str]:
    """Return names and digests of the files that the writer said were acknowledged; whole lines only."""
    return dict(re.findall(r"^ACK (file-\d+) ([0-9a-f]{64})\r?\n", said, re.MULTILINE))
