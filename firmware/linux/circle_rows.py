"""The circle written down: plain SQLite (docs/formats/circle.md), from which a ``CircleView`` is built and kept.

Plain because it holds nothing the peers do not see: ids, sizes, times, who has what. SQL only; what the values mean
stands in ``firmware.backup``. One thread uses one ``CircleRows``. Nothing is durable before ``save`` returns.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import apsw

from firmware.backup import (
    RULES,
    Caps,
    Changes,
    CircleView,
    Former,
    HourWindow,
    Lay,
    Locker,
    Mark,
    Pack,
    Peer,
    PeerState,
    Rules,
    Standing,
)
from firmware.backup.book import PackPlace, ShardAt
from firmware.errors import Damaged, Full, Missing
from firmware.pack.format import Kind
from firmware.peer import ManifestPack
from firmware.peer.cbor import loads
from firmware.peer.messages import Placed

SCHEMA: Final = 1
CIRCLE: Final = "circle database"
_CACHE_KIB: Final = 2048

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS peer(number INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, label TEXT, household TEXT,
    place TEXT, network TEXT, delegate INT, state TEXT, since_ms INT, seen_ms INT, silent_ms INT, quota INT, used INT,
    strikes INT, strike_at INT, proofs INT, suspended_at INT, probation_at INT, renewed_at INT, full_until INT);
CREATE TABLE IF NOT EXISTS locker(id BLOB PRIMARY KEY, custody INT, head INT, capsule INT, manifest INT,
    size INT, waiting INT, halted INT, allowed_until INT, asked TEXT, cut TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS standing(number INT, locker BLOB, next_at INT, good_at INT, good_ms INT, good INT, deep INT,
    head INT, capsule INT, manifest INT, PRIMARY KEY(number, locker)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pack(no INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, locker BLOB, kind INT, size INT,
    precious INT, cut_ms INT, k INT, hosts BLOB, marks BLOB, next_k INT, next_hosts BLOB, next_marks BLOB,
    formers BLOB, away BLOB, dropped_at INT, dropped_head INT, asked_at INT);
CREATE TABLE IF NOT EXISTS source(pack BLOB PRIMARY KEY, file TEXT, digest BLOB, prelude BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS shard(pack BLOB, k INT, shard INT, id BLOB, receipt BLOB, PRIMARY KEY(pack, k, shard))
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS paper(kind TEXT, about BLOB, data BLOB, PRIMARY KEY(kind, about)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notice(no INTEGER PRIMARY KEY, time_ms INT, peer BLOB, kind TEXT, text TEXT);
"""

_TIMES: Final = ("awake_ms", "released_ms", "night_at_ms", "whole_at", "whole_next", "zone_minutes", "shrunk_at")
_NOTICES: Final = 500
"""Notices kept; the oldest give way."""


class Source(NamedTuple):
    """Where a pack comes from: file name in its locker's ``packs`` folder, BLAKE3 of the payload, the prelude."""

    file: str
    digest: bytes
    prelude: bytes


class NoticeRow(NamedTuple):
    """Something that was told: by a peer (its key), or by this box (empty)."""

    no: int
    time_ms: int
    peer: bytes
    kind: str
    text: str


