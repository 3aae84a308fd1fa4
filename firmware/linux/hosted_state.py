"""What hosting has in memory and how it is opened: households, places, rows, the clock; one lock for all of it."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from firmware import events
from firmware.errors import AlreadyRunning, BoxError, CustodyMissing, Full, NewerFormat, PeerOlder
from firmware.events import Event
from firmware.hosting import HostLimits, House, KitTries, Patience, charge, ending_after_contact
from firmware.hosting.asking import AskedPart
from firmware.linux.disk import LinuxDisk
from firmware.linux.hosted_files import room, shard_files
from firmware.linux.hosted_places import Peer, Place, Places, place_name
from firmware.linux.hosted_rows import HostedRows
from firmware.peer import Authority, Caller, Card, Introduction
from firmware.peer.messages import Notice, Rebuild, Repair
from firmware.peer.parts import AskState, PartKeyed, PartPut, PartSay
from firmware.ports import Clock

_FORMAT: Final = b"lockerbox hosted 1\n"
_STAMP_MS: Final = 60_000

Tell = Callable[..., None]
"""``tell(event, **fields)``, as ``Journal.tell`` has it."""


def untold(event: Event, **_fields: str | int) -> None:
    """For small tools and tests: nobody listens."""


class Ears:
    """Who wants to hear what peers say that is not hosting; a service overrides what it cares for."""

    def met(self, box: bytes, card: Card, data: bytes, now_ms: int) -> None:
        """A box greeted with this card (verified; ``data`` is the card as signed)."""

    def offered(self, box: bytes, quota: int, used: int, now_ms: int) -> None:
        """A peer gives us ``quota`` bytes of which we use ``used``."""

    def told(self, box: bytes, notice: Notice, now_ms: int) -> None:
        """A peer says something."""

    def kit_shown(self, endpoint: bytes, card: Card, data: bytes, locker: bytes, custody: bytes) -> None:
        """The box of ``card`` (verified) has the kit of a locker: it may greet for the custody key of that kit."""

    def custody_waits(self, box: bytes, until_ms: int) -> None:
        """Another box wants to act for a locker of ``box``, and waits until ``until_ms``."""

    def custody_taken(self, before: bytes, after: bytes, locker: bytes) -> None:
        """Another box acts for a locker of the household ``before`` from now on."""

    def asked_to_rebuild(self, caller: Caller, order: Rebuild, now_ms: int) -> int:  # noqa: ARG002 for those who override it
        """Take an order to repair, return its number; raises PeerOlder: this box repairs for nobody."""
        raise PeerOlder(what=order.OP)

    def introduced(self, owner: bytes, said: Introduction, now_ms: int) -> None:
        """A peer says that another box acts with it."""

    def is_delegate(self, owner: bytes, box: bytes) -> bool:  # noqa: ARG002 for those who override it
        """Whether ``owner`` introduced ``box`` as its delegate."""
        return False

    def cards_of(self, caller: Caller, boxes: Sequence[bytes]) -> Sequence[bytes]:  # noqa: ARG002 as above
        """The newest cards of these boxes, as signed."""
        return ()

    def repairs_of(self, locker: bytes, after_ms: int) -> Sequence[Repair]:  # noqa: ARG002 for those who override it
        """What this box repaired for a locker, the oldest first."""
        return ()

    def part_key(self) -> PartKeyed:
        """What parts of friends' keys for this box are sealed to; raises PeerOlder: it keeps none."""
        raise PeerOlder(what="part_key")

    def part_for(self, ask: bytes, public: bytes, put: PartPut) -> bytes:  # noqa: ARG002 for those who override it
        """A part that was kept, sealed anew to whoever asked for it; raises PeerOlder as above."""
        raise PeerOlder(what="part_ask")

    def part_asked(self, owner: bytes, put: PartPut, ask: AskedPart, state: AskState, until_ms: int) -> None:
        """An ask for the part that the box ``owner`` left here began, or got on."""

    def part_tried(self, owner: bytes, now_ms: int) -> None:
        """Somebody asked for that part who was given no ticket."""

    def part_said(self, box: bytes, said: PartSay, now_ms: int) -> None:
        """A peer tells of an ask."""

    def reported(self, box: bytes, report: bytes, now_ms: int) -> None:
        """A box was reported stolen."""


class _Journal(Protocol):
    def __call__(self, event: Event, **fields: str | int) -> None: ...


