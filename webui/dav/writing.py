"""PUT, MKCOL, DELETE, COPY and MOVE."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import AsyncIterator

from tornado.web import HTTPError

from firmware import limits
from firmware.errors import Misused, NoSuchRecord, TooLarge
from firmware.model import Collide
from services.api.folder_types import PathInfo
from services.api.types import Stored
from webui.dav import names
from webui.dav.answers import Notes, Place, version_tag
from webui.dav.intake import Intake
from webui.dav.locks import lies_below
from webui.dav.names import Target
from webui.dav.request import DavPage

_SECONDS = re.compile(r"([0-9]{1,11})(?:\.[0-9]{1,9})?", re.ASCII)
_NS = 1_000_000_000


class Writing(DavPage):
    """What changes the locker."""

    _intake: Intake | None = None
    _before: PathInfo | None = None
    _mtime_ns: int = 0
    _mtime_told = False

    # -------- PUT

    async def begin_body(self) -> None:
        """Check a PUT before its first byte, then hand the bytes on as they come."""
        if self.request.method != "PUT":
            return
        size = self.declared()
        if size > limits.UPLOAD_BYTES:
            raise TooLarge(limit=f"{limits.UPLOAD_BYTES // limits.GIB} GiB")
        if "Content-Range" in self.request.headers:
            raise Misused(why="a PUT sends a whole file.")
        if size < 0 and "Transfer-Encoding" not in self.request.headers:
            raise HTTPError(411)
        await self._may_put()
        self._take_time()
        if not self.is_shadow(self.target.path):
            self._intake = Intake(lambda body: self._keep(body, size))

    async def _may_put(self) -> None:
        found = self._before = await self.look(self.target.path)
        await self.check_conditions(self.place(self.target, found))
        if self.target.slash or (found.folder and found.file is None):
            raise HTTPError(405)
        if not found.above:
            raise HTTPError(409)
        self._may_appear(self.target, found.file is not None)

    def _may_appear(self, target: Target, is_there: bool) -> None:
        """Check the locks on a place, and on its folder when something new appears in it."""
        self.must_hold(target.path, *(() if is_there else (target.above,)))

    def _take_time(self) -> None:
        told = _SECONDS.fullmatch(self.request.headers.get("X-OC-Mtime", "").strip())
        early = self.desk.times.pop(self.target.path, None)
        self._mtime_told = told is not None or early is not None
        self._mtime_ns = int(told[1]) * _NS if told else early or self.front.now_ms() * 1_000_000

    async def _keep(self, body: AsyncIterator[bytes], size: int) -> Stored:
        stored: Stored = await self.ask(
            "put",
            body=body,
            headers={"Content-Length": str(size)} if size >= 0 else None,
            name=self.target.path,
            mtime_ns=self._mtime_ns,
            size=size if size >= 0 else None,
            collide=Collide.VERSION,
        )
        return stored

    async def take(self, chunk: bytes) -> None:
        """A PUT's bytes go to the locker at once."""
        if self._intake is not None:
            await self._intake.feed(chunk)
        elif self.request.method == "PUT":
            if len(self._body) < limits.DAV_SHADOW_BYTES:
                self._body += chunk
        else:
            await super().take(chunk)

    async def do_put(self) -> None:
        """Answer 201 (or 204 for a further version) when everything is durable."""
        before = self._before.file if self._before is not None else None
        if self._intake is None:
            self.desk.shadows.put(self.target.path, bytes(self._body), self._mtime_ns)
            self.bare(204 if before else 201)
            return
        stored = await self._intake.end()
        if before is not None and stored.state == "same" and self._mtime_told and before.mtime_ns != self._mtime_ns:
            await self.ask("touch", id=stored.id, mtime_ns=self._mtime_ns)
            stored = dataclasses.replace(stored, version=stored.version + 1)
        self.set_header("ETag", version_tag(stored.id, stored.version))
        if "X-OC-Mtime" in self.request.headers:
            self.set_header("X-OC-Mtime", "accepted")
        self.bare(204 if before is not None else 201)

    def stop(self) -> None:
        """A PUT that broke off leaves nothing half."""
        super().stop()
        if self._intake is not None:
            self._intake.cut()

    # -------- folders

    async def do_mkcol(self) -> None:
        """Make a folder that stays, even empty."""
        if self._body or self._received:
            raise HTTPError(415)
        found = await self.look(self.target.path)
        await self.check_conditions(self.place(self.target, found))
        if found.folder or found.file is not None:
            raise HTTPError(405)
        if not found.above:
            raise HTTPError(409)
        self._may_appear(self.target, is_there=False)
        await self.ask("make_folder", path=self.target.path)
        self.bare(201)

    async def do_delete(self) -> None:
        """Put a file, or everything in a folder, into the bin."""
        place, found = await self.there()
        if not self.target.path:
            raise HTTPError(403)
        if place.file is None and self.request.headers.get("Depth", "infinity").lower() != "infinity":
            raise HTTPError(400)
        self.must_hold(self.target.path, self.target.above, below=place.file is None)
        if self._is_in_memory(place):
            self.desk.shadows.drop(place.path)
        else:
            await self._remove(place, found)
        self.desk.locks.gone(place.path)
        self.bare(204)

    async def _remove(self, place: Place, found: PathInfo) -> None:
        await self.ask("remove", path=place.path + ("/" if place.file is None else ""))
        if place.file is not None and Notes(found.note_above).of(self.target.leaf):
            await self.note(self.target.above, self.target.leaf, {})
        await self._stays(self.target.above)

    async def _stays(self, folder: str) -> None:
        """A folder whose last file went away is still there for native clients."""
        if folder and not (await self.ask("look", path=folder)).folder:
            await self.ask("make_folder", path=folder)

    def _is_in_memory(self, place: Place) -> bool:
        return self.is_shadow(place.path) and self.desk.shadows.get(place.path) is not None

    # -------- COPY and MOVE

    async def do_copy(self) -> None:
        """Copy without reading a byte: the copy is made of the same chunks."""
        await self._carry("copy")

    async def do_move(self) -> None:
        """Rename without moving a byte."""
        await self._carry("move")

    async def _carry(self, operation: str) -> None:
        target = self._destination()
        place, found = await self.there()
        self._may_go(place, target)
        there = await self.look(target.path)
        is_taken = there.folder or there.file is not None
        if is_taken and self.request.headers.get("Overwrite", "T").strip().upper() == "F":
            raise HTTPError(412)
        if not there.above:
            raise HTTPError(409)
        if operation == "move":
            self.must_hold(place.path, self.target.above, below=True)
        self._may_appear(target, is_taken)
        self.must_hold(target.path, below=True)
        if self._is_in_memory(place):
            self._carry_shadow(place.path, target.path, keep=operation == "copy")
        else:
            await self._carry_records(operation, place, target)
            await self._carry_note(operation, place, target, found, there)
        if operation == "move":
            self.desk.locks.gone(place.path)
        self.bare(204 if is_taken else 201)

    def _destination(self) -> Target:
        header = self.request.headers.get("Destination", "")
        if not header:
            raise Misused(why="it has no Destination.")
        target = names.destination(header, self.request.host)
        if target is None:
            raise HTTPError(502)
        return target

    def _may_go(self, place: Place, target: Target) -> None:
        """Nothing goes onto itself, into itself, or onto a folder it lies in."""
        old, new = place.path, target.path
        if not old or not new or old == new or lies_below(new, old) or lies_below(old, new):
            raise HTTPError(403)

    async def _carry_records(self, operation: str, place: Place, target: Target) -> None:
        deep = self.request.headers.get("Depth", "infinity").lower() != "0"
        path = place.path + ("/" if place.file is None else "")
        extra = {"deep": deep} if operation == "copy" else {}
        try:
            await self.ask(operation, path=path, to=target.path, replace=True, **extra)
        except NoSuchRecord:
            raise HTTPError(404) from None
        if operation == "move":
            await self._stays(self.target.above)

    async def _carry_note(self, operation: str, place: Place, target: Target, found: PathInfo, there: PathInfo) -> None:
        """Take the properties of a file along: they stand in the note of its folder (a folder has its own)."""
        if place.file is None:
            return
        props = Notes(found.note_above).of(self.target.leaf)
        if props or Notes(there.note_above).of(target.leaf):
            await self.note(target.above, target.leaf, props)
        if props and operation == "move":
            await self.note(self.target.above, self.target.leaf, {})

    def _carry_shadow(self, path: str, to: str, *, keep: bool) -> None:
        shadow = self.desk.shadows.get(path)
        if shadow is not None:
            self.desk.shadows.put(to, shadow.data, shadow.mtime_ns)
        if not keep:
            self.desk.shadows.drop(path)
