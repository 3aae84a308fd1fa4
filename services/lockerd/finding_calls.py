"""What the socket of one open locker answers about the insides of records: text, lines, near words, old versions."""

from __future__ import annotations

from firmware.errors import NoSuchRecord
from firmware.limits import TEXT_INDEX_BYTES
from firmware.locker import LockerReader
from firmware.locker.reverting import revert
from firmware.locker.texts import line_with
from services.api import find_types as f
from services.api import types as t
from services.api.server import Call, Handler
from services.lockerd.analysis import Analyst
from services.lockerd.readers import Readers
from services.lockerd.store import Store


class FindingCalls:
    """Handlers over one locker's store and readers."""

    def __init__(self, store: Store, readers: Readers, analyst: Analyst) -> None:
        """All of them belong to the same locker."""
        self._store, self._readers, self._analyst = store, readers, analyst

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of every operation."""
        return {"excerpt": self._excerpt, "lines": self._lines, "near": self._near, "revert": self._revert}

    async def _excerpt(self, call: Call) -> f.Excerpt:
        text = await self._readers.ask(lambda reader: reader.text(call.args.id)) or ""
        return f.Excerpt(text, len(text.encode("utf-8", "replace")) < TEXT_INDEX_BYTES - 4)

    async def _lines(self, call: Call) -> f.Lines:
        a: f.LinesArgs = call.args

        def look(reader: LockerReader) -> f.Lines:
            found = ((id, _line(reader, id, a.q)) for id in a.ids)
            return f.Lines(tuple(f.Line(id, line) for id, line in found if line))

        return await self._readers.ask(look)

    async def _near(self, call: Call) -> f.Near:
        return f.Near(tuple(await self._readers.ask(lambda reader: reader.near(call.args.word))))

    async def _revert(self, call: Call) -> t.Nothing:
        a: f.Revert = call.args
        await self._store.run(lambda locker: revert(locker, a.id, a.version))
        self._analyst.wake()
        return t.Nothing()


def _line(reader: LockerReader, id: str, words: str) -> str | None:
    try:
        note = reader.get(id).note or ""
        return line_with(note, words) or line_with(reader.text(id) or "", words)
    except NoSuchRecord:
        return None
