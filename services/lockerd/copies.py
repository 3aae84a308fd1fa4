"""How safe records, and a whole locker, are with friends: the packs they need, and what peerd knows of these packs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from firmware.errors import Damaged, Missing, NoSuchRecord
from firmware.limits import FEED_PACKS
from firmware.locker import LockerReader
from services.api.circle_types import Circle, LockerSafety, PackGroup, PackState, PackStates, SafetyIs
from services.api.client import Client
from services.api.place import ASLEEP
from services.api.server import Call, Handler
from services.lockerd.readers import Readers


class CopyCalls:
    """Handlers over one open locker's readers and peerd."""

    def __init__(self, run: Path, locker: bytes, readers: Readers) -> None:
        """``run`` is the folder of the sockets, ``locker`` the locker's id."""
        self._peerd, self._asleep, self._readers = Client(run), run / ASLEEP, readers
        self._locker = locker.hex()

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of every operation."""
        return {"copies": self._copies, "safety": self._safety, "agree_move": self._agree_move}

    async def _safety(self, call: Call) -> LockerSafety:  # noqa: ARG002
        """What peerd was told of, and what waits for its pack to be closed."""
        is_awake = not self._asleep.exists()
        if is_awake:
            found: Circle = await self._peerd.call("at_peerd_circle")
            open_bytes = await self._readers.ask(LockerReader.open_bytes)
            for each in found.lockers:
                if each.locker == self._locker:
                    return dataclasses.replace(each, here_bytes=each.here_bytes + open_bytes)
        stored = (await self._readers.ask(LockerReader.stats))["stored_bytes"]
        return LockerSafety(self._locker, is_awake, stored, 0, 0, 0, 0)  # one that woke is told within seconds

    async def _agree_move(self, call: Call) -> LockerSafety:
        """She has its words on another box: friends need not ask this one for three days; raises Missing."""
        await self._peerd.call("move_agreed", locker=self._locker)
        return await self._safety(call)

    async def _copies(self, call: Call) -> PackStates:
        ids: tuple[str, ...] = call.args.ids
        if self._asleep.exists():  # no circle: looking at a record wakes nobody
            return PackStates(tuple(weakest([]) for _ in ids))
        needed = await self._readers.ask(lambda reader: [_needed(reader, id) for id in ids])
        pieces = [(n, part) for n, packs in enumerate(needed) for part in _parts(packs)]
        found: list[list[PackState]] = [[] for _ in ids]
        for page in _pages(pieces):
            groups = tuple(PackGroup(tuple(part)) for _, part in page)
            states = await self._peerd.call("pack_states", groups=groups)
            for (n, _), state in zip(page, states.states, strict=True):
                found[n].append(state)
        return PackStates(tuple(weakest(states) for states in found))


def weakest(states: Sequence[PackState]) -> PackState:
    """Return the badge of something that needs everything these badges are about."""
    kinds = {each.state for each in states}
    if kinds == {SafetyIs.SAFE}:
        return min(states, key=lambda each: (each.may_fail, each.of))
    state = SafetyIs.HERE if kinds <= {SafetyIs.HERE} else SafetyIs.GOING
    shelves = {each.shelf for each in states}
    if len(shelves) != 1 or None in shelves:
        return PackState(state)
    return PackState(state, shelf=states[0].shelf, shelf_ms=min(each.shelf_ms for each in states))


def _needed(reader: LockerReader, id: str) -> list[str]:
    """The packs of one of many: nothing, so "here", for a record that went meanwhile or whose chunks are not known."""
    try:
        return sorted(each.hex() for each in reader.packs_of(id))
    except (NoSuchRecord, Missing, Damaged):
        return []


def _parts(packs: list[str]) -> list[list[str]]:
    return [packs[at : at + FEED_PACKS] for at in range(0, len(packs), FEED_PACKS)]


def _pages(pieces: list[tuple[int, list[str]]]) -> list[list[tuple[int, list[str]]]]:
    """Pages of at most FEED_PACKS groups and a few thousand packs: what peerd reads at once is bounded."""
    pages: list[list[tuple[int, list[str]]]] = []
    count = 0
    for piece in pieces:
        if not pages or len(pages[-1]) == FEED_PACKS or count + len(piece[1]) > 4 * FEED_PACKS:
            pages.append([])
            count = 0
        pages[-1].append(piece)
        count += len(piece[1])
    return pages
