"""What lockerd asks peerd, over ``run/peerd.sock``: the rows of ``Where.PEER``. No token; the caller's uid decides."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Sequence
from typing import Final

from firmware.backup import UNLIMITED, AlarmKind, Caps, HourWindow, PeerState, SafetyState
from firmware.backup import Peer as Known
from firmware.errors import BadSeal, Damaged, Missing, Misused, NewerFormat, PeerGarbled, Refused
from firmware.limits import KIB, PEER_CAPSULE_BYTES
from firmware.linux.circle_rows import NoticeRow
from firmware.pack.format import Kind
from firmware.peer import read_custody, read_handover, read_head
from firmware.peer.capsules import read_capsule
from firmware.peer.cbor import dumps
from firmware.peer.messages import Head, NoticeKind
from firmware.seal import KeyFile, SlotKind
from services.api import circle_types as c
from services.api.routes import Needs, Operation
from services.api.server import Call, Handler
from services.peerd.circle import Circle
from services.peerd.drill_calls import DrillCalls
from services.peerd.kit_calls import KitCalls
from services.peerd.part_calls import PartCalls
from services.peerd.repairing import Looked
from services.peerd.restore_calls import RestoreCalls
from services.peerd.shelf_calls import ShelfCalls
from services.peerd.shelf_giving import ShelfGiving

_NOTICES: Final = 50
_COUNTED: Final = frozenset({NoticeKind.REBUILT.value, *(each.value for each in AlarmKind)})


def authority(operation: Operation, token: str | None, uid: int) -> None:  # noqa: ARG001 the server checked the uid
    """Only rows for lockerd are here."""
    if operation.needs is not Needs.LOCKERD:
        raise Refused


class Control:
    """Handlers over the circle; thin: values in, values out."""

    def __init__(self, circle: Circle) -> None:
        """The circle is started already."""
        self._circle, self._rows, self._view = circle, circle.rows, circle.rows.view

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of every operation."""
        return {
            "at_peerd_circle": self._show,
            "at_peerd_invite": self._invite,
            "at_peerd_invite_end": self._invite_end,
            "at_peerd_join": self._join,
            "at_peerd_pairing": self._pairings,
            "at_peerd_pairing_confirm": self._confirm,
            "at_peerd_peer_set": self._peer_set,
            "at_peerd_peer_leave": self._peer_leave,
            "at_peerd_circle_caps": self._caps,
            "at_peerd_set_circle_caps": self._set_caps,
            "at_peerd_circle_now": self._now,
            "at_peerd_let_go": self._let_go,
            "move_agreed": self._agree,
            "feed": self._feed,
            "pack_states": self._states,
            **ShelfCalls(self._circle).handlers(),
            **ShelfGiving(self._circle).handlers(),
            **DrillCalls(self._circle).handlers(),
            **KitCalls(self._circle).handlers(),
            **PartCalls(self._circle).handlers(),
            **RestoreCalls(self._circle).handlers(),
        }

    # Meeting

    async def _invite(self, call: Call) -> c.Pairing:
        self._circle.be_called(call.args.label)
        return self._circle.pairing.invite(call.args.way)

    async def _invite_end(self, call: Call) -> c.Pairing:
        return self._circle.pairing.withdraw(call.args.id)

    async def _join(self, call: Call) -> c.Pairing:
        self._circle.be_called(call.args.label)
        return await self._circle.pairing.join(call.args.invitation)

    async def _pairings(self, call: Call) -> c.Pairings:  # noqa: ARG002
        return c.Pairings(tuple(self._circle.pairing.all()))

    async def _confirm(self, call: Call) -> c.Pairing:
        args: c.Confirm = call.args
        return self._circle.pairing.confirm(args.id, yes=args.yes, gets=args.gets)

    # Peers

    async def _show(self, call: Call) -> c.Circle:  # noqa: ARG002
        circle, view = self._circle, self._view
        peers = sorted(view.peers.values(), key=lambda each: (each.state is PeerState.LEFT, each.since_ms))
        disk = os.statvfs(circle.hosted_folder)
        return c.Circle(
            circle.box.hex(),
            circle.label,
            circle.transport.addresses(),
            tuple(self._peer(each) for each in peers),
            tuple(self._locker(each) for each in view.lockers),
            tuple(_notice(each) for each in self._rows.notices(_NOTICES)),
            sum(each.here_bytes + each.going_bytes for each in map(self._locker, view.lockers)),
            any(flight[0] == "ship" for flight in view.flights) or not circle.book.told,
            circle.paused(),
            sum(each.used for each in circle.hosted.peers()),
            disk.f_bavail * disk.f_frsize,
            tuple(_in_care(each) for each in circle.repairing.looked()),
            view.short_until(),
        )

    def _peer(self, known: Known) -> c.PeerInfo:
        circle = self._circle
        given = next((each for each in circle.hosted.peers() if each.box == known.key), None)
        proofs = [each.good_ms for (number, _), each in self._view.standings.items() if number == known.number]
        leaves = self._rows.paper("leaves", known.key)
        reach, address, rtt_ms = self._reach(known.key)
        return c.PeerInfo(
            known.key.hex(),
            known.label,
            c.PeerIs(known.state.value),
            reach,
            known.since_ms,
            known.seen_ms,
            max([0, *proofs]),
            known.quota,
            known.used,
            given.quota if given else 0,
            given.used if given else 0,
            known.place,
            known.household,
            known.delegate,
            known.strikes,
            rtt_ms,
            address,
            int.from_bytes(leaves) if leaves else None,
        )

    def _reach(self, box: bytes) -> tuple[c.Reach, str | None, int | None]:
        link = self._circle.link_to(box)
        if link is None:
            return (c.Reach.REFUSED if self._circle.refused(box) else c.Reach.AWAY), None, None
        path = link.path()
        if path is None:
            return c.Reach.DIRECT, None, None
        home = self._circle.is_near(link.peer, path.address)
        reach = c.Reach.RELAY if path.relayed else c.Reach.HOME if home else c.Reach.DIRECT
        return reach, path.address, path.rtt_ms

    def _locker(self, id: bytes) -> c.LockerSafety:
        sums = {SafetyState.HERE: 0, SafetyState.GOING: 0, SafetyState.SAFE: 0}
        weakest: tuple[int, int] | None = None
        for safety, found in self._view.summary(id).items():
            sums[safety.state] += found.size
            if safety.state is SafetyState.SAFE:
                weakest = min(weakest or (safety.may_fail, safety.of), (safety.may_fail, safety.of))
        may_fail, of = weakest or (0, 0)
        here, going, safe = sums.values()
        known = self._view.lockers[id]
        held = known.waiting if known.halted else 0
        moved = self._circle.moving.of(id)
        moves_ms = (0 if moved.agreed else moved.until_ms) if moved is not None and moved.waits else None
        moved_ms = moved.since_ms if moved is not None and not moved.waits else None
        return c.LockerSafety(id.hex(), known.custody, here, going, safe, may_fail, of, held, moves_ms, moved_ms)

    async def _agree(self, call: Call) -> c.Circle:
        await self._circle.agree(bytes.fromhex(call.args.locker))
        return await self._show(call)

    async def _peer_set(self, call: Call) -> c.PeerInfo:
        args: c.PeerSet = call.args
        known = self._named(args.peer)
        self._view.set_peer(
            known.key,
            label=known.label if args.label is None else args.label,
            household=known.household if args.household is None else args.household,
            place=known.place if args.place is None else args.place,
            delegate=known.delegate if args.delegate is None else args.delegate,
        )
        if args.delegate is not None or args.household is not None:
            self._circle.repairers_changed()
        if args.gets is not None:
            self._circle.hosted.grant(known.key, args.gets)
            await self._circle.greet_again(known.key)
        self._rows.save()
        return self._peer(known)

    async def _peer_leave(self, call: Call) -> c.PeerInfo:
        known = self._named(call.args.peer)
        await self._circle.leave(known.key)
        return self._peer(known)

    def _named(self, peer: str) -> Known:
        known = self._view.peers.get(bytes.fromhex(peer))
        if known is None or known.state is PeerState.LEFT:
            raise Missing(what="household in the circle")
        return known

    # Flow

    async def _caps(self, call: Call) -> c.CircleCaps:  # noqa: ARG002
        caps = self._view.caps
        windows = tuple(c.CapWindow(each.start, each.end, _kib(each.up), _kib(each.down)) for each in caps.windows)
        return c.CircleCaps(_kib(caps.up), _kib(caps.down), windows, self._circle.total(), caps.paused_until_ms)

    async def _set_caps(self, call: Call) -> c.CircleCaps:
        args: c.CircleCaps = call.args
        windows = tuple(
            HourWindow(each.start, each.to, _rate(each.up_kib_s), _rate(each.down_kib_s)) for each in args.windows
        )
        self._view.set_caps(Caps(_rate(args.up_kib_s), _rate(args.down_kib_s), windows, args.paused_until_ms))
        self._circle.set_total(args.total)
        self._rows.save()
        self._circle.wake.set()
        return await self._caps(call)

    async def _now(self, call: Call) -> c.Circle:
        self._view.ship_now(self._circle.clock.now_ms())
        self._rows.save()  # the owner was told yes: after a restart it does not wait for the night again
        self._circle.wake.set()
        return await self._show(call)

    async def _let_go(self, call: Call) -> c.Circle:
        """More than a fifth of a locker may be asked away in the next days; the hosts wait thirty days all the same."""
        for id, each in self._view.lockers.items():
            if each.halted:
                self._view.allow_deletes(id)
        self._rows.save()
        self._circle.wake.set()
        return await self._show(call)

    # Lockers

    async def _feed(self, call: Call) -> c.FeedKnown:
        args: c.Feed = call.args
        locker = bytes.fromhex(args.locker)
        self._view.add_locker(locker)
        self._rows.set_paper("folder", locker, args.folder.encode())
        if args.custody is not None:
            await self._custody(locker, bytes.fromhex(args.custody), [bytes.fromhex(each) for each in args.handovers])
        now = self._circle.clock.now_ms()
        for each in args.packs:
            id = bytes.fromhex(each.id)
            self._rows.set_source(id, each.file, bytes.fromhex(each.digest), bytes.fromhex(each.prelude))
            self._view.cut(id, locker, _kind(each.kind), each.size, precious=each.precious, now_ms=now)
        for gone in args.dropped:
            self._view.drop(bytes.fromhex(gone))
        if args.head is not None:
            self._head(locker, args.head)
        if args.capsule is not None:
            self._capsule(locker, args.capsule)
        self._keys(locker, args)
        self._rows.save()
        self._circle.wake.set()
        if args.packs or args.dropped or args.head or args.key:
            self._circle.shelving.wake()
        packs = sum(1 for each in self._view.packs.values() if each.locker == locker and each.dropped_at < 0)
        custody = self._rows.paper("custody", locker) or b""
        mark = (self._rows.paper("capsule-mark", locker) or b"").decode()
        friends = self._circle.parts.number(locker)
        return c.FeedKnown(packs, self._circle.box.hex(), self._key_revision(locker), custody.hex(), mark, friends)

    async def _custody(self, locker: bytes, data: bytes, handovers: Sequence[bytes]) -> None:
        try:
            held = read_custody(data)
            handed = [read_handover(each).after.record.locker for each in handovers]
        except (PeerGarbled, BadSeal):
            raise Misused(why="the custody record is not signed.") from None
        if set(handed) - {locker}:
            raise Misused(why="a handover is for another locker.")
        if held.record.locker != locker or held.record.box != self._circle.box:
            raise Misused(why="the custody record is for another locker or another box.")
        if not self._circle.moving.may_act(held):
            return  # this box was replaced
        if self._rows.paper("custody", locker) != data:
            self._rows.set_paper("custody", locker, data)
            self._rows.set_paper("handovers", locker, dumps(list(handovers)))
            self._view.relaid.add(locker)  # permits of delegates are for one epoch
            await self._circle.greet_again()  # shown before anything is asked for this locker
        self._view.set_custody(locker, True)

    def _head(self, locker: bytes, fed: c.FeedHead) -> None:
        head = Head(bytes.fromhex(fed.header), bytes.fromhex(fed.signature), bytes.fromhex(fed.public))
        try:
            number = read_head(head).seq
        except (PeerGarbled, BadSeal):
            raise Misused(why="the head is not signed.") from None
        self._rows.set_paper("head", locker, dumps([head.header, head.signature, head.public]))
        self._view.head_is(locker, number)

    def _key(self, locker: bytes, fed: c.FeedKey) -> None:
        """Kept for shelves. It says itself whether it is whole, and has no way in that could be guessed."""
        try:
            data = base64.b64decode(fed.data, validate=True)
            kinds = {slot.kind for slot in KeyFile.parse(data).slots if slot is not None}
        except (binascii.Error, Damaged, NewerFormat):
            raise Misused(why="the key file is not one.") from None
        if not kinds <= {SlotKind.KIT, SlotKind.FRIENDS}:
            raise Misused(why="this key file must not leave the box.")
        self._rows.set_paper("key", locker, data)
        self._rows.set_paper("key-revision", locker, fed.revision.to_bytes(8))

    def _keys(self, locker: bytes, args: c.Feed) -> None:
        if args.key is not None:
            self._key(locker, args.key)
        try:
            if args.friends is not None:
                self._circle.parts.set_own(locker, bytes.fromhex(args.friends))
        except PeerGarbled:
            raise Misused(why="this is no split key.") from None

    def _key_revision(self, locker: bytes) -> int:
        return int.from_bytes(self._rows.paper("key-revision", locker) or b"")

    def _capsule(self, locker: bytes, fed: c.FeedCapsule) -> None:
        try:
            data = base64.b64decode(fed.data, validate=True)
        except binascii.Error:
            raise Misused(why="the capsule is not base64.") from None
        try:
            filling = read_capsule(data)
        except (Damaged, NewerFormat):
            raise Misused(why=f"a capsule has {PEER_CAPSULE_BYTES} bytes and its own format.") from None
        if (filling.locker, filling.number) != (locker, fed.number):
            raise Misused(why="the capsule is of another locker or another number.")
        self._rows.set_paper("capsule-mark", locker, fed.mark.encode())
        self._circle.book.capsule_is(locker, data)

    async def _states(self, call: Call) -> c.PackStates:
        args: c.PackStatesArgs = call.args
        found = (self._view.safety_of([bytes.fromhex(each) for each in group.packs]) for group in args.groups)
        shelves = self._circle.shelving.shelves_of([[bytes.fromhex(each) for each in one.packs] for one in args.groups])
        states = zip(found, shelves, strict=True)
        return c.PackStates(
            tuple(c.PackState(c.SafetyIs(each.state.value), each.may_fail, each.of, *on) for each, on in states)
        )


def _in_care(each: Looked) -> c.InCare:
    who, locker = each.owner.hex(), each.locker.hex()
    return c.InCare(who, locker, each.packs, each.silent_ms, each.acting, each.away, each.lacking, each.made)


def _kind(word: str) -> Kind:
    try:
        return Kind[word.upper()]
    except KeyError:
        raise Misused(why=f"there is no kind of pack called “{word}”.") from None


def _notice(row: NoticeRow) -> c.CircleNotice:
    ours = row.kind in _COUNTED and row.text.isdecimal()
    amount = int(row.text) if ours else 0
    return c.CircleNotice(row.kind, row.time_ms, "" if ours else row.text, row.peer.hex() or None, None, amount)


def _kib(rate: int) -> int | None:
    return None if rate == UNLIMITED else rate // KIB


def _rate(kib: int | None) -> int:
    return UNLIMITED if kib is None else kib * KIB
