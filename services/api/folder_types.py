"""Requests and responses about folders as native clients (WebDAV) know them; see firmware.locker.folders."""

from __future__ import annotations

from firmware import limits
from firmware.lean import dataclass
from firmware.model import MAX_NAME_BYTES
from services.api.decode import arg
from services.api.types import ID


@dataclass(frozen=True, slots=True)
class FileItem:
    """What a listing says about one file."""

    id: str = arg("The record's id.", pattern=ID)
    size: int = arg("Bytes.", low=0)
    mime: str = arg("Media type.")
    mtime_ns: int = arg("When the file was last changed.")
    stored_ms: int = arg("When the box took this version in.")
    version: int = arg("The newest version's number.", low=1)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing right inside a folder."""

    leaf: str = arg("Its last name.", raw=True)
    file: FileItem | None = arg("What is known about it; absent for a folder.", default=None)


@dataclass(frozen=True, slots=True)
class FolderPage:
    """A page of what lies right inside a folder."""

    items: tuple[Item, ...] = arg("By name, compared as bytes.")
    next: str | None = arg("Cursor of the next page; absent at the end.", default=None)


@dataclass(frozen=True, slots=True)
class FolderArgs:
    """Which folder to list."""

    path: str = arg("The folder; empty for the whole locker.", longest=MAX_NAME_BYTES, raw=True)
    cursor: str | None = arg("“next” of the page before.", default=None, longest=16_384)
    limit: int = arg("Entries in one answer.", default=100, low=1, high=limits.DAV_PAGE)


@dataclass(frozen=True, slots=True)
class Path:
    """Names a place in the locker."""

    path: str = arg("Path and name; empty for the whole locker.", longest=MAX_NAME_BYTES, raw=True)


@dataclass(frozen=True, slots=True)
class PathInfo:
    """What lies at a path."""

    folder: bool = arg("Whether a folder is there.")
    above: bool = arg("Whether the folder around it exists.")
    file: FileItem | None = arg("The file there, if there is one.", default=None)
    note: str = arg("What is noted about the folder.", default="")
    note_above: str = arg("What is noted about the folder around it.", default="")


@dataclass(frozen=True, slots=True)
class MakeFolder:
    """Make a folder that stays although nothing lies in it."""

    path: str = arg("The folder; empty for the whole locker.", longest=MAX_NAME_BYTES, raw=True)
    note: str | None = arg("Replaces what is noted about it.", default=None, longest=limits.FOLDER_NOTE_BYTES)


@dataclass(frozen=True, slots=True)
class FromTo:
    """Move or copy what lies at a path. A path that ends with a slash names the folder, any other a file first."""

    path: str = arg("What.", shortest=1, longest=MAX_NAME_BYTES, raw=True)
    to: str = arg("Its new path and name.", shortest=1, longest=MAX_NAME_BYTES, raw=True)
    replace: bool = arg("Put what lies there into the bin first.", default=False)
    deep: bool = arg("Copy what lies in the folder too.", default=True)


@dataclass(frozen=True, slots=True)
class Touch:
    """Give a record another modification time."""

    id: str = arg("The record's id.", pattern=ID)
    mtime_ns: int = arg("The new time (ns since 1970).", low=-(1 << 62), high=1 << 62)
