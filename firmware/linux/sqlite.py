"""One connection to an encrypted SQLite file (SQLite3 Multiple Ciphers by apsw): opening, one transaction, errors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from firmware.errors import Damaged, Full
from firmware.limits import CATALOG_CACHE_KIB
from firmware.linux.schema import SCHEMA, TABLES
from firmware.locker.rows import CATALOG
from firmware.seal import Secret

Row = tuple[Any, ...]


class Connection:
    """One encrypted database. The writer owns one; every reading thread owns another (``readonly``)."""

    def __init__(
        self,
        path: Path,
        key: Secret,
        *,
        cipher: str,
        readonly: bool = False,
        vfs: str | None = None,
        exclusive: bool = False,
        synchronous: str = "FULL",
    ) -> None:
        """Open or create; raises Damaged when the file does not open with ``key`` or has another schema.

        ``vfs``, ``exclusive`` and ``synchronous`` exist for the crash simulator and its negative controls.
        """
        flags = apsw.SQLITE_OPEN_READONLY if readonly else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        self._db: apsw.Connection | None = None
        self._in_transaction = False
        with _translated():
            self._db = apsw.Connection(str(path), flags=flags, vfs=vfs)
            try:
                self._prepare(key, cipher, exclusive=exclusive, synchronous=synchronous, readonly=readonly)
            except BaseException:
                self._db.close(True)
                raise

    def _prepare(self, key: Secret, cipher: str, *, exclusive: bool, synchronous: str, readonly: bool) -> None:
        db = self._sql
        db.set_busy_timeout(10_000)  # first: whoever looks in while a catalog is made anew waits for its lock, too
        db.execute(f"PRAGMA cipher='{cipher}'")
        db.execute(f'PRAGMA key="raw:{key.reveal().hex()}"')
        db.execute(f"PRAGMA cache_size=-{CATALOG_CACHE_KIB if not readonly else CATALOG_CACHE_KIB // 4}")
        self._pragmas("temp_store=MEMORY", "mmap_size=0", "trusted_schema=OFF")
        # Without this every bound value makes SQLite prepare the statement again: a quarter of a small file's CPU.
        db.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        if exclusive:
            db.execute("PRAGMA locking_mode=EXCLUSIVE")
        if not readonly:
            self._pragmas("journal_mode=WAL", f"synchronous={synchronous}", "wal_autocheckpoint=4000")
            self._pragmas("journal_size_limit=33554432", "secure_delete=FAST")
            if not db.execute("SELECT count(*) FROM sqlite_schema").get:
                with db:
                    db.execute(TABLES)
                    db.execute("INSERT INTO meta VALUES('schema', ?)", (str(SCHEMA),))
        if db.execute("SELECT value FROM meta WHERE key='schema'").get != str(SCHEMA):
            raise Damaged(what=CATALOG)
        self._point = db.cursor()
        self._next_rid = 1 + (db.execute("SELECT max(rid) FROM record").get or 0)

    def _pragmas(self, *settings: str) -> None:
        for setting in settings:  # one by one: a text of several ends at the first that answers
            self._sql.execute(f"PRAGMA {setting}").fetchall()

    @property
    def _sql(self) -> apsw.Connection:
        assert self._db is not None
        return self._db

    def begin(self) -> None:
        """Begin the transaction early: the many small look-ups of a put then share one lock."""
        if not self._in_transaction:
            with _translated():
                self._begin()

    def _do(self, sql: str, args: Row = ()) -> int:
        """Run one write inside the transaction; return how many rows changed."""
        with _translated():
            self._begin()
            self._sql.execute(sql, args)
            return self._sql.changes()

    def _many(self, sql: str, rows: Iterable[Row]) -> None:
        with _translated():
            self._begin()
            self._sql.executemany(sql, rows)

    def _begin(self) -> None:
        if not self._in_transaction:
            self._sql.execute("BEGIN IMMEDIATE")
            self._in_transaction = True

    def commit(self) -> None:
        """End the transaction durably (synchronous=FULL: the WAL is fsynced)."""
        if self._in_transaction:
            with _translated():
                self._sql.execute("COMMIT")
            self._in_transaction = False

    def rollback(self) -> None:
        """Forget the transaction."""
        if self._in_transaction:
            self._in_transaction = False
            with _translated():
                if not self._sql.get_autocommit():
                    self._sql.execute("ROLLBACK")
                self._next_rid = 1 + (self._sql.execute("SELECT max(rid) FROM record").get or 0)

    def close(self) -> None:
        """Close for good; an open transaction is rolled back."""
        if self._db is not None:
            try:
                self._db.close(True)
            except apsw.Error:
                pass  # tidying up its WAL failed; what was committed stands there, and the next opening reads it
            self._db = None

    def check(self) -> list[str]:
        """Return what SQLite's own integrity check complains about (empty = fine)."""
        try:
            said = [str(row[0]) for row in self._sql.execute("PRAGMA integrity_check(20)")]
        except apsw.Error as error:
            return [str(error)]
        return [] if said == ["ok"] else said

    def shrink(self) -> None:
        """Give freed pages back and merge the word index (after large deletions)."""
        self.commit()
        with _translated():
            self._sql.execute("INSERT INTO words(words) VALUES('optimize')")
            self._sql.execute("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")

    def _one(self, sql: str, *args: object) -> Any:
        row = self._row(sql, *args)
        return row[0] if row else None

    def _row(self, sql: str, *args: Any) -> Row | None:
        try:
            rows = self._point.execute(sql, args).fetchall()
        except apsw.Error as error:
            raise _meaning(error) from error
        return rows[0] if rows else None

    def _each(self, sql: str, *args: Any) -> Iterator[Row]:
        with _translated():
            yield from self._sql.execute(sql, args)

    def _all(self, sql: str, *args: Any) -> list[Row]:
        try:
            return self._point.execute(sql, args).fetchall()
        except apsw.Error as error:
            raise _meaning(error) from error


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        raise _meaning(error) from error


def _meaning(error: apsw.Error) -> Exception:
    """Translate what SQLite says into what the caller must do; a mistake of ours stays what it is."""
    if isinstance(error, apsw.FullError):
        return Full(need_mib=1, free_mib=0)
    if isinstance(error, apsw.NotADBError | apsw.CorruptError | apsw.IOError | apsw.CantOpenError | apsw.AuthError):
        return Damaged(what=CATALOG)
    return error
