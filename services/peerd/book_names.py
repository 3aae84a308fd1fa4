"""Which packs friends could find again with the book: a pack is safe only with friends who know which shards make it.

For every page it is written down which packs the newest page names and which ones a page named that enough households
had, with a capsule that told where it is; so a restart forgets nothing. ``CircleView.booked`` hears what is new.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from firmware.backup.facts import NUMBERS
from firmware.backup.states import IN_CIRCLE
from firmware.errors import PeerGarbled
from firmware.limits import BOOK_PAGE_PACKS
from firmware.linux.circle_rows import CircleRows
from firmware.peer.cbor import dumps, loads
from firmware.peer.fields import Raw, Row, Uint, key

_PAPER: Final = "page-names"
_BITS: Final = Raw(0, BOOK_PAGE_PACKS // 8)


@dataclass(frozen=True)
class _Names:
    """Packs by their numbers from ``first`` on, a bit for each: those ``told``, and those the newest page names.

    ``number``: of the first capsule that names ``shard``, the newest page; 0: none does yet.
    """

    first: int = key(Uint())
    told: bytes = key(_BITS)
    named: bytes = key(_BITS)
    shard: bytes = key(Raw(32))
    number: int = key(Uint())


class Named:
    """For all lockers of the box; used in the circle's loop."""

    def __init__(self, rows: CircleRows) -> None:
        """Take up what is written down."""
        self._rows, self._view = rows, rows.view
        found = {about: _read(data) for about, data in rows.papers(_PAPER).items()}
        self._all = {about: each for about, each in found.items() if each is not None}
        self._counted: dict[bytes, tuple[bytes, int]] = {}

    def keep(self, lockers: Iterable[bytes]) -> None:
        """These lockers have a book."""
        for locker in lockers:
            if locker not in self._view.booking:
                self._view.keep_book(locker)
                for about, each in self._all.items():
                    if about[:16] == locker:
                        self._view.booked(self._packs(each.first, each.told), NUMBERS)

    def wrote(self, about: bytes, first: int, span: int, packs: Collection[bytes], shard: bytes) -> None:
        """A new page names these packs, with numbers from ``first`` on and below ``first + span``."""
        bits = bytearray(-(-span // 8))
        numbers = self._rows.numbers_from(first, span)
        for at in (numbers[each] - first for each in packs if each in numbers):
            bits[at // 8] |= 1 << at % 8
        before = self._all.get(about)
        told = before.told if before is not None and before.first == first else b""
        self._keep(about, _Names(first, told, bytes(bits), shard, 0))

    def dropped(self, about: bytes) -> None:
        """There is no such page any more."""
        self._all.pop(about, None)
        self._rows.drop_paper(_PAPER, about)

    def composed(self, pages: Mapping[bytes, bytes], number: int) -> None:
        """The capsule with this number names these pages, by what they are about."""
        for about, shard in pages.items():
            each = self._all.get(about)
            if each is not None and each.shard == shard and not each.number:
                self._keep(about, replace(each, number=number))

    def count(self, about: bytes, peers: Iterable[bytes]) -> None:
        """These boxes have the newest page: those of them with a capsule that names it could find its packs."""
        each = self._all.get(about)
        if each is None or not each.number:
            return
        homes = len({home for box in peers if (home := self._home(box, about[:16], each.number)) is not None})
        if not homes or self._counted.get(about) == (each.shard, homes):
            return
        self._counted[about] = each.shard, homes
        self._view.booked(self._packs(each.first, each.named), homes)
        if homes >= self._view.book_wants():
            self._keep(about, replace(each, told=_either(each.told, each.named)))

    def _home(self, box: bytes, locker: bytes, number: int) -> str | None:
        peer = self._view.peers.get(box)
        standing = self._view.standings.get((peer.number, locker)) if peer is not None else None
        knows = standing is not None and standing.capsule >= number
        return peer.home if peer is not None and knows and peer.state in IN_CIRCLE else None

    def _packs(self, first: int, bits: bytes) -> list[bytes]:
        numbers = self._rows.numbers_from(first, len(bits) * 8)
        return [id for id, no in numbers.items() if bits[(no - first) // 8] >> (no - first) % 8 & 1]

    def _keep(self, about: bytes, each: _Names) -> None:
        self._all[about] = each
        self._rows.set_paper(_PAPER, about, dumps(Row(_Names).write(each)))


def _either(one: bytes, other: bytes) -> bytes:
    length = max(len(one), len(other))
    return bytes(a | b for a, b in zip(one.ljust(length, b"\0"), other.ljust(length, b"\0"), strict=True))


def _read(data: bytes) -> _Names | None:
    with contextlib.suppress(PeerGarbled):
        found = Row(_Names).read(loads(data), _PAPER)
        return found if isinstance(found, _Names) else None
    return None
