"""A box that was replaced: friends show it the record of the one that acts in its place, or waits to.

Only what the locker's custody key signed counts, so no friend can make it up. A record in force ends what this box does
among friends for that locker. While one waits, our owner may say that it need not; who is away hears that later.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from firmware import events
from firmware.errors import BadSeal, Missing, PeerGarbled
from firmware.linux.circle_rows import CircleRows
from firmware.linux.journal import Journal
from firmware.peer import HeldCustody, read_custody
from firmware.peer.cbor import dumps, loads
from firmware.peer.fields import Flag, Raw, Row, Uint, key
from firmware.peer.messages import NewerCustody, NoticeKind
from firmware.ports import Clock

_PAPER: Final = "newer"


@dataclass(frozen=True)
class Moved:
    """What friends said of a locker of ours: another box acts for it since ``since_ms``, or ``waits`` until then.

    ``agreed``: our owner said that it need not wait. ``by``: the friend who told.
    """

    record: bytes = key(Raw(1, 256))
    waits: bool = key(Flag())
    until_ms: int = key(Uint())
    since_ms: int = key(Uint())
    by: bytes = key(Raw(32))
    agreed: bool = key(Flag())


class Moving:
    """Kept in the circle's papers; used in its loop."""

    def __init__(self, rows: CircleRows, box: bytes, clock: Clock, journal: Journal) -> None:
        """``box`` is our own box key."""
        self._rows, self._box, self._clock, self._journal = rows, box, clock, journal

    def of(self, locker: bytes) -> Moved | None:
        """What is known of a locker; None while it is ours alone."""
        data = self._rows.paper(_PAPER, locker)
        with contextlib.suppress(PeerGarbled):
            found = Row(Moved).read(loads(data), _PAPER) if data is not None else None
            return found if isinstance(found, Moved) else None
        return None

    def heard(self, peer: bytes, newer: Sequence[NewerCustody]) -> list[bytes]:
        """A friend greeted back with these records; return the lockers whose waiting record it shall not hold up."""
        told: dict[bytes, NewerCustody] = {}
        for each in newer:
            held = _read(each.record)
            if held is not None and self._is_above(held):
                told[held.record.locker] = each
        for locker in self._rows.papers("custody"):
            self._note(peer, locker, told.get(locker))
        return [each for each in told if (known := self.of(each)) is not None and known.waits and known.agreed]

    def _is_above(self, held: HeldCustody) -> bool:
        ours = _read(self._rows.paper("custody", held.record.locker) or b"")
        if ours is None or held.record.locker != ours.record.locker:
            return False
        later = held.record.epoch > ours.record.epoch and held.record.box != self._box
        return held.public == ours.public and later

    def _note(self, peer: bytes, locker: bytes, newer: NewerCustody | None) -> None:
        known = self.of(locker)
        if known is not None and not known.waits:
            return
        if newer is None:
            if known is not None and known.by == peer:  # whoever told of it knows of none any more
                self._rows.drop_paper(_PAPER, locker)
            return
        if known is not None and newer.waits and known.record == newer.record:
            return
        now = self._clock.now_ms()
        moved = Moved(newer.record, newer.waits, newer.until_ms, now, peer, agreed=False)
        self._rows.set_paper(_PAPER, locker, dumps(Row(Moved).write(moved)))
        self._rows.add_notice(now, peer, NoticeKind.MOVED.value, "")
        if newer.waits:
            self._journal.tell(events.LOCKER_MOVES, locker=locker.hex()[:8])
        else:
            self._rows.view.set_custody(locker, False)
            self._journal.tell(events.LOCKER_MOVED, locker=locker.hex()[:8])
        self._rows.save()

    def agree(self, locker: bytes) -> None:
        """Our owner says yes to the box that waits; raises Missing when none does."""
        known = self.of(locker)
        if known is None or not known.waits:
            raise Missing(what="box that wants to act for this locker")
        self._rows.set_paper(_PAPER, locker, dumps(Row(Moved).write(replace(known, agreed=True))))
        self._rows.save()

    def may_act(self, held: HeldCustody) -> bool:
        """Whether a record for this box, as lockerd signed it, holds: not below one that replaced it.

        With the words at hand a locker comes back to this box: then its epoch is higher than that of the other box.
        """
        known = self.of(held.record.locker)
        if known is None or known.waits:
            return True
        other = _read(known.record)
        if other is not None and (held.public != other.public or held.record.epoch <= other.record.epoch):
            return False
        self._rows.drop_paper(_PAPER, held.record.locker)
        return True


def _read(data: bytes) -> HeldCustody | None:
    try:
        return read_custody(data)
    except (PeerGarbled, BadSeal):
        return None
