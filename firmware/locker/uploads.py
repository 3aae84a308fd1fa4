"""Uploads that survive everything: a file in many pieces, whose state is a sealed row beside the catalog's records.

An upload is a Put whose chunks go into packs as they come. At every commit the row says how far its chunks reach
(``kept``) and, when a body ended there, which chunk holds the rest of what arrived (``tail``): their sum is the
durable offset. The tail is cut for the pause alone and read again afterwards, so the chunks of a file do not depend on
how often its sender slept, and a file that is here already is recognised. A rebuild of the catalog loses open uploads.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

from firmware.chunk import ResumingCutter, chunk_id
from firmware.errors import BoxError, Busy, Conflict, Damaged, Missing, NoSuchUpload, TooLarge, WrongOffset
from firmware.limits import GIB, MIB, TEXT_INDEX_BYTES, UPLOAD_BYTES, UPLOAD_DAYS, UPLOAD_DONE_DAYS, UPLOADS_OPEN
from firmware.locker.put import PACKED, Put
from firmware.locker.rows import UploadRow
from firmware.model import Collide, PutResult, PutState, SafeName
from firmware.model.days import DAY_MS
from firmware.model.mime import HEAD_BYTES, mime_of
from firmware.pack import Kind

if TYPE_CHECKING:
    from firmware.locker.locker import Locker

OPEN = "open"
ID_BYTES = 16
_WORTH_A_CHECK = 8 * MIB
"""Smaller uploads need no look at the free room of the disk before they begin."""


@dataclass(frozen=True, slots=True)
class Announced:
    """What a sender says about a file before its first byte."""

    name: SafeName
    size: int
    mtime_ns: int = 0
    mime: str | None = None
    collide: Collide = Collide.BESIDE


class Upload(Put):
    """One upload that takes bytes right now."""

    def __init__(self, locker: Locker, row: UploadRow) -> None:
        """Take up what ``row`` says; raises Damaged when what was kept cannot be read any more."""
        super().__init__(
            locker, SafeName(row.name.decode("utf-8", "surrogateescape")), mtime_ns=row.mtime_ns, size=row.size,
            mime=row.mime, collide=Collide(row.collide),
        )  # fmt: skip
        self.row = row
        self._cutter = self._pausing = ResumingCutter(row.size, locker.cut_seed, locker.cut_buffers)
        self._saved = 0
        if row.offset:
            self._take_up(locker)

    def _take_up(self, locker: Locker) -> None:
        chunks = locker.catalog.upload_chunks(self.row.id)
        self._ids = [chunks[at : at + 32] for at in range(0, len(chunks), 32)]
        self._saved, self._size = len(self._ids), self.row.kept
        length = 0
        for identity in self._ids:
            place = locker.catalog.place(identity)
            if place is None:
                raise Damaged(what="what arrived of this upload")
            length += place.length
            if len(self._head) < TEXT_INDEX_BYTES:
                self._head += locker.shelf.chunk(identity, place)[: TEXT_INDEX_BYTES - len(self._head)]
        if length != self.row.kept:
            raise Damaged(what="what arrived of this upload")
        if self.row.kept:
            self._pausing.go_on(self._head)
        if self.row.tail:
            self.write(locker.shelf.chunk(self.row.tail))

    def write(self, data: bytes | memoryview) -> None:
        """As Put.write; after an error this sender is refused, and what was durable stays."""
        try:
            super().write(data)
        except BoxError:
            self.lose()
            raise

    @property
    def received(self) -> int:
        """Bytes taken in, durable or not."""
        return self._size

    def lose(self) -> None:
        """Somebody else goes on with this upload, or the locker had to recover: take no more bytes."""
        super().lose()
        self._locker.uploads.leave(self)

    def save(self) -> None:
        """Write into the open transaction how far the chunks reach, if that is farther than what is known."""
        kept = self._size - self._pausing.waiting
        if kept > self.row.offset:
            self._write_row(kept, b"", 0)

    def _write_row(self, kept: int, tail: bytes, tail_size: int) -> None:
        locker = self._locker
        expires = locker.now_ms + UPLOAD_DAYS * DAY_MS
        if len(self._ids) > self._saved:
            locker.catalog.add_upload_part(self.row.id, self.row.kept, b"".join(self._ids[self._saved :]))
            self._saved = len(self._ids)
        self.row = replace(self.row, kept=kept, tail=tail, tail_size=tail_size, expires_ms=expires)
        locker.catalog.save_upload(self.row)

    def pause(self) -> None:
        """Make everything received part of the next commit and take no more; raises Full."""
        self._still()
        for piece in self._pausing.certain():
            self._keep(piece, Kind.DATA)
        rest = self._pausing.rest
        tail = b""
        if rest:
            tail = chunk_id(self._locker.id_key, rest)
            mime = self._mime or mime_of(self._name, self._head[:HEAD_BYTES])
            self._locker.add_chunk(Kind.DATA, tail, rest, compress=not mime.startswith(PACKED))
        if self._size > self.row.offset:
            self._write_row(self._size - len(rest), tail, len(rest))
        self._end()

    def _end(self) -> None:
        super()._end()
        self._locker.uploads.leave(self)


class Uploads:
    """All uploads of one locker; works on the writer's thread. What is changed here is durable after a commit."""

    def __init__(self, locker: Locker) -> None:
        """Nothing is taken in yet."""
        self._locker = locker
        self._active: dict[bytes, Upload] = {}
        self._unsettled: set[bytes] = set()
        self.dirty = False
        """Rows changed since the last commit."""
        self.moved: list[UploadRow] = []
        self._tidy_at = 0

    def begin(self, announced: Announced) -> UploadRow:
        """Make an upload. Raises TooLarge, Full, or Busy when too many are open. Commit afterwards."""
        locker = self._locker
        locker.settle()
        if announced.size > UPLOAD_BYTES:
            raise TooLarge(limit=f"{UPLOAD_BYTES // GIB} GiB")
        if announced.size > _WORTH_A_CHECK:
            locker.require_room(announced.size)
        if locker.now_ms >= self._tidy_at or locker.catalog.open_uploads() >= UPLOADS_OPEN:
            self._tidy()
            if locker.catalog.open_uploads() >= UPLOADS_OPEN:
                raise Busy(count=UPLOADS_OPEN)
        row = UploadRow(
            locker.home.entropy.bytes(ID_BYTES), locker.now_ms, announced.name.raw, announced.size, announced.mtime_ns,
            announced.mime, announced.collide.value, OPEN, 0, b"", 0, locker.now_ms + UPLOAD_DAYS * DAY_MS, b"",
        )  # fmt: skip
        locker.catalog.save_upload(row)
        self.dirty = True
        return self.finish(Upload(locker, row))[0] if announced.size == 0 else row

    def row(self, id: bytes) -> UploadRow:
        """Return what is known of an upload; raises NoSuchUpload."""
        row = self._locker.catalog.upload(id)
        if row is None or row.expires_ms <= self._locker.now_ms:
            raise NoSuchUpload
        return row

    def resume(self, id: bytes, offset: int) -> Upload:
        """Go on with an upload at its durable offset; whoever else was sending it is refused from now on.

        Raises NoSuchUpload, WrongOffset, Full; Conflict when it is finished.
        """
        locker = self._locker
        locker.settle()
        old = self._active.get(id)
        if old is not None:
            old.lose()
        if id in self._unsettled:
            locker.commit()  # what the pause queued has to be readable
        locker.catalog.begin()
        row = self.row(id)
        if offset != row.offset:
            raise WrongOffset(offset=row.offset)
        if row.state != OPEN:
            raise Conflict(why="this upload is complete.")
        if row.size - offset > _WORTH_A_CHECK:
            locker.require_room(row.size - offset)
        try:
            upload = Upload(locker, row)
        except (Damaged, Missing):
            self._again(row)
        self._active[id] = upload
        return upload

    def _again(self, row: UploadRow) -> NoReturn:
        """What arrived is damaged on the disk: forget it, so that it is sent once more and heals what shares it."""
        catalog = self._locker.catalog
        chunks = catalog.upload_chunks(row.id) + row.tail
        ids = (chunks[at : at + 32] for at in range(0, len(chunks), 32))
        catalog.drop_chunks([identity for identity in ids if not self._opens(identity)])
        catalog.drop_upload(row.id)
        catalog.save_upload(replace(row, kept=0, tail=b"", tail_size=0))
        self.dirty = True
        raise WrongOffset(offset=0)

    def _opens(self, identity: bytes) -> bool:
        try:
            self._locker.shelf.chunk(identity)
        except (Damaged, Missing):
            return False
        return True

    def pause(self, upload: Upload) -> UploadRow:
        """Everything received will be durable after the next commit; returns the row as it is then."""
        upload.pause()
        self._unsettled.add(upload.row.id)
        self.dirty = True
        return upload.row

    def stop(self, id: bytes) -> None:
        """Pause an upload if somebody is sending it, so that its offset holds still. Commit afterwards."""
        upload = self._active.get(id)
        if upload is not None:
            self.pause(upload)

    def stop_all(self) -> None:
        """Pause whatever is under way, as far as there is room: the locker closes."""
        for id in tuple(self._active):
            try:
                self.stop(id)
            except BoxError:
                continue  # it goes on from its last commit

    def finish(self, upload: Upload) -> tuple[UploadRow, PutResult]:
        """Turn a complete upload into a version of a record. Commit afterwards."""
        result = upload.finish()
        state = "same" if result.state is PutState.SAME else "stored"
        catalog, row = self._locker.catalog, upload.row
        row = replace(
            row, state=state, kept=row.size, tail=b"", tail_size=0, record=bytes.fromhex(result.id),
            expires_ms=self._locker.now_ms + UPLOAD_DONE_DAYS * DAY_MS,
        )  # fmt: skip
        catalog.drop_upload(row.id)
        catalog.save_upload(row)
        self.dirty = True
        return row, result

    def drop(self, id: bytes) -> None:
        """Forget an upload; what arrived goes at the next repack. Raises NoSuchUpload. Commit afterwards."""
        self._locker.settle()
        upload = self._active.get(id)
        if upload is not None:
            upload.lose()
        self.row(id)
        self._locker.catalog.drop_upload(id)
        self.dirty = True

    def leave(self, upload: Upload) -> None:
        """``upload`` takes no more bytes."""
        if self._active.get(upload.row.id) is upload:
            del self._active[upload.row.id]

    def save(self) -> None:
        """Write the progress of everything under way into the transaction that is about to be committed."""
        for upload in self._active.values():
            before = upload.row
            upload.save()
            if upload.row is not before:
                self.moved.append(upload.row)
        self.dirty = False
        self._unsettled.clear()

    def take_moved(self) -> list[UploadRow]:
        """Return what commits moved on since the last time this was asked."""
        moved, self.moved = self.moved, []
        return moved

    def forget(self) -> None:
        """The locker recovers: what was not committed is not there."""
        self._active.clear()
        self._unsettled.clear()
        self.dirty = False

    def _tidy(self) -> None:
        """Forget what expired; next time in an hour, or when too many are open."""
        now = self._locker.now_ms
        self._tidy_at = now + DAY_MS // 24
        self._locker.catalog.drop_expired_uploads(now)
