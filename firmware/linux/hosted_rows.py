"""The index of hosted shards: plain SQLite without fsync, a copy of what the folder says (docs/formats/hosted.md)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import apsw

from firmware.errors import Damaged, Full
from firmware.limits import HOST_BLOCK_BYTES

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS place(number INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS shard(place INTEGER NOT NULL, id BLOB NOT NULL, size INTEGER NOT NULL,
    received_ms INTEGER NOT NULL, ask INTEGER, PRIMARY KEY(place, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS asked ON shard(place, ask) WHERE ask IS NOT NULL;
"""
_SCHEMA: Final = 1
_CACHE_KIB: Final = 2048


class HeldRow(NamedTuple):
    """One whole shard; ``ask``: the request to delete it is part of, or None."""

    size: int
    received_ms: int
    ask: int | None


class HostedRows:
    """The rows; callers hold one lock around every call."""

    def __init__(self, path: Path) -> None:
        """Open or create; a file that is no database is replaced. ``fresh``: the folder must be read through."""
        self._path = path
        try:
            self.fresh = self._open()
        except (apsw.Error, Damaged):
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            self._open()
            self.fresh = True

    def _open(self) -> bool:
        os.close(os.open(self._path, os.O_CREAT | os.O_CLOEXEC, 0o600))  # the files beside it take its mode
        db = self._db = apsw.Connection(str(self._path))
        try:
            for setting in ("journal_mode=WAL", f"cache_size=-{_CACHE_KIB}", "temp_store=FILE", "synchronous=FULL"):
                db.execute(f"PRAGMA {setting}").fetchall()
            db.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
            db.execute(_TABLES)
            if db.execute("SELECT value FROM meta WHERE key='schema'").get not in (None, _SCHEMA):
                db.execute("DROP TABLE place; DROP TABLE shard; DROP TABLE meta;" + _TABLES)
            clean = bool(db.execute("SELECT value FROM meta WHERE key='clean'").get)
            db.execute("INSERT OR REPLACE INTO meta VALUES('schema', ?), ('clean', 0)", (_SCHEMA,))
            db.execute("PRAGMA synchronous=NORMAL").fetchall()
        except BaseException:
            db.close(True)
            raise
        return not clean

    def close(self, *, clean: bool) -> None:
        """Close; ``clean``: the rows are all there is, so the next opening need not read the folder."""
        with suppress(apsw.Error):
            if clean:
                self._db.execute("PRAGMA synchronous=FULL").fetchall()
                self._db.execute("INSERT OR REPLACE INTO meta VALUES('clean', 1)")
        with suppress(apsw.Error):
            self._db.close(True)

    def place(self, name: bytes) -> int:
        """Return the number of a place, a new one when it has none yet."""
        with _translated():
            self._db.execute("INSERT OR IGNORE INTO place(name) VALUES(?)", (name,))
            return int(self._one("SELECT number FROM place WHERE name=?", name))

    def keep_places(self, numbers: Sequence[int]) -> None:
        """Forget the rows of all other places."""
        with self._all_or_nothing():
            known = {int(row[0]) for row in self._db.execute("SELECT number FROM place")}
            for number in known - set(numbers):
                self._db.execute("DELETE FROM shard WHERE place=?", (number,))
                self._db.execute("DELETE FROM place WHERE number=?", (number,))

    def held(self, place: int, shard: bytes) -> HeldRow | None:
        """Return the row of a whole shard."""
        with _translated():
            sql = "SELECT size, received_ms, ask FROM shard WHERE place=? AND id=?"
            row = self._db.execute(sql, (place, shard)).fetchone()
        return HeldRow(*row) if row else None

    def add(self, place: int, shard: bytes, size: int, received_ms: int) -> None:
        """A shard became whole."""
        with _translated():
            self._db.execute("INSERT OR REPLACE INTO shard VALUES(?, ?, ?, ?, NULL)", (place, shard, size, received_ms))

    def drop(self, place: int, shards: Iterable[bytes]) -> None:
        """These are gone."""
        with self._all_or_nothing():
            self._db.executemany("DELETE FROM shard WHERE place=? AND id=?", ((place, each) for each in shards))

    def sums(self, place: int) -> tuple[int, int]:
        """Return how many shards a place has, and what they cost."""
        sql = "SELECT count(*), coalesce(sum((size + ?2 - 1) / ?2), 0) * ?2 FROM shard WHERE place=?1"
        with _translated():
            count, cost = self._db.execute(sql, (place, HOST_BLOCK_BYTES)).fetchall()[0]
        return _whole(count), _whole(cost)

    def merge(self, place: int, found: Iterable[tuple[bytes, int, int]]) -> None:
        """Make the rows of a place those of ``found`` (id, size, received ms): what its folder has."""
        with self._all_or_nothing():
            self._db.execute(
                "CREATE TEMP TABLE IF NOT EXISTS seen(id BLOB PRIMARY KEY, size, received_ms) WITHOUT ROWID"
            )
            self._db.execute("DELETE FROM seen")
            self._db.executemany("INSERT OR REPLACE INTO seen VALUES(?, ?, ?)", found)
            self._db.execute("DELETE FROM shard WHERE place=?", (place,))
            self._db.execute("INSERT INTO shard SELECT ?, id, size, received_ms, NULL FROM seen", (place,))
            self._db.execute("DELETE FROM seen")

    def ask(self, place: int, shards: Iterable[bytes], number: int | None) -> None:
        """These shards are asked away by request ``number``; by none when None."""
        with self._all_or_nothing():
            sql = "UPDATE shard SET ask=? WHERE place=? AND id=?"
            self._db.executemany(sql, ((number, place, each) for each in shards))

    def asked(self, place: int, number: int) -> list[bytes]:
        """Return the shards of one request that still wait."""
        with _translated():
            sql = "SELECT id FROM shard WHERE place=? AND ask=?"
            return [bytes(row[0]) for row in self._db.execute(sql, (place, number))]

    def ids(self, place: int, count: int) -> list[bytes]:
        """Return up to ``count`` shards of a place."""
        with _translated():
            return [
                bytes(row[0]) for row in self._db.execute("SELECT id FROM shard WHERE place=? LIMIT ?", (place, count))
            ]

    def _one(self, sql: str, *args: Any) -> Any:
        return self._db.execute(sql, args).get

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        with _translated(), self._db:
            yield


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except apsw.FullError as error:
        raise Full(need_mib=1, free_mib=0) from error
    except apsw.Error as error:
        raise Damaged(what="the index of hosted shards") from error


def _whole(value: object) -> int:
    assert isinstance(value, int), "SQLite sums whole numbers exactly"
    return value
