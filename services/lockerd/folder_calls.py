"""What the socket of one open locker answers about folders: look, list, make, move, copy, remove.

Moves and copies read and write no content: names and lists of chunks change. Large folders go in steps of
firmware.locker.folders.STEP records, each durable by itself, so that uploads need not wait.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from firmware import events
from firmware.errors import Conflict, Misused, NoSuchRecord
from firmware.linux.journal import Journal
from firmware.locker import Locker, folders
from firmware.locker.rows import Inside
from firmware.model import SafeName
from services.api import folder_types as f
from services.api import types as t
from services.api.server import Call, Handler
from services.lockerd.readers import Readers
from services.lockerd.store import Store


class FolderCalls:
    """Handlers over one locker's store and readers."""

    def __init__(self, member: str, store: Store, readers: Readers, journal: Journal) -> None:
        """All of them belong to the locker of ``member``."""
        self._member, self._store, self._readers, self._journal = member, store, readers, journal

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of every operation."""
        return {
            "look": self._look,
            "inside": self._inside,
            "make_folder": self._make,
            "move": self._move,
            "copy": self._copy,
            "remove": self._remove,
            "touch": self._touch,
        }

    async def _look(self, call: Call) -> f.PathInfo:
        found = await self._readers.ask(lambda reader: reader.look(call.args.path))
        return f.PathInfo(found.folder, found.above, _file_item(found.file), found.note, found.note_above)

    async def _inside(self, call: Call) -> f.FolderPage:
        a: f.FolderArgs = call.args
        found, following = await self._readers.ask(lambda reader: reader.inside(a.path, a.cursor, a.limit))
        items = (f.Item(one.leaf.decode("utf-8", "surrogateescape"), _file_item(one.file)) for one in found)
        return f.FolderPage(tuple(items), following)

    async def _make(self, call: Call) -> t.Nothing:
        a: f.MakeFolder = call.args
        await self._store.run(lambda locker: folders.make(locker, a.path, a.note))
        return t.Nothing()

    async def _move(self, call: Call) -> t.Nothing:
        a: f.FromTo = call.args
        file = await self._begin(a)
        if file is not None:
            await self._store.run(lambda locker: locker.rename(file.id.hex(), SafeName(a.to)))
        else:
            await self._until_none(lambda locker: folders.move(locker, a.path.rstrip("/"), a.to))
        return t.Nothing()

    async def _copy(self, call: Call) -> t.Nothing:
        a: f.FromTo = call.args
        file = await self._begin(a)
        if file is not None:
            await self._store.run(lambda locker: folders.copy_file(locker, file, a.to))
            return t.Nothing()
        here = a.path.rstrip("/")
        if not a.deep:
            await self._store.run(lambda locker: folders.make(locker, a.to, locker.look(here).note or None))
            return t.Nothing()
        step = functools.partial(folders.copy, path=here, to=a.to)
        after = await self._store.run(functools.partial(step, after=None))
        while after is not None:
            after = await self._store.run(functools.partial(step, after=after))
        return t.Nothing()

    async def _begin(self, a: f.FromTo) -> Inside | None:
        """Return the file to move or copy (None: a folder) and make its new place free."""
        there = await self._store.run(lambda locker: locker.look(a.to))
        here = await self._store.run(lambda locker: locker.look(a.path.rstrip("/")))
        file = here.file if not a.path.endswith("/") else None
        if file is None and not here.folder:
            raise NoSuchRecord(what=f"“{a.path[:80]}”")
        if file is None:
            folders.apart(a.path.rstrip("/"), a.to)
        if there.folder:
            folders.apart(a.to, a.path.rstrip("/"))  # else making room would take away what is to be moved
        if not a.replace and (there.file is not None or there.folder):
            raise Conflict(why="something of that name is there already.")
        if there.file is not None:
            await self._store.run(lambda locker: folders.remove_file(locker, a.to))
        if there.folder:
            await self._until_none(lambda locker: folders.remove(locker, a.to))
        return file

    async def _remove(self, call: Call) -> t.Count:
        path: str = call.args.path
        if not path.strip("/"):
            raise Misused(why="a locker is not emptied in one go.")
        there = await self._store.run(lambda locker: locker.look(path.rstrip("/")))
        count = 1
        if there.file is not None and not path.endswith("/"):
            await self._store.run(lambda locker: folders.remove_file(locker, path))
        elif there.folder:
            count = await self._until_none(lambda locker: folders.remove(locker, path.rstrip("/")))
        else:
            raise NoSuchRecord(what=f"“{path[:80]}”")
        self._journal.tell(events.RECORD_DELETED, member=self._member, records=count)
        return t.Count(count)

    async def _touch(self, call: Call) -> t.Nothing:
        a: f.Touch = call.args
        await self._store.run(lambda locker: folders.touch(locker, a.id, a.mtime_ns))
        return t.Nothing()

    async def _until_none(self, step: Callable[[Locker], int]) -> int:
        """Repeat ``step``, each with its own commit, until it found nothing more to do; return how many in all."""
        count = 0
        while done := await self._store.run(step):
            count += done
        return count


def _file_item(row: Inside | None) -> f.FileItem | None:
    if row is None:
        return None
    return f.FileItem(row.id.hex(), row.size, row.mime, row.mtime_ns, row.stored_ms, row.version)
