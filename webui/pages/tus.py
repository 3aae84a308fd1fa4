"""Uploads that survive everything: the tus 1.0.0 protocol (creation, creation-with-upload, termination, expiration).

``POST /uploads`` names a file and its size, ``PATCH /uploads/<id>`` sends bytes from an offset on, ``HEAD`` asks how
many of them are durable, ``DELETE`` drops it. The offset is the locker's: only bytes that survive a pulled plug count.
A body that breaks off keeps what arrived. A second connection for the same upload takes over from the first.

A browser whose session ended hears 423, not 401, when it had one: official tus clients wait and go on after 423.
Protocol: tus.io, "Resumable upload protocol 1.0.x".
"""

from __future__ import annotations

import base64
import binascii
import datetime
import email.utils
import json
from collections.abc import AsyncIterator, Awaitable
from typing import Any

from tornado.web import HTTPError, stream_request_body

from firmware import limits
from firmware.errors import BadName, Busy, Locked, Misused, OtherTus, Refused
from firmware.model import Collide, SafeName
from services.api.records_types import UploadState
from webui.pages.page import Page, SessionGone
from webui.pages.shown import readable
from webui.pages.streamed import Streamed, number
from webui.route import Front, Route
from webui.session import COOKIE
from webui.under_way import Flow

STREAMED = "application/offset+octet-stream"
VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,termination,expiration"
_OPEN = "open"
_OVERRIDES = ("PATCH", "DELETE")
_NS = 1_000_000
_LONGEST_MOMENT = 15
_LONGEST_MIME = 127


@stream_request_body
class _Tus(Streamed):
    """What both addresses of the protocol share: its headers, its refusals, a body that flows into an upload."""

    takes = ("", STREAMED)
    streams = ("POST", "PATCH")

    def initialize(self, front: Front, route: Route) -> None:
        """Nothing is under way yet; X-HTTP-Method-Override is for clients that cannot say PATCH."""
        super().initialize(front, route)
        self._flow: Flow | None = None
        self._upload = ""
        meant = self.request.headers.get("X-HTTP-Method-Override", "")
        if self.request.method == "POST" and meant in _OVERRIDES and meant in route.methods:
            self.request.method = meant

    def set_default_headers(self) -> None:
        """Name the protocol in every answer."""
        super().set_default_headers()
        self.set_header("Tus-Resumable", VERSION)

    async def check(self) -> None:
        """Refuse other versions of the protocol."""
        await super().check()
        if self.request.method not in ("OPTIONS", "GET") and self.request.headers.get("Tus-Resumable") != VERSION:
            raise OtherTus

    async def pour(self, upload: str, offset: int) -> None:
        """Let the body flow into ``upload`` from ``offset`` on; raises Busy beyond WEB_UPLOADS_AT_ONCE."""
        flows, member = self.front.flows, self.member().member
        await flows.take_over(member, upload)
        if flows.count(member) >= limits.WEB_UPLOADS_AT_ONCE:
            raise Busy(count=limits.WEB_UPLOADS_AT_ONCE)
        headers = {"Content-Length": str(self.declared)} if self.declared >= 0 else {}

        async def patch(body: AsyncIterator[bytes]) -> UploadState:
            state: UploadState = await self.ask("upload_patch", body=body, headers=headers, id=upload, offset=offset)
            return state

        self._upload, self._flow = upload, Flow(patch, self.refuse)
        flows.add(member, upload, self._flow)

    @property
    def wants_more(self) -> bool:
        """True while the upload takes bytes."""
        return self._flow is not None and not self._flow.is_over

    def take(self, chunk: bytes) -> Awaitable[None] | None:
        """Hand the next bytes on."""
        return self._flow.feed(chunk) if self._flow is not None else None

    async def poured(self) -> UploadState | None:
        """The body is here: return the upload's state after it, or None without a body; raises why it was refused."""
        self.whole()
        return await self._flow.end() if self._flow is not None else None

    def tell(self, state: UploadState) -> None:
        """Say how far the upload is, when it is forgotten, and which record it became."""
        self.set_header("Upload-Offset", str(state.offset))
        if state.record is not None:
            self.set_header("Upload-Record", state.record.id)
        if state.state != _OPEN:
            self.set_header("Upload-State", state.state)
        else:
            self.set_header("Upload-Expires", email.utils.format_datetime(_when(state.expires_ms), usegmt=True))

    def stop(self) -> None:
        """End what flows; the locker keeps what it has."""
        if self._flow is not None:
            self._flow.cut()
            if self.session is not None:
                self.front.flows.drop(self.session.member, self._upload, self._flow)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer in JSON; whoever had a session hears that it is locked (423) and can go on after opening."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(error, OtherTus):
            self.set_header("Tus-Version", VERSION)
        if type(error) is Refused or (isinstance(error, SessionGone) and self.get_cookie(COOKIE)):
            kwargs["exc_info"] = (Locked, Locked(), None)
        super().write_error(status_code, **kwargs)

    def options(self, *_upload: str) -> None:
        """Say what this server can do."""
        self.set_status(204)
        self.set_header("Tus-Version", VERSION)
        self.set_header("Tus-Extension", EXTENSIONS)
        self.set_header("Tus-Max-Size", str(limits.UPLOAD_BYTES))
        self.finish()


