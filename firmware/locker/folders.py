"""Folders as native clients know them. A locker has none: a folder is what names have in common before a slash.

Two things need more than that: a folder nothing lies in yet, and notes about a folder (properties of WebDAV clients).
Both are a hidden record ``<folder>/.locker-folder`` of the media type FOLDER_MIME; its content is the note, or empty.
So they move, copy and vanish with the folder, are sealed like everything else and survive a rebuild of the catalog.

Where several live records bear one name (two phones, one IMG_0001.JPG), the newest has it; the others are listed with
the end of their id in the name, ``IMG_0001~1f2e3d4c.JPG``, and found again by it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from firmware import chain
from firmware.chunk import chunk_id
from firmware.errors import BadName, Misused, NoSuchRecord, TooLarge
from firmware.limits import FOLDER_NOTE_BYTES, TEXT_INDEX_BYTES, TEXT_INLINE_BYTES
from firmware.locker.packs import PackShelf
from firmware.locker.rows import Catalog, Inside
from firmware.model import RecordState, SafeName
from firmware.model.mime import is_text, needs_reader
from firmware.model.text import decode_text
from firmware.pack import Kind

if TYPE_CHECKING:
    from firmware.locker.locker import Locker

FOLDER_MIME = "application/vnd.lockerbox.folder"
LEAF = b".locker-folder"
STEP = 500
"""Records one step of a move, copy or removal changes; between two steps others have their turn."""

_ROWS = 256
_ID_END = 8
_ALIAS = re.compile(rb"(.*)~([0-9a-f]{8})(\.[^./~]*)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Listed:
    """One thing in a folder: its last name and, for a file, its record; ``file`` None = a folder."""

    leaf: bytes
    file: Inside | None


@dataclass(frozen=True, slots=True)
class Place:
    """What lies at a path: a file, a folder, both or nothing; ``above`` = the folder around it exists."""

    file: Inside | None
    folder: bool
    above: bool
    note: str = ""
    note_above: str = ""


def is_hidden(name: bytes, mime: str) -> bool:
    """Say whether a put under ``name`` is the box's own note about a folder."""
    return mime == FOLDER_MIME and name.rpartition(b"/")[2] == LEAF


# ---------------------------------------------------------------- looking


def look(catalog: Catalog, shelf: PackShelf, path: str) -> Place:
    """Say what lies at ``path`` ("" = the whole locker); raises BadName, Damaged."""
    name = _raw(path)
    file = _file(catalog, name) if name else None
    above = name.rpartition(b"/")[0]
    return Place(
        file,
        _exists(catalog, name),
        _exists(catalog, above),
        _note(catalog, shelf, name),
        _note(catalog, shelf, above) if name else "",
    )


def listing(catalog: Catalog, path: str, cursor: str | None, limit: int) -> tuple[list[Listed], str | None]:
    """Return up to ``limit`` things right inside a folder, by name, and where to go on; raises BadName, Misused."""
    prefix = _prefix(_raw(path))
    after = _after(cursor) if cursor else (prefix, -1)
    found: list[Listed] = []
    while True:
        rows = catalog.inside(prefix, after, _ROWS)
        last = len(rows) < _ROWS
        for row, following in zip_longest(rows, rows[1:]):
            if following is None and not last and len(rows) > 1:
                break  # whether a record of the same name follows is seen in the next batch
            if (row.name, row.row) <= after:
                continue
            leaf, slash, _ = row.name[len(prefix) :].partition(b"/")
            after = (prefix + leaf + b"0", -1) if slash else (row.name, row.row)
            if slash or row.state is RecordState.LIVE:
                older = following is not None and (following.name, following.state) == (row.name, row.state)
                found.append(Listed(leaf, None) if slash else Listed(_alias(leaf, row.id) if older else leaf, row))
            if len(found) == limit:
                return found, f"{after[0].hex()}.{after[1]}"
        if last:
            return found, None


def _raw(path: str) -> bytes:
    return SafeName(path).raw if path else b""


def _prefix(name: bytes) -> bytes:
    return name + b"/" if name else b""


