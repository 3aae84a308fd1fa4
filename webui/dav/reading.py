"""OPTIONS, PROPFIND, GET and HEAD."""

from __future__ import annotations

import time
from typing import Any

from tornado.iostream import StreamClosedError
from tornado.web import HTTPError

from firmware import limits
from firmware.errors import BoxError, Locked, Refused
from services.api.folder_types import FileItem, FolderPage, PathInfo
from webui.dav import answers, bodies, names
from webui.dav.answers import Notes, Place
from webui.dav.request import METHODS, DavPage, Says
from webui.pages.record import attachment

_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"


class Reading(DavPage):
    """What changes nothing."""

    async def do_options(self) -> None:
        """Say what is spoken here."""
        self.set_header("DAV", "1, 2, 3")
        self.set_header("MS-Author-Via", "DAV")
        self.set_header("Allow", ", ".join(METHODS))
        self.set_header("Content-Length", "0")
        self.bare(200)

    async def do_propfind(self) -> None:
        """Stream what is known about a place and, with Depth 1, about everything right inside it."""
        depth = self.request.headers.get("Depth", "infinity").strip().lower()
        if depth not in ("0", "1", "infinity"):
            raise HTTPError(400)
        wanted = bodies.wanted(bytes(self._body))
        place, found = await self.there()
        if depth == "infinity" and place.file is None:
            raise Says(403, "propfind-finite-depth")
        self.set_status(207)
        self.set_header("Content-Type", "application/xml; charset=utf-8")
        device = self.signed_in.device
        self.write(answers.OPENING + answers.answer(place, wanted, device, time.monotonic()))
        if depth == "1" and place.file is None:
            await self._inside(place, found, wanted)
        self.write(answers.CLOSING)
        self.finish()

    async def _inside(self, folder: Place, found: PathInfo, wanted: bodies.Wanted) -> None:
        notes, device = Notes(found.note), self.signed_in.device
        shadows = [(path, one) for path, one in self.desk.shadows.inside(folder.path) if self.is_shadow(path)]
        parts = [
            answers.answer(self._child(path, (await self.look(path)).file, notes), wanted, device, time.monotonic())
            for path, _ in shadows
        ]
        cursor: str | None = None
        while True:
            page: FolderPage = await self.ask("inside", path=folder.path, cursor=cursor, limit=limits.DAV_PAGE)
            now = time.monotonic()
            for item in page.items:
                child = self._child(names.joined(folder.path, item.leaf), item.file, notes)
                parts.append(answers.answer(child, wanted, device, now))
            self.write("".join(parts))
            parts = []
            try:
                await self.flush()
            except StreamClosedError:
                return
            cursor = page.next
            if cursor is None:
                return

    def _child(self, path: str, file: FileItem | None, notes: Notes) -> Place:
        locks = tuple(self.desk.locks.on(path, time.monotonic()))
        return Place(path, file, notes.of(path.rpartition("/")[2]) if file is not None else {}, locks)

    async def do_get(self) -> None:
        """Send a file, or the part asked for; a folder has nothing to send but a sentence."""
        place, _ = await self.there()
        if place.file is None:
            self._greet()
            return
        self._describe(place, place.file)
        shadow = self.desk.shadows.get(place.path) if self.is_shadow(place.path) else None
        if shadow is not None:
            self.finish(shadow.data)
            return
        await self._pass_on(place, place.file)

    async def do_head(self) -> None:
        """Say what GET would send."""
        place, _ = await self.there()
        if place.file is None:
            self._greet()
            return
        self._describe(place, place.file)
        self.set_header("Content-Length", str(place.file.size))
        self.finish()

    def _greet(self) -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(self.language.say("dav.folder") + "\n")

    def _describe(self, place: Place, file: FileItem) -> None:
        self.set_header("ETag", answers.etag(file))
        self.set_header("Last-Modified", answers.http_date(file.mtime_ns // 1_000_000))
        self.set_header("Accept-Ranges", "bytes")
        self.set_header("Content-Type", file.mime)
        self.set_header("Content-Security-Policy", _POLICY)
        self.set_header("Content-Disposition", attachment(place.path))

    async def _pass_on(self, place: Place, file: FileItem) -> None:
        """Stream the bytes of the version that was looked at; a device that stops reading stops the locker too."""
        headers = {}
        asked = self.request.headers.get("Range")
        if asked and self.request.headers.get("If-Range", place.etag) == place.etag:
            headers["Range"] = asked
        key = self.signed_in
        box = self.front.box.as_session(key.token, key.member)
        try:
            async with box.stream("content", headers=headers, id=file.id, version=file.version) as answer:
                self.set_status(answer.status)
                for name in ("Content-Length", "Content-Range"):
                    if name in answer.headers:
                        self.set_header(name, answer.headers[name])
                await self._pump(answer)
        except (Locked, Refused) as error:
            self.token_died(error)
            raise

    async def _pump(self, answer: Any) -> None:
        try:
            async for piece in answer:
                self.write(piece)
                await self.flush()
        except StreamClosedError:
            return
        except BoxError:
            self.hang_up()  # so that nobody takes it for a whole file
            self._finished = True