class Uploads(_Tus):
    """``/uploads``: begin one, list the ones that wait to go on."""

    async def get(self) -> None:
        """List this member's unfinished uploads, from all of her devices."""
        found = await self.ask("upload_list")
        self.finish({"uploads": [_seen(one) for one in found.uploads]})

    async def begin_body(self) -> None:
        """Make the upload; what the body already holds flows into it."""
        if self.request.method != "POST":
            return
        if self.request.headers.get("Content-Type", "") == "" and self.declared > 0:
            raise HTTPError(415)
        size = self._size()
        known = metadata(self.request.headers.get("Upload-Metadata", ""))
        self._state: UploadState = await self.ask(
            "upload_new",
            name=_name(known),
            size=size,
            mtime_ns=_changed_ns(known),
            mime=_mime(known),
            collide=Collide.BESIDE,
        )
        if self.declared > 0 or (size == 0 and self._state.state == _OPEN):
            await self.pour(self._state.id, 0)

    async def post(self) -> None:
        """Answer 201 with the address of the upload."""
        state = await self.poured() or self._state
        self.set_status(201)
        self.set_header("Location", f"/uploads/{state.id}")
        self.tell(state)
        self.finish(_seen(state))

    def _size(self) -> int:
        if "Upload-Defer-Length" in self.request.headers:
            raise Misused(why="an upload names its size at once: Upload-Length.")
        return number(self.request.headers.get("Upload-Length", ""), "Upload-Length")


class OneUpload(_Tus):
    """``/uploads/<id>``: go on with one."""

    async def begin_body(self) -> None:
        """Let the body flow in from the offset it claims; the locker compares it with its own."""
        if self.request.method != "PATCH":
            return
        if self.request.headers.get("Content-Type", "") != STREAMED:
            raise HTTPError(415)
        offset = number(self.request.headers.get("Upload-Offset", ""), "Upload-Offset")
        await self.pour(str(self.path_args[0]), offset)

    async def patch(self, _upload: str) -> None:
        """Answer 204 with the new offset, once everything up to it is durable."""
        state = await self.poured()
        assert state is not None, "a PATCH always flows"
        self.set_status(204)
        self.tell(state)
        self.finish()

    async def head(self, *path: str) -> None:
        """Say how many bytes are durable."""
        (upload,) = path
        await self.front.flows.take_over(self.member().member, upload)
        state = await self.ask("upload_get", id=upload)
        self.tell(state)
        self.set_header("Upload-Length", str(state.size))
        name = base64.b64encode(readable(state.name).encode()).decode()
        self.set_header("Upload-Metadata", f"filename {name}")
        self.finish()

    async def delete(self, upload: str) -> None:
        """Drop it and what arrived of it."""
        await self.front.flows.take_over(self.member().member, upload)
        await self.ask("upload_drop", id=upload)
        self.set_status(204)
        self.finish()


class Known(Page):
    """``POST /uploads/known``: which of these files (size and SHA-256) are here already?"""

    takes = ("application/json",)

    async def post(self) -> None:
        """Answer with the record of each, or null."""
        try:
            asked = json.loads(self.request.body)
            files = asked["files"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise Misused(why="the body is not a JSON object with “files”.") from None
        found = await self.ask("known", files=files)
        self.finish({"known": list(found.known)})


def metadata(header: str) -> dict[str, str]:
    """Read ``Upload-Metadata``: pairs of a key and base64 text; raises BadName when a value is not UTF-8 text."""
    found: dict[str, str] = {}
    for pair in header.split(",") if header else []:
        key, _, value = pair.strip().partition(" ")
        try:
            found[key] = base64.b64decode(value.strip(), validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            raise BadName(why="it is not text") from None
    return found


def _name(known: dict[str, str]) -> str:
    name = known.get("relativePath") or known.get("filename") or known.get("name") or ""
    if not name:
        raise BadName(why="it is missing or far too long")
    return str(SafeName(name.removeprefix("/")))


def _changed_ns(known: dict[str, str]) -> int:
    text = known.get("mtime") or known.get("lastModified") or "0"
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(text) <= _LONGEST_MOMENT):
        raise Misused(why="“mtime” is a number of milliseconds since 1970.")
    return int(text) * _NS


def _mime(known: dict[str, str]) -> str | None:
    mime = known.get("filetype") or known.get("type") or ""
    return mime if mime and mime.isascii() and mime.isprintable() and len(mime) <= _LONGEST_MIME else None


def _seen(state: UploadState) -> dict[str, Any]:
    """What the browser is told about an upload; ``id`` and ``state`` are those of the record it became."""
    record = state.record
    return {
        "upload": state.id,
        "id": record.id if record is not None else None,
        "name": readable(record.name if record is not None else state.name),
        "state": str(state.state),
        "size": state.size,
        "offset": state.offset,
        "expires_ms": state.expires_ms,
    }


def _when(moment_ms: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(moment_ms / 1000, datetime.UTC)