def _after(cursor: str) -> tuple[bytes, int]:
    name, _, row = cursor.partition(".")
    try:
        return bytes.fromhex(name), int(row[:20])
    except ValueError:
        raise Misused(why="this page does not exist any more") from None


def _rows_named(catalog: Catalog, name: bytes, state: RecordState) -> list[Inside]:
    """Rows of exactly this name, the newest record last."""
    found: list[Inside] = []
    after = (name, -1)
    while True:
        rows = catalog.inside(name, after, _ROWS)
        same = [row for row in rows if row.name == name]
        found += [row for row in same if row.state is state]
        if len(same) < len(rows) or len(rows) < _ROWS:
            return found
        after = (name, same[-1].row)


def _file(catalog: Catalog, name: bytes) -> Inside | None:
    rows = _rows_named(catalog, name, RecordState.LIVE)
    if rows:
        return rows[-1]
    alias = _ALIAS.fullmatch(name)
    if alias is None:
        return None
    end = alias[2].decode()
    for row in _rows_named(catalog, alias[1] + (alias[3] or b""), RecordState.LIVE)[:-1]:
        if row.id.hex().endswith(end):
            return row
    return None


def _alias(leaf: bytes, id: bytes) -> bytes:
    stem, dot, kind = leaf.rpartition(b".")
    if not dot or not stem or b"~" in kind:
        stem, dot, kind = leaf, b"", b""
    return stem + b"~" + id.hex()[-_ID_END:].encode() + dot + kind


def _exists(catalog: Catalog, name: bytes) -> bool:
    return not name or bool(catalog.inside(name + b"/", (name + b"/", -1), 1))


def _marker(catalog: Catalog, name: bytes) -> Inside | None:
    rows = _rows_named(catalog, _prefix(name) + LEAF, RecordState.HIDDEN)
    return rows[-1] if rows else None


def _note(catalog: Catalog, shelf: PackShelf, name: bytes) -> str:
    marker = _marker(catalog, name)
    if marker is None or not marker.size:
        return ""
    content = catalog.content(marker.id, None)
    return shelf.chunk(content.chunks).decode("utf-8", "replace") if content else ""


# ---------------------------------------------------------------- changing; commit afterwards


def make(locker: Locker, path: str, note: str | None = None) -> None:
    """Make the folder ``path`` stay although nothing lies in it; ``note`` replaces what is noted about it.

    Raises BadName, TooLarge, Full.
    """
    locker.settle()
    name = _raw(path)
    marker = _marker(locker.catalog, name)
    data = (note or "").encode()
    if len(data) > FOLDER_NOTE_BYTES:
        raise TooLarge(limit=f"{FOLDER_NOTE_BYTES} bytes of notes about one folder")
    if marker is not None and note is None:
        return
    full = SafeName((_prefix(name) + LEAF).decode("utf-8", "surrogateescape"))
    chunks = b""
    if data:
        chunks = chunk_id(locker.id_key, data)
        locker.add_chunk(Kind.META, chunks, data, compress=True)
    now = locker.now_ms
    rid = marker.id if marker else now.to_bytes(6, "big") + locker.home.entropy.bytes(10)
    version = marker.version + 1 if marker else 1
    locker.queue_change(
        chain.Put(rid, version, full.raw, len(data), now * 1_000_000, now, FOLDER_MIME, chunks, 0, None)
    )
    if marker:
        locker.queue_change(chain.Trim(rid, [marker.version]))


def move(locker: Locker, path: str, to: str) -> int:
    """Give up to STEP records below ``path`` names below ``to``; call again until it returns 0. Raises BadName."""
    old, new = apart(path, to)
    locker.settle()
    rows = locker.catalog.inside(old + b"/", (old + b"/", -1), STEP)
    for row in rows:
        locker.queue_change(chain.Rename(row.id, _renamed(row, old, new).raw))
    return len(rows)


