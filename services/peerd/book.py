"""Writes the book and the circle part of capsules: what a locked box tells whoever comes back with 24 words.

``firmware.backup.book`` and ``firmware.peer.kits`` have the formats. A page is written anew when something on it
changed: once shipping came to rest, otherwise hourly. It goes to every friend as one whole shard; then the capsule that
names it goes; then the page before is asked away. What is done is written down: a killed box goes on where it stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeVar

from blake3 import blake3

from firmware.backup import Peer, PeerState
from firmware.backup.book import Page, asked_lately, may_ask, page_bytes, seal_page
from firmware.backup.states import IN_CIRCLE
from firmware.errors import BadSeal, BoxError, Damaged, Missing, NewerFormat, PeerGarbled
from firmware.limits import BOOK_PACKS, CIRCLE_PAGES, PEER_SHARDS_ASKED
from firmware.linux.circle_rows import CircleRows
from firmware.peer import Call, Piece, put_shard
from firmware.peer import messages as m
from firmware.peer.capsules import read_capsule
from firmware.peer.cbor import dumps, loads
from firmware.peer.fields import Many, Raw, Row, Uint, key
from firmware.peer.kits import CirclePart, Friend, PageAt, with_circle
from firmware.ports import Clock
from firmware.seal import KeyFile, SigningKey
from firmware.shard import shard_id
from services.peerd.book_names import Named
from services.peerd.naming import say
from services.peerd.parts import OWN_PARTS
from services.peerd.shipping import Outside

_STEP_SECONDS, _SOON_SECONDS = 2.0, 0.5
"""Between two steps; while something is on its way into the book: badges wait for it."""
_HOUR_MS, _DAY_MS, _REST_MS = 3_600_000, 86_400_000, 10_000
"""How seldom a page is written at most while shards go out; how often friends are asked whether they have their pages;
how long one that came to rest stays as it is."""
_RESTING_NS: Final = 2_000_000_000
"""Shipping came to rest when nothing went for so long."""
_BYTES_A_MS: Final = 0.3
"""What rewritten pages cost one friend's line at most while shards go out: a long page is written hourly."""
_LATER_MS: Final = 600_000
"""After a friend took no page, until it is tried again."""
_BLOCKS: Final = 4
"""Blocks of packs looked at in one step: each costs a tenth of a second."""
_TIMES: Final = 8000
_HASH: Final = Raw(32)
_T = TypeVar("_T")


@dataclass(frozen=True)
class Kept:
    """A page that was written: what is on it (BLAKE3), its shard, when, and who has it."""

    digest: bytes = key(_HASH)
    shard: bytes = key(_HASH)
    size: int = key(Uint())
    written_ms: int = key(Uint())
    peers: tuple[bytes, ...] = key(Many(_HASH, 255))


@dataclass(frozen=True)
class _Old:
    """A page that is not named any more from capsule ``number`` on, and who still keeps it."""

    number: int = key(Uint())
    peers: tuple[bytes, ...] = key(Many(_HASH, 255))


@dataclass(frozen=True)
class _Asked:
    """When old pages were asked away at one peer."""

    times: tuple[int, ...] = key(Many(Uint(), _TIMES))


@dataclass(frozen=True)
class _Told:
    """What the circle part of one locker said last: all of it, its pages (both BLAKE3), and when."""

    digest: bytes = key(_HASH)
    pages: bytes = key(_HASH)
    written_ms: int = key(Uint())


_NOTHING: Final = _Told(bytes(32), bytes(32), 0)


@dataclass
class _Trouble:
    """Who took no page, until when it is left alone; when each was asked last what it has."""

    until: dict[bytes, int] = field(default_factory=dict)
    asked: dict[tuple[bytes, bytes], int] = field(default_factory=dict)


