"""What lockerd asks peerd about rehearsals; thin: values in, values out."""

from __future__ import annotations

import asyncio

from firmware.backup.drills import Drill, DrillEnd, DrillStage
from firmware.errors import Missing
from firmware.limits import API_CHUNK_BYTES
from services.api import drill_types as d
from services.api.server import Call, Handler
from services.api.types import Nothing
from services.peerd.circle import Circle


class DrillCalls:
    """Handlers over the rehearsals of the circle."""

    def __init__(self, circle: Circle) -> None:
        """The circle is started already."""
        self._circle, self._drills = circle, circle.rehearsing

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of every operation."""
        return {
            "drill_state": self._state,
            "drill_begin": self._begin,
            "drill_packs": self._packs,
            "drill_pack": self._pack,
            "drill_opened": self._opened,
        }

    async def _state(self, call: Call) -> d.Drill:
        return self._shown(bytes.fromhex(call.args.locker))

    async def _begin(self, call: Call) -> d.Drill:
        args: d.DrillBegin = call.args
        locker = bytes.fromhex(args.locker)
        known = self._circle.rows.view.lockers.get(locker)
        if known is None or not known.custody:
            raise Missing(what="locker with friends")
        self._drills.begin(locker, [bytes.fromhex(each) for each in args.packs], asked=args.asked, opens=True)
        return self._shown(locker)

    async def _packs(self, call: Call) -> d.DrillPacks:
        drill = self._drills.running(bytes.fromhex(call.args.locker))
        waits = drill is not None and drill.stage is DrillStage.OPENING
        return d.DrillPacks(tuple(each.hex() for each in drill.got) if drill is not None and waits else ())

    async def _pack(self, call: Call) -> None:
        args: d.DrillPack = call.args
        path = self._drills.pack_file(bytes.fromhex(args.locker), bytes.fromhex(args.pack))
        try:
            data = await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError:
            raise Missing(what="pack that came back") from None
        await call.begin(200, {"Content-Length": str(len(data))})
        for at in range(0, len(data), API_CHUNK_BYTES):
            await call.send(data[at : at + API_CHUNK_BYTES])

    async def _opened(self, call: Call) -> Nothing:
        args: d.DrillOpened = call.args
        unopened = [bytes.fromhex(each) for each in args.unopened]
        self._drills.opened(bytes.fromhex(args.locker), args.files, args.size, args.wrong, unopened)
        return Nothing()

    def _shown(self, locker: bytes) -> d.Drill:
        last, running = self._drills.last(locker) or Drill(0), self._drills.running(locker)
        does = d.DrillDoes.NOTHING if running is None else d.DrillDoes(running.stage.value)
        return d.Drill(
            locker.hex(),
            d.DrillIs.NEVER if last.end is None else d.DrillIs(DrillEnd(last.end).value),
            last.ended_ms,
            self._drills.due_ms(locker),
            does,
            len(running.got) if running else 0,
            len(running.got) + len(running.todo) + len(running.bad) if running else 0,
            len(last.got),
            len(last.todo) + len(last.bad),
            last.size,
            last.opened,
            last.files,
            last.file_bytes,
            last.wrong_files,
            tuple(self._friends(last)),
        )

    def _friends(self, drill: Drill) -> list[d.DrillFriend]:
        peers = self._circle.rows.view.peers
        found = {key: d.DrillFriend(key.hex(), "", one.shards, one.size, one.wrong, one.missing)
                 for key, one in drill.friends.items()}  # fmt: skip
        found |= {key: d.DrillFriend(key.hex(), "", 0, 0, away=True) for key in drill.away if key not in found}
        return [
            d.DrillFriend(one.peer, peers[key].label, one.shards, one.size, one.wrong, one.missing, one.away)
            for key, one in found.items()
            if key in peers
        ]
