"""What happened to a locker, kept for its member alone: written by the main process also while the locker is closed.

Every entry is sealed to the locker's inbox key before it touches the disk, so this process can add and cannot read;
reading is the open worker's (``pages``). What happens again and again is counted: the first is written at once, the
others of the next ACTIVITY_MERGE_SECONDS become one entry.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from firmware.errors import BoxError, Damaged, Missing
from firmware.limits import ACTIVITY_BATCH, ACTIVITY_BYTES, ACTIVITY_MERGE_SECONDS
from firmware.linux.disk import LinuxDisk
from firmware.ports import Clock, Disk
from firmware.seal import (
    ACTIVITY_HEAD,
    ActivityEntry,
    KeyFile,
    LockerSecrets,
    batch_places,
    opened_batch,
    sealed_batch,
)

FOLDER = "activity"
_MERGED = {
    "wrong_passphrase": (),
    "wrong_app_password": (),
    "passkey_refused": (),
    "app_opened": (),
    "upload_stored": ("files", "bytes"),
    "record_deleted": ("records",),
}
"""Events that are counted, and which of their fields are added up."""

_LEFT_OUT = {"pack_cut", "crash_recovered"}
"""Events about the store's own housekeeping."""

_FIELDS_LEFT_OUT = {"ms"}

_SOON_SECONDS = 0.3
_FIELD_CHARS = 200


@dataclass(slots=True)
class _Window:
    """Counts what follows the first of its kind; ``sums`` are the fields that add up."""

    since_ms: int
    same: dict[str, str]
    sums: dict[str, int]
    times: int = 0
    first_ms: int = 0


@dataclass(slots=True)
class _Pile:
    """What is to be written for one member."""

    entries: list[ActivityEntry] = field(default_factory=list)
    windows: dict[tuple[str, ...], _Window] = field(default_factory=dict)
    task: asyncio.Task[None] | None = None


class Activities:
    """The activity of everybody in the house."""

    def __init__(self, lockers: Path, clock: Clock) -> None:
        """``lockers`` holds one folder for each member."""
        self._lockers, self._clock = lockers, clock
        self._piles: dict[str, _Pile] = {}
        self._writing = asyncio.Lock()
        self._mended: set[str] = set()

    def note(self, member: str, event: str, fields: Mapping[str, str | int]) -> None:
        """Remember that ``event`` happened; it is on the disk a moment later."""
        if event in _LEFT_OUT:
            return
        pile = self._piles.setdefault(member, _Pile())
        now = self._clock.now_ms()
        if not self._counted(pile, event, fields, now):
            words = {key: str(value)[:_FIELD_CHARS] for key, value in fields.items() if key not in _FIELDS_LEFT_OUT}
            pile.entries.append(ActivityEntry(now, event, words))
            self._soon(member, pile)

    async def flush(self, member: str) -> None:
        """Write what is noted of one member now, but go on counting what is being counted."""
        pile = self._piles.get(member)
        if pile is not None:
            await self._write(member, pile)

    def counting(self, member: str) -> list[ActivityEntry]:
        """Return what is being counted for one member as the entries it would be now."""
        pile = self._piles.get(member)
        return [_summary(name, one) for name, one in pile.windows.items() if one.times] if pile is not None else []

    async def tick(self) -> None:
        """Every minute: write what was counted long enough."""
        for member, pile in list(self._piles.items()):
            self._close_windows(pile, all_of_them=False)
            await self._write(member, pile)

    async def close(self) -> None:
        """Write everything."""
        for member, pile in list(self._piles.items()):
            self._close_windows(pile, all_of_them=True)
            await self._write(member, pile)

    def _counted(self, pile: _Pile, event: str, fields: Mapping[str, str | int], now: int) -> bool:
        """Count an event into its window; False when it opens one (or is not of that kind)."""
        sums = _MERGED.get(event)
        if sums is None:
            return False
        same = {key: str(value)[:_FIELD_CHARS] for key, value in fields.items() if key not in sums}
        name = (event, *(f"{key}={same[key]}" for key in sorted(same)))
        window = pile.windows.get(name)
        if window is None:
            pile.windows[name] = _Window(now, same, dict.fromkeys(sums, 0))
            return False
        window.first_ms = window.first_ms or now
        window.times += 1
        for key in sums:
            window.sums[key] += int(fields[key])
        return True

    def _close_windows(self, pile: _Pile, *, all_of_them: bool) -> None:
        now = self._clock.now_ms()
        for name, window in list(pile.windows.items()):
            if not all_of_them and now - window.since_ms < ACTIVITY_MERGE_SECONDS * 1000:
                continue
            del pile.windows[name]
            if window.times:
                pile.entries.append(_summary(name, window))

    def _soon(self, member: str, pile: _Pile) -> None:
        if pile.task is None or pile.task.done():
            pile.task = asyncio.get_running_loop().create_task(self._later(member, pile))

    async def _later(self, member: str, pile: _Pile) -> None:
        await asyncio.sleep(_SOON_SECONDS)
        await self._write(member, pile)

    async def _write(self, member: str, pile: _Pile) -> None:
        async with self._writing:
            while pile.entries:
                batch, pile.entries = pile.entries[:ACTIVITY_BATCH], pile.entries[ACTIVITY_BATCH:]
                try:
                    await asyncio.to_thread(self._append, member, batch)
                except BoxError:
                    return  # the journal has it; a full or broken disk must not close the door

    def _append(self, member: str, batch: list[ActivityEntry]) -> None:
        folder = self._lockers / member
        if not (folder / "key").exists():
            return
        disk = LinuxDisk(folder)
        data = sealed_batch(key_file(disk), batch)
        file = None
        if member not in self._mended:
            _mend(disk)
            self._mended.add(member)
        names = _names(disk)
        try:
            if names and disk.size(f"{FOLDER}/{names[-1]}") + len(data) <= ACTIVITY_BYTES:
                file = disk.reopen(f"{FOLDER}/{names[-1]}")
            else:
                number = int(names[-1]) + 1 if names else 1
                file = disk.create(f"{FOLDER}/{number:08}")
                file.append(ACTIVITY_HEAD)
            file.append(data)
            file.sync()
            disk.sync_folder(FOLDER)
        finally:
            if file is not None:
                file.close()
        for name in _names(disk)[:-2]:
            disk.remove(f"{FOLDER}/{name}")