class Book:
    """One for the circle. Everything runs in its loop; sealing and files are in threads."""

    def __init__(
        self, outside: Outside, folder: Path, by: SigningKey, clock: Clock, paused: Callable[[], bool]
    ) -> None:
        """``folder`` takes the newest page of each number; ``by`` is the box key; ``paused``: nothing goes out now."""
        self._out, self._folder, self._by, self._clock, self._paused = outside, folder, by, clock, paused
        self._rows: CircleRows = outside.rows
        self._view = outside.rows.view
        self._all = {about: page for about, data in self._rows.papers("page").items() if (page := _read(Kept, data))}
        self._since: dict[bytes, int] = {}
        self._trouble = _Trouble()
        self._dirty: set[int] = set(range(self._rows.last_no() // BOOK_PACKS + 1))
        self._shipped_ns = clock.ticks_ns()
        self._named = Named(self._rows)
        self._named.keep(self._lockers())
        folder.mkdir(mode=0o700, exist_ok=True)
        for about, page in list(self._all.items()):
            if not (folder / page.shard.hex()).exists():
                self._all[about] = replace(page, digest=bytes(32))  # its bytes are lost: it is written anew

    @property
    def told(self) -> bool:
        """Whether the book that friends have is the newest there can be."""
        changes = self._view.changes
        waits = self._dirty or self._rows.moved or changes.packs or changes.gone
        return not waits and not any(map(self._behind, self._lockers()))

    async def live(self) -> None:
        """Write until cancelled."""
        while True:
            try:
                await self.step()
            except (BoxError, OSError) as error:
                say(f"the book cannot be written just now: {error}")
            soon = self._view.unbooked and self._there() and not self.told
            await asyncio.sleep(_SOON_SECONDS if soon else _STEP_SECONDS)

    async def step(self) -> None:
        """Whatever is due now."""
        now = self._clock.ticks_ns()
        if any(flight[0] == "ship" for flight in self._view.flights):
            self._shipped_ns = now
        self._dirty |= {no // BOOK_PACKS for no in self._rows.moved}
        self._rows.moved.clear()
        lockers = list(self._lockers())
        self._named.keep(lockers)
        if lockers:
            await self._write(lockers, resting=now - self._shipped_ns >= _RESTING_NS)
        for locker in lockers:
            await self._give(locker)
            self._tell(locker)
            self._succeed(locker)
            await self._take_back(locker)
            for about, page in self._pages(locker).items():
                self._named.count(about, page.peers)

    def capsule_is(self, locker: bytes, data: bytes) -> None:
        """lockerd gave a new first part: the circle part is added, and all of it goes to everybody."""
        self._rows.set_paper("kit-part", locker, data)
        self._compose(locker, self._part(locker))

    def _lockers(self) -> Iterable[bytes]:
        """Lockers that act among friends and have a capsule."""
        return [each.id for each in self._view.lockers.values() if each.custody and self._inbox(each.id)]

    def _inbox(self, locker: bytes) -> bytes:
        """The public key the locker's book is sealed to; empty while there is none."""
        data = self._rows.paper("kit-part", locker)
        with contextlib.suppress(Damaged, NewerFormat):
            return KeyFile.parse(read_capsule(data).key_file).plain.inbox if data is not None else b""
        return b""

    def inherit(self, locker: bytes, pages: Mapping[bytes, Iterable[bytes]]) -> None:
        """A box before this one wrote these pages (shard -> boxes); friends do without them once they have ours."""
        ours = {each.shard for each in self._pages(locker).values()}
        for shard, peers in pages.items():
            if shard not in ours:
                self._rows.set_paper("page-before", locker + shard, _written(_Old(0, tuple(peers))))

    def _succeed(self, locker: bytes) -> None:
        before = [each for each in self._rows.papers("page-before").items() if each[0][:16] == locker]
        if before and not any(self._view.packs[each].locker == locker for each in self._view.unbooked):
            for about, data in before:  # every pack is on a page of ours that friends have
                old = _read(_Old, data) or _Old(0, ())
                number = self._view.lockers[locker].capsule
                self._rows.set_paper("page-old", about, _written(replace(old, number=number)))
                self._rows.drop_paper("page-before", about)

    # Pages

    async def _write(self, lockers: list[bytes], *, resting: bool) -> None:
        """Write some of the pages that changed, as far as it is time for them."""
        span = self._span()
        for block in sorted(self._dirty)[:_BLOCKS]:
            number = block * BOOK_PACKS // span
            found = self._rows.packs_from(number * span, span)
            right = [await self._page(each, number, found.get(each, []), resting=resting) for each in lockers]
            if all(right):
                self._dirty.discard(block)

    def _span(self) -> int:
        """Packs of one page: more where there would be too many pages."""
        span, last = BOOK_PACKS, self._rows.last_no()
        while last // span >= CIRCLE_PAGES:
            span *= 2
        return span

    async def _page(self, locker: bytes, number: int, packs: list[bytes], *, resting: bool) -> bool:
        """Write one page if it changed and may be written now; returns whether it is as it should be."""
        about, now = locker + number.to_bytes(4), self._clock.now_ms()
        before = self._all.get(about)
        since = before.written_ms if before is not None else self._since.setdefault(about, now)
        if now - since < self._patience(before, resting=resting):
            return False  # looking at a thousand packs costs a tenth of a second
        places = tuple(place for each in packs if (place := self._rows.place(each)) is not None)
        digest = blake3(page_bytes(Page(number, 0, places))).digest() if places else b""
        self._since.pop(about, None)
        if digest == (before.digest if before is not None else b""):
            return True
        if places:
            sealed = await self._out.worked(seal_page, Page(number, now, places), self._inbox(locker), locker)
            shard = shard_id(sealed)
            await self._out.worked(self._lay_down, shard, sealed)
            self._keep(about, Kept(digest, shard, len(sealed), now, ()))
            span = self._span()
            self._named.wrote(about, number * span, span, [each.pack for each in places], shard)
        else:
            self._named.dropped(about)
            self._rows.drop_paper("page", about)
            del self._all[about]
        if before is not None:
            self._rows.set_paper("page-old", locker + before.shard, _written(_Old(0, before.peers)))
            (self._folder / before.shard.hex()).unlink(missing_ok=True)
        self._rows.save()
        return True

    def _patience(self, before: Kept | None, *, resting: bool) -> int:
        """How long (ms) a page stays as it is."""
        if resting:
            return _REST_MS if before is not None else 0
        return min(_HOUR_MS, max(_REST_MS, int((before.size if before is not None else 0) / _BYTES_A_MS)))

    def _lay_down(self, shard: bytes, sealed: bytes) -> None:
        """A page that is lost with the power is written anew: it is not where its row says."""
        fresh = self._folder / f".{shard.hex()}"
        fresh.write_bytes(sealed)
        fresh.replace(self._folder / shard.hex())

    def _keep(self, about: bytes, page: Kept) -> None:
        self._all[about] = page
        self._rows.set_paper("page", about, _written(page))

    def _pages(self, locker: bytes) -> dict[bytes, Kept]:
        """The pages of a locker, by what their papers are about."""
        return {about: self._all[about] for about in sorted(self._all) if about[:16] == locker}

    # To friends and back

    async def _give(self, locker: bytes) -> None:
        """Every friend that is there gets the pages it does not have."""
        if self._paused():
            return
        for peer in self._there():
            await self._ask_what_is_there(locker, peer)
            for about, page in self._pages(locker).items():
                if peer.key in page.peers or self._clock.now_ms() < self._trouble.until.get(peer.key, 0):
                    continue
                if await self._put(locker, peer.key, page):
                    self._keep(about, replace(page, peers=(*page.peers, peer.key)))
                else:
                    self._trouble.until[peer.key] = self._clock.now_ms() + _LATER_MS

    def _there(self) -> list[Peer]:
        return [each for each in self._view.peers.values() if each.online and each.state in IN_CIRCLE]

    async def _put(self, locker: bytes, peer: bytes, page: Kept) -> bool:
        try:
            data = await self._out.worked((self._folder / page.shard.hex()).read_bytes)
            asked = Piece(locker, page.shard, page.size, peer, self._out.own, digest=blake3(data).digest())
            await self._out.talker.talk(self._out.link(peer), put_shard(asked, lambda at, count: data[at : at + count]))
        except (BoxError, OSError) as error:
            say(f"a page of the book did not get to {peer.hex()[:8]}: {error}")
            return False
        return True

    async def _ask_what_is_there(self, locker: bytes, peer: Peer) -> None:
        """Once a day: does the friend still have its pages?"""
        now = self._clock.now_ms()
        pages = {about: each for about, each in self._pages(locker).items() if peer.key in each.peers}
        if not pages or now - self._trouble.asked.get((peer.key, locker), 0) < _DAY_MS:
            return
        shards = tuple(each.shard for each in pages.values())[:PEER_SHARDS_ASKED]
        try:
            heard = await self._out.talker.ask(self._out.link(peer.key), Call(m.Status(locker, shards)))
        except BoxError:
            return
        self._trouble.asked[peer.key, locker] = now
        for (about, page), (how, _) in zip(pages.items(), heard.answer.each(), strict=False):
            if how is not m.Keeping.HELD:
                self._keep(about, replace(page, peers=tuple(each for each in page.peers if each != peer.key)))

    async def _take_back(self, locker: bytes) -> None:
        """Pages no capsule names any more are asked away where the newest capsule is known."""
        for about, data in list(self._rows.papers("page-old").items()):
            old = _read(_Old, data)
            if about[:16] != locker or old is None or not old.number:
                continue
            left = [each for each in old.peers if not await self._let_go(locker, about[16:], each, old.number)]
            if not left:
                self._rows.drop_paper("page-old", about)
            elif len(left) < len(old.peers):
                self._rows.set_paper("page-old", about, _written(_Old(old.number, tuple(left))))

    async def _let_go(self, locker: bytes, shard: bytes, box: bytes, number: int) -> bool:
        peer = self._view.peers.get(box)
        if peer is None or peer.state is PeerState.LEFT:
            return True
        standing = self._view.standings.get((peer.number, locker))
        if standing is None or standing.capsule < number:
            return False
        asked = _read(_Asked, self._rows.paper("pages-asked", locker + box)) or _Asked(())
        times = asked_lately(asked.times, self._clock.now_ms())
        if not may_ask(len(times), self._view.held[peer.number, locker]):
            return False
        try:
            await self._out.talker.ask(self._out.link(box), Call(m.DeleteAsk(locker, (shard,), 0)))
        except Missing:
            return True
        except BoxError:
            return False
        self._rows.set_paper("pages-asked", locker + box, _written(_Asked((*times, self._clock.now_ms())[-_TIMES:])))
        return True

    # The circle part

    def _part(self, locker: bytes) -> CirclePart:
        """What there is to tell now; friends who keep most come first."""
        numbers = {peer.key: peer.number for peer in self._view.peers.values() if peer.state is not PeerState.LEFT}
        cards = self._rows.papers("card")
        known = sorted(
            (box for box in numbers if box in cards), key=lambda box: (-self._view.held[numbers[box], locker], box)
        )
        friends = tuple(Friend(cards[box], self._view.peers[box].label) for box in known)
        pages = tuple(
            PageAt(each.shard, each.size, tuple(box for box in each.peers if box in known))
            for each in self._pages(locker).values()
            if each.peers
        )
        head, split = max(0, self._view.lockers[locker].head), self._rows.paper(OWN_PARTS, locker) or b""
        return CirclePart(0, 0, friends, pages, head, self._by.public, split)

    def _behind(self, locker: bytes) -> bool:
        """Whether a friend that is there lacks a page or the capsule, or the capsule does not tell of all pages."""
        view = self._view
        for peer in self._there():
            standing = view.standings.get((peer.number, locker))
            later = view.untold.get(("capsule", locker, peer.key), -1) > view.awake_ms
            if not later and (standing is None or standing.capsule < view.lockers[locker].capsule):
                return True
        return self._lacks(locker) or self._said(locker).pages != _pages_digest(self._part(locker))

    def _lacks(self, locker: bytes) -> bool:
        now = self._clock.now_ms()
        there = [each.key for each in self._there() if now >= self._trouble.until.get(each.key, 0)]
        return any(box not in page.peers for page in self._pages(locker).values() for box in there)

    def _said(self, locker: bytes) -> _Told:
        return _read(_Told, self._rows.paper("circle-part", locker)) or _NOTHING

    def _tell(self, locker: bytes) -> None:
        """A capsule with a new circle part, when pages moved and nobody who is there lacks one; for cards, hourly."""
        part, said = self._part(locker), self._said(locker)
        moved = said.pages != _pages_digest(part) and not self._lacks(locker)
        late = self._clock.now_ms() - said.written_ms >= _HOUR_MS
        if moved or (late and said.digest != _digest(part)):
            self._compose(locker, part)

    def _compose(self, locker: bytes, part: CirclePart) -> None:
        """Put the two parts together; all friends get the whole."""
        data, inbox = self._rows.paper("kit-part", locker), self._inbox(locker)
        if data is None:
            return
        now = self._clock.now_ms()
        number = max(now, self._view.lockers[locker].capsule + 1)
        if inbox and (part.friends or part.pages):
            with contextlib.suppress(ValueError, Damaged, NewerFormat, BadSeal):
                data = with_circle(data, replace(part, number=number, written_ms=now), inbox, locker, self._by)
                told = {each.shard for each in part.pages}
                pages = {about: page.shard for about, page in self._pages(locker).items() if page.shard in told}
                self._named.composed(pages, number)
            self._rows.set_paper("circle-part", locker, _written(_Told(_digest(part), _pages_digest(part), now)))
        self._rows.set_paper("capsule", locker, data)
        self._view.capsule_is(locker, number)
        for about, old in self._rows.papers("page-old").items():
            found = _read(_Old, old)
            if about[:16] == locker and found is not None and not found.number:
                self._rows.set_paper("page-old", about, _written(replace(found, number=number)))


def _pages_digest(part: CirclePart) -> bytes:
    return blake3(b"".join(each.shard + b"".join(sorted(each.peers)) for each in part.pages)).digest()


def _digest(part: CirclePart) -> bytes:
    friends = (each.card + each.label.encode() for each in part.friends)
    return blake3(dumps([_pages_digest(part), part.split, *friends])).digest()


def _written(value: Kept | _Old | _Told | _Asked) -> bytes:
    return dumps(Row(type(value)).write(value))


def _read(of: type[_T], data: bytes | None) -> _T | None:
    if data is None:
        return None
    with contextlib.suppress(PeerGarbled):
        found = Row(of).read(loads(data), "paper")
        assert isinstance(found, of)
        return found
    return None
