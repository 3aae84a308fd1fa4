"""The reading side of a locker: get, list, search, versions, bytes, previews."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from firmware.chain import Link
from firmware.chunk.cutting import ID_BYTES
from firmware.errors import BadName, Missing, Misused, NoSuchRecord
from firmware.limits import GRID_ITEMS, NEAR_TERMS, PAGE_RECORDS, TEXT_INDEX_BYTES
from firmware.locker import folders
from firmware.locker.home import Home
from firmware.locker.packs import PackShelf, file_name
from firmware.locker.rows import Catalog, Content, Outgoing, PackRow, PackState, Pending, Place, UploadRow
from firmware.locker.texts import kept_text
from firmware.locker.words import nearest, plain_word, search_expression
from firmware.model import Page, Preview, Record, RecordState, SafeName, Version
from firmware.model.finding import EVERYTHING, Facets, Filter, GridItem
from firmware.model.mime import is_text, needs_reader
from firmware.model.text import decode_text
from firmware.pack import Kind
from firmware.seal import LockerSecrets

_ID = re.compile(r"[0-9a-f]{32}")
_TOGETHER = 64
"""Records whose rows are read by one question when many are copied (`./box bench locker`, restore_cpu_vs_restic)."""
_FEW = 8 * ID_BYTES
"""Lists of chunks up to this long are looked up for all ``_TOGETHER`` at once: a question has at most 512 values."""


def id_bytes(id: str) -> bytes:
    """Return the 16 bytes of a record id; raises NoSuchRecord when it is not 32 lower-case hex digits."""
    if not _ID.fullmatch(id):
        raise NoSuchRecord(what=id[:80])
    return bytes.fromhex(id)


def _split(chunks: bytes) -> Iterator[bytes]:
    return (chunks[at : at + ID_BYTES] for at in range(0, len(chunks), ID_BYTES))


def _is_small(content: Content) -> bool:
    return not content.depth and len(content.chunks) <= _FEW


def _folder(text: str | None) -> str | None:
    """Check a folder's name; None and "/" are the whole locker. Raises BadName."""
    return SafeName(text.rstrip("/")) if text and text.rstrip("/") else None


