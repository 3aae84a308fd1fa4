"""The owner's end of repair by delegates: who is introduced to whom, manifests, and taking over what was repaired."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Final

from firmware import events
from firmware.backup import CircleView, Lay, Manifest, Peer, PeerState
from firmware.backup.health import receipted
from firmware.errors import BadSeal, BoxError, Missing, PeerGarbled, PeerOlder
from firmware.limits import PEER_INTRODUCED_DAYS, PEER_PERMIT_DAYS, PEER_REPAIRS
from firmware.linux.circle_rows import CircleRows
from firmware.linux.journal import Journal
from firmware.peer import (
    MAY_PLACE,
    MAY_READ,
    Call,
    ManifestPack,
    Permit,
    Receipt,
    ShardList,
    manifest_parts,
    read_custody,
    read_receipt,
)
from firmware.peer import messages as m
from firmware.peer.cbor import dumps, loads
from firmware.ports import Clock
from firmware.seal import SigningKey
from services.peerd.naming import say
from services.peerd.shipping import Outside

_DAY_MS: Final = 86_400_000
_TOLD, _REMADE, _SEEN, _PERMIT = "told", "remade", "repaired", "permit"
_FRESH_DAYS: Final = 30
_PAUSES: Final = (2, 10, 60)
"""Seconds until what came to nothing is told again; later only at the next greeting, or within the hour."""

_BREATH: Final = 200
"""Packs of a manifest between two looks at everything else."""


class Delegates:
    """Speaks to peers that are there; what comes to nothing is done again soon, and at the next greeting."""

    def __init__(
        self, outside: Outside, key: SigningKey, clock: Clock, journal: Journal, changed: Callable[[], None]
    ) -> None:
        """``key`` is this box's own: it signs permits. ``changed`` is called when the view knows more."""
        self._out, self._key, self._clock, self._journal, self._changed = outside, key, clock, journal, changed
        self._busy: set[bytes] = set()
        self._due: set[bytes] = set()

    @property
    def _rows(self) -> CircleRows:
        return self._out.rows

    @property
    def _view(self) -> CircleView:
        return self._out.rows.view

    # Introducing

    async def greeted(self, box: bytes) -> None:
        """A peer is there: it hears whom it should know; what delegates repaired is taken over."""
        self._due.add(box)
        if box in self._busy:
            return
        self._busy.add(box)
        pauses = list(_PAUSES)
        try:
            while box in self._due:
                self._due.discard(box)
                if not await self._told_all(box) and pauses:
                    await asyncio.sleep(pauses.pop(0))
                    self._due.add(box)
        finally:
            self._busy.discard(box)

    async def _told_all(self, box: bytes) -> bool:
        """One round; False when its line broke: a new one may have been there before, and nobody greets on it again."""
        try:
            await self._introduce(box)
            self._renew(box)
            await self._learn(box)
            for host in [each.key for each in self._view.by_number.values() if each.online or each.key == box]:
                await self._adopt(host)
        except PeerOlder:
            return True  # it knows nothing of such things
        except BoxError as error:
            say(f"{box.hex()[:8]} does not know yet who repairs: {error}")
            return False
        return True

    async def _introduce(self, box: bytes) -> None:
        peer = self._view.peers.get(box)
        if peer is None:
            return
        wanted = dict(self._company(peer))
        before = self._told(box)
        cards = self._rows.papers("card")
        until = self._clock.now_ms() + PEER_INTRODUCED_DAYS * _DAY_MS
        for other in {*before, *wanted} & cards.keys():
            role = wanted.get(other, m.Role.NOBODY)
            call = Call(m.Introduce(cards[other], role, until, self._roof(other, peer)))
            await self._out.talker.ask(self._out.link(box), call)
        if wanted != before:
            self._rows.set_paper(_TOLD, box, dumps([[each, int(role)] for each, role in sorted(wanted.items())]))

    def _roof(self, box: bytes, told: Peer) -> int | None:
        """The number of the household of a box, 0 for that of the delegate that is told; others are not told it."""
        peer = self._view.peers.get(box)
        if peer is None or not told.delegate:
            return None
        if peer.home == told.home:
            return 0
        return min(each.number for each in self._view.by_number.values() if each.home == peer.home)

    def _company(self, peer: Peer) -> Iterator[tuple[bytes, m.Role]]:
        """Whom a peer should know: delegates everybody, hosts only the delegates."""
        for each in self._view.by_number.values():
            if each is peer or each.state in (PeerState.LEFT, PeerState.LEAVING):
                continue
            if each.delegate:
                yield each.key, m.Role.DELEGATE
            elif peer.delegate:
                yield each.key, m.Role.HOST

    def _told(self, box: bytes) -> dict[bytes, m.Role]:
        found = loads(self._rows.paper(_TOLD, box) or dumps([]))
        rows = [each for each in found if isinstance(each, list)] if isinstance(found, list) else []
        return {bytes(key): m.Role(role) for key, role in rows if isinstance(key, bytes) and isinstance(role, int)}

    # Manifests

    def _renew(self, box: bytes) -> None:
        """A delegate's permit is of an epoch that is over, or a month old: it gets a new one with the next manifest."""
        for about, data in self._rows.papers(_PERMIT).items():
            locker, now = about[:16], self._clock.now_ms()
            epoch, made_ms = int.from_bytes(data[:4]), int.from_bytes(data[4:])
            if about[16:] == box and (epoch != self._epoch(locker) or now - made_ms > _FRESH_DAYS * _DAY_MS):
                self._view.tell_delegates(locker)

    def _epoch(self, locker: bytes) -> int:
        """The epoch of the custody this box shows; 0 without any."""
        custody = self._rows.paper("custody", locker)
        return read_custody(custody).record.epoch if custody is not None else 0

    async def manifest(self, action: Manifest) -> None:
        """Give a delegate the packs of a locker and the permit to repair them."""
        packs: list[ManifestPack] = []
        for at, each in enumerate(self._rows.manifest(action.locker)):
            packs.append(each)
            if at % _BREATH == _BREATH - 1:
                await asyncio.sleep(0)
        epoch = self._epoch(action.locker)
        if not epoch:
            self._view.gave_up(action)
            return
        permit, parts = await self._out.worked(self._written, action, epoch, packs)
        for number, part in enumerate(parts):
            call = Call.with_body(m.ManifestPut(action.locker, action.number, number, len(parts), permit), part)
            await self._out.talker.ask(self._out.link(action.peer), call)
        if self._rows.paper(_SEEN, action.locker + action.peer) is None:
            self._rows.set_paper(_SEEN, action.locker + action.peer, bytes(8))
        made = epoch.to_bytes(4) + self._clock.now_ms().to_bytes(8)
        self._rows.set_paper(_PERMIT, action.locker + action.peer, made)
        self._view.told(action)

    def _written(self, action: Manifest, epoch: int, packs: list[ManifestPack]) -> tuple[bytes, list[bytes]]:
        listed = ShardList(shard.shard for pack in packs for shard in pack.shards)
        until = self._clock.now_ms() + PEER_PERMIT_DAYS * _DAY_MS
        rights = MAY_READ | MAY_PLACE
        permit = Permit(action.locker, epoch, action.peer, rights, until, listed.count, listed.root)
        return permit.signed(self._key), manifest_parts(packs)

    # Taking over

    async def _learn(self, box: bytes) -> None:
        """Ask a delegate what it repaired since it was asked last; written down before anything is made of it."""
        if not any(each[16:] == box for each in self._rows.papers(_SEEN)):
            return
        for locker in [each.id for each in self._view.lockers.values() if each.custody]:
            while True:
                after = int.from_bytes(self._rows.paper(_SEEN, locker + box) or b"")
                heard = await self._out.talker.ask(self._out.link(box), Call(m.Repaired(locker, after)))
                told: tuple[m.Repair, ...] = heard.answer.repairs
                news = [each for each in told if self._is_news(locker, each)]
                for each in news:
                    self._rows.set_paper(_REMADE, locker + each.shard, each.host)
                if not told or told[-1].time_ms <= after:
                    break
                self._rows.set_paper(_SEEN, locker + box, told[-1].time_ms.to_bytes(8))
                if news:
                    self._rows.add_notice(self._clock.now_ms(), box, m.NoticeKind.REBUILT, str(len(news)))
                    self._journal.tell(events.SHARDS_REPAIRED, count=len(news), peer=box.hex()[:8])
                self._rows.save()
                if len(told) < PEER_REPAIRS:
                    break

    def _is_news(self, locker: bytes, repair: m.Repair) -> bool:
        """Whether no other delegate said so already."""
        place, host = self._rows.find_shard(locker, repair.shard), self._view.peers.get(repair.host)
        if place is None or host is None or self._rows.paper(_REMADE, locker + repair.shard) == repair.host:
            return False
        return not any(number == host.number for _, number in receipted(self._view.packs[place[0]], place[1]))

    async def _adopt(self, host: bytes) -> None:
        """Ask a host for our own receipts of shards that a delegate put there."""
        for about, at in self._rows.papers(_REMADE).items():
            if at != host:
                continue
            locker, shard = about[:16], about[16:]
            place = self._rows.find_shard(locker, shard)
            if place is not None and not await self._receipted(host, locker, shard, place):
                continue
            self._rows.drop_paper(_REMADE, about)
            self._changed()

    async def _receipted(self, host: bytes, locker: bytes, shard: bytes, place: tuple[bytes, int, int]) -> bool:
        """Whether that is settled: the host has it and says so, or it has not."""
        pack, k, index = place
        whole = Lay(k, b"", b"").shard_size(self._view.packs[pack].size)
        try:
            link = self._out.link(host)
            heard = await self._out.talker.ask(link, Call(m.Put(locker, shard, whole, whole)))
            receipt = read_receipt(heard.answer.receipt or b"")
        except (PeerGarbled, BadSeal):
            return True
        except BoxError as error:
            return isinstance(error, Missing)
        if not _is_for(receipt, locker, shard, self._out.own, host):
            return True
        self._rows.set_receipt(pack, k, index, heard.answer.receipt)
        self._view.found(pack, k, index, host)
        return True


def _is_for(receipt: Receipt, locker: bytes, shard: bytes, owner: bytes, host: bytes) -> bool:
    return (receipt.locker, receipt.shard, receipt.owner, receipt.host) == (locker, shard, owner, host)
