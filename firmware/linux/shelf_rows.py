"""What this box knows of its shelves, and what belongs on them: SQLite beside the circle's own database.

``shelves.db`` holds the shelves and which packs are on each, also while they are away. The circle's database is only
read here (packs, where they come from, papers), by a connection of its own, so that a thread can do it. SQL only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, Final, NamedTuple

import apsw

from firmware.errors import Damaged, Full
from firmware.pack.format import Kind
from firmware.shelf import Wanted

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS shelf(id BLOB PRIMARY KEY, label TEXT, at TEXT, same_disk INT, added_ms INT, seen_ms INT,
    whole_ms INT, checked_ms INT, check_after BLOB, check_due INT, kind TEXT, total INT, free INT, waits INT,
    mended INT, rate INT, trouble TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS carry(shelf BLOB, peer BLOB, size INT, PRIMARY KEY(shelf, peer)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pack(shelf BLOB, id BLOB, size INT, PRIMARY KEY(shelf, id)) WITHOUT ROWID;
"""
_PAPERS: Final = ("key", "head", "custody", "capsule")
_BUSY_MS: Final = 10_000


class Place(NamedTuple):
    """A shard is number ``number`` of a pack's layout with this ``k``."""

    shard: bytes
    pack: bytes
    k: int
    number: int


@dataclass(slots=True)
class ShelfRow:
    """One shelf as it was last seen; times in ms, sizes in bytes."""

    id: bytes
    label: str
    at: str
    same_disk: bool = False
    added_ms: int = 0
    seen_ms: int = 0
    whole_ms: int = 0
    """When everything there was to keep was on it; 0 never."""
    checked_ms: int = 0
    """When the last round of reading everything back ended; 0 never."""
    check_after: bytes = b""
    """Where the round under way stands: the last pack that was read."""
    check_due: bool = False
    """The owner asked for a whole round now."""
    kind: str = ""
    total: int = 0
    free: int = 0
    waits: int = 0
    """Bytes that belong on it and were not there when it was seen last."""
    mended: int = 0
    """Packs that had to be written anew because they had changed or could not be read."""
    rate: int = 0
    """Bytes a second it took lately."""
    trouble: str = ""


