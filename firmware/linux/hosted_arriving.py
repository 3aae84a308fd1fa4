"""A shard on its way in: hashed as it comes, checked, made durable, only then receipted (hosted.md, *Order*)."""

from __future__ import annotations

from typing import Protocol

from firmware.errors import BoxError, ShardWrong
from firmware.linux.hosted_files import PartFile, hasher_of
from firmware.linux.hosted_places import Place
from firmware.shard import ShardHasher


class Door(Protocol):
    """What an arriving shard asks of the state behind it."""

    def parked(self, coming: Coming, size: int) -> None:
        """``size`` bytes of it stay as a part."""
        ...

    def arrived(self, coming: Coming, received_ms: int) -> int:
        """It is whole and durable under its name; return when it came (ms)."""
        ...

    def moment(self) -> int:
        """The time that counts (ms)."""
        ...


class Coming:
    """What was agreed before the first byte: the place, the shard, its length, and the room set aside for it."""

    def __init__(self, place: Place, shard: bytes, whole: int, room: int) -> None:
        """``room``: bytes counted as coming in ``account`` until this ends."""
        self.place, self.shard, self.whole, self.room = place, shard, whole, room
        self.box = place.box


class AlreadyHere:
    """The shard is held: what is sent again is not even looked at, the answer is the old receipt."""

    def __init__(self, received_ms: int) -> None:
        """``received_ms``: when it came."""
        self._received_ms = received_ms

    def write(self, _data: bytes) -> None:
        """Nothing."""

    def finish(self, _now_ms: int) -> int | None:
        """Return when the shard came."""
        return self._received_ms

    def abandon(self) -> None:
        """Nothing."""


class ArrivingShard:
    """Appends to one part; used by one thread at a time. ``firmware.peer.host.Arriving``."""

    def __init__(self, door: Door, coming: Coming, offset: int) -> None:
        """Open the part; raises Full or Damaged."""
        self._door, self._coming = door, coming
        self._hasher = None if offset else ShardHasher()  # what came earlier is read once, at the end
        self._part = PartFile(coming.place.part(coming.shard), offset)
        self._open = True

    def write(self, data: bytes) -> None:
        """Append; a full disk removes the part, because what a peer sends must not keep the locker from writing."""
        if self._part.size + len(data) > self._coming.whole:
            raise ShardWrong
        try:
            self._part.append(data)
        except BoxError:
            self._drop()
            raise
        if self._hasher is not None:
            self._hasher.update(data)

    def finish(self, now_ms: int) -> int | None:
        """See ``Arriving``."""
        if self._part.size < self._coming.whole:
            self.abandon()
            return None
        received_ms = max(now_ms, self._door.moment())
        try:
            self._part.flush()
            self._check()
            target = self._coming.place.shard(self._coming.shard)
            self._part.settle(target, received_ms)
        except BoxError:
            self._drop()
            raise
        self._open = False
        return self._door.arrived(self._coming, received_ms)

    def _check(self) -> None:
        hasher = self._hasher or hasher_of(self._part.path, self._coming.whole)
        if hasher.tree().shard_id != self._coming.shard:
            raise ShardWrong

    def abandon(self) -> None:
        """Keep what was written; a disk that is full now loses the part instead."""
        if not self._open:
            return
        try:
            self._part.rest(self._door.moment())
        except BoxError:
            self._drop()
            return
        self._open = False
        self._door.parked(self._coming, self._part.size)

    def _drop(self) -> None:
        if self._open:
            self._open = False
            self._part.drop()
            self._door.parked(self._coming, 0)
