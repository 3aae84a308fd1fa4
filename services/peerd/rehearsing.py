"""Rehearses restores: packs are taken back from friends alone, joined and compared (``firmware.backup.drills``).

What came back lies in a folder of its own until lockerd opened it; nothing else of it stays. A rehearsal goes on after
a restart with what it has. A friend whose shard is not what its receipt says is named, and the shard is made again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import mmap
import os
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

from firmware import events
from firmware.backup import Answer, Pack, PeerState, drills
from firmware.backup.chance import Chance
from firmware.backup.drills import Drill, DrillEnd, DrillStage
from firmware.backup.states import layout_of
from firmware.errors import BadShard, BoxError, Conflict, Damaged, Missing, ShardMissing
from firmware.linux.journal import Journal
from firmware.peer import Piece, get_shard
from firmware.ports import Clock, Entropy
from firmware.shard import check_shard, join
from services.peerd.naming import say
from services.peerd.shipping import Outside

_PAPER: Final = "drill"
_LAST: Final = "drill-last"
_LOOK_MS: Final = 600_000


class Rehearsing:
    """One rehearsal a locker at a time; ``step`` after each planning step."""

    def __init__(
        self,
        outside: Outside,
        clock: Clock,
        entropy: Entropy,
        journal: Journal,
        folder: Path,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        """``folder`` takes packs that came back, sealed as they are; what is left over in it goes."""
        self._out, self._rows, self._clock, self._journal = outside, outside.rows, clock, journal
        self._chance, self._folder, self._spawn = Chance(entropy), folder, spawn
        self._running: dict[bytes, Drill] = {}
        self._busy: set[bytes] = set()
        self._next: dict[bytes, int] = {}
        self._missed: dict[bytes, set[bytes]] = {}
        """Friends a rehearsal waits for who had no line when they were asked."""
        self._looked_ms = 0
        folder.mkdir(mode=0o700, exist_ok=True)
        for locker, data in self._rows.papers(_PAPER).items():
            found = _read(data)
            if found is not None:
                self._running[locker] = found
        kept = {self._file(locker, pack) for locker, drill in self._running.items() for pack in drill.got}
        for each in folder.iterdir():
            if each not in kept:
                each.unlink(missing_ok=True)

    # What there is to know

    def running(self, locker: bytes) -> Drill | None:
        """The rehearsal under way."""
        return self._running.get(locker)

    def last(self, locker: bytes) -> Drill | None:
        """The one that ended last."""
        data = self._rows.paper(_LAST, locker)
        return _read(data) if data is not None else None

    def due_ms(self, locker: bytes) -> int | None:
        """From when on the next one is due; None while nothing could be had back."""
        return drills.due_ms(self._rows.view, locker, self.last(locker))

    # Beginning and ending

    def begin(self, locker: bytes, wanted: list[bytes], *, asked: bool, opens: bool) -> None:
        """Begin; raises Conflict while one is under way, Missing when friends have nothing of the locker yet."""
        if locker in self._running:
            raise Conflict(why="a rehearsal is under way.")
        todo = drills.draw(self._rows.view, locker, wanted, self._chance)
        if not todo:
            raise Missing(what="pack with friends")
        self._running[locker] = Drill(self._clock.now_ms(), asked, opens, todo)
        self._save(locker)
        self._go(locker)

    def pack_file(self, locker: bytes, pack: bytes) -> Path:
        """Where a pack that came back lies; raises Missing."""
        drill = self._running.get(locker)
        if drill is None or pack not in drill.got:
            raise Missing(what="pack that came back")
        return self._file(locker, pack)

    def opened(self, locker: bytes, files: int, size: int, wrong: int, unopened: list[bytes]) -> None:
        """lockerd opened what came back; raises Missing when it waits for nothing."""
        drill = self._running.get(locker)
        if drill is None or drill.stage is not DrillStage.OPENING:
            raise Missing(what="rehearsal that waits to be opened")
        drill.opened, drill.files, drill.file_bytes, drill.wrong_files = True, files, size, wrong
        drill.bad += [each for each in unopened if each in drill.got]
        drills.end(drill, self._clock.now_ms())
        self._ended(locker, drill)

    def step(self) -> None:
        """Begin what waited long enough for an open locker, go on with what stands still."""
        now = self._clock.now_ms()
        for locker, drill in list(self._running.items()):
            if drills.waits_too_long(drill, now):
                drills.end(drill, now)
                self._ended(locker, drill)
            elif drill.stage is DrillStage.FETCHING and (now >= self._next.get(locker, 0) or self._is_back(locker)):
                self._go(locker)
        if now - self._looked_ms >= _LOOK_MS:
            self._looked_ms = now
            for each in list(self._rows.view.lockers.values()):
                alone = each.custody and each.id not in self._running
                if alone and drills.starts_alone(self.due_ms(each.id), now):
                    with contextlib.suppress(Missing):
                        self.begin(each.id, [], asked=False, opens=False)

    def _is_back(self, locker: bytes) -> bool:
        """Whether somebody this rehearsal waits for has a line again."""
        peers = self._rows.view.peers
        return any(each in peers and peers[each].online for each in self._missed.get(locker, ()))

    def _go(self, locker: bytes) -> None:
        if locker not in self._busy:
            self._busy.add(locker)
            self._missed.pop(locker, None)
            self._spawn(self._fetch(locker, self._running[locker]))

    def _ended(self, locker: bytes, drill: Drill) -> None:
        for pack in drill.got:
            self._file(locker, pack).unlink(missing_ok=True)
        self._running.pop(locker, None)
        self._rows.drop_paper(_PAPER, locker)
        self._rows.set_paper(_LAST, locker, json.dumps(drill.as_dict()).encode())
        self._rows.save()
        count, wrong = len(drill.got), len(drill.bad) + drill.wrong_files
        if drill.end is DrillEnd.FAILED:
            self._journal.tell(events.DRILL_FAILED, count=wrong)
        else:
            self._journal.tell(events.DRILL_ENDED, how=str(drill.end), packs=count, files=drill.files)

    def _save(self, locker: bytes) -> None:
        self._rows.set_paper(_PAPER, locker, json.dumps(self._running[locker].as_dict()).encode())
        self._rows.save()

    def _file(self, locker: bytes, pack: bytes) -> Path:
        return self._folder / f"{locker.hex()[:16]}-{pack.hex()}"

    # Taking back

    async def _fetch(self, locker: bytes, drill: Drill) -> None:
        """Once over everything that is still to come."""
        try:
            order = drills.order(self._rows.view, self._chance)
            drill.away = []
            for pack in list(drill.todo):
                await self._one(locker, drill, pack, order)
                self._save(locker)
            now = self._clock.now_ms()
            if not drill.todo or drills.out_of_patience(drill, now):
                drills.fetched(drill, now)
            if drill.stage is DrillStage.ENDED:
                self._ended(locker, drill)
            else:
                self._next[locker] = now + drills.RETRY_MS
                peers = self._rows.view.peers
                self._missed[locker] = {each for each in drill.away if each in peers and not peers[each].online}
                self._save(locker)
        except (BoxError, OSError) as error:
            say(f"a rehearsal stands still: {error}")
            self._next[locker] = self._clock.now_ms() + drills.RETRY_MS
        finally:
            self._busy.discard(locker)

    async def _one(self, locker: bytes, drill: Drill, id: bytes, order: list[int]) -> None:
        pack = self._rows.view.packs.get(id)
        if pack is None or pack.dropped_at >= 0 or not pack.lay.k:
            drill.todo.remove(id)  # the locker did without it meanwhile
            return
        size = pack.lay.shard_size(pack.size)
        with tempfile.TemporaryFile(dir=self._folder) as file:
            file.truncate(pack.lay.k * size)
            space = memoryview(mmap.mmap(file.fileno(), pack.lay.k * size))
        held, away = await self._shards(drill, pack, order, space, size)
        if len(held) == pack.lay.k:
            drill.todo.remove(id)
            await self._join(locker, drill, pack, held)
        elif not away:
            drill.todo.remove(id)
            drill.bad.append(id)
        else:
            drill.away += [each for each in away if each not in drill.away]

    async def _shards(
        self, drill: Drill, pack: Pack, order: list[int], space: memoryview, size: int
    ) -> tuple[dict[int, memoryview], list[bytes]]:
        """Take k shards of a pack into ``space``; return them, and who would have had one and is away."""
        held: dict[int, memoryview] = {}
        away: list[bytes] = []
        lay = pack.lay
        for index, peer in drills.sources(self._rows.view, pack, order):
            if len(held) == lay.k:
                break
            shard = self._rows.shard_id(pack.id, lay.k, index)
            if shard is None:
                continue
            room = space[len(held) * size : (len(held) + 1) * size]
            answer = await self._got(Piece(pack.locker, shard, size, peer), room)
            if answer is Answer.GOOD:
                held[index] = room
                helped = drill.helped(peer)
                helped.shards, helped.size = helped.shards + 1, helped.size + size
            elif answer is Answer.SILENT:
                away.append(peer)
            else:
                helped = drill.helped(peer)
                helped.wrong += answer is Answer.WRONG
                helped.missing += answer is Answer.MISSING
                self._rows.view.rehearsed(pack.id, lay.k, index, peer, answer)
        return held, away

    async def _got(self, piece: Piece, room: memoryview) -> Answer:
        def sink(at: int, data: bytes) -> None:
            room[at : at + len(data)] = data

        known = self._rows.view.peers.get(piece.host)
        if known is None or known.state is PeerState.LEFT:
            return Answer.SILENT
        try:
            link = self._out.link(piece.host)
            await self._out.talker.may_take(piece.whole)
            await self._out.talker.talk(link, get_shard(piece, sink))
            await self._out.worked(check_shard, piece.shard, room)
        except (ShardMissing, Damaged) as error:
            say(f"{piece.host.hex()[:8]} did not bring a piece back in a rehearsal: {error}")
            return Answer.WRONG if isinstance(error, BadShard) else Answer.MISSING
        except BoxError:
            return Answer.SILENT
        return Answer.GOOD

    async def _join(self, locker: bytes, drill: Drill, pack: Pack, held: dict[int, memoryview]) -> None:
        """Put a pack together and compare it with what was sealed; keep it where lockerd opens it."""
        digest, layout = self._rows.source(pack.id).digest, layout_of(pack.lay.k, pack.lay.n)
        path = self._file(locker, pack.id) if drill.opens else None

        def work() -> None:
            whole = join(layout, pack.size, digest, held)
            if path is not None:
                with path.open("wb") as file:
                    file.write(whole)
                    file.flush()
                    os.fsync(file.fileno())

        try:
            await self._out.worked(work)
        except Damaged:
            drill.bad.append(pack.id)
            return
        drill.got.append(pack.id)
        drill.size += pack.size
        await asyncio.sleep(0)


def _read(data: bytes) -> Drill | None:
    try:
        return Drill.read(json.loads(data))
    except (KeyError, TypeError, ValueError):
        return None