class CircleRows:
    """``circle.db`` and the ``view`` built from it. Tell the view what happened, then ``save``."""

    def __init__(self, path: Path, rules: Rules = RULES) -> None:
        """Open or create; raises Damaged for a file that is no such database or of another schema, Full."""
        self.view = CircleView(rules)
        self.moved: set[int] = set()
        """Numbers (in the order they came) of packs that changed since somebody emptied this; filled by ``save``."""
        with _translated():
            self._db = apsw.Connection(str(path))
            try:
                self._prepare()
                path.chmod(0o600)
                self._load()
            except BaseException:
                self._db.close(True)
                raise
        self.view.changes = Changes()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _prepare(self) -> None:
        for setting in ("journal_mode=WAL", "synchronous=FULL", f"cache_size=-{_CACHE_KIB}", "trusted_schema=OFF"):
            self._db.execute(f"PRAGMA {setting}").fetchall()
        self._db.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        self._db.execute(_TABLES)
        if self._meta("schema") not in (None, SCHEMA):
            raise Damaged(what=CIRCLE)
        self._db.execute("INSERT OR REPLACE INTO meta VALUES('schema', ?)", (SCHEMA,))

    def close(self) -> None:
        """Close; what was not saved is forgotten."""
        with suppress(apsw.Error):
            self._db.close(True)

    # The view

    def save(self) -> None:
        """Write down, durably and in one piece, what changed since the last time; raises Full or Damaged."""
        changes = self.view.changes
        with _translated():
            self._begin()
            if changes.times:
                self._save_times()
            for number in changes.peers & self.view.by_number.keys():
                self._save_peer(self.view.by_number[number])
            for locker in changes.lockers & self.view.lockers.keys():
                self._save_locker(self.view.lockers[locker])
            for at in changes.standings & self.view.standings.keys():
                each = self.view.standings[at]
                self._put("standing", [getattr(each, field.name) for field in fields(Standing)])
            self._save_packs(changes)
            self._db.execute("COMMIT")
        self.view.changes = Changes()

    def _begin(self) -> None:
        if self._db.get_autocommit():
            self._db.execute("BEGIN IMMEDIATE")

    def _put(self, table: str, values: Sequence[object]) -> None:
        marks = ",".join("?" * len(values))
        self._db.execute(f"INSERT OR REPLACE INTO {table} VALUES({marks})", tuple(values))

    def _save_times(self) -> None:
        for name in _TIMES:
            self._put("meta", (name, getattr(self.view, name)))
        caps = self.view.caps
        windows = [[each.start, each.end, each.up, each.down] for each in caps.windows]
        self._put("meta", ("caps", json.dumps([caps.up, caps.down, windows, caps.paused_until_ms])))

    def _save_peer(self, peer: Peer) -> None:
        self._put("peer", [getattr(peer, name) for name in _names(Peer, "online", "room")])

    def _save_locker(self, locker: Locker) -> None:
        row = [getattr(locker, name) for name in _names(Locker, "asked", "cut")]
        self._put("locker", [*row, json.dumps(locker.asked), json.dumps(locker.cut)])

    def _save_packs(self, changes: Changes) -> None:
        for each in changes.gone:
            self._moved(each)
            self._db.execute("DELETE FROM pack WHERE id=?", (each,))
            self._db.execute("DELETE FROM source WHERE pack=?", (each,))
            self._db.execute("DELETE FROM shard WHERE pack=?", (each,))
        sql = (
            "INSERT INTO pack VALUES(NULL,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(id) DO UPDATE SET "
            "precious=excluded.precious, k=excluded.k, hosts=excluded.hosts, marks=excluded.marks, "
            "next_k=excluded.next_k, next_hosts=excluded.next_hosts, next_marks=excluded.next_marks, "
            "formers=excluded.formers, away=excluded.away, dropped_at=excluded.dropped_at, "
            "dropped_head=excluded.dropped_head, asked_at=excluded.asked_at"
        )
        packs = [self.view.packs[each] for each in changes.packs if each in self.view.packs]
        packs.sort(key=lambda pack: (pack.cut_ms, pack.id))
        self._db.executemany(sql, (self._pack_row(each) for each in packs))
        for pack in packs:
            self._moved(pack.id)

    def _moved(self, pack: bytes) -> None:
        self.moved |= {no for (no,) in self._db.execute("SELECT no FROM pack WHERE id=?", (pack,))}

    def _pack_row(self, pack: Pack) -> tuple[object, ...]:
        lay, new = pack.lay, pack.next or Lay(0, b"", b"")
        away = self.view.taken_back.get(pack.id, ())
        return (
            pack.id, pack.locker, int(pack.kind), pack.size, pack.precious, pack.cut_ms, lay.k, lay.hosts, lay.marks,
            new.k, new.hosts, new.marks, bytes(x for each in pack.formers for x in each),
            bytes(x for each in away for x in each), pack.dropped_at, pack.dropped_head, pack.asked_at,
        )  # fmt: skip

    def _load(self) -> None:
        view = self.view
        for name in _TIMES:
            setattr(view, name, found if (found := self._meta(name)) is not None else getattr(view, name))
        caps = self._meta("caps")
        if caps is not None:
            up, down, windows, paused = json.loads(caps)
            view.caps = Caps(up, down, tuple(HourWindow(*each) for each in windows), paused)
        for row in self._db.execute("SELECT * FROM peer"):
            peer = Peer(**dict(zip(_names(Peer, "online", "room"), row, strict=True)))
            peer.state, peer.delegate = PeerState(peer.state), bool(peer.delegate)
            view.peers[peer.key] = view.by_number[peer.number] = peer
        for *row, asked, cut in self._db.execute("SELECT * FROM locker"):
            locker = Locker(**dict(zip(_names(Locker, "asked", "cut"), row, strict=True)))
            locker.asked, locker.cut = _days(asked), _days(cut)
            locker.custody, locker.halted = bool(locker.custody), bool(locker.halted)
            view.lockers[locker.id] = locker
        for row in self._db.execute("SELECT * FROM standing"):
            each = Standing(*row)
            each.good, each.deep = bool(each.good), bool(each.deep)
            view.standings[each.number, each.locker] = each
        for row in self._db.execute("SELECT * FROM pack ORDER BY no"):
            view.load(*_pack(row))

    # Beside the view

    def set_source(self, pack: bytes, file: str, digest: bytes, prelude: bytes) -> None:
        """Remember where a pack comes from."""
        with _translated():
            self._begin()
            self._put("source", (pack, file, digest, prelude))

    def source(self, pack: bytes) -> Source:
        """Return where a pack comes from; raises Missing."""
        row = self._row("SELECT file, digest, prelude FROM source WHERE pack=?", pack)
        if row is None:
            raise Missing(what="pack")
        return Source(*row)

    def set_shard_ids(self, pack: bytes, k: int, ids: Sequence[bytes]) -> None:
        """Remember the ids of the shards 0, 1 ... of a pack; receipts that are known stay."""
        with _translated():
            self._begin()
            self._db.executemany(
                "INSERT INTO shard VALUES(?,?,?,?,NULL) ON CONFLICT DO UPDATE SET id=excluded.id",
                ((pack, k, index, each) for index, each in enumerate(ids)),
            )

    def set_shard_id(self, pack: bytes, k: int, index: int, id: bytes) -> None:
        """Remember the id of one shard of a pack, as somebody told who knew it."""
        with _translated():
            self._begin()
            self._db.execute("INSERT INTO shard VALUES(?,?,?,?,NULL) ON CONFLICT DO NOTHING", (pack, k, index, id))

    def shard_id(self, pack: bytes, k: int, index: int) -> bytes | None:
        """Return the id of a shard, None while it was never worked out."""
        row = self._row("SELECT id FROM shard WHERE pack=? AND k=? AND shard=?", pack, k, index)
        return row[0] if row else None

    def set_receipt(self, pack: bytes, k: int, index: int, receipt: bytes) -> None:
        """Keep the signed receipt of a shard whose id is known."""
        with _translated():
            self._begin()
            self._db.execute("UPDATE shard SET receipt=? WHERE pack=? AND k=? AND shard=?", (receipt, pack, k, index))

    def receipt(self, pack: bytes, k: int, index: int) -> bytes | None:
        """Return the signed receipt of a shard."""
        row = self._row("SELECT receipt FROM shard WHERE pack=? AND k=? AND shard=?", pack, k, index)
        return row[0] if row else None

    def set_paper(self, kind: str, about: bytes, data: bytes) -> None:
        """Keep one signed piece of a kind (``card``, ``custody``, ``head`` ...) about a peer or a locker."""
        with _translated():
            self._begin()
            self._put("paper", (kind, about, data))

    def paper(self, kind: str, about: bytes) -> bytes | None:
        """Return it."""
        row = self._row("SELECT data FROM paper WHERE kind=? AND about=?", kind, about)
        return row[0] if row else None

    def papers(self, kind: str) -> dict[bytes, bytes]:
        """Return all of a kind by what they are about."""
        with _translated():
            return dict(self._db.execute("SELECT about, data FROM paper WHERE kind=?", (kind,)))

    def pieces(self, kind: str) -> tuple[bytes, ...]:
        """Return what all papers of a kind hold that are CBOR arrays of pieces."""
        lists = [loads(data) for data in self.papers(kind).values()]
        return tuple(each for of in lists if isinstance(of, list) for each in of if isinstance(each, bytes))

    def drop_paper(self, kind: str, about: bytes) -> None:
        """Forget it."""
        with _translated():
            self._begin()
            self._db.execute("DELETE FROM paper WHERE kind=? AND about=?", (kind, about))

    def add_notice(self, time_ms: int, peer: bytes, kind: str, text: str) -> None:
        """Keep what a peer (or this box: empty) said."""
        with _translated():
            self._begin()
            self._put("notice", (None, time_ms, peer, kind, text))
            self._db.execute("DELETE FROM notice WHERE no <= (SELECT max(no) FROM notice) - ?", (_NOTICES,))

    def notices(self, limit: int = 50) -> list[NoticeRow]:
        """Return what was said, newest first."""
        with _translated():
            rows = self._db.execute("SELECT * FROM notice ORDER BY no DESC LIMIT ?", (limit,))
            return [NoticeRow(*row) for row in rows]

    def manifest(self, locker: bytes) -> Iterator[ManifestPack]:
        """The packs of a locker as delegates are told: those of which every shard id is known."""
        for pack in list(self.view.packs.values()):
            if pack.locker != locker or not pack.lay.held() or pack.dropped_at >= 0:
                continue
            rows = self._all("SELECT id FROM shard WHERE pack=? AND k=? ORDER BY shard", pack.id, pack.lay.k)
            if len(rows) >= pack.lay.n:
                shards = tuple(Placed(id, self._hosts(pack.lay, at)) for at, (id,) in enumerate(rows[: pack.lay.n]))
                yield ManifestPack(self.source(pack.id).digest, pack.size, pack.precious, pack.lay.k, shards)

    def last_no(self) -> int:
        """The number of the pack that came last; 0 where there was none."""
        return int(self._all("SELECT coalesce(max(no), 0) FROM pack")[0][0])

    def packs_from(self, first: int, count: int) -> dict[bytes, list[bytes]]:
        """Return the packs with numbers from ``first`` on, ``count`` numbers in all, by their lockers."""
        found: dict[bytes, list[bytes]] = {}
        sql = "SELECT locker, id FROM pack WHERE no >= ? AND no < ? ORDER BY no"
        for locker, id in self._all(sql, first, first + count):
            found.setdefault(locker, []).append(id)
        return found

    def numbers_from(self, first: int, count: int) -> dict[bytes, int]:
        """Return the packs with numbers from ``first`` on, ``count`` numbers in all, and their numbers."""
        return dict(self._all("SELECT id, no FROM pack WHERE no >= ? AND no < ?", first, first + count))

    def place(self, id: bytes) -> PackPlace | None:
        """Return where the receipted shards of a pack are, as the book has it; None for one that is nowhere.

        A dropped one stays until its shards are asked away: what took its place may not be with friends yet.
        """
        pack = self.view.packs.get(id)
        if pack is None or pack.asked_at >= 0:
            return None
        lays = [each for each in (pack.lay, pack.next) if each is not None and each.held()]
        lay = next((each for each in lays if each.held() >= each.k), lays[0] if lays else None)
        if lay is None:
            return None
        ids = dict(self._all("SELECT shard, id FROM shard WHERE pack=? AND k=?", id, lay.k))
        source, peers = self.source(id), self.view.by_number
        shards = tuple(
            ShardAt(index, ids[index], peers[lay.hosts[index]].key)
            for index, mark in enumerate(lay.marks)
            if mark == Mark.HELD and index in ids and peers[lay.hosts[index]].state is not PeerState.LEFT
        )
        return PackPlace(
            id, source.prelude, int(pack.kind), pack.size, source.digest, pack.precious, lay.k, lay.n, shards
        )

    def find_shard(self, locker: bytes, shard: bytes) -> tuple[bytes, int, int] | None:
        """Return (pack, k, number) of a shard of a locker by its id, None for one that is nowhere needed; slow."""
        for pack, k, index in self._all("SELECT pack, k, shard FROM shard WHERE id=?", shard):
            known = self.view.packs.get(pack)
            if known is not None and known.locker == locker and known.dropped_at < 0:
                return pack, k, index
        return None

    def _hosts(self, lay: Lay, index: int) -> tuple[bytes, ...]:
        return (self.view.by_number[lay.hosts[index]].key,) if lay.marks[index] == Mark.HELD else ()

    def _meta(self, key: str) -> Any:
        row = self._row("SELECT value FROM meta WHERE key=?", key)
        return row[0] if row else None

    def _row(self, sql: str, *args: object) -> tuple[Any, ...] | None:
        rows = self._all(sql, *args)
        return rows[0] if rows else None

    def _all(self, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        with _translated():
            return self._db.execute(sql, args).fetchall()


def _names(of: type[Peer | Locker], *without: str) -> list[str]:
    return [field.name for field in fields(of) if field.name not in without]


def _days(text: str) -> dict[int, int]:
    return {int(day): int(size) for day, size in json.loads(text).items()}


def _threes(data: bytes) -> tuple[tuple[int, int, int], ...]:
    return tuple((data[at], data[at + 1], data[at + 2]) for at in range(0, len(data), 3))


def _pack(row: tuple[Any, ...]) -> tuple[Pack, list[tuple[int, int, int]]]:
    _, id, locker, kind, size, precious, cut_ms, k, hosts, marks, next_k, next_hosts, next_marks = row[:13]
    formers, away, dropped_at, dropped_head, asked_at = row[13:]
    new = Lay(next_k, next_hosts, next_marks) if next_k else None
    before = tuple(Former(*each) for each in _threes(formers))
    pack = Pack(id, locker, Kind(kind), size, bool(precious), cut_ms, Lay(k, hosts, marks), new, before)
    pack.dropped_at, pack.dropped_head, pack.asked_at = dropped_at, dropped_head, asked_at
    return pack, list(_threes(away))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except apsw.FullError as error:
        raise Full(need_mib=1, free_mib=0) from error
    except (apsw.NotADBError, apsw.CorruptError, apsw.IOError, apsw.CantOpenError) as error:
        raise Damaged(what=CIRCLE) from error