class HostedState:
    """Opened once, by one process. Every method that touches memory or rows holds ``_lock``."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        limits: HostLimits | None = None,
        ears: Ears | None = None,
        tell: Tell = untold,
    ) -> None:
        """Open or create ``folder``; raises AlreadyRunning when another process has it, NewerFormat for a newer one."""
        self._folder, self._clock = folder, clock
        self._limits, self._ears = limits or HostLimits(), ears or Ears()
        self._say: _Journal = tell
        self._lock = threading.RLock()
        self._tries = KitTries()
        self._disk = LinuxDisk(folder)
        folder.chmod(0o700)
        self._held_fd = _alone(folder)
        try:
            self._open()
        except BaseException:
            os.close(self._held_fd)
            raise

    def _open(self) -> None:
        self._files = Places(self._folder, self._disk)
        self._check_format()
        self._patience = self._read_clock()
        self._now()
        self._saved_ms = self._patience.lived_ms
        self._peers = self._files.peers()
        self._places: dict[bytes, Place] = {}
        self._of_locker: dict[bytes, list[Place]] = {}
        self._names: dict[bytes, bytes] = {}
        self._rows = HostedRows(self._folder / "index.db")
        try:
            self._open_places(reread=self._rows.fresh)
        except BaseException:
            self._rows.close(clean=False)
            raise
        self._clean = True

    def _check_format(self) -> None:
        if "format" not in self._disk.names(""):
            self._files.keep("format", _FORMAT)
        elif self._disk.read("format", 0, 64) != _FORMAT:
            raise NewerFormat(what="the folder of shards kept for others")

    def _read_clock(self) -> Patience:
        with suppress(BoxError):
            return Patience.read(self._disk.read("clock", 0, 64))
        return Patience()

    def _open_places(self, *, reread: bool) -> None:
        for name in self._files.names():
            with suppress(BoxError):
                self._admit(self._files.read(name, self._rows.place(name)), reread=reread)
        self._rows.keep_places([place.row for place in self._places.values()])
        if reread and self._places:
            self._say(events.HOSTED_REREAD, count=sum(place.shards for place in self._places.values()))

    def _admit(self, place: Place, *, reread: bool) -> None:
        """Take a place that was read from the folder into memory."""
        if reread:
            self._rows.merge(place.row, shard_files(place.path / "shards"))
            for number in place.asks:
                self._rows.ask(place.row, self._files.ask_file(place, number)[1], number)
            self._drop_held_parts(place)
        place.shards, cost = self._rows.sums(place.row)
        place.used += cost
        self._places[place.name] = place
        self._names |= dict.fromkeys(place.names, place.name)
        self._of_locker.setdefault(place.held.record.locker, []).append(place)
        self._peer(place.box).account.used += place.used

    def _drop_held_parts(self, place: Place) -> None:
        """A power cut may leave both names of one file."""
        for shard in [each for each in place.parts if self._rows.held(place.row, each)]:
            place.part(shard).unlink(missing_ok=True)
            place.used -= charge(place.parts.pop(shard))

    def close(self) -> None:
        """Close in order; the next opening need not read the folder."""
        with self._lock:
            if self._held_fd < 0:
                return
            for place in self._places.values():
                self._files.stamp(place)
            with suppress(BoxError):
                self._save_clock()
            self._rows.close(clean=self._clean and not any(place.active for place in self._places.values()))
            os.close(self._held_fd)
            self._held_fd = -1

    # Time

    def _now(self, said_ms: int = 0) -> int:
        """The time that counts: it never goes back."""
        with self._lock:
            return self._patience.at(max(said_ms, self._clock.now_ms()), self._clock.ticks_ns())

    def _save_clock(self) -> None:
        self._now()
        self._files.keep("clock", self._patience.write())
        self._saved_ms = self._patience.lived_ms

    # Households and places

    def _peer(self, box: bytes) -> Peer:
        return self._peers.setdefault(box, Peer(box))

    def _heard(self, box: bytes, now_ms: int) -> None:
        """A box was heard: so its lockers live."""
        peer = self._peer(box)
        peer.heard_ms = max(peer.heard_ms, now_ms)
        if now_ms - peer.stamped_ms >= _STAMP_MS:
            new = not peer.stamped_ms
            peer.stamped_ms = now_ms
            if new:
                self._note_peer(peer)
            else:
                self._files.stamp_peer(peer)
        for place in self._places.values():
            if place.box == box:
                self._alive(place, now_ms)

    def _note_peer(self, peer: Peer) -> None:
        """Write down what a peer said of itself; on a full disk it is heard all the same."""
        with suppress(Full):
            self._files.keep_peer(peer)

    def _alive(self, place: Place, seen_ms: int) -> None:
        place.alive_ms = max(place.alive_ms, seen_ms)
        ending = ending_after_contact(place.ending)
        if ending is not place.ending:
            place.ending = ending
            self._files.keep_ending(place)
        if place.alive_ms - place.stamped_ms >= _STAMP_MS:
            place.stamped_ms = place.alive_ms
            self._files.stamp(place)

    def _place(self, authority: Authority) -> Place:
        place = self._place_of(authority.locker, authority.custody.public)
        if place is None:
            raise CustodyMissing
        return place

    def _place_of(self, locker: bytes, public: bytes) -> Place | None:
        """The place of a locker under the custody key it was first shown with, or one custody went over to."""
        name = place_name(locker, public)
        return self._places.get(self._names.get(name, name))

    def _spend(self, place: Place, size: int) -> None:
        """``size`` bytes more (or less) are on the disk for a place."""
        place.used += size
        self._peer(place.box).account.used += size

    def _house(self) -> House:
        disk_bytes, disk_free = room(self._folder)
        accounts = [peer.account for peer in self._peers.values()]
        return House(self._limits, accounts, disk_bytes, disk_free, self._now())

    def _of_box(self, box: bytes) -> Iterable[Place]:
        return [place for place in self._places.values() if place.box == box]


def _alone(folder: Path) -> int:
    fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise AlreadyRunning(where="the folder of shards kept for others") from None
    return fd
