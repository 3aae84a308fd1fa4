"""Bringing an old version of a record back: as its newest version, so that nothing of its history is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firmware import chain
from firmware.errors import Conflict, NoSuchRecord
from firmware.limits import TEXT_INDEX_BYTES
from firmware.locker.texts import text_to_note
from firmware.model import RecordState
from firmware.model.mime import mime_of

if TYPE_CHECKING:
    from firmware.locker.locker import Locker


def revert(locker: Locker, id: str, version: int) -> None:
    """Make the bytes of ``version`` the newest version again; no byte is read but its beginning. Commit afterwards.

    Raises NoSuchRecord when there is no such version (any more), Conflict for a record in the bin.
    """
    locker.settle()
    record = locker.get(id)
    if record.state is not RecordState.LIVE:
        raise Conflict(why="the record is in the bin")
    rid = bytes.fromhex(record.id)
    chosen = next((one for one in locker.catalog.versions(rid) if one.number == version), None)
    content = locker.catalog.content(rid, version)
    if chosen is None or content is None:
        raise NoSuchRecord(what=f"{record.id} in version {version}")
    if version == record.version:
        return
    head = b"".join(locker.read(record.id, version=version, stop=TEXT_INDEX_BYTES))
    mime = mime_of(record.name, head)
    locker.queue_change(
        chain.Put(
            rid, record.version + 1, record.name.raw, content.size, chosen.mtime_ns, locker.now_ms, mime,
            content.chunks, content.depth, text_to_note(mime, content.size, head),
        )
    )  # fmt: skip
