"""News of one open locker for whoever listens: what was stored, what changed, which previews are there.

A listener that does not keep up is not waited for: its news are dropped and it hears ``changed``, to look again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from firmware import limits
from firmware.errors import Refused
from firmware.locker.rows import UploadRow
from services.api.server import Call

_GATHER_SECONDS = 0.3
"""Changes that name no record are told together."""

_News = asyncio.Queue[dict[str, Any] | None]


class Watch:
    """All listeners of one locker. Everything here runs on the event loop."""

    def __init__(self, still: Callable[[str | None], bool]) -> None:
        """``still(token)`` says whether a session is still good."""
        self._still = still
        self._listeners: list[_News] = []
        self._gathering = False

    def tell(self, what: str, **fields: Any) -> None:
        """Tell every listener one thing."""
        for news in self._listeners:
            if news.full():
                while not news.empty():
                    news.get_nowait()
                news.put_nowait({"what": "changed"})
            news.put_nowait({"what": what, **fields})

    def previewed(self, ids: Sequence[str]) -> None:
        """These records have previews now."""
        for id in ids:
            self.tell("preview", id=id)

    def committed(self, moved: Sequence[UploadRow]) -> None:
        """A commit changed something; ``moved`` are uploads whose durable offset grew meanwhile."""
        if not self._listeners:
            return
        for row in moved:
            self.tell("upload", id=row.id.hex(), offset=row.offset)
        if not self._gathering:
            self._gathering = True
            asyncio.get_running_loop().call_later(_GATHER_SECONDS, self._gathered)

    def _gathered(self) -> None:
        self._gathering = False
        self.tell("changed")

    async def serve(self, call: Call) -> None:
        """Stream news until the client leaves or its session ends; the oldest listener gives way to a new one."""
        if len(self._listeners) >= limits.WATCHERS:
            self._end(self._listeners[0])
        news: _News = asyncio.Queue(limits.WATCH_WAITING)
        self._listeners.append(news)
        try:
            await call.begin()
            item: dict[str, Any] | None = {"what": "beat"}
            while item is not None:
                await call.line(item)
                item = await self._next(news)
                if not self._still(call.token):
                    raise Refused
            await call.line({"done": True})
        finally:
            if news in self._listeners:
                self._listeners.remove(news)

    async def _next(self, news: _News) -> dict[str, Any] | None:
        try:
            return await asyncio.wait_for(news.get(), limits.WATCH_BEAT_SECONDS)
        except TimeoutError:
            return {"what": "beat"}

    def _end(self, news: _News) -> None:
        self._listeners.remove(news)
        while not news.empty():
            news.get_nowait()
        news.put_nowait(None)
