"""What is written down of a locker that comes back, and which of its packs are still with friends.

``restore/order`` in the locker's folder is sealed for the open locker: the kit's request key is in it until everything
is here. ``restore/page-<n>`` are pages of the book as friends keep them, sealed to the locker. Afterwards the order
stays without key and pages: it tells when everything came, and from whom.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from firmware.backup.book import PackPlace, open_page, whole_book
from firmware.errors import BadSeal, Damaged, Missing
from firmware.locker import Home
from firmware.locker.home import KnownHead
from firmware.seal import LockerSecrets, open_private, seal_private
from services.lockerd import rest_list
from services.lockerd.rest_list import FOLDER as _FOLDER
from services.lockerd.rest_list import From, added

_ORDER: Final = f"{_FOLDER}/order"
_USE: Final = "restore"
_MOST: Final = 8 << 20
_PAGE_MOST: Final = 32 << 20


@dataclass
class Order:
    """One restore. ``pages`` are (shard, size, boxes), all ids in hex; times are ms, 0 is not yet."""

    began_ms: int
    until_ms: int
    lookup: str
    request: str
    cards: list[str]
    labels: list[str]
    pages: list[tuple[str, int, list[str]]]
    head_seq: int = 0
    head_hash: str = ""
    names_ms: int = 0
    done_ms: int = 0
    packs: int = 0
    size: int = 0
    sources: dict[str, From] = field(default_factory=dict)
    counted: str = ""
    """The last account of what came while the locker was closed that is in ``sources``."""
    asked: list[dict[str, Any]] = field(default_factory=list)
    """What each friend's box answered to the kit (``RestoreAsked``)."""

    @property
    def head(self) -> KnownHead | None:
        """The head that friends know."""
        return KnownHead(self.head_seq, bytes.fromhex(self.head_hash)) if self.head_seq else None

    def end(self, now_ms: int) -> None:
        """Everything is here: what could ask friends again goes, with the next ``keep`` and ``sweep``."""
        self.done_ms, self.lookup, self.request = now_ms, "", ""

    def to_bytes(self) -> bytes:
        """As it is written down, not sealed yet."""
        return json.dumps(asdict(self)).encode()


def keep(home: Home, secrets: LockerSecrets, order: bytes) -> None:
    """Write an order down, sealed, durably; raises Full."""
    home.disk.replace(_ORDER, seal_private(secrets, _USE, order, home.entropy))


def sweep(home: Home) -> None:
    """Pages of the book and lists of what is to come are not needed any more."""
    rest_list.end(home.disk)


def count_in(home: Home, secrets: LockerSecrets, order: Order) -> None:
    """Count what came while the locker was closed, once; raises Full."""
    came = rest_list.read_came(home.disk)
    if came is not None and came.run != order.counted:
        order.sources, order.counted = added(order.sources, came.sources), came.run
        keep(home, secrets, order.to_bytes())
    rest_list.forget_came(home.disk)


def is_begun(home: Home) -> bool:
    """Whether this locker comes, or came, back from friends."""
    return "order" in home.disk.names(_FOLDER)


def read_order(home: Home, secrets: LockerSecrets) -> Order | None:
    """Return what is written down; None for a locker that never came back, or whose order is not readable any more."""
    try:
        found: dict[str, Any] = json.loads(
            open_private(secrets, _USE, home.disk.read(_ORDER, 0, _MOST), "What is known of a restore")
        )
        sources = {peer: From(**each) for peer, each in found.pop("sources").items()}
        pages = [(shard, size, list(peers)) for shard, size, peers in found.pop("pages")]
        return Order(**found, pages=pages, sources=sources)
    except (Missing, Damaged, BadSeal, ValueError, TypeError, KeyError):
        return None


class Book:
    """The pages of one restore, as they come."""

    def __init__(self, home: Home, secrets: LockerSecrets, locker: bytes, order: Order) -> None:
        """Nothing is read yet."""
        self._home, self._secrets, self._locker, self._order = home, secrets, locker, order

    def missing(self) -> list[tuple[str, int, list[str]]]:
        """Pages that did not come yet."""
        there = set(self._home.disk.names(_FOLDER))
        return [each for each in self._order.pages if f"page-{each[0]}" not in there]

    def take(self, shard: str, sealed: bytes) -> None:
        """Keep a page; raises BadSeal, Damaged, NewerFormat for one that is not of this locker, Full."""
        open_page(sealed, self._secrets.inbox_seed, self._locker)
        self._home.disk.replace(f"{_FOLDER}/page-{shard}", sealed)

    def packs(self) -> dict[bytes, PackPlace]:
        """Return every pack of the pages that are here."""
        names = [name for name in self._home.disk.names(_FOLDER) if name.startswith("page-")]
        read = (self._home.disk.read(f"{_FOLDER}/{name}", 0, _PAGE_MOST) for name in names)
        return whole_book(open_page(each, self._secrets.inbox_seed, self._locker) for each in read)


class StillAway:
    """``firmware.locker.home.Away`` of a locker that comes back; asked by many threads, changed on the event loop."""

    def __init__(self) -> None:
        """Nothing is away."""
        self._away: frozenset[bytes] = frozenset()
        self._untold: frozenset[bytes] = frozenset()
        self.wanted: dict[bytes, None] = {}
        self.on_want: Callable[[], object] = lambda: None
        """Called from any thread when somebody reads what is not here."""

    def is_away(self, packs: Iterable[bytes]) -> None:
        """These are not here yet."""
        self._away = frozenset(packs)
        self._untold |= self._away

    def came(self, pack: bytes) -> None:
        """One is here; nobody outside hears of it before ``told``."""
        self._away -= {pack}
        self.wanted.pop(pack, None)

    def untold(self, packs: Iterable[bytes]) -> None:
        """Packs that are here, and of which friends' shards are not written down yet."""
        self._untold |= set(packs)

    def told(self, packs: Iterable[bytes]) -> None:
        """peerd knows whose shards these have."""
        self._untold -= set(packs)

    def has(self, pack: bytes) -> bool:
        """See the port."""
        return pack in self._away

    def want(self, pack: bytes) -> None:
        """See the port."""
        if pack not in self.wanted:
            self.wanted[pack] = None
            self.on_want()

    def hides(self, pack: bytes) -> bool:
        """See the port."""
        return pack in self._untold
