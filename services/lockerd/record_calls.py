"""What an open locker answers about many records at once: days, facets, tags, notes, which files are known."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Protocol

from firmware import limits
from firmware.errors import BoxError, Misused
from firmware.locker import LockerReader
from firmware.locker.annotating import annotate
from firmware.model.days import day_number, day_text
from firmware.model.finding import Filter
from firmware.model.kinds import Kind
from services.api import records_types as r
from services.api import types as t
from services.api.server import Call, Handler
from services.lockerd.readers import Readers
from services.lockerd.store import Store

_HASHES = 4096
"""Digests of records remembered; a client asks again for what it could not send yet."""


class Asked(Protocol):
    """Requests that carry filters."""

    @property
    def kinds(self) -> str | None: ...
    @property
    def from_day(self) -> str | None: ...
    @property
    def to_day(self) -> str | None: ...


class RecordCalls:
    """Handlers over one locker's store and readers."""

    def __init__(self, store: Store, readers: Readers) -> None:
        """Both belong to one open locker."""
        self._store, self._readers = store, readers
        self._hashes: OrderedDict[tuple[str, int], str] = OrderedDict()

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of every operation."""
        return {
            "annotate": self._annotate,
            "tags": self._tags,
            "facets": self._facets,
            "days": self._days,
            "day_items": self._day_items,
            "known": self._known,
        }

    async def _annotate(self, call: Call) -> t.Count:
        a: r.Annotate = call.args
        return t.Count(
            await self._store.run(
                lambda locker: annotate(locker, a.ids, add_tags=a.add_tags, remove_tags=a.remove_tags, note=a.note)
            )
        )

    async def _tags(self, call: Call) -> r.Tags:  # noqa: ARG002
        found = await self._readers.ask(lambda reader: reader.tags())
        return r.Tags(tuple(r.TagCount(*one) for one in found))

    async def _facets(self, call: Call) -> r.Facets:
        a: r.FacetArgs = call.args
        only = filter_of(a, tag=a.tag, folder=a.folder)
        found = await self._readers.ask(lambda reader: reader.facets(a.q, only))
        return r.Facets(found.kinds, found.years, tuple(r.TagCount(*one) for one in found.tags), found.total)

    async def _days(self, call: Call) -> r.Days:
        only = Filter(kinds_of(call.args.kinds))
        found = await self._readers.ask(lambda reader: reader.days(only))
        return r.Days(tuple(r.DayCount(day_text(day), count) for day, count in found))

    async def _day_items(self, call: Call) -> r.DayItems:
        a: r.DayItemsArgs = call.args
        only = filter_of(a)
        found, following = await self._readers.ask(
            lambda reader: reader.day_items(only, cursor=a.cursor, limit=a.limit)
        )
        items = (
            r.DayItem(
                one.id, day_text(one.day), one.when_ms, one.kind, one.has_preview, one.width, one.height,
                one.duration_ms,
            )
            for one in found
        )  # fmt: skip
        return r.DayItems(tuple(items), following)

    async def _known(self, call: Call) -> r.Known:
        a: r.KnownArgs = call.args
        return r.Known(await self._readers.ask(lambda reader: self._match(reader, a.files)))

    def _match(self, reader: LockerReader, files: tuple[r.FileHash, ...]) -> tuple[str | None, ...]:
        """Compare by size, then by content; runs in a thread. What would take too long is not known."""
        sizes = {one.size for one in files}
        by_size: dict[int, list[tuple[str, int]]] = {}
        for id, size, version in reader.sized(sorted(sizes)):
            by_size.setdefault(size, []).append((id, version))
        left = limits.KNOWN_BYTES
        found: list[str | None] = []
        for one in files:
            match = None
            for id, version in by_size.get(one.size, ()):
                if (id, version) not in self._hashes:
                    left -= one.size
                    if left < 0:
                        break
                if self._digest(reader, id, version) == one.sha256.lower():
                    match = id
                    break
            found.append(match)
        return tuple(found)

    def _digest(self, reader: LockerReader, id: str, version: int) -> str:
        known = self._hashes.get((id, version))
        if known is None:
            digest = hashlib.sha256()
            try:
                for piece in reader.read(id, version=version):
                    digest.update(piece)
                known = digest.hexdigest()
            except BoxError:
                known = ""  # damaged: the client had better send it again
            self._hashes[id, version] = known
            if len(self._hashes) > _HASHES:
                self._hashes.popitem(last=False)
        return known


def filter_of(asked: Asked, *, tag: str | None = None, folder: str | None = None) -> Filter:
    """Return the filter a request carries; raises Misused for a kind or a day nobody knows."""
    return Filter(kinds_of(asked.kinds), _day(asked.from_day), _day(asked.to_day), tag, folder)


def kinds_of(text: str | None) -> frozenset[Kind] | None:
    """Read kinds with commas between them; raises Misused."""
    try:
        return None if text is None else frozenset(Kind(word) for word in text.split(","))
    except ValueError:
        raise Misused(why=f"kinds are: {', '.join(Kind)}.") from None


def _day(text: str | None) -> int | None:
    try:
        return None if text is None else day_number(text)
    except ValueError:
        raise Misused(why=f"no calendar has the day “{text}”.") from None
