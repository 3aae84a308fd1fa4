"""Two boxes in memory: a host that keeps shards in a dict, the answering side on one end, a caller on the other.

Bytes travel in random pieces; a line may be cut after any number of them. The shard id here is plain BLAKE3: the
protocol never looks inside a shard.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from blake3 import blake3

from firmware.errors import (
    BadSeal,
    Damaged,
    HeadForked,
    KitUnknown,
    LinkLost,
    Missing,
    PeerQuota,
    ShardMissing,
    ShardWrong,
    WrongOffset,
)
from firmware.limits import SHARD_LEAF_BYTES
from firmware.peer import (
    Answering,
    Asking,
    Authority,
    Call,
    Caller,
    Card,
    Custody,
    HeadOrder,
    Heard,
    HeldCustody,
    HeldHandover,
    Introduction,
    Invitations,
    OwnBox,
    Verdict,
    custody_verdict,
    head_order,
)
from firmware.peer.capsules import read_capsule
from firmware.peer.kit_asking import check_question
from firmware.peer.messages import (
    Capsule,
    Head,
    Keeping,
    KitGet,
    KitGiven,
    Lease,
    ManifestPart,
    NewerCustody,
    Notice,
    Pick,
    Rebuild,
    Repair,
    Reserved,
    Role,
    Seen,
)
from tests.vectors.counted_entropy import CountedEntropy
from tests.vectors.peer_examples import NOW, card, key

DAY_MS = 86_400_000


class MemoryHost:
    """The Host protocol over dicts; quotas in bytes for each box."""

    def __init__(self, quota: int = 1 << 30) -> None:
        """Empty, with the same quota for everybody."""
        self.quota = quota
        self.records: dict[tuple[bytes, bytes], HeldCustody] = {}
        self.held: dict[tuple[bytes, bytes], tuple[bytes, int]] = {}
        self.partial: dict[tuple[bytes, bytes], bytearray] = {}
        self.heads: dict[bytes, Head] = {}
        self.capsules: dict[tuple[bytes, int], bytes] = {}
        self.manifests: dict[tuple[bytes, int], tuple[ManifestPart, bytes]] = {}
        self.doomed: dict[bytes, int] = {}
        self.told: list[object] = []
        self.known: dict[tuple[bytes, bytes], tuple[bytes, Role]] = {}
        self.roofs: dict[tuple[bytes, bytes], int | None] = {}
        self.repairs: list[Repair] = []
        self.free_ms = 0

    def used(self) -> int:
        """Bytes kept."""
        return sum(len(data) for data, _ in self.held.values()) + sum(map(len, self.partial.values()))

    def greeted(self, caller: Caller, card: Card, data: bytes, now_ms: int) -> None:
        self.told.append(card)

    def custodies(self, locker: bytes) -> Sequence[HeldCustody]:
        return [held for (known, _), held in self.records.items() if known == locker]

    def show_custody(self, shown: HeldCustody, now_ms: int) -> tuple[Verdict, int]:
        at = (shown.record.locker, shown.public)
        before = self.records.get(at)
        verdict, until = custody_verdict(before.record if before else None, shown.record, now_ms, self.free_ms)
        if verdict is Verdict.TAKEN:
            self.records[at] = shown
        return verdict, until

    def show_handover(self, shown: HeldHandover, now_ms: int) -> bool:
        locker = shown.after.record.locker
        before = self.records.get((locker, shown.before))
        if before is None or before.record.box != shown.after.record.box:
            return False
        del self.records[locker, shown.before]
        self.records[locker, shown.after.public] = shown.after
        return True

    def newer_custody(self, shown: HeldCustody) -> NewerCustody | None:
        held = self.records.get((shown.record.locker, shown.public))
        if held is None or held.record.epoch <= shown.record.epoch or held.record.box == shown.record.box:
            return None
        return NewerCustody(held.data, waits=False, until_ms=0)

    def offer(self, caller: Caller, quota: int, used: int, now_ms: int) -> tuple[int, int]:
        return self.quota, self.used()

    def notice(self, caller: Caller, notice: Notice, now_ms: int) -> None:
        self.told.append(notice)

    def vouch(self, caller: Caller, seen: Sequence[Seen], now_ms: int) -> None:
        self.told.extend(seen)

    def introduce(self, caller: Caller, said: Introduction) -> None:
        assert caller.box is not None
        self.known[caller.box, said.card.box] = (said.data, said.role)
        self.roofs[caller.box, said.card.box] = said.roof

    def introduced(self, owner: bytes, box: bytes) -> bool:
        return self.known.get((owner, box), (b"", Role.NOBODY))[1] is Role.DELEGATE

    def whereabouts(self, caller: Caller, boxes: Sequence[bytes]) -> Sequence[bytes]:
        return [data for (_, box), (data, _role) in self.known.items() if box in boxes]

    def repaired(self, authority: Authority, after_ms: int) -> Sequence[Repair]:
        return [each for each in self.repairs if each.time_ms > after_ms]

    def reserve(self, authority: Authority, size: int, now_ms: int) -> Reserved:
        return Reserved(min(size, self.quota - self.used()), self.quota, self.used())

    def status(self, authority: Authority, shards: Sequence[bytes]) -> Sequence[tuple[Keeping, int]]:
        found = []
        for shard in shards:
            at = (authority.locker, shard)
            partial = len(self.partial.get(at, b""))
            kept = Keeping.HELD if at in self.held else Keeping.PARTIAL if partial else Keeping.MISSING
            found.append((kept, partial if kept is Keeping.PARTIAL else 0))
        return found

    def begin_put(self, authority: Authority, shard: bytes, whole: int, offset: int, size: int) -> MemoryArriving:
        if self.used() + size > self.quota:
            raise PeerQuota(need_mib=size >> 20, free_mib=(self.quota - self.used()) >> 20)
        at = (authority.locker, shard)
        here = len(self.partial.get(at, b""))
        if at in self.held or offset != here:
            raise WrongOffset(offset=here)
        return MemoryArriving(self, at, whole)

    def received_ms(self, authority: Authority, shard: bytes) -> tuple[int, int]:
        data, when = self._held(authority, shard)
        return len(data), when

    def read(self, authority: Authority, shard: bytes, offset: int, count: int) -> tuple[int, bytes]:
        data, _ = self._held(authority, shard)
        return len(data), data[offset : offset + count]

    def renew(self, caller: Caller, authorities: Sequence[Authority], now_ms: int) -> Sequence[Lease]:
        return [Lease(each.locker, now_ms + 30 * DAY_MS) for each in authorities]

    def delete_ask(self, authority: Authority, shards: Sequence[bytes], when_ms: int, now_ms: int) -> tuple[int, int]:
        effective = max(when_ms, now_ms + 30 * DAY_MS)
        self.doomed |= dict.fromkeys(shards, effective)
        return effective, len(shards)

    def delete_cancel(self, authority: Authority, shards: Sequence[bytes]) -> None:
        for shard in shards:
            self.doomed.pop(shard, None)

    def leaves(self, authority: Authority, nonce: bytes, picks: Sequence[Pick]) -> bytes:
        hashed = blake3(key=nonce)
        for pick in picks:
            data, _ = self._held(authority, pick.shard)
            for leaf in pick.leaves:
                hashed.update(data[leaf * SHARD_LEAF_BYTES : (leaf + 1) * SHARD_LEAF_BYTES])
        return hashed.digest()

    def whole(self, authority: Authority, shard: bytes, nonce: bytes) -> bytes:
        return blake3(self._held(authority, shard)[0], key=nonce).digest()

    def prove(
        self, authority: Authority, shard: bytes, leaves: Sequence[int]
    ) -> tuple[int, Sequence[bytes], Sequence[bytes]]:
        data, _ = self._held(authority, shard)
        found = [data[leaf * SHARD_LEAF_BYTES : (leaf + 1) * SHARD_LEAF_BYTES] for leaf in leaves]
        return len(data), found, [blake3(leaf).digest() for leaf in found]

    def head(self, authority: Authority, shown: Head | None, now_ms: int) -> Head | None:
        known = self.heads.get(authority.locker)
        if shown is not None:
            order = head_order(known, shown)
            if order is HeadOrder.FORKED:
                raise HeadForked
            if order is HeadOrder.NEWER:
                self.heads[authority.locker] = known = shown
        return known

    def capsule_put(self, authority: Authority, number: int, data: bytes, now_ms: int) -> None:
        self.capsules[authority.locker, number] = data

    def capsule_get(self, authority: Authority, number: int | None) -> tuple[Capsule, bytes]:
        numbers = sorted(at for locker, at in self.capsules if locker == authority.locker)
        wanted = number if number is not None else max(numbers, default=-1)
        if wanted not in numbers:
            raise Missing(what="capsule")
        return Capsule(wanted, tuple(numbers)), self.capsules[authority.locker, wanted]

    def keeps_kits(self, now_ms: int) -> bool:
        return bool(self.capsules)

    def kit_get(
        self, caller: Caller, card: Card, request: KitGet, endpoint: bytes, now_ms: int
    ) -> tuple[KitGiven, bytes]:
        found = [(at, data) for at, data in sorted(self.capsules.items()) if asks_for(data, request, endpoint)]
        if not found:
            raise KitUnknown
        (locker, number), data = found[-1]
        record = next(each for (about, _), each in self.records.items() if about == locker)
        return KitGiven(1, number, (number,), record.data, 0, now_ms), data

    def manifest_put(self, authority: Authority, at: ManifestPart, data: bytes, permit: bytes, now_ms: int) -> None:
        self.manifests[authority.locker, at.part] = (at, data)

    def manifest_get(self, authority: Authority, part: int) -> tuple[ManifestPart, bytes]:
        found = self.manifests.get((authority.locker, part))
        if found is None:
            raise Missing(what="manifest")
        return found

    def rebuild(self, caller: Caller, order: Rebuild, now_ms: int) -> int:
        self.told.append(order)
        return len(self.told)

    def _held(self, authority: Authority, shard: bytes) -> tuple[bytes, int]:
        found = self.held.get((authority.locker, shard))
        if found is None:
            raise ShardMissing
        return found


def asks_for(capsule: bytes, request: KitGet, endpoint: bytes) -> bool:
    """Whether the question is right for the kit of this capsule."""
    try:
        kit = read_capsule(capsule).kit
        check_question(request, endpoint, kit.request)
    except (BadSeal, Damaged):
        return False
    return kit.lookup == request.lookup


@dataclass
class MemoryArriving:
    """A shard on its way into a MemoryHost."""

    host: MemoryHost
    at: tuple[bytes, bytes]
    whole: int

    def write(self, data: bytes) -> None:
        self.host.partial.setdefault(self.at, bytearray()).extend(data)

    def finish(self, now_ms: int) -> int | None:
        data = bytes(self.host.partial[self.at])
        if len(data) < self.whole:
            return None
        del self.host.partial[self.at]
        if blake3(data).digest() != self.at[1]:
            raise ShardWrong
        self.host.held[self.at] = (data, now_ms)
        return now_ms

    def abandon(self) -> None:
        pass


@dataclass
class MemoryBox:
    """One box: its keys, what it hosts, its invitations."""

    name: str
    host: MemoryHost = field(default_factory=MemoryHost)
    invitations: Invitations = field(init=False)
    own: OwnBox = field(init=False)

    def __post_init__(self) -> None:
        """Derive the keys from the name."""
        shown = card(self.name)
        self.own = OwnBox(key(self.name), shown.endpoint, shown.signed(key(self.name)))
        self.invitations = Invitations(shown.endpoint, CountedEntropy(self.name.encode()).bytes)

    def caller(self, *, pinned: bool = True) -> Caller:
        """How another box sees this one."""
        return Caller(self.own.endpoint, self.own.key.public if pinned else None)


def custody(locker: bytes, box: MemoryBox, epoch: int = 1, custody_key: str = "custody") -> bytes:
    """A signed record that names ``box``."""
    return Custody(locker, epoch, box.own.key.public, NOW - DAY_MS).signed(key(custody_key))


@dataclass
class Line:
    """Carries calls of one box to another; ``cut_after`` bytes of a stream (in both directions) it breaks."""

    to: MemoryBox
    caller: Caller
    rng: random.Random
    now_ms: int = NOW
    cuts: list[int] = field(default_factory=list)
    spoil: bool = False
    """Flip a bit in every body, as a bad memory or a bad will would."""

    def perform(self, call: Call[Any]) -> Heard[Any]:
        """One stream."""
        answering = Answering(self.caller, self.to.host, self.to.own, self.to.invitations)
        asking = Asking(call)
        left = self.cuts.pop(0) if self.cuts else 1 << 40
        back: list[bytes] = []
        for piece in self._pieces([asking.head(), *self._body(call)]):
            left -= len(piece)
            if left < 0:
                answering.close()
                raise LinkLost
            back += answering.feed(piece, self.now_ms)
            if answering.finished:
                break
        answering.close()
        if answering.silent:
            raise LinkLost
        for piece in self._pieces(back):
            left -= len(piece)
            if left < 0:
                raise LinkLost
            asking.feed(piece)
        return asking.heard()

    def _body(self, call: Call[Any]) -> list[bytes]:
        pieces = list(call.pieces())
        if self.spoil and pieces:
            pieces[0] = bytes([pieces[0][0] ^ 1]) + pieces[0][1:]
        return pieces

    def _pieces(self, sent: list[bytes]) -> list[bytes]:
        """The same bytes, cut anywhere."""
        data, found = b"".join(sent), []
        while data:
            take = self.rng.choice((1, 3, 100, 5000, 1 << 16, 1 << 20))
            found.append(data[:take])
            data = data[take:]
        return found