class LockerReader:
    """Answers from its own catalog connection; use each instance from one thread only."""

    def __init__(self, home: Home, secrets: LockerSecrets, catalog: Catalog) -> None:
        """Read through ``catalog``, which this reader closes in ``close``."""
        self._catalog = catalog
        self._shelf = PackShelf(home, secrets, catalog)

    def get(self, id_or_path: str) -> Record:
        """Return a record by id (any state) or the newest live one of that exact name; raises NoSuchRecord."""
        if _ID.fullmatch(id_or_path):
            record = self._catalog.record(bytes.fromhex(id_or_path))
            if record is not None:
                return record
        try:
            name = SafeName(id_or_path).raw
        except BadName:
            raise NoSuchRecord(what=f"“{id_or_path.encode('utf-8', 'replace').decode()[:80]}”") from None
        for id, *_ in reversed(self._catalog.named(name)):
            found = self._catalog.record(id)
            if found is not None:
                return found
        raise NoSuchRecord(what=f"“{id_or_path[:80]}”")

    def list(
        self,
        *,
        folder: str | None = None,
        state: RecordState = RecordState.LIVE,
        cursor: str | None = None,
        limit: int = 100,
        order: str = "when",
        only: Filter = EVERYTHING,
    ) -> Page:
        """One page of records, newest day first or by name; raises Misused on a bad order or cursor."""
        if order not in ("when", "name"):
            raise Misused(why="a list is ordered by “when” or by “name”")
        bounded = max(1, min(limit, PAGE_RECORDS))
        only = replace(only, folder=_folder(folder or only.folder))
        return self._catalog.page(only, state=state, cursor=cursor, limit=bounded, order=order)

    def search(self, words: str, *, cursor: str | None = None, limit: int = 50, only: Filter = EVERYTHING) -> Page:
        """Live records that contain every word (the last one as a beginning), the newest stored first.

        Without words: what a filter lets through, newest day first.
        """
        if not words.strip() and only != EVERYTHING:
            return self.list(cursor=cursor, limit=limit, only=only)
        match = search_expression(words)
        if match is None:
            return Page((), None)
        only = replace(only, folder=_folder(only.folder))
        return self._catalog.find(match, only, cursor=cursor, limit=max(1, min(limit, PAGE_RECORDS)))

    def facets(self, words: str, only: Filter = EVERYTHING) -> Facets:
        """Count what ``search`` would find by kind, year and tag."""
        match = search_expression(words)
        if match is None and words.strip():
            return Facets({}, {}, [], 0)
        return self._catalog.facets(match, replace(only, folder=_folder(only.folder)))

    def tags(self) -> Sequence[tuple[str, int]]:
        """Every tag in use, by name, with how many live records carry it."""
        return self._catalog.tags()

    def days(self, only: Filter = EVERYTHING) -> Sequence[tuple[int, int]]:
        """Days (numbers) that have live records, newest first, with how many."""
        return self._catalog.days(replace(only, folder=_folder(only.folder)))

    def day_items(
        self, only: Filter = EVERYTHING, *, cursor: str | None = None, limit: int = 500
    ) -> tuple[Sequence[GridItem], str | None]:
        """Live records as a grid of days shows them, newest first, and a cursor or None; raises Misused."""
        only = replace(only, folder=_folder(only.folder))
        return self._catalog.day_items(only, cursor=cursor, limit=max(1, min(limit, GRID_ITEMS)))

    def sized(self, sizes: Sequence[int]) -> Sequence[tuple[str, int, int]]:
        """Live records of one of these sizes: (id, size, version)."""
        return self._catalog.sized(sizes)

    def versions(self, id: str) -> Sequence[Version]:
        """Return the versions of a record, newest first; raises NoSuchRecord."""
        record = self.get(id)
        return self._catalog.versions(bytes.fromhex(record.id))

    def read(self, id: str, *, version: int | None = None, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the exact bytes [start, stop) of a version in pieces of at most 1 MiB.

        Raises NoSuchRecord, or Damaged at the first piece that is not what it was.
        """
        if version is not None and not 0 < version < 1 << 31:
            raise NoSuchRecord(what=f"{id[:80]} in version {version}")
        content = self._catalog.content(id_bytes(id), version)
        if content is None:
            raise NoSuchRecord(what=id[:80])
        end = content.size if stop is None else min(stop, content.size)
        return self._pieces(content.chunks, content.depth, start, end)

    def _pieces(self, chunks: bytes, depth: int, start: int, end: int) -> Iterator[bytes]:
        known, at = _split(self._shelf.content_chunks(chunks, depth)), 0
        while at < end and (ids := list(itertools.islice(known, _TOGETHER))):
            places = self._catalog.placed(ids)
            for identity in ids:
                place = places.get(identity)
                length = place.length if place is not None else 0
                if at < end and (place is None or at + length > start):
                    data = self._chunk(identity, place)
                    if at < start or at + len(data) > end:
                        data = data[max(0, start - at) : end - at]
                    yield data
                at += length

    def _chunk(self, identity: bytes, place: Place | None) -> bytes:
        """Read a chunk; it may have moved since ``place`` was asked."""
        try:
            return self._shelf.chunk(identity, place)
        except Missing:
            return self._shelf.chunk(identity)

    def _small(self, chunks: bytes, places: Mapping[bytes, Place]) -> Iterator[bytes]:
        return (self._chunk(each, places.get(each)) for each in _split(chunks))

    def read_many(self, ids: Iterable[str]) -> Iterator[tuple[Outgoing, Iterator[bytes]]]:
        """Yield (newest version, its bytes) for each known id, in the order given; ``ids_in_order`` gives a quick one.

        The catalog is asked for many at once, as far as they are small.
        """
        known = map(id_bytes, ids)
        try:
            while some := list(itertools.islice(known, _TOGETHER)):
                found = self._catalog.outgoing(some)
                small = [one.content.chunks for one in found.values() if _is_small(one.content)]
                places = self._catalog.placed(list(itertools.chain.from_iterable(map(_split, small))))
                for one in filter(None, map(found.get, some)):
                    content = one.content
                    if _is_small(content):
                        yield one, self._small(content.chunks, places)
                    else:
                        yield one, self._pieces(content.chunks, content.depth, 0, content.size)
        finally:
            self._shelf.rest()

    def look(self, path: str) -> folders.Place:
        """Say what lies at ``path`` ("" = the whole locker) as native clients see it; raises BadName, Damaged."""
        return folders.look(self._catalog, self._shelf, path)

    def inside(self, path: str, cursor: str | None, limit: int) -> tuple[Sequence[folders.Listed], str | None]:
        """Up to ``limit`` files and folders right inside a folder, by name, and where to go on; raises Misused."""
        return folders.listing(self._catalog, path, cursor, limit)

    def ids_in_order(self, folder: str | None = None) -> Iterator[str]:
        """Ids of all live records (below ``folder``) in the order their bytes lie on the disk."""
        for id in self._catalog.live_ids(_folder(folder)):
            yield id.hex()

    def preview(self, id: str, edge: int) -> Preview | None:
        """Return the smallest preview at least ``edge`` pixels wide, else the largest, else None."""
        found = self._catalog.preview(bytes.fromhex(id) if _ID.fullmatch(id) else b"", edge)
        return Preview(found[0], found[1], self._shelf.chunk(found[2])) if found else None

    def text(self, id: str) -> str | None:
        """Return the words in the newest version of a record as they were indexed, None without any."""
        record = self.get(id)
        if is_text(record.mime) and not needs_reader(record.mime):
            head = b"".join(self.read(record.id, stop=TEXT_INDEX_BYTES))
            return decode_text(head, whole=record.size <= len(head)) or head.decode("cp1252", "replace") or None
        return kept_text(self._shelf, self._catalog, bytes.fromhex(record.id))

    def near(self, word: str) -> Sequence[str]:
        """Indexed words that look like ``word``, the nearest first, at most three."""
        plain = plain_word(word)
        return nearest(plain, self._catalog.terms(plain[:1], NEAR_TERMS)) if plain else ()

    def upload(self, id: str) -> UploadRow | None:
        """Return what is durable of an upload; None when there is none of this id."""
        return self._catalog.upload(bytes.fromhex(id)) if _ID.fullmatch(id) else None

    def open_uploads(self, now_ms: int, limit: int) -> Sequence[UploadRow]:
        """Open uploads, begun last first."""
        return self._catalog.uploads(now_ms, limit)

    def pending_counts(self) -> dict[str, int]:
        """How many records wait for facts and for previews."""
        return self._catalog.pending_counts()

    def pending(self, limit: int, *, previews: bool) -> Sequence[Record]:
        """Records the reader process still owes facts (or previews), oldest first."""
        return self._catalog.pending(Pending.PREVIEWS if previews else Pending.FACTS, limit)

    def pack_rows(self) -> Sequence[PackRow]:
        """Every pack the locker knows, open and dropped ones too."""
        return self._catalog.packs()

    def head_link(self) -> Link | None:
        """Return the newest link of the chain that lies in a closed pack; None before the first.

        Only closed packs travel: whoever restores from what friends have finds this link, and can go on behind it.
        """
        seq = int(self._catalog.meta("head_seq") or 0)
        still_open = {row.no for row in self._catalog.packs(PackState.OPEN)}

        def travels(at: int) -> bool:
            row = self._catalog.link(at)
            return row is not None and row.pack not in still_open

        low, high, step = 0, seq + 1, 1  # links are written in order: those of the open pack are the last ones
        while low < 1 < high:
            at = max(1, high - step)
            low, high, step = (at, high, step) if travels(at) else (0, at, 2 * step)
        while high - low > 1:
            at = (low + high) // 2
            low, high = (at, high) if travels(at) else (low, at)
        return self._shelf.link(low) if low else None

    def packs_of(self, id: str) -> set[bytes]:
        """Return the ids of the packs that the newest version of a record needs; raises NoSuchRecord, Damaged.

        Those of its bytes, and the meta pack with its newest text, which is closed no earlier than the one of its put.
        """
        content = self._catalog.content(id_bytes(id), None)
        if content is None:
            raise NoSuchRecord(what=id[:80])
        chunks, found = content.chunks, set[int]()
        for depth in range(content.depth, -1, -1):
            ids = list(_split(chunks))
            found.update(0 if place is None else place.pack for place in map(self._catalog.place, ids))
            chunks = b"".join(self._shelf.chunk(each) for each in ids) if depth else b""
        link = self._catalog.link(self._catalog.text_seq(id_bytes(id)) or 0)
        found.add(0 if link is None else link.pack)
        return {self._shelf.row(no).id for no in found}

    def open_bytes(self) -> int:
        """Return how many bytes of content lie in the open pack: what nobody but this box can have yet."""
        count = 0
        for row in self._catalog.packs(PackState.OPEN):
            with contextlib.suppress(Missing):  # cut and dropped since
                count += self._shelf.home.disk.size(file_name(row)) if row.kind == Kind.DATA else 0
        return count

    def stats(self) -> dict[str, int]:
        """Counts and sums: records, bytes, bin, packs, stored_bytes, chunks, catalog_bytes, head_seq."""
        counts = self._catalog.stats()
        for row in self._catalog.packs(PackState.OPEN):
            with contextlib.suppress(Missing):  # cut and dropped since
                counts["stored_bytes"] += self._shelf.home.disk.size(file_name(row))
        return counts

    def close(self) -> None:
        """Close the catalog connection and drop opened payloads."""
        self._shelf.forget_payloads()
        self._catalog.close()