class ShelfRows:
    """``shelves.db`` in the circle's folder. One thread uses one; several may be open."""

    def __init__(self, folder: Path) -> None:
        """Open or create; raises Damaged, Full."""
        with _translated():
            self._db = apsw.Connection(str(folder / "shelves.db"))
            self._db.set_busy_timeout(_BUSY_MS)
            for setting in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-1024", "trusted_schema=OFF"):
                self._db.execute(f"PRAGMA {setting}").fetchall()
            self._db.execute(_SCHEMA)
            (folder / "shelves.db").chmod(0o600)
            flags = apsw.SQLITE_OPEN_READWRITE  # a reader of a WAL keeps its index too
            self._circle = apsw.Connection(str(folder / "circle.db"), flags=flags)
            self._circle.set_busy_timeout(_BUSY_MS)
            self._circle.execute("PRAGMA query_only=ON").fetchall()

    def close(self) -> None:
        """Close both."""
        for each in (self._db, self._circle):
            with suppress(apsw.Error):
                each.close(True)

    # Shelves

    def shelves(self) -> list[ShelfRow]:
        """Return all shelves in the order in which they were added."""
        with _translated():
            rows = _all(self._db, "SELECT * FROM shelf ORDER BY added_ms, id")
        found = [ShelfRow(*row) for row in rows]
        for each in found:
            each.same_disk, each.check_due = bool(each.same_disk), bool(each.check_due)
        return found

    def put(self, row: ShelfRow) -> None:
        """Write one down, durably."""
        marks = ",".join("?" * len(fields(ShelfRow)))
        with _translated():
            self._db.execute(f"INSERT OR REPLACE INTO shelf VALUES({marks})", astuple(row))

    def drop(self, id: bytes) -> None:
        """Forget a shelf and what is on it."""
        with _translated(), self._db:
            self._db.execute("DELETE FROM shelf WHERE id=?", (id,))
            self._db.execute("DELETE FROM pack WHERE shelf=?", (id,))
            self._db.execute("DELETE FROM carry WHERE shelf=?", (id,))

    # What is on them

    def here(self, shelf: bytes, packs: Iterable[tuple[bytes, int]]) -> None:
        """These packs (id, size of the file) are on the shelf."""
        with _translated(), self._db:
            self._db.executemany("INSERT OR REPLACE INTO pack VALUES(?,?,?)", ((shelf, id, size) for id, size in packs))

    def gone(self, shelf: bytes, packs: Iterable[bytes]) -> None:
        """These are not on it any more."""
        with _translated(), self._db:
            self._db.executemany("DELETE FROM pack WHERE shelf=? AND id=?", ((shelf, id) for id in packs))

    def packs(self, shelf: bytes) -> set[bytes]:
        """Return what is on a shelf, as far as is known."""
        with _translated():
            return {id for (id,) in _all(self._db, "SELECT id FROM pack WHERE shelf=?", shelf)}

    def kept(self, shelf: bytes) -> tuple[int, int]:
        """Return how many packs are on a shelf, and their bytes."""
        with _translated():
            sql = "SELECT count(*), coalesce(sum(size), 0) FROM pack WHERE shelf=?"
            count, size = _all(self._db, sql, shelf)[0]
        return count, size

    def holding(self, packs: Sequence[bytes]) -> bytes | None:
        """Return the shelf, of those that have all of these packs, that was seen last; None when none has."""
        wanted = set(packs)
        if not wanted:
            return None
        with _translated():
            for (shelf,) in _all(self._db, "SELECT id FROM shelf ORDER BY seen_ms DESC"):
                sql = "SELECT 1 FROM pack WHERE shelf=? AND id=?"
                if all(_all(self._db, sql, shelf, each) for each in wanted):
                    found: bytes = shelf
                    return found
        return None

    # What they carry

    def carry(self, shelf: bytes, peer: bytes, size: int) -> None:
        """So many bytes of shards for a peer are on the shelf."""
        with _translated():
            self._db.execute("INSERT OR REPLACE INTO carry VALUES(?,?,?)", (shelf, peer, size))

    def carries(self, shelf: bytes) -> list[tuple[bytes, int]]:
        """Return (peer, bytes) of what a shelf carries."""
        with _translated():
            rows = _all(self._db, "SELECT peer, size FROM carry WHERE shelf=? ORDER BY peer", shelf)
            return [(peer, size) for peer, size in rows]

    def places_of(self, shards: set[bytes]) -> list[Place]:
        """Return what these shards are of; one reading of the whole table."""
        with _translated():
            rows = self._circle.execute("SELECT id, pack, k, shard FROM shard")
            return [Place(id, pack, k, index) for id, pack, k, index in rows if id in shards]

    # What belongs on them

    def lockers(self) -> list[tuple[bytes, str]]:
        """Return every locker of this box, with its folder's name."""
        with _translated():
            rows = _all(self._circle, "SELECT about, data FROM paper WHERE kind='folder' ORDER BY about")
            return [(id, folder.decode()) for id, folder in rows]

    def wanted(self, locker: bytes) -> Iterator[tuple[Wanted, str]]:
        """Yield the cut packs of a locker with the names of their files."""
        sql = (
            "SELECT pack.id, kind, size, digest, precious, file FROM pack JOIN source ON source.pack=pack.id "
            "WHERE locker=? AND dropped_at < 0"
        )
        with _translated():
            for id, kind, size, digest, precious, file in self._circle.execute(sql, (locker,)):
                yield Wanted(id, Kind(kind), size, digest, bool(precious)), file

    def papers(self, locker: bytes) -> dict[str, bytes]:
        """Return what a restorer needs besides packs, as far as it is there: key, head, custody, capsule."""
        with _translated():
            rows = _all(self._circle, "SELECT kind, data FROM paper WHERE about=?", locker)
        return {kind: data for kind, data in rows if kind in _PAPERS}

    def numbers(self, locker: bytes) -> tuple[int, int]:
        """Return the numbers of the newest head and capsule; -1 there is none."""
        with _translated():
            found = _all(self._circle, "SELECT head, capsule FROM locker WHERE id=?", locker)
        for head, capsule in found:
            return int(head), int(capsule)
        return -1, -1

    def awake_ms(self) -> int:
        """Return the awake time of this box."""
        with _translated():
            found = _all(self._circle, "SELECT value FROM meta WHERE key='awake_ms'")
        return int(found[0][0]) if found else 0


def _all(db: apsw.Connection, sql: str, *args: bytes) -> list[tuple[Any, ...]]:
    return db.execute(sql, args).fetchall()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except apsw.FullError:
        raise Full(need_mib=1, free_mib=0) from None
    except apsw.Error as error:
        raise Damaged(what="The list of shelves") from error
