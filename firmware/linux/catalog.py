"""The catalog on encrypted SQLite (SQLite3 Multiple Ciphers by apsw). SQL only: what to write is decided above."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from blake3 import blake3

from firmware.errors import NoSuchRecord
from firmware.linux.bloom import Bloom
from firmware.linux.finding import Finding, folder_range, marks, record_of
from firmware.linux.schema import (
    MAKE_RECORD,
    MAKE_VERSION,
    MAKE_WORDS,
    NEXT_VERSION,
    RECORD_COLUMNS,
    SET_FACTS,
)
from firmware.linux.upload_rows import UploadRows
from firmware.locker.rows import Content, Inside, LinkRow, Outgoing, PackRow, PackState, Pending, Place, PutRow
from firmware.locker.words import name_words
from firmware.model import Facts, Record, RecordState, Version
from firmware.model.kinds import KIND_NUMBERS, kind_of


class SqliteCatalog(Finding, UploadRows):
    """The Catalog port on SQLite."""

    _seen: Bloom | None = None
    """The ids of all chunks, made when the first one is looked for: nearly all that come are new."""
    _called: Bloom | None = None
    """The names of all records, hashed; made when the first one is looked for."""

    # --- small facts, packs, chunks, links ---

    def meta(self, key: str) -> str | None:
        """Read one named fact."""
        value: str | None = self._one("SELECT value FROM meta WHERE key=?", key)
        return value

    def set_meta(self, key: str, value: str) -> None:
        """Write one named fact."""
        self._do("INSERT OR REPLACE INTO meta VALUES(?,?)", (key, value))

    def packs(self, state: PackState | None = None) -> list[PackRow]:
        """All packs (or those of one state), in the order they were begun."""
        rows = self._all("SELECT * FROM pack WHERE ?1 IS NULL OR state=?1 ORDER BY no", state)
        return [PackRow(r[0], r[1], r[2], r[3], r[4], r[5], PackState(r[6]), r[7], r[8], r[9]) for r in rows]

    def save_pack(self, row: PackRow) -> None:
        """Insert or update one pack."""
        self._do(
            "INSERT OR REPLACE INTO pack VALUES(?,?,?,?,?,?,?,?,?,?)",
            (
                row.no,
                row.id,
                row.kind,
                row.suite,
                row.epoch,
                row.salt,
                int(row.state),
                row.frames,
                row.size,
                row.digest,
            ),
        )

    def add_chunks(self, rows: Iterable[tuple[bytes, Place]]) -> None:
        """Say where chunks lie; a later place replaces an earlier one."""
        placed = [(c, p.pack, p.frame, p.at, p.sealed_len, p.offset, p.length) for c, p in rows]
        if self._seen is not None:
            self._seen.add(row[0] for row in placed)
        self._many("INSERT OR REPLACE INTO chunk VALUES(?,?,?,?,?,?,?)", placed)

    def has_chunk(self, chunk: bytes) -> bool:
        """Whether the chunk lies anywhere; for a new one the disk is hardly ever asked."""
        if self._seen is None or self._seen.count > self._seen.room:
            self._seen = Bloom(self._one("SELECT count(*) FROM chunk"))
            self._seen.add(row[0] for row in self._each("SELECT id FROM chunk"))
        return chunk in self._seen and self._one("SELECT 1 FROM chunk WHERE id=?", chunk) is not None

    def place(self, chunk: bytes) -> Place | None:
        """Where a chunk lies, or None."""
        row = self._row("SELECT pack, frame, at, sealed, start, length FROM chunk WHERE id=?", chunk)
        return Place(*row) if row else None

    def placed(self, chunks: Sequence[bytes]) -> dict[bytes, Place]:
        """Where those of these chunks lie that are known: much cheaper than one by one."""
        sql = f"SELECT id, pack, frame, at, sealed, start, length FROM chunk WHERE id IN ({marks(chunks)})"  # noqa: S608
        return {row[0]: Place(*row[1:]) for row in self._all(sql, *chunks)}

    def places(self) -> Iterator[tuple[bytes, Place]]:
        """Every chunk with its place."""
        for row in self._each("SELECT * FROM chunk"):
            yield row[0], Place(*row[1:])

    def extent(self, pack: int) -> tuple[int, int]:
        """Frames and end (file offset) of a pack as far as chunks and links in the catalog reach; (0, 0) for none."""
        sql = (
            "SELECT max(frame) + 1, max(at + sealed + 32) FROM (SELECT frame, at, sealed FROM chunk WHERE pack=? "
            "UNION ALL SELECT frame, at, sealed FROM link WHERE pack=?)"
        )
        row = self._row(sql, pack, pack)
        return (row[0], row[1]) if row and row[0] else (0, 0)

    def drop_chunks(self, chunks: Iterable[bytes]) -> None:
        """Forget chunks that no version refers to."""
        self._many("DELETE FROM chunk WHERE id=?", ((c,) for c in chunks))

    def add_link(self, row: LinkRow) -> None:
        """Remember where a link of the chain lies."""
        self._do(
            "INSERT OR REPLACE INTO link VALUES(?,?,?,?,?)", (row.seq, row.pack, row.frame, row.at, row.sealed_len)
        )

    def link(self, seq: int) -> LinkRow | None:
        """Where one link lies."""
        row = self._row("SELECT * FROM link WHERE seq=?", seq)
        return LinkRow(*row) if row else None

    def links(self) -> Iterator[LinkRow]:
        """All links in order."""
        for row in self._each("SELECT * FROM link ORDER BY seq"):
            yield LinkRow(*row)

    # --- writing records ---

    def add_records(self, rows: Sequence[PutRow]) -> None:
        """Insert records that did not exist (all with their first known version)."""
        first = self._next_rid
        self._next_rid += len(rows)
        if self._called is not None:
            self._called.add(blake3(row.name).digest() for row in rows)
        self._many(
            MAKE_RECORD,
            (
                (
                    n,
                    r.id,
                    r.name,
                    r.size,
                    r.mime,
                    r.mtime_ns // 1_000_000,
                    r.day,
                    r.kind,
                    r.mtime_ns,
                    r.stored_ms,
                    r.version,
                    r.pending,
                    r.seq,
                )
                for n, r in enumerate(rows, first)
            ),
        )
        self._many(
            MAKE_VERSION,
            (
                (n, r.version, r.size, r.mtime_ns, r.stored_ms, r.digest, r.chunks, r.depth)
                for n, r in enumerate(rows, first)
            ),
        )
        self._many(MAKE_WORDS, ((n, name_words(r.name), r.text) for n, r in enumerate(rows, first)))

    def add_version(self, row: PutRow) -> None:
        """Make ``row`` the newest version of an existing record."""
        rid = self._rid(row.id)
        when = row.mtime_ns // 1_000_000
        self._do(
            NEXT_VERSION,
            (
                row.size, row.mime, when, row.day, row.kind, row.mtime_ns, row.stored_ms, row.version, row.pending,
                row.seq, rid,
            ),
        )  # fmt: skip
        self._do(
            MAKE_VERSION,
            (rid, row.version, row.size, row.mtime_ns, row.stored_ms, row.digest, row.chunks, row.depth),
        )
        self._do("DELETE FROM preview WHERE rid=?", (rid,))
        self._index(rid, row.text)

    def set_facts(self, id: bytes, facts: Facts, day: int | None, pending: Pending, seq: int, text: str | None) -> None:
        """Write what the reader found; ``text`` is what to index, also when these facts bring a title or place alone.

        ``day`` belongs to ``facts.taken_ms``.
        """
        rid = self._rid(id)
        had_words = self._one("SELECT coalesce(title, place) FROM record WHERE rid=?", rid) is not None
        kind = KIND_NUMBERS[kind_of(facts.mime)] if facts.mime else None
        self._do(
            SET_FACTS,
            (
                facts.mime, kind, facts.taken_ms, day, facts.taken_ms, facts.taken_local, facts.width, facts.height,
                facts.duration_ms, facts.lat_e7, facts.lon_e7, facts.title, facts.place, None, pending,
                seq if facts.text is not None else None, rid,
            ),
        )  # fmt: skip
        if had_words or (facts.text, facts.title, facts.place) != (None, None, None):
            self._index(rid, text)

    def _index(self, rid: int, text: str | None) -> None:
        """Write the words of a record anew; the index keeps no text, so it comes again."""
        found = self._row("SELECT name, title, place, tags, note FROM record WHERE rid=?", rid)
        if found is not None:
            words = " ".join([name_words(found[0]), *(part for part in found[1:] if part)])
            self._do(MAKE_WORDS, (rid, words, text))

    def set_notes(self, id: bytes, tags: Sequence[str], note: str, text: str | None) -> None:
        """Write what the member wrote about a record; ``text`` is the record's text again, as in ``set_name``."""
        rid = self._rid(id)
        self._do("UPDATE record SET tags=?, note=? WHERE rid=?", ("\n".join(tags) or None, note or None, rid))
        self._do("DELETE FROM tag WHERE rid=?", (rid,))
        self._many("INSERT OR IGNORE INTO tag VALUES(?,?)", ((tag, rid) for tag in tags))
        self._index(rid, text)

    def set_previews(self, rows: Iterable[tuple[bytes, int, str, bytes, int]]) -> None:
        """Attach previews: (record id, edge, mime, chunk, size)."""
        for id, edge, mime, chunk, size in rows:
            rid = self._rid(id)
            self._do("INSERT OR REPLACE INTO preview VALUES(?,?,?,?,?)", (rid, edge, mime, chunk, size))
            self._do("UPDATE record SET has_preview=1, pending=0 WHERE rid=?", (rid,))

    def set_state(self, ids: Iterable[bytes], state: RecordState, deleted_ms: int | None) -> int:
        """Move records to ``state``; return how many changed."""
        sql = "UPDATE record SET state=?, deleted_ms=? WHERE id=? AND state<>?"
        return sum(self._do(sql, (int(state), deleted_ms, id, int(state))) for id in ids)

    def set_trouble(self, id: bytes, trouble: str | None) -> None:
        """The reader could not help; do not ask it again."""
        self._do("UPDATE record SET trouble=?, pending=0 WHERE rid=?", (trouble, self._rid(id)))

    def set_name(self, id: bytes, name: bytes, text: str | None) -> None:
        """Rename; ``text`` is the record's text again, because the word index keeps none."""
        rid = self._rid(id)
        self._do("UPDATE record SET name=? WHERE rid=?", (name, rid))
        if self._called is not None:
            self._called.add([blake3(name).digest()])
        self._index(rid, text)

    def forget(self, ids: Iterable[bytes]) -> None:
        """Remove records with all versions, previews and words."""
        for id in ids:
            rid = self._one("SELECT rid FROM record WHERE id=?", id)
            if rid is not None:
                for table in ("version", "preview", "tag", "record"):
                    self._do(f"DELETE FROM {table} WHERE rid=?", (rid,))  # noqa: S608 constant table names
                self._do("DELETE FROM words WHERE rowid=?", (rid,))

    def trim(self, id: bytes, versions: Iterable[int]) -> None:
        """Remove old versions of one record."""
        rid = self._rid(id)
        self._many("DELETE FROM version WHERE rid=? AND version=?", ((rid, v) for v in versions))

    # --- reading ---

    def record(self, id: bytes) -> Record | None:
        """One record in any state."""
        row = self._row(f"SELECT {RECORD_COLUMNS} FROM record r WHERE r.id=?", id)  # noqa: S608 constant columns
        return record_of(row) if row else None

    def may_be_named(self, name: bytes) -> bool:
        """False only when no record was ever called ``name``; for the one writer, who sees every name come."""
        if self._called is None or self._called.count > self._called.room:
            self._called = Bloom(self._one("SELECT count(*) FROM record"))
            self._called.add(blake3(row[0]).digest() for row in self._each("SELECT name FROM record"))
        return blake3(name).digest() in self._called

    def named(self, name: bytes) -> list[tuple[bytes, int, int, bytes, int]]:
        """Newest versions of the live records of this name: (id, version, size, chunks, depth), oldest record first."""
        sql = (
            "SELECT r.id, r.version, v.size, v.chunks, v.depth FROM record r JOIN version v ON v.rid=r.rid AND "
            "v.version=r.version WHERE r.name=? AND r.state=1 ORDER BY r.rid"
        )
        return self._all(sql, name)

    def outgoing(self, ids: Sequence[bytes]) -> dict[bytes, Outgoing]:
        """The newest versions of these records, in any state, as far as they are known."""
        sql = (
            "SELECT r.id, r.name, r.mtime_ns, r.size, r.mime, v.size, v.chunks, v.depth FROM record r "  # noqa: S608
            f"JOIN version v ON v.rid=r.rid AND v.version=r.version WHERE r.id IN ({marks(ids)})"
        )
        return {
            row[0]: Outgoing(row[0], row[1], row[2], row[3], row[4], Content(*row[5:])) for row in self._all(sql, *ids)
        }

    def live_ids(self, folder: str | None) -> Iterator[bytes]:
        """Ids of all live records (below ``folder``), in the order they were stored: the order of their packs."""
        where, args = folder_range(folder)
        for row in self._each(f"SELECT r.id FROM record r WHERE r.state=1{where} ORDER BY r.rid", *args):  # noqa: S608
            yield row[0]

    def inside(self, prefix: bytes, after: tuple[bytes, int], limit: int) -> list[Inside]:
        """Live and hidden records whose names begin with ``prefix``, in name order, behind ``after`` (name, row)."""
        sql = (
            "SELECT rid, id, name, size, mime, mtime_ns, stored_ms, version, state FROM record "
            "WHERE (name, rid) > (?, ?) AND name < ? AND state IN (1, 3) ORDER BY name, rid LIMIT ?"
        )
        end = prefix[:-1] + bytes([prefix[-1] + 1]) if prefix else b"\xff" * 256
        low = after if after[0] >= prefix else (prefix, -1)
        rows = self._all(sql, *low, end, limit)
        return [Inside(r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], RecordState(r[8])) for r in rows]

    def text_seq(self, id: bytes) -> int | None:
        """The link that holds the newest text of a record."""
        seq: int | None = self._one("SELECT text_seq FROM record WHERE id=?", id)
        return seq

    def content(self, id: bytes, version: int | None) -> Content | None:
        """The chunks of one version (None = the newest)."""
        row = self._row(
            "SELECT v.size, v.chunks, v.depth FROM record r JOIN version v ON v.rid=r.rid AND "
            "v.version=coalesce(?, r.version) WHERE r.id=?",
            version,
            id,
        )
        return Content(*row) if row else None

    def versions(self, id: bytes) -> list[Version]:
        """Versions, newest first."""
        sql = (
            "SELECT v.version, v.size, v.mtime_ns, v.stored_ms, v.digest FROM record r JOIN version v ON v.rid=r.rid "
            "WHERE r.id=? ORDER BY v.version DESC"
        )
        return [Version(*row) for row in self._all(sql, id)]

    def pending(self, kind: Pending, limit: int) -> list[Record]:
        """Live records the reader still owes something."""
        sql = f"SELECT {RECORD_COLUMNS} FROM record r WHERE r.pending=? AND r.state=1 ORDER BY r.rid LIMIT ?"  # noqa: S608
        return [record_of(row) for row in self._all(sql, kind, limit)]

    def pending_counts(self) -> dict[str, int]:
        """How many records wait for facts and for previews."""
        sql = "SELECT pending, count(*) FROM record WHERE pending>0 AND state=1 GROUP BY pending"
        counts: dict[int, int] = {row[0]: row[1] for row in self._all(sql)}
        return {"facts": counts.get(Pending.FACTS, 0), "previews": counts.get(Pending.PREVIEWS, 0)}

    def preview(self, id: bytes, edge: int) -> tuple[int, str, bytes] | None:
        """The smallest preview of at least ``edge`` pixels, else the largest: (edge, mime, chunk)."""
        sql = (
            "SELECT p.edge, p.mime, p.chunk FROM record r JOIN preview p ON p.rid=r.rid WHERE r.id=? "
            "ORDER BY p.edge < ?, CASE WHEN p.edge < ? THEN -p.edge ELSE p.edge END LIMIT 1"
        )
        row = self._row(sql, id, edge, edge)
        return (row[0], row[1], row[2]) if row else None

    def contents(self) -> Iterator[tuple[bytes, Content]]:
        """Every version of every record: (record id, content)."""
        sql = "SELECT r.id, v.size, v.chunks, v.depth FROM version v JOIN record r ON r.rid=v.rid"
        for id, *rest in self._each(sql):
            yield id, Content(*rest)

    def preview_chunks(self) -> Iterator[tuple[bytes, bytes]]:
        """Every preview: (record id, chunk)."""
        yield from self._each("SELECT r.id, p.chunk FROM preview p JOIN record r ON r.rid=p.rid")

    def binned_before(self, time_ms: int) -> list[bytes]:
        """Records deleted before ``time_ms``."""
        return [row[0] for row in self._all("SELECT id FROM record WHERE state=2 AND deleted_ms<=?", time_ms)]

    def stats(self) -> dict[str, int]:
        """Counts and sums a home screen shows."""
        records, size = self._row("SELECT count(*), coalesce(sum(size), 0) FROM record WHERE state=1") or (0, 0)
        packs, stored = self._row("SELECT count(*), coalesce(sum(size), 0) FROM pack WHERE state<4") or (0, 0)
        binned = self._one("SELECT count(*) FROM record WHERE state=2")
        chunks = self._one("SELECT count(*) FROM chunk")
        pages = self._one("PRAGMA page_count") * self._one("PRAGMA page_size")
        return {
            "records": records, "bytes": size, "bin": binned, "packs": packs, "stored_bytes": stored,
            "chunks": chunks, "catalog_bytes": pages, "head_seq": int(self.meta("head_seq") or 0),
        }  # fmt: skip

    def _rid(self, id: bytes) -> int:
        rid = self._one("SELECT rid FROM record WHERE id=?", id)
        if rid is None:
            raise NoSuchRecord(what=id.hex())
        return int(rid)
