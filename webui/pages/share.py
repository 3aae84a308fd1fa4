"""``POST /share``: what another app of the phone shares with the installed box (Web Share Target, multipart).

The only page that takes multipart. Every file flows into the locker while it arrives; words and links that come along
without a file become a small text file. A share that breaks off keeps the files that were whole.
"""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator

from tornado.web import stream_request_body

from firmware import limits
from firmware.errors import BadName, TooLarge, Unreachable
from firmware.model import Collide, SafeName
from services.api.types import Stored
from webui.multipart import PartEnd, Parts, PartStart, boundary_of
from webui.pages.streamed import Streamed
from webui.under_way import Flow

_WORDS = ("title", "text", "url")
_WORD_BYTES = 16 * limits.KIB
_MIME = 127


@stream_request_body
class Share(Streamed):
    """The share target of the installed app."""

    takes = ("multipart/form-data",)

    async def begin_body(self) -> None:
        """Read the boundary; nothing is kept yet."""
        self._parts = Parts(boundary_of(self.request.headers.get("Content-Type", "")))
        self._flow: Flow | None = None
        self._words: dict[str, bytes] = {}
        self._word = ""
        self._count = self._stored = 0

    async def take(self, chunk: bytes) -> None:
        """Let files flow into the locker, gather the few words."""
        self._count += len(chunk)
        if self._count > limits.UPLOAD_BYTES:
            raise TooLarge(limit=f"{limits.UPLOAD_BYTES // limits.GIB} GiB")
        for event in self._parts.feed(chunk):
            if isinstance(event, PartStart):
                self._part_begins(event)
            elif isinstance(event, PartEnd):
                await self._part_ends()
            elif self._flow is not None:
                await self._pour(event)
            elif self._word:
                self._words[self._word] = (self._words.get(self._word, b"") + event)[:_WORD_BYTES]

    async def _pour(self, data: bytes) -> None:
        full = self._flow.feed(data) if self._flow is not None else None
        if full is not None:
            await full

    def _part_begins(self, part: PartStart) -> None:
        self._word = part.name if part.filename is None and part.name in _WORDS else ""
        if part.filename:
            name, mime = self._name(part.filename), part.mime if 0 < len(part.mime) <= _MIME else None
            self._flow = Flow(lambda body: self._put(body, name, mime))

    def _name(self, filename: str) -> str:
        leaf = filename.replace("\\", "/").rpartition("/")[2]
        try:
            return str(SafeName(leaf))
        except BadName:
            return f"{self.language.words['share.name']} {self._moment()}"

    async def _put(self, body: AsyncIterator[bytes], name: str, mime: str | None) -> Stored:
        stored: Stored = await self.ask("put", body=body, name=name, mime=mime, collide=Collide.BESIDE)
        return stored

    async def _part_ends(self) -> None:
        self._word = ""
        if self._flow is not None:
            flow, self._flow = self._flow, None
            await flow.end()
            self._stored += 1

    async def post(self) -> None:
        """Lead to what came."""
        self.whole()
        if not self._parts.is_over:
            raise Unreachable(what="the app that shared this")
        words = [self._words[key].decode("utf-8", "replace").strip() for key in _WORDS if key in self._words]
        text = "\n".join(dict.fromkeys(word for word in words if word))
        if text and not self._stored:
            await self._keep_words(text.encode() + b"\n")
        self.go("/home")

    async def _keep_words(self, text: bytes) -> None:
        async def body() -> AsyncIterator[bytes]:
            yield text

        name = f"{self.language.words['share.name']} {self._moment()}.txt"
        await self.ask("put", body=body(), name=name, size=len(text), mime="text/plain", collide=Collide.BESIDE)

    def _moment(self) -> str:
        moment = datetime.datetime.fromtimestamp(self.front.now_ms() / 1000).astimezone()
        return f"{moment:%Y-%m-%d %H-%M-%S}"

    def stop(self) -> None:
        """A file in the middle is not kept."""
        flow = getattr(self, "_flow", None)
        if flow is not None:
            flow.cut()