def copy(locker: Locker, path: str, to: str, after: tuple[bytes, int] | None) -> tuple[bytes, int] | None:
    """Copy up to STEP records below ``path`` without reading their bytes; return where to go on, None = done."""
    old, new = apart(path, to)
    locker.settle()
    rows = locker.catalog.inside(old + b"/", after or (old + b"/", -1), STEP)
    for row in rows:
        _copy(locker, row, _renamed(row, old, new))
    return (rows[-1].name, rows[-1].row) if len(rows) == STEP else None


def copy_file(locker: Locker, file: Inside, to: str) -> None:
    """Make a further record of the same bytes; raises BadName, NoSuchRecord."""
    locker.settle()
    _copy(locker, file, SafeName(to))


def remove(locker: Locker, path: str) -> int:
    """Put up to STEP records below ``path`` into the bin (notes are forgotten); call again until it returns 0."""
    locker.settle()
    prefix = _prefix(_raw(path))
    rows = locker.catalog.inside(prefix, (prefix, -1), STEP)
    live = [row.id for row in rows if row.state is RecordState.LIVE]
    notes = [row.id for row in rows if row.state is RecordState.HIDDEN]
    if live:
        locker.queue_change(chain.Delete(live, locker.now_ms))
    if notes:
        locker.queue_change(chain.Forget(notes, locker.now_ms))
    return len(rows)


def remove_file(locker: Locker, path: str) -> None:
    """Put the file at ``path`` into the bin; older records of its name get the names they are listed under."""
    locker.settle()
    file = _file(locker.catalog, _raw(path))
    if file is None:
        return
    for row in _rows_named(locker.catalog, file.name, RecordState.LIVE):
        if row.id != file.id and file.name == _raw(path):
            above, slash, leaf = row.name.rpartition(b"/")
            locker.queue_change(chain.Rename(row.id, above + slash + _alias(leaf, row.id)))
    locker.queue_change(chain.Delete([file.id], locker.now_ms))


def touch(locker: Locker, id: str, mtime_ns: int) -> None:
    """Give a record another modification time: a version with the same bytes; raises NoSuchRecord."""
    locker.settle()
    record = locker.get(id)
    content = locker.catalog.content(bytes.fromhex(record.id), None)
    if content is None:
        raise NoSuchRecord(what=id[:80])
    if record.mtime_ns != mtime_ns:
        text = _text(locker, record.id, record.mime, content.size)
        locker.queue_change(
            chain.Put(
                bytes.fromhex(record.id), record.version + 1, record.name.raw, content.size, mtime_ns, locker.now_ms,
                record.mime, content.chunks, content.depth, text,
            )
        )  # fmt: skip


def apart(path: str, to: str) -> tuple[bytes, bytes]:
    """Return both as bytes; raises BadName when ``to`` lies inside ``path`` or is the whole locker."""
    old, new = _raw(path), _raw(to)
    if not old or not new or (new + b"/").startswith(old + b"/"):
        raise BadName(why="a folder cannot go into itself")
    return old, new


def _renamed(row: Inside, old: bytes, new: bytes) -> SafeName:
    return SafeName((new + row.name[len(old) :]).decode("utf-8", "surrogateescape"))


def _copy(locker: Locker, row: Inside, name: SafeName) -> None:
    content = locker.catalog.content(row.id, None)
    if content is None:
        raise NoSuchRecord(what=row.id.hex())
    now = locker.now_ms
    rid = now.to_bytes(6, "big") + locker.home.entropy.bytes(10)
    text = _text(locker, row.id.hex(), row.mime, content.size)
    entry = chain.Put(
        rid, 1, name.raw, content.size, row.mtime_ns, now, row.mime, content.chunks, content.depth, text
    )  # fmt: skip
    locker.queue_change(entry)


def _text(locker: Locker, id: str, mime: str, size: int) -> str | bool | None:
    """What ``Put.finish`` would say about the text of these bytes."""
    if not size or not is_text(mime) or needs_reader(mime):
        return None
    if size <= TEXT_INLINE_BYTES:
        return True
    head = b"".join(locker.read(id, stop=TEXT_INDEX_BYTES))
    return decode_text(head, whole=False) or None
