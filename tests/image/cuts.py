"""The plug is pulled while files come in; every card that can come of it starts, and holds all that was acknowledged.

One machine writes, and every write and flush of its card is kept in a log. At moments chosen by a seed it is noted what
was acknowledged until then. For each of these moments the card is made anew as a drive with a cache of its own may have
left it (``tests/image/writelog.py``), and started for itself.
"""

from __future__ import annotations

import contextlib
import random
import re
import time
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.image.monitor import MonitorTrouble
from tests.image.qemu import Card, Machine
from tests.image.writelog import Rewriter

_START_S, _ACK_S, _LOOK_S = 1200.0, 120.0, 1500.0
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
    rewriter, open_writes, looks = Rewriter(base.path, log), 0, list[Future[tuple[bool, int]]]()
    for number, moment in enumerate(moments):
        cut = min(rewriter.cut_after(moment.at) + dice.randrange(_MORE), len(rewriter.written))
        open_writes += rewriter.advance(cut)
        torn = base.copied(folder / f"cut-{number}")
        rewriter.tear(torn.path, cut, dice)
        looks.append(others.submit(_look, torn, moment.acked, words))
        while sum(not each.done() for each in looks) > _WAITING:
            time.sleep(0.5)
    found = [each.result() for each in looks]
    return {
        "power_cuts_during_write": len(found),
        "acked_uploads": len(moments[-1].acked),
        "acked_uploads_lost": sum(lost for _, lost in found),
        "bootable_after_every_cut": all(up for up, _ in found),
        "writes_open_at_cuts": open_writes,
    }


def _look(card: Card, acked: dict[str, str], words: str) -> tuple[bool, int]:
    """Start a card; return whether its pages and its locker opened, and how many acknowledged files it lacks."""
    with Machine(card.board, card, card.path.parent, script="reader", words=words) as machine:
        up = machine.wait_for_pages(_START_S)
        found = machine.wait_for_findings(_LOOK_S)
    card.path.unlink()
    kept = (found or {}).get("files", {})
    return up is not None and found is not None, sum(kept.get(name) != digest for name, digest in acked.items())


def acknowledged(said: str) -> dict[str, str]:
    """Return names and digests of the files that the writer said were acknowledged; whole lines only."""
    return dict(re.findall(r"^ACK (file-\d+) ([0-9a-f]{64})\r?\n", said, re.MULTILINE))
