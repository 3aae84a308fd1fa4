"""Chain -> catalog: the one place that says what each entry means. Puts, catch-up and rebuild all go through it."""

from __future__ import annotations

from collections.abc import Iterable

from firmware import chain
from firmware.chunk import content_digest
from firmware.chunk.cutting import ID_BYTES
from firmware.errors import Damaged, Missing
from firmware.locker.folders import is_hidden
from firmware.locker.packs import PackShelf
from firmware.locker.rows import PackRow, PackState, Pending, Place, PutRow
from firmware.model import Facts, RecordState
from firmware.model.days import day_of
from firmware.model.kinds import KIND_NUMBERS, kind_of
from firmware.model.mime import has_preview, needs_reader
from firmware.model.text import decode_text

Texts = dict[tuple[bytes, int], str]
"""Searchable texts by record id and version."""


class Applier:
    """Writes what links say into a catalog; never commits."""

    def __init__(self, shelf: PackShelf) -> None:
        """Write into the shelf's catalog; texts that links only point to are read through the shelf."""
        self._shelf = shelf
        self._catalog = shelf.catalog
        self._id_key = shelf.secrets.id_key.reveal()
        self._zone = shelf.home.zone
        self._packs = packs = shelf.rows
        self._numbers = {row.id: no for no, row in packs.items()}
        self._puts: list[PutRow] = []
        self._last_link: tuple[int, list[chain.Entry]] = (0, [])

    def places(self, located: Iterable[chain.Located]) -> None:
        """Write where chunks lie."""
        rows: list[tuple[bytes, Place]] = []
        for loc in located:
            no = self._number(loc.pack)
            offset = 0
            for at, length in enumerate(loc.lengths):
                identity = loc.ids[at * ID_BYTES : (at + 1) * ID_BYTES]
                rows.append((identity, Place(no, loc.frame, loc.at, loc.sealed_len, offset, length)))
                offset += length
        self._catalog.add_chunks(rows)

    def _number(self, pack: bytes) -> int:
        no = self._numbers.get(pack)
        if no is None:
            self._numbers = {row.id: number for number, row in self._packs.items()}
            no = self._numbers.get(pack, 0)
        return no

    def packs(self, entries: Iterable[chain.Entry]) -> None:
        """Write what entries say about packs (first, because places need their numbers)."""
        for entry in entries:
            match entry:
                case chain.Opened():
                    self._opened(entry)
                case chain.Cut():
                    row = self._packs.get(self._number(entry.pack))
                    if row is not None and row.state is not PackState.DROPPED:
                        row.state = PackState.RECOVERED if entry.recovered else PackState.CUT
                        row.frames, row.size, row.digest = entry.frames, entry.size, entry.digest
                        self._catalog.save_pack(row)
                case chain.Dropped():
                    row = self._packs.get(self._number(entry.pack))
                    if row is not None:
                        row.state = PackState.DROPPED
                        self._catalog.save_pack(row)
                case _:
                    pass

    def _opened(self, entry: chain.Opened) -> None:
        no = self._number(entry.pack)
        if not no:
            no = max(self._packs, default=0) + 1
            self._packs[no] = PackRow(no, entry.pack, entry.kind, entry.suite, entry.epoch, entry.salt, PackState.OPEN)
            self._numbers[entry.pack] = no
        self._catalog.save_pack(self._packs[no])

    def records(self, entries: Iterable[chain.Entry], seq: int, texts: Texts | None = None) -> None:
        """Write what entries say about records. ``texts``: texts already at hand."""
        for entry in entries:
            if isinstance(entry, chain.Put):
                self._put(entry, seq, texts)
            else:
                self._flush()
                self._other(entry, seq)
        self._flush()

    def _put(self, entry: chain.Put, seq: int, texts: Texts | None) -> None:
        if entry.version > 1:
            self._flush()
        row = self._put_row(entry, seq, texts)
        # The link of the first version may be erased (a later one forgets the record) or rotten: then this begins it.
        if entry.version > 1 and self._catalog.record(entry.rid) is not None:
            self._catalog.add_version(row)
        else:
            self._puts.append(row)

    def _flush(self) -> None:
        if self._puts:
            self._catalog.add_records(self._puts)
            notes = [row.id for row in self._puts if is_hidden(row.name, row.mime)]
            if notes:
                self._catalog.set_state(notes, RecordState.HIDDEN, None)
            self._puts = []

    def _put_row(self, entry: chain.Put, seq: int, texts: Texts | None) -> PutRow:
        text = texts.get((entry.rid, entry.version)) if texts is not None else None
        if text is None and entry.text is not None:
            text = self.text_of(entry)
        pending = Pending.FACTS if needs_reader(entry.mime) and entry.size else Pending.NOTHING
        when = entry.mtime_ns // 1_000_000
        return PutRow(
            entry.rid, entry.version, entry.name, entry.size, entry.mtime_ns, entry.stored_ms, entry.mime, entry.chunks,
            entry.depth, content_digest(self._id_key, entry.chunks, entry.size), text, pending, seq,
            day_of(when + self._zone(when)), KIND_NUMBERS[kind_of(entry.mime)],
        )  # fmt: skip

    def text_of(self, entry: chain.Put | chain.FactsFound) -> str | None:
        """Return the searchable text an entry carries or points to; None where its chunk went with an old version."""
        if isinstance(entry, chain.FactsFound):
            found = entry.facts.get("text")
            return found if isinstance(found, str) else None
        if entry.text is True:
            try:
                return decode_text(self._shelf.chunk(entry.chunks), whole=True)
            except (Damaged, Missing):
                return None
        return entry.text if isinstance(entry.text, str) else None

    def _other(self, entry: chain.Entry, seq: int) -> None:
        match entry:
            case chain.FactsFound():
                self._facts(entry, seq)
            case chain.PreviewMade() if self._current(entry.rid, entry.version):
                row = (entry.rid, entry.edge, entry.mime, entry.chunk, entry.size)
                self._catalog.set_previews([row])
            case chain.Rename():
                self._rename(entry)
            case chain.Noted():
                self._noted(entry)
            case chain.Trim() if self._catalog.record(entry.rid) is not None:
                self._catalog.trim(entry.rid, entry.versions)
            case _:
                self._moved(entry)

    def _moved(self, entry: chain.Entry) -> None:
        match entry:
            case chain.Delete():
                self._catalog.set_state(entry.rids, RecordState.BIN, entry.time_ms)
            case chain.Undelete():
                self._catalog.set_state(entry.rids, RecordState.LIVE, None)
            case chain.Forget():
                self._catalog.forget(entry.rids)
            case chain.Snapshot():
                self._catalog.set_meta("snapshot", str(entry.number))
            case _:
                pass

    def _current(self, rid: bytes, version: int) -> bool:
        record = self._catalog.record(rid)
        return record is not None and record.version == version

    def _facts(self, entry: chain.FactsFound, seq: int) -> None:
        if not self._current(entry.rid, entry.version):
            return
        if entry.trouble is not None:
            self._catalog.set_trouble(entry.rid, entry.trouble)
            return
        known = {name: entry.facts.get(name) for name in Facts.__dataclass_fields__ if name in entry.facts}
        facts = Facts(**known)  # type: ignore[arg-type]  # the reader's answer was validated before it was written
        record = self._catalog.record(entry.rid)
        mime = facts.mime or (record.mime if record else "")
        pending = Pending.PREVIEWS if has_preview(mime) else Pending.NOTHING
        text = facts.text
        words = (facts, record.facts) if record else (facts,)
        if text is None and any(found.title or found.place for found in words):
            text = self._text_again(entry.rid)  # the index takes all words of a record together
        self._catalog.set_facts(entry.rid, facts, self._taken_day(facts), pending, seq, text)

    def _taken_day(self, facts: Facts) -> int | None:
        if facts.taken_ms is None:
            return None
        return day_of(facts.taken_ms + (0 if facts.taken_local else self._zone(facts.taken_ms)))

    def _noted(self, entry: chain.Noted) -> None:
        if self._catalog.record(entry.rid) is not None:
            self._catalog.set_notes(entry.rid, entry.tags, entry.note, self._text_again(entry.rid))

    def _rename(self, entry: chain.Rename) -> None:
        if self._catalog.record(entry.rid) is None:
            return
        self._catalog.set_name(entry.rid, entry.name, self._text_again(entry.rid))

    def _text_again(self, rid: bytes) -> str | None:
        """The word index keeps no text; fetch it from the link that brought it."""
        seq = self._catalog.text_seq(rid)
        text = None
        try:
            if seq and seq != self._last_link[0]:
                self._last_link = (seq, self._shelf.link_entries(seq))
        except (Damaged, Missing):
            return None
        for found in self._last_link[1] if seq else ():
            if isinstance(found, chain.Put | chain.FactsFound) and found.rid == rid:
                text = self.text_of(found) or text
        return text
