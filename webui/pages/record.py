"""One record: what is known about it, its history, its bytes, its bin."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from tornado.iostream import StreamClosedError

from firmware.errors import BoxError, NoSuchRange, NoSuchRecord, StillAtFriends
from services.api.types import RecordInfo
from webui.pages.page import Page
from webui.pages.shown import readable

_FILE_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
_PREVIEW_SECONDS = 600
_CONDITIONS = ("Range", "If-Range", "If-None-Match")
_PASSED_ON = ("Content-Length", "Content-Range", "Accept-Ranges", "ETag")
_SAVED_AS_THEY_ARE = (
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/gif",
    "image/heic",
    "video/mp4",
    "video/quicktime",
    "video/webm",
    "video/3gpp",
    "application/pdf",
)
"""Types a phone needs to know to save a file where it belongs. All others are opaque bytes."""
_PICTURES = ("image/jpeg", "image/webp")
_VERSION_DIGITS = 9


class SandboxedBytes(Page):
    """Passes bytes of a locker on while they arrive."""

    @property
    def stands_on(self) -> str:
        """The page with the link: who was led to the door instead shall not stay there while a file is saved."""
        return self.request.path.removesuffix("/file")

    async def pass_on(self, operation: str, headers: dict[str, str], **arguments: Any) -> None:
        """Stream the answer of ``operation``; a browser that stops reading stops the locker too."""
        session = self.member()
        box = self.front.box.as_session(session.token, session.member)
        async with box.stream(operation, headers=headers, **arguments) as answer:
            self.set_status(answer.status)
            for name in _PASSED_ON:
                if name in answer.headers:
                    self.set_header(name, answer.headers[name])
            self.describe(answer.headers.get("Content-Type", ""))
            if self.request.method == "HEAD":
                return
            try:
                async for piece in answer:
                    self.write(piece)
                    await self.flush()
            except StreamClosedError:
                return
            except BoxError:
                self.cut()

    def describe(self, mime: str) -> None:
        """Set the headers that say what the bytes are; ``mime`` is what the locker calls them."""
        raise NotImplementedError

    def protect(self, mime: str, name: str) -> None:
        """Say that the bytes are an attachment called ``name``, in a sandbox should they ever be shown."""
        self.set_header("Content-Type", mime)
        self.set_header("Content-Security-Policy", _FILE_POLICY)
        self.set_header("Content-Disposition", attachment(name))

    def cut(self) -> None:
        """End a broken answer so that nobody takes it for a whole one."""
        connection: Any = self.request.connection
        connection.stream.close()
        self._finished = True


class RecordFile(SandboxedBytes):
    """``GET /record/<id>/file``: the original, always as an attachment in a sandbox, ranges included."""

    async def get(self, record_id: str) -> None:
        """Send the newest version, or ``?version=N``."""
        text = self.get_query_argument("version", "")
        version = int(text) if text.isascii() and text.isdigit() and len(text) <= _VERSION_DIGITS else None
        self._record: RecordInfo = await self.ask("get", id=record_id)
        headers = {name: self.request.headers[name] for name in _CONDITIONS if name in self.request.headers}
        try:
            await self.pass_on("content", headers, id=record_id, version=version)
        except NoSuchRange as error:
            self.set_status(416)
            self.set_header("Content-Range", f"bytes */{error.fields['size']}")
        except StillAtFriends as error:
            if self.wants_json or self.request.method == "HEAD":
                raise
            called, back = readable(self._record.name.rpartition("/")[2]), self.stands_on
            self.show("still.html", answer=error.http, called=called, back=back, place="home")

    def describe(self, mime: str) -> None:
        """An attachment under its own name; opaque unless its type is one phones file away by."""
        del mime  # the locker sends opaque bytes; the record knows what they are
        kind = self._record.mime if self._record.mime in _SAVED_AS_THEY_ARE else "application/octet-stream"
        self.protect(kind, self._record.name)


class RecordPreview(SandboxedBytes):
    """``GET /preview/<id>/<edge>``: a small picture made by the box itself."""

    async def get(self, record_id: str, edge: str) -> None:
        """Send the picture nearest to ``edge`` pixels; with ``?soon`` one not made yet is no error."""
        try:
            await self.pass_on("preview", {}, id=record_id, edge=int(edge))
        except (NoSuchRecord, StillAtFriends):
            if "soon" not in self.request.query_arguments:
                raise
            self.set_status(204)  # it is made, or brought back, now; a page that asks again soon will see it

    def describe(self, mime: str) -> None:
        """A picture, or opaque bytes when it claims to be anything else."""
        self.set_header("Content-Type", mime if mime in _PICTURES else "application/octet-stream")
        self.set_header("Content-Security-Policy", _FILE_POLICY)
        self.set_header("Cache-Control", f"private, max-age={_PREVIEW_SECONDS}")


def attachment(name: str) -> str:
    """Return a Content-Disposition for ``name`` (RFC 6266, RFC 8187): ASCII for the old, UTF-8 for everybody else."""
    leaf = name.rsplit("/", 1)[-1].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    plain = "".join(char if " " <= char <= "~" and char not in '"\\%' else "_" for char in leaf)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(leaf, safe='')}"
