"""``/circle/shelf``: disks with a second copy: how each is, what to do about it, which disk could be one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from firmware.errors import BoxError, Misused
from services.api.circle_types import PeerIs
from services.api.shelf_types import DiskIs, MountedDisk, Shelf, ShelfIs, ShelfTaken, Shelves
from webui.pages.circle import CirclePage

_ID = re.compile("[0-9a-f]{32}")
_PEER = re.compile("[0-9a-f]{64}")
_LONGEST_LABEL = 63
_WELL = (ShelfIs.WHOLE, ShelfIs.CHECKING)
_BUSY = (ShelfIs.LOOKING, ShelfIs.WRITING, ShelfIs.WAITING)
_OLD_MS = 14 * 86_400_000
_DONE = ("add", "drop", "now", "check", "carry")


@dataclass(frozen=True, slots=True)
class Card:
    """One shelf in words; ``look`` is safe, move or need; ``part`` of 100 is done, -1 for nothing under way."""

    id: str
    label: str
    look: str
    icon: str
    says: str
    reason: str
    part: int
    facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    is_there: bool


@dataclass(frozen=True, slots=True)
class Offered:
    """A disk that is plugged in; ``state`` as lockerd says."""

    at: str
    name: str
    says: str
    state: str


class ShelfPage(CirclePage):
    """The page, and everything its buttons ask for."""

    async def get(self) -> None:
        """Show the shelves; owners can change them. A guardian in her ward's locker has nothing to do here."""
        if self.member().own is not None:
            self.go("/circle")
            return
        await self._show()

    async def post(self) -> None:
        """Take a disk, forget one, write or check now, load for a friend, take in what a disk brought."""
        act = {"add": self._add, "drop": self._drop, "now": self._now, "check": self._now, "carry": self._carry}
        do = self.field("do")
        if do == "take":
            await self._take()
            return
        if do not in act:
            raise Misused(why="a button on the page says what to do.")
        try:
            await act[do]()
        except BoxError as error:
            await self._show(trouble=self.said(error), answer=error.http)
            return
        self.go(f"/circle/shelf?done={do}")

    async def _add(self) -> None:
        label = self.field("label").strip()[:_LONGEST_LABEL] or self.language.say("shelf.unnamed")
        await self.ask("shelf_add", at=self.field("at")[:1024], label=label)

    async def _drop(self) -> None:
        await self.ask("shelf_drop", id=self._id())

    async def _now(self) -> None:
        await self.ask("shelf_now", id=self._id(), check=self.field("do") == "check")

    async def _carry(self) -> None:
        peer = self.field("peer")
        if not _PEER.fullmatch(peer):
            raise Misused(why="a friend on the list says whom it is for.")
        await self.ask("shelf_carry", id=self._id(), peer=peer)

    async def _take(self) -> None:
        try:
            taken: ShelfTaken = await self.ask("shelf_take", at=self.field("at")[:1024])
        except BoxError as error:
            await self._show(trouble=self.said(error), answer=error.http)
            return
        await self._show(taken=taken)

    def _id(self) -> str:
        found = self.field("id")
        if not _ID.fullmatch(found):
            raise Misused(why="a button on the page says which shelf.")
        return found

    async def _show(
        self, trouble: dict[str, str] | None = None, answer: int | None = None, taken: ShelfTaken | None = None
    ) -> None:
        owner, found = await self.owns(), await self.ask("shelves")
        assert isinstance(found, Shelves)
        done = self.get_query_argument("done", "")
        friends = [each for each in (await self.found()).peers if each.state is not PeerIs.LEFT] if owner else []
        self.show(
            "shelf.html",
            answer=answer,
            owner=owner,
            cards=[self._card(each) for each in found.shelves],
            disks=[self._disk(each, found.needs) for each in found.disks] if owner else [],
            friends=friends,
            needs=self.language.size(found.needs),
            trouble=trouble,
            taken=self._taken(taken) if taken is not None else (),
            done=done if done in _DONE else "",
            place="circle",
        )

    def _card(self, shelf: Shelf) -> Card:
        say, size, now_ms = self.language.say, self.language.size, self.front.now_ms()
        state, seen = shelf.state, self.language.time(shelf.seen_ms, now_ms) if shelf.seen_ms else ""
        old = state is ShelfIs.AWAY and now_ms - shelf.seen_ms > _OLD_MS
        look = "safe" if state in _WELL or (state is ShelfIs.AWAY and not old) else "move" if state in _BUSY else "need"
        icon = {"safe": "circle-check", "move": "arrow-up-right", "need": "circle-alert"}[look]
        words = {"seen": seen, "rest": size(shelf.waits), "total": size(shelf.total)}
        key = "away.old" if old else state.value
        facts = [(say("shelf.kept"), size(shelf.kept))]
        for name, when in (("whole", shelf.whole_ms), ("checked", shelf.checked_ms)):
            facts.append((say(f"shelf.fact.{name}"), self.language.time(when, now_ms) if when else say("shelf.never")))
        if shelf.is_there:
            facts.append((say("shelf.free"), size(shelf.free)))
        return Card(
            shelf.id,
            shelf.label,
            look,
            icon,
            self.language.words[f"shelf.is.{key}"].format(**words),
            self.language.words[f"shelf.is.{key}.text"].format(**words),
            round(100 * shelf.done / shelf.of) if shelf.of else -1,
            tuple(facts),
            tuple(self._notes(shelf)),
            shelf.is_there,
        )

    def _notes(self, shelf: Shelf) -> list[str]:
        say, size = self.language.say, self.language.size
        notes = [
            say("shelf.carries", size=size(each.loaded), name=each.label or each.peer[:8])
            if not each.waits
            else say("shelf.carries.loading", size=size(each.waits), name=each.label or each.peer[:8])
            for each in shelf.carries
            if each.loaded or each.waits
        ]
        if shelf.mended:
            notes.append(self.language.say("shelf.mended", count=shelf.mended))
        if shelf.is_slow:
            notes.append(say("shelf.slow", size=size(shelf.rate)))
        if shelf.is_fat:
            notes.append(say("shelf.fat"))
        return notes

    def _disk(self, disk: MountedDisk, needs: int) -> Offered:
        say, size = self.language.say, self.language.size
        name = disk.at.rpartition("/")[2][:_LONGEST_LABEL]
        if disk.state is DiskIs.CARRIES:
            return Offered(disk.at, name, say("shelf.disk.carries", name=disk.label or "?"), "carries")
        if disk.state is DiskIs.OTHER:
            return Offered(disk.at, name, say("shelf.disk.other"), "other")
        if disk.is_read_only:
            return Offered(disk.at, name, say("shelf.disk.read-only"), "other")
        key = "shelf.disk.small" if disk.free < needs else "shelf.disk.free"
        return Offered(disk.at, name, say(key, free=size(disk.free), total=size(disk.total)), "free")

    def _taken(self, taken: ShelfTaken) -> tuple[str, str]:
        say, number = self.language.say, self.language.number
        text = say("shelf.taken", size=self.language.size(taken.size), name=taken.label)
        if taken.going:
            return text, say("shelf.taken.going")
        if taken.left:
            return text, say("shelf.taken.left", number=number(taken.left))
        return text, say("shelf.taken.all") if taken.taken else say("shelf.taken.known")
