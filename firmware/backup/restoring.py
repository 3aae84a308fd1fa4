"""Coming back with nothing: what is fetched next and from whom, and what can be had at all. Values only.

Names first (meta packs), then what is precious or small, then previews, then the rest; what somebody reads comes before
all of it. Of each pack any k shards are enough: they are asked of the k boxes that are expected to be fastest, side by
side; one that fails, lies or drips is replaced by another while the rest comes. Names of times end in ``_ms``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from firmware.backup.book import Needed, PackPlace, ShardAt
from firmware.limits import MIB
from firmware.pack.format import Kind
from firmware.shard.layout import ALIGN_BYTES

SMALL_BYTES: Final = MIB
"""Packs up to this size come right after the names: a night's few letters, not the holiday's films."""
_SLOW_TIMES: Final = 3
_SLOW_LEAST_MS: Final = 15_000
"""A shard that takes so many times as long as its slowest sibling, and so long at least, is asked elsewhere too."""
_WEIGHT: Final = 0.3
"""How much the last shard counts in what is expected of a peer."""

Spot = tuple[bytes, bytes]
"""A shard and the box that should have it."""


def rank(pack: PackPlace) -> int:
    """Return which turn a pack has: 0 names, 1 precious or small, 2 previews, 3 the rest."""
    if pack.kind == Kind.META:
        return 0
    if pack.precious or pack.size <= SMALL_BYTES:
        return 1
    return 2 if pack.kind == Kind.PREVIEW else 3


def in_order(packs: Iterable[PackPlace], wanted: Collection[bytes] = ()) -> list[PackPlace]:
    """Return packs as they are to be fetched; ``wanted`` are the ids of those somebody reads just now."""
    return sorted(packs, key=lambda pack: (pack.pack not in wanted, rank(pack), pack.size, pack.pack))


def shard_size(pack: PackPlace) -> int:
    """Return how many bytes each shard of a pack has."""
    return -(-pack.size // (pack.k * ALIGN_BYTES)) * ALIGN_BYTES


@dataclass(frozen=True, slots=True)
class Outlook:
    """What can be had with the boxes that are there, in bytes of packs that are not here yet.

    ``needed``: who must come back for the rest, the hardest demand first. A demand nobody can meet (no peers to choose
    from) is about packs too few friends ever had: ``lost`` bytes.
    """

    now: int = 0
    later: int = 0
    lost: int = 0
    needed: tuple[Needed, ...] = ()


def outlook(
    packs: Iterable[PackPlace], here: Collection[bytes], there: Collection[bytes], wrong: Collection[Spot] = ()
) -> Outlook:
    """Return what can be had now; ``here``: ids of packs that came, ``there``: boxes that answer and give."""
    now, later, lost = 0, 0, 0
    demands: dict[Needed, None] = {}
    for pack in packs:
        if pack.pack in here:
            continue
        need = lacking(pack, there, wrong)
        if need is None:
            now += pack.size
        elif len(need.peers) < need.wanted:
            lost += pack.size
            demands[Needed(need.wanted, ())] = None
        else:
            later += pack.size
            demands[need] = None
    hardest = sorted(demands, key=lambda need: (len(need.peers) - need.wanted, -need.wanted, need.peers))
    return Outlook(now, later, lost, tuple(hardest))


def lacking(pack: PackPlace, there: Collection[bytes], wrong: Collection[Spot] = ()) -> Needed | None:
    """Return who must come back for one pack; None when nobody has to."""
    sound = [each for each in pack.shards if (each.shard, each.peer) not in wrong]
    indexes = {_index(pack, each) for each in sound if each.peer in there}
    if len(indexes) >= pack.k:
        return None
    away = {each.peer for each in sound if each.peer not in there and _index(pack, each) not in indexes}
    return Needed(pack.k - len(indexes), tuple(sorted(away)))


def _index(pack: PackPlace, at: ShardAt) -> int:
    """Copies of a whole pack are all the same shard."""
    return 0 if pack.k == 1 else at.index


@dataclass(slots=True)
class Paces:
    """How fast each box sends, as measured, and how much is asked of it just now."""

    speeds: dict[bytes, float] = field(default_factory=dict)
    """Bytes a ms."""
    busy: Counter[bytes] = field(default_factory=Counter)
    spoilt: set[bytes] = field(default_factory=set)
    """Who sent a shard that was not what it should be: what one disk spoilt is seldom one shard alone."""

    def turn(self, peer: bytes, size: int) -> tuple[bool, float]:
        """Return what puts boxes in the order they are asked: those with wrong shards last, then by speed."""
        return peer in self.spoilt, self.cost(peer, size)

    def cost(self, peer: bytes, size: int) -> float:
        """Return in how many ms so many bytes are expected; nobody measured yet is worth a try before the others."""
        speed = self.speeds.get(peer, max(self.speeds.values(), default=1.0))
        return (self.busy[peer] + 1) * size / speed

    def came(self, peer: bytes, size: int, took_ms: int) -> None:
        """So many bytes came in so many ms."""
        speed = size / max(1, took_ms)
        before = self.speeds.get(peer, speed)
        self.speeds[peer] = before + (speed - before) * _WEIGHT

    def failed(self, peer: bytes) -> None:
        """Nothing came: others are asked first for a while."""
        self.speeds[peer] = self.speeds.get(peer, max(self.speeds.values(), default=1.0)) / 4


@dataclass(frozen=True, slots=True)
class Ask:
    """Fetch this shard from this box."""

    index: int
    shard: bytes
    peer: bytes
    size: int


class Gathering:
    """One pack on its way: which shards to ask of whom until any k of them are here."""

    def __init__(self, pack: PackPlace, paces: Paces, wrong: Collection[Spot] = ()) -> None:
        """``wrong``: shards that were not what they should be, and who sent them; they are not asked there again."""
        self.pack, self._paces = pack, paces
        self._size = shard_size(pack)
        self._wrong = set(wrong)
        self._flying: dict[Ask, int] = {}
        self._slowest_ms = 0
        self.have: set[int] = set()

    @property
    def whole(self) -> bool:
        """Whether k shards are here."""
        return len(self.have) >= self.pack.k

    def next(self, there: Collection[bytes], now_ms: int) -> list[Ask]:
        """Return what to ask now of the boxes that are ``there``; each is told back by ``came`` or ``failed``."""
        if self.whole:
            return []
        slow = sum(1 for began in self._flying.values() if self._is_slow(now_ms - began))
        found: list[Ask] = []
        for _ in range(self.pack.k - len(self.have) - len(self._flying) + slow):
            ask = self._best(there)
            if ask is None:
                break
            self._flying[ask] = now_ms
            self._paces.busy[ask.peer] += 1
            found.append(ask)
        return found

    def _is_slow(self, took_ms: int) -> bool:
        return bool(self._slowest_ms) and took_ms > max(_SLOW_LEAST_MS, _SLOW_TIMES * self._slowest_ms)

    def _best(self, there: Collection[bytes]) -> Ask | None:
        """The fastest honest box; among equals data before parity, which needs no arithmetic."""
        flying = {ask.index for ask in self._flying}
        open_ = [
            (self._paces.turn(each.peer, self._size), _index(self.pack, each), each)
            for each in self.pack.shards
            if each.peer in there and (each.shard, each.peer) not in self._wrong
        ]
        free = [(turn, index, each) for turn, index, each in open_ if index not in flying | self.have]
        if not free:
            return None
        _, index, best = min(free, key=lambda one: (one[0], one[1] >= self.pack.k, one[1], one[2].peer))
        return Ask(index, best.shard, best.peer, self._size)

    def came(self, ask: Ask, now_ms: int) -> None:
        """The shard is here and is what it should be."""
        took = now_ms - self._landed(ask, now_ms)
        self._slowest_ms = max(self._slowest_ms, took, 1)
        self._paces.came(ask.peer, ask.size, took)
        self.have.add(ask.index)

    def failed(self, ask: Ask, now_ms: int, *, wrong: bool = False) -> None:
        """It did not come, or is ``wrong``: this box is not asked for it again, and for others last once it lied."""
        self._landed(ask, now_ms)
        if wrong:
            self._paces.spoilt.add(ask.peer)
        self._paces.failed(ask.peer)
        self._wrong.add((ask.shard, ask.peer))

    def dropped(self, ask: Ask) -> None:
        """Enough others came first."""
        self._landed(ask, 0)

    def _landed(self, ask: Ask, now_ms: int) -> int:
        self._paces.busy[ask.peer] -= 1
        return self._flying.pop(ask, now_ms)

    def hopeless(self, there: Collection[bytes]) -> bool:
        """Whether nothing more can be asked, and nothing is on its way."""
        return not self.whole and not self._flying and self._best(there) is None