def _summary(name: tuple[str, ...], window: _Window) -> ActivityEntry:
    fields = window.same | {key: str(value) for key, value in window.sums.items()}
    if window.times > 1:
        fields["times"] = str(window.times)
    return ActivityEntry(window.first_ms, name[0], fields)


def _names(disk: Disk) -> list[str]:
    return [name for name in disk.names(FOLDER) if name.isascii() and name.isdigit()]


def _mend(disk: Disk) -> None:
    """Cut a torn end off the newest file, so that what is appended can be found."""
    names = _names(disk)
    if not names:
        return
    path = f"{FOLDER}/{names[-1]}"
    data = disk.read(path, 0, 2 * ACTIVITY_BYTES)
    try:
        places = batch_places(data)
    except Damaged:
        if len(data) >= len(ACTIVITY_HEAD):
            raise
        disk.remove(path)  # its maker was cut off before the head was whole
        return
    end = places[-1][1] if places else len(ACTIVITY_HEAD)
    if end < len(data):
        file = disk.reopen(path)
        file.truncate(end)
        file.close()


def key_file(disk: Disk) -> KeyFile:
    """Return the key file of a locker, or its copy where it is damaged; nothing is opened."""
    try:
        return KeyFile.parse(disk.read("key", 0, 8 << 20))
    except (Damaged, Missing):
        return KeyFile.parse(disk.read("key.copy", 0, 8 << 20))


def pages(
    disk: Disk, secrets: LockerSecrets, cursor: str | None, limit: int, counting: Sequence[ActivityEntry] = ()
) -> tuple[list[ActivityEntry], str | None]:
    """Return (entries newest first, cursor of the next page or None); a batch that does not open is left out.

    ``counting`` are entries that are not written yet.
    """
    before, skip = (int(word) for word in cursor.split("-")) if cursor else (1 << 62, 0)
    found: list[ActivityEntry] = []
    same = 0
    for entry in _newest_first(disk, secrets, counting):
        if entry.time_ms > before:
            continue
        if entry.time_ms == before and same < skip:
            same += 1
            continue
        if len(found) == limit:
            last = found[-1].time_ms
            shown = sum(one.time_ms == last for one in found) + (skip if last == before else 0)
            return found, f"{last}-{shown}"
        found.append(entry)
    return found, None


def _newest_first(disk: Disk, secrets: LockerSecrets, counting: Sequence[ActivityEntry]) -> Iterator[ActivityEntry]:
    """Entries come out by their times even where one that was counted was written late."""
    held = list(counting)
    for batch in _batches(disk, secrets):
        held = sorted([*held, *batch], key=lambda one: one.time_ms)
        edge = min(one.time_ms for one in batch) + ACTIVITY_MERGE_SECONDS * 2000 if batch else 1 << 62
        while held and held[-1].time_ms > edge:
            yield held.pop()
    yield from reversed(held)


def _batches(disk: Disk, secrets: LockerSecrets) -> Iterator[list[ActivityEntry]]:
    """Newest batch first."""
    kf = key_file(disk)
    for name in reversed(_names(disk)):
        try:
            data = disk.read(f"{FOLDER}/{name}", 0, 2 * ACTIVITY_BYTES)
            places = batch_places(data)
        except (Damaged, Missing):
            continue
        for start, end in reversed(places):
            try:
                yield opened_batch(kf, secrets, data[start:end])
            except Damaged:
                continue
