"""Shards of other households on this disk: the ``Host`` behind the peer protocol (docs/formats/hosted.md).

Plain calls, safe from many threads: one lock around memory and rows; bytes of shards are written and
read outside of it. What is decided is decided in ``firmware.hosting`` and ``firmware.peer``.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from firmware import events
from firmware.errors import Full, Missing, PeerQuota
from firmware.hosting import (
    DAY,
    Ending,
    EndingKind,
    HostedLocker,
    HostedPeer,
    HostLimits,
    Judgement,
    PendingDelete,
    Tidied,
    Waiting,
    agreed,
    away_since,
    charge,
    check_end,
    ending_after_leaving,
    ending_after_notice,
    is_wave,
    judge,
)
from firmware.limits import HOST_LOCKERS, HOST_PART_DAYS, PEER_HANDOVERS
from firmware.linux.hosted_files import sync_folder
from firmware.linux.hosted_memory import HostedMemory
from firmware.linux.hosted_parts import HostedParts
from firmware.linux.hosted_places import Ask, Place
from firmware.linux.hosted_state import Ears
from firmware.peer import Authority, Caller, Card, HeldCustody, HeldHandover, Introduction, Verdict
from firmware.peer.messages import NewerCustody, Notice, NoticeKind, Rebuild, Repair, Seen

__all__ = ["Ears", "HostedShards"]

_SAVE_CLOCK_MS: Final = 3_600_000


class HostedShards(HostedParts, HostedMemory):
    """See the module. ``firmware.peer.host.Host``, and what the owner of this box may ask and set."""

    # Meeting

    def greeted(self, caller: Caller, card: Card, data: bytes, now_ms: int) -> None:  # noqa: ARG002 a port
        """A box is here: its lockers live."""
        now_ms = self._now(now_ms)
        with self._lock:
            self._heard(card.box, now_ms)
        self._ears.met(card.box, card, data, now_ms)

    def custodies(self, locker: bytes) -> Sequence[HeldCustody]:
        """The records in force for a locker id."""
        with self._lock:
            return [place.held for place in self._of_locker.get(locker, [])]

    def show_custody(self, shown: HeldCustody, now_ms: int) -> tuple[Verdict, int]:
        """Take, park or refuse a record; what is taken is durable before it is said. Raises PeerQuota: too many."""
        now_ms = self._now(now_ms)
        with self._lock:
            place = self._place_of(shown.record.locker, shown.public)
            if place is not None and place.held.public != shown.public:
                return Verdict.OLDER, 0  # its key has handed over: an old kit moves nothing any more
            silent = place is None or self.is_stolen(place.box)  # a thief does not hold up who comes back
            heard_ms = 0 if place is None or silent else self._peer(place.box).heard_ms
            if place is None:
                found = judge(None, None, shown, heard_ms, now_ms)
            else:
                found = judge(place.held.record, place.waiting, shown, heard_ms, now_ms)
            if found.verdict is Verdict.TAKEN:
                self._take(place, shown, found.waiting, now_ms)
            elif place is not None:
                self._park(place, found)
            return found.verdict, found.until_ms

    def newer_custody(self, shown: HeldCustody) -> NewerCustody | None:
        """The old box hears who acts in its place, or wants to: a signed record, which nobody here can make up."""
        with self._lock:
            place = self._place_of(shown.record.locker, shown.public)
            if place is None or place.held.public != shown.public:
                return None
            waits = place.waiting
            if place.held.record.epoch > shown.record.epoch and place.box != shown.record.box:
                return NewerCustody(place.held.data, waits=False, until_ms=0)
            if waits is not None and waits.held.record.epoch > shown.record.epoch and place.box == shown.record.box:
                return NewerCustody(waits.held.data, waits=True, until_ms=waits.free_ms)
            return None

    def show_handover(self, shown: HeldHandover, now_ms: int) -> bool:
        """Follow it when the key in force signed it and the box stays the same; durable when it returns."""
        now_ms = self._now(now_ms)
        record, public = shown.after.record, shown.after.public
        with self._lock:
            place, other = self._place_of(record.locker, shown.before), self._place_of(record.locker, public)
            if place is None or place is other or place.held.public != shown.before:
                return place is not None and place is other
            stays = record.box == place.box and record.epoch > place.held.record.epoch
            if not stays or len(place.handovers) >= PEER_HANDOVERS or (other is not None and other.used):
                return False
            if other is not None:  # the new key was seen before it was known where it belongs
                self._remove(other)
            place.handovers.append(shown)
            self._files.keep_handovers(place)
            self._names |= dict.fromkeys(place.names, place.name)
            self._take(place, shown.after, None, now_ms)
            return True

    def _park(self, place: Place, found: Judgement) -> None:
        if place.waiting != found.waiting:
            place.waiting = found.waiting
            self._files.keep_waiting(place)
            self._say(events.CUSTODY_WAITS, peer=place.box.hex()[:8])
            if found.waiting is not None:
                self._ears.custody_waits(place.box, found.waiting.free_ms)
        if found.verdict is Verdict.FORKED:
            self._say(events.CUSTODY_FORKED, peer=place.box.hex()[:8])

    def _take(self, place: Place | None, shown: HeldCustody, waiting: Waiting | None, now_ms: int) -> None:
        if place is None:
            if sum(1 for _ in self._of_box(shown.record.box)) >= HOST_LOCKERS:
                raise PeerQuota(need_mib=0, free_mib=0)
            name = self._files.create(shown)
            self._admit(self._files.read(name, self._rows.place(name)), reread=True)
            self._alive(self._places[name], now_ms)
            return
        before, after = self._peer(place.box), self._peer(shown.record.box)
        moved = before is not after
        place.held, place.waiting = shown, waiting
        place.alive_ms = max(place.alive_ms, now_ms)
        self._files.keep_custody(place)
        if moved:
            before.account.used -= place.used
            after.account.used += place.used
            if not after.account.quota:  # a new box of the same owner goes on where the old one stopped
                after.account.quota = before.account.quota
                self._files.keep_peer(after)
            self._say(events.CUSTODY_TAKEN, peer=before.box.hex()[:8])
            self._ears.custody_taken(before.box, after.box, shown.record.locker)

    def offer(self, caller: Caller, quota: int, used: int, now_ms: int) -> tuple[int, int]:
        """The peer gives us ``quota`` of which we use ``used``; return the same from here."""
        now_ms = self._now(now_ms)
        assert caller.box is not None, "only peers are asked"
        with self._lock:
            self._heard(caller.box, now_ms)
            peer = self._peer(caller.box)
            changed = peer.their_quota != quota
            peer.their_quota, peer.our_use = quota, used
            if changed:
                self._note_peer(peer)
            answer = peer.account.quota, peer.account.used + peer.account.coming
        self._ears.offered(caller.box, quota, used, now_ms)
        return answer

    def notice(self, caller: Caller, notice: Notice, now_ms: int) -> None:
        """The other household says something; ``moved`` from the old box is its owner's yes to a new one."""
        now_ms = self._now(now_ms)
        assert caller.box is not None, "only peers are heard"
        with self._lock:
            self._heard(caller.box, now_ms)
            if notice.kind == NoticeKind.MOVED:
                for place in self._of_box(caller.box):
                    if place.waiting is not None and notice.locker in (None, place.held.record.locker):
                        place.waiting = agreed(place.waiting)
                        self._files.keep_waiting(place)
        self._ears.told(caller.box, notice, now_ms)

    def vouch(self, caller: Caller, seen: Sequence[Seen], now_ms: int) -> None:
        """A peer heard the boxes of these lockers; times from the future count as now."""
        now_ms = self._now(now_ms)
        with self._lock:
            for each in seen:
                for place in self._of_locker.get(each.locker, []):
                    if place.box != caller.box and min(each.seen_ms, now_ms) > place.alive_ms:
                        self._alive(place, min(each.seen_ms, now_ms))

    def rebuild(self, caller: Caller, order: Rebuild, now_ms: int) -> int:
        """Passed on to the service; raises PeerOlder when it repairs for nobody."""
        return self._ears.asked_to_rebuild(caller, order, now_ms)

    def introduce(self, caller: Caller, said: Introduction) -> None:
        """Passed on to the service, which keeps it."""
        assert caller.box is not None, "only peers introduce"
        self._ears.introduced(caller.box, said, self._now())

    def introduced(self, owner: bytes, box: bytes) -> bool:
        """Whether ``owner`` said that ``box`` repairs for it."""
        return self._ears.is_delegate(owner, box)

    def whereabouts(self, caller: Caller, boxes: Sequence[bytes]) -> Sequence[bytes]:
        """The cards known to the service."""
        return self._ears.cards_of(caller, boxes)

    def repaired(self, authority: Authority, after_ms: int) -> Sequence[Repair]:
        """What the service repaired for a locker."""
        return self._ears.repairs_of(authority.locker, after_ms)

    # The owner of this box

    def set_limits(self, limits: HostLimits) -> None:
        """From now on; what is kept stays."""
        with self._lock:
            self._limits = limits

    def grant(self, box: bytes, quota: int) -> None:
        """A household may use ``quota`` bytes here, durably; less than it uses now means that nothing more comes in."""
        with self._lock:
            peer = self._peer(box)
            if peer.account.quota != quota or not peer.stamped_ms:
                peer.account.quota = quota
                peer.stamped_ms = peer.stamped_ms or 1
                self._files.keep_peer(peer)

    def peers(self) -> list[HostedPeer]:
        """Every household that has, or had, something here."""
        now_ms = self._now()
        with self._lock:
            return [
                HostedPeer(
                    each.box,
                    each.account.quota,
                    each.account.used + each.account.coming,
                    each.account.aside(now_ms),
                    each.their_quota,
                    each.our_use,
                    each.heard_ms,
                    sum(1 for _ in self._of_box(each.box)),
                )
                for each in self._peers.values()
            ]

    def lockers(self) -> list[HostedLocker]:
        """Every locker that is kept here."""
        now_ms = self._now()
        with self._lock:
            return [
                HostedLocker(
                    each.name,
                    each.held.record.locker,
                    each.box,
                    each.held.record.epoch,
                    each.shards,
                    each.used,
                    each.alive_ms,
                    away_since(each.alive_ms, now_ms),
                    each.ending,
                    each.pending,
                    each.waiting.free_ms if each.waiting else None,
                    is_wave(each.pending, each.shards),
                )
                for each in self._places.values()
            ]

    def deletes(self) -> list[PendingDelete]:
        """Every request to delete that waits, the soonest first."""
        with self._lock:
            found = [
                PendingDelete(
                    place.name, place.held.record.locker, place.box, ask.asked_ms, ask.effective_ms, ask.count
                )
                for place in self._places.values()
                for ask in place.asks.values()
            ]
        return sorted(found, key=lambda each: each.effective_ms)

    def give_notice(self, place: bytes) -> Ending:
        """After 13 months of silence: the locker may go in 60 days. Raises LeaseRuns before, Missing."""
        now_ms = self._now()
        with self._lock:
            found = self._named(place)
            if found.ending is None:
                found.ending = ending_after_notice(found.alive_ms, now_ms, self._patience.lived_ms)
                self._save_clock()
                self._files.keep_ending(found)
            return found.ending

    def end(self, place: bytes) -> None:
        """Remove a locker whose notice ran out; raises LeaseRuns before, Missing."""
        now_ms = self._now()
        with self._lock:
            found = self._named(place)
            check_end(found.ending, found.alive_ms, now_ms, self._patience.lived_ms)
            self._remove(found)

    def left(self, box: bytes) -> None:
        """A household left the circle: nothing more comes in, its lockers go in 30 days (``tidy``)."""
        now_ms = self._now()
        with self._lock:
            self._peer(box).account.quota = 0
            self._files.keep_peer(self._peer(box))
            self._save_clock()
            for place in self._of_box(box):
                if place.ending is None or place.ending.kind is not EndingKind.LEFT:
                    place.ending = ending_after_leaving(now_ms, self._patience.lived_ms)
                    self._files.keep_ending(place)

    def came_back(self, box: bytes) -> None:
        """It did not leave after all; its quota is granted anew by the caller."""
        with self._lock:
            for place in self._of_box(box):
                if place.ending is not None:
                    place.ending = None
                    self._files.keep_ending(place)

    def _named(self, name: bytes) -> Place:
        found = self._places.get(name)
        if found is None:
            raise Missing(what="locker")
        return found

    # What time brings

    def tidy(self) -> Tidied:
        """Hourly: shards whose time came go, parts nobody goes on with, lockers of those who left."""
        now_ms = self._now()
        gone = Tidied()
        with self._lock:
            lived_ms = self._patience.lived_ms
            if abs(lived_ms - self._saved_ms) >= _SAVE_CLOCK_MS:
                with suppress(Full):  # what goes now makes room
                    self._save_clock()
            for place in list(self._places.values()):
                if _has_left(place.ending, now_ms, lived_ms):
                    gone = _sum(gone, Tidied(place.shards, len(place.parts), place.used))
                    self._remove(place)
                    continue
                gone = _sum(gone, self._tidy_parts(place, now_ms))
                for ask in [each for each in place.asks.values() if each.effective_ms <= now_ms]:
                    if ask.lived_ms <= lived_ms:
                        gone = _sum(gone, self._carry_out(place, ask))
        if gone.shards:
            self._say(events.SHARDS_FORGOTTEN, count=gone.shards)
        return gone

    def _carry_out(self, place: Place, ask: Ask) -> Tidied:
        """Files, folder, rows, and the request last: a crash in between does the rest again."""
        size, count = 0, 0
        shards = self._rows.asked(place.row, ask.number)
        for shard in shards:
            row = self._rows.held(place.row, shard)
            place.shard(shard).unlink(missing_ok=True)
            size, count = size + charge(row.size if row else 0), count + 1
        sync_folder(place.path / "shards")
        self._rows.drop(place.row, shards)
        place.shards -= count
        self._spend(place, -size)
        del place.asks[ask.number]
        self._files.keep_ask(place, ask, [])
        return Tidied(count, 0, size)

    def _tidy_parts(self, place: Place, now_ms: int) -> Tidied:
        old, size = [], 0
        for shard in place.parts:
            with suppress(OSError):
                if place.part(shard).stat().st_mtime_ns // 1_000_000 < now_ms - HOST_PART_DAYS * DAY:
                    old.append(shard)
        for shard in old:
            size += charge(place.parts[shard])
            self._drop_part(place, shard)
        return Tidied(0, len(old), size)

    def _remove(self, place: Place) -> None:
        """Renamed first: what a crash leaves of it is removed at the next opening."""
        del self._places[place.name]
        for name in place.names:
            self._names.pop(name, None)
        self._of_locker[place.held.record.locker].remove(place)
        self._peer(place.box).account.used -= place.used
        self._files.remove_place(place)
        self._rows.keep_places([each.row for each in self._places.values()])


def _has_left(ending: Ending | None, now_ms: int, lived_ms: int) -> bool:
    left = ending is not None and ending.kind is EndingKind.LEFT
    return left and ending is not None and ending.when_ms <= now_ms and ending.lived_ms <= lived_ms


def _sum(one: Tidied, other: Tidied) -> Tidied:
    return Tidied(one.shards + other.shards, one.parts + other.parts, one.size + other.size)
