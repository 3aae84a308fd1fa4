"""The catalog's rows about uploads under way. SQL only; what they mean stands in firmware.locker.uploads."""

from __future__ import annotations

from collections.abc import Iterator

from firmware.limits import UPLOADS_DONE
from firmware.linux.sqlite import Connection
from firmware.locker.rows import UploadRow

_COLUMNS = "id, made, name, size, mtime_ns, mime, collide, state, kept, tail, tail_size, expires_ms, record"


class UploadRows(Connection):
    """The part of the catalog that remembers uploads."""

    def upload(self, id: bytes) -> UploadRow | None:
        """One upload, finished or not."""
        row = self._row(f"SELECT {_COLUMNS} FROM upload WHERE id=?", id)  # noqa: S608 constant columns
        return UploadRow(*row) if row else None

    def uploads(self, now_ms: int, limit: int) -> list[UploadRow]:
        """Open uploads that did not expire, begun last first."""
        sql = f"SELECT {_COLUMNS} FROM upload WHERE state='open' AND expires_ms>? ORDER BY made DESC LIMIT ?"  # noqa: S608
        return [UploadRow(*row) for row in self._all(sql, now_ms, limit)]

    def open_uploads(self) -> int:
        """How many uploads are open."""
        return int(self._one("SELECT count(*) FROM upload WHERE state='open'"))

    def save_upload(self, row: UploadRow) -> None:
        """Insert or replace one upload."""
        self._do(
            "INSERT OR REPLACE INTO upload VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                row.id, row.made_ms, row.name, row.size, row.mtime_ns, row.mime, row.collide, row.state, row.kept,
                row.tail, row.tail_size, row.expires_ms, row.record,
            ),
        )  # fmt: skip

    def add_upload_part(self, id: bytes, at: int, chunks: bytes) -> None:
        """Remember the next chunks of an upload; they begin at offset ``at``."""
        self._do("INSERT OR REPLACE INTO upload_part VALUES(?,?,?)", (id, at, chunks))

    def upload_chunks(self, id: bytes) -> bytes:
        """The chunks of an upload so far, ids end to end."""
        return b"".join(row[0] for row in self._all("SELECT chunks FROM upload_part WHERE id=? ORDER BY at", id))

    def upload_ids(self) -> Iterator[bytes]:
        """Every chunk an open upload relies on."""
        for (chunks,) in self._each("SELECT chunks FROM upload_part UNION ALL SELECT tail FROM upload"):
            for at in range(0, len(chunks), 32):
                yield chunks[at : at + 32]

    def drop_upload(self, id: bytes) -> None:
        """Forget one upload."""
        self._do("DELETE FROM upload_part WHERE id=?", (id,))
        self._do("DELETE FROM upload WHERE id=?", (id,))

    def drop_expired_uploads(self, now_ms: int) -> None:
        """Forget uploads nobody went on with, and finished ones beyond UPLOADS_DONE."""
        self._do("DELETE FROM upload WHERE expires_ms<=?", (now_ms,))
        self._do(
            "DELETE FROM upload WHERE id IN (SELECT id FROM upload WHERE state<>'open' ORDER BY made DESC "
            "LIMIT -1 OFFSET ?)",
            (UPLOADS_DONE,),
        )
        self._do("DELETE FROM upload_part WHERE id NOT IN (SELECT id FROM upload)")
