"""Keeping shards: room, putting, receipts, reading, proving, leases, deletes (docs/formats/hosted.md)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from firmware import events
from firmware.errors import BoxError, Damaged, Misused, PeerBusy, PeerGarbled, ShardMissing, ShardWrong, WrongOffset
from firmware.hosting import DAY, DELETE_MS, charge, delete_date, is_wave, lease_until
from firmware.limits import HOST_DELETES, HOST_PARTS, PACK_BYTES
from firmware.linux.hosted_arriving import AlreadyHere, ArrivingShard, Coming
from firmware.linux.hosted_files import hasher_of, leaf_pieces, pieces
from firmware.linux.hosted_places import Ask, Place
from firmware.linux.hosted_rows import HeldRow
from firmware.linux.hosted_state import HostedState
from firmware.peer import Authority, Caller
from firmware.peer.host import Arriving
from firmware.peer.messages import Keeping, Lease, Pick, Reserved
from firmware.shard import LEAF_BYTES, Tree, audit_answer, leaf_size


class HostedKeeping(HostedState):
    """The part of ``firmware.peer.host.Host`` that is about shards."""

    # Room

    def reserve(self, authority: Authority, size: int, now_ms: int) -> Reserved:
        """Set up to ``size`` bytes aside for a day, in place of what was set aside for this locker before."""
        self._now(now_ms)
        with self._lock:
            place = self._place(authority)
            account = self._peer(place.box).account
            granted = self._house().reserve(account, place.name, size)
            return Reserved(granted, account.quota, account.used + account.coming)

    # Putting

    def status(self, authority: Authority, shards: Sequence[bytes]) -> Sequence[tuple[Keeping, int]]:
        """How each shard is kept; a part that is being sent just now counts as far as it was before."""
        with self._lock:
            place = self._place(authority)
            return [self._state(place, shard) for shard in shards]

    def _state(self, place: Place, shard: bytes) -> tuple[Keeping, int]:
        if self._rows.held(place.row, shard):
            return Keeping.HELD, 0
        size = place.parts.get(shard, 0)
        return (Keeping.PARTIAL, size) if size else (Keeping.MISSING, 0)

    def begin_put(
        self,
        authority: Authority,
        shard: bytes,
        whole: int,
        offset: int,
        size: int,  # noqa: ARG002 the room of the whole shard is counted at once
    ) -> Arriving:
        """Count the room of the whole shard before its first byte is taken; raises WrongOffset, PeerQuota, Full."""
        if not 0 < whole <= PACK_BYTES:
            raise PeerGarbled(why="no shard has this length")
        with self._lock:
            place = self._place(authority)
            row = self._rows.held(place.row, shard)
            if row is not None:
                return AlreadyHere(self._again(place, shard, row, whole))
            coming = self._let_in(place, shard, whole, offset)
        try:
            return ArrivingShard(self, coming, offset)
        except BoxError:
            self.parked(coming, offset if place.part(shard).exists() else 0)
            raise

    def _again(self, place: Place, shard: bytes, row: HeldRow, whole: int) -> int:
        """A receipt for a shard that is here is a promise: it stays."""
        if row.size != whole:
            raise ShardWrong
        if row.ask is not None:
            self._stay(place, [shard])
        return row.received_ms

    def _let_in(self, place: Place, shard: bytes, whole: int, offset: int) -> Coming:
        if shard in place.active:
            raise PeerBusy
        here = place.parts.get(shard, 0)
        if here >= whole:  # whole, but not under its name: the receipt was not asked for, or another length was told
            self._drop_part(place, shard)
            here = 0
        if offset != here:
            raise WrongOffset(offset=here)
        under_way = sum(len(each.parts) + len(each.active) for each in self._of_box(place.box))
        if not here and under_way >= HOST_PARTS:
            raise PeerBusy
        account, room = self._peer(place.box).account, charge(whole)
        self._house().admit(account, room - charge(here))
        if here:
            self._spend(place, -charge(place.parts.pop(shard)))
        account.coming += room
        account.draw(place.name, room - charge(here))
        place.active.add(shard)
        return Coming(place, shard, whole, room)

    def _drop_part(self, place: Place, shard: bytes) -> None:
        place.part(shard).unlink(missing_ok=True)
        self._spend(place, -charge(place.parts.pop(shard)))

    def parked(self, coming: Coming, size: int) -> None:
        """See ``Door``."""
        with self._lock:
            self._ends(coming)
            if size and coming.place.name in self._places:
                coming.place.parts[coming.shard] = size
                self._spend(coming.place, charge(size))

    def _ends(self, coming: Coming) -> None:
        self._peer(coming.box).account.coming -= coming.room
        coming.place.active.discard(coming.shard)

    def arrived(self, coming: Coming, received_ms: int) -> int:
        """See ``Door``: folder, row, and only then a receipt."""
        place = coming.place
        try:
            place.sync()
            with self._lock:
                if place.name not in self._places:
                    raise ShardMissing
                self._rows.add(place.row, coming.shard, coming.whole, received_ms)
                self._ends(coming)
                place.shards += 1
                self._spend(place, charge(coming.whole))
        except BoxError:
            place.shard(coming.shard).unlink(missing_ok=True)  # nothing was acknowledged
            self.parked(coming, 0)
            raise
        return received_ms

    def moment(self) -> int:
        """See ``Door``."""
        return self._now()

    def received_ms(self, authority: Authority, shard: bytes) -> tuple[int, int]:
        """Return (length, when it became whole); what is here is read and checked before that is said again.

        A part that is whole becomes held. Raises ShardMissing for a held one whose bytes are not its own any more:
        it is forgotten here, so that the owner can put it anew.
        """
        with self._lock:
            place = self._place(authority)
            row = self._rows.held(place.row, shard)
            size = place.parts.get(shard, 0)
            if row is None and not size:
                raise ShardMissing
        if row is not None:
            return row.size, self._receipt_again(place, shard, row)
        arriving = self._resume_whole(place, shard, size)
        received = arriving.finish(self._now())
        assert received is not None, "nothing is missing of it"
        return size, received

    def _receipt_again(self, place: Place, shard: bytes, row: HeldRow) -> int:
        """Read a held shard first: whoever asks for its receipt again may have found its answers wrong."""
        right = False
        with suppress(ShardMissing, Damaged):
            right = hasher_of(place.shard(shard), row.size).tree().shard_id == shard
        with self._lock:
            now = self._rows.held(place.row, shard)
            if now is not None and right:
                return self._again(place, shard, now, row.size)
            if now is not None:
                self._say(events.HOSTED_DAMAGED)
                place.shard(shard).unlink(missing_ok=True)
                self._forget(place, [shard], row.size)
        raise ShardMissing

    def _resume_whole(self, place: Place, shard: bytes, size: int) -> ArrivingShard:
        with self._lock:
            if shard in place.active or place.parts.get(shard) != size:
                raise PeerBusy
            self._spend(place, -charge(place.parts.pop(shard)))
            self._peer(place.box).account.coming += charge(size)
            place.active.add(shard)
            coming = Coming(place, shard, size, charge(size))
        return ArrivingShard(self, coming, size)

    # Reading and proving

    def _held(self, authority: Authority, shard: bytes) -> tuple[Place, int]:
        with self._lock:
            place = self._place(authority)
            row = self._rows.held(place.row, shard)
        if row is None:
            raise ShardMissing
        return place, row.size

    def _lost(self, place: Place, shard: bytes, error: BoxError) -> None:
        """A file that is gone is no longer said to be held; one that cannot be read is told."""
        self._say(events.HOSTED_DAMAGED)
        if isinstance(error, ShardMissing):
            with self._lock:
                row = self._rows.held(place.row, shard)
                if row is not None and not place.shard(shard).exists():
                    self._forget(place, [shard], row.size)

    def _forget(self, place: Place, shards: list[bytes], size: int) -> None:
        self._rows.drop(place.row, shards)
        place.shards -= len(shards)
        self._spend(place, -charge(size))

    def read(self, authority: Authority, shard: bytes, offset: int, count: int) -> tuple[int, bytes]:
        """Return (length of the shard, up to ``count`` bytes from ``offset``); raises ShardMissing or Damaged."""
        place, whole = self._held(authority, shard)
        count = max(0, min(count, whole - offset))
        try:
            data = b"".join(leaf_pieces(place.shard(shard), [(offset, count)]))
        except (ShardMissing, Damaged) as error:
            self._lost(place, shard, error)
            raise
        return whole, data

    def leaves(self, authority: Authority, nonce: bytes, picks: Sequence[Pick]) -> bytes:
        """BLAKE3 keyed with ``nonce`` over the picked leaves; raises ShardMissing."""
        found = [(pick, *self._held(authority, pick.shard)) for pick in picks]
        ranges = [_ranges(whole, pick.leaves) for pick, _, whole in found]

        def each() -> Iterator[bytes]:
            for (pick, place, _), wanted in zip(found, ranges, strict=True):
                try:
                    yield from leaf_pieces(place.shard(pick.shard), wanted)
                except (ShardMissing, Damaged) as error:
                    self._lost(place, pick.shard, error)
                    raise

        return audit_answer(nonce, each())

    def whole(self, authority: Authority, shard: bytes, nonce: bytes) -> bytes:
        """BLAKE3 keyed with ``nonce`` over the whole shard; raises ShardMissing."""
        place, size = self._held(authority, shard)
        try:
            return audit_answer(nonce, pieces(place.shard(shard), size))
        except (ShardMissing, Damaged) as error:
            self._lost(place, shard, error)
            raise

    def prove(
        self, authority: Authority, shard: bytes, leaves: Sequence[int]
    ) -> tuple[int, Sequence[bytes], Sequence[bytes]]:
        """Return (length of the shard, leaves, the Merkle proof of each); raises ShardMissing."""
        place, size = self._held(authority, shard)
        ranges = _ranges(size, leaves)
        try:
            grown: Tree = hasher_of(place.shard(shard), size).tree()
            data = list(leaf_pieces(place.shard(shard), ranges))
        except (ShardMissing, Damaged) as error:
            self._lost(place, shard, error)
            raise
        return size, data, [grown.proof(leaf) for leaf in leaves]

    # Leases and deletes

    def renew(self, caller: Caller, authorities: Sequence[Authority], now_ms: int) -> Sequence[Lease]:
        """Renew the leases of these lockers; return them in this order."""
        now_ms = self._now(now_ms)
        with self._lock:
            places = [self._place(each) for each in authorities]
            if caller.box is not None:
                self._heard(caller.box, now_ms)
            for place in places:
                self._alive(place, now_ms)
            return [Lease(each.held.record.locker, lease_until(each.alive_ms)) for each in places]

    def delete_ask(self, authority: Authority, shards: Sequence[bytes], when_ms: int, now_ms: int) -> tuple[int, int]:
        """Set shards to go in 30 days or later; return (when, how many). An earlier date that one has stays."""
        now_ms = self._now(now_ms)
        with self._lock:
            place = self._place(authority)
            rows = [(shard, self._rows.held(place.row, shard)) for shard in dict.fromkeys(shards)]
            held = [(shard, row) for shard, row in rows if row is not None]
            fresh = [shard for shard, row in held if row.ask is None]
            effective = delete_date(when_ms, now_ms)
            if fresh:
                self._ask(place, fresh, effective, now_ms)
                self._watch(place, now_ms)
            return effective, len(held)

    def _ask(self, place: Place, fresh: list[bytes], effective: int, now_ms: int) -> None:
        if sum(len(each.asks) for each in self._of_box(place.box)) >= HOST_DELETES:
            raise PeerBusy
        lived = self._patience.lived_ms + DELETE_MS
        ask = Ask(1 + max(place.asks, default=0), effective, lived, now_ms, len(fresh))
        self._save_clock()
        self._files.keep_ask(place, ask, fresh)
        place.asks[ask.number] = ask
        self._rows.ask(place.row, fresh, ask.number)

    def _watch(self, place: Place, now_ms: int) -> None:
        if is_wave(place.pending, place.shards) and now_ms - place.wave_ms >= DAY:
            place.wave_ms = now_ms
            self._say(events.DELETE_WAVE, peer=place.box.hex()[:8], count=place.pending, held=place.shards)

    def delete_cancel(self, authority: Authority, shards: Sequence[bytes]) -> None:
        """These shards stay."""
        with self._lock:
            self._stay(self._place(authority), shards)

    def _stay(self, place: Place, shards: Sequence[bytes]) -> None:
        rows = [(shard, self._rows.held(place.row, shard)) for shard in dict.fromkeys(shards)]
        asked = {shard: row.ask for shard, row in rows if row is not None and row.ask is not None}
        self._rows.ask(place.row, asked, None)
        for number in set(asked.values()):
            left = self._rows.asked(place.row, number)
            before = place.asks[number]
            ask = Ask(number, before.effective_ms, before.lived_ms, before.asked_ms, len(left))
            self._files.keep_ask(place, ask, left)
            if left:
                place.asks[number] = ask
            else:
                del place.asks[number]


def _ranges(size: int, leaves: Sequence[int]) -> list[tuple[int, int]]:
    try:
        return [(leaf * LEAF_BYTES, leaf_size(size, leaf)) for leaf in leaves]
    except Misused:
        raise PeerGarbled(why="the shard has no such leaf") from None
