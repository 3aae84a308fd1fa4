"""``/live``: one stream of news per browser (server-sent events), so that pages follow what the locker takes in.

First the present (``state``: unfinished uploads), then what changes, as the locker tells it: ``stored``, ``changed``,
``preview``, ``upload``; and ``circle`` when friends came, went or took something in. A beat every LIVE_BEAT_SECONDS
shows that the line holds. ``locked`` is the last word of a locker that was locked. Ids and offsets travel, names not.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

from tornado.iostream import StreamClosedError

from firmware import limits
from firmware.errors import BoxError, Locked, Refused
from services.api.circle_types import Circle
from webui.pages.copies import AWAY
from webui.pages.page import Page
from webui.route import Front, Route

_RETRY_MS = 3000


class Live(Page):
    """``GET /live``."""

    def initialize(self, front: Front, route: Route) -> None:
        """Nothing is watched yet."""
        super().initialize(front, route)
        self._watching: asyncio.Task[None] | None = None

    async def get(self) -> None:
        """Stream until the browser leaves, the session ends or the locker is locked."""
        found = await self.ask("upload_list")
        session = self.member()
        self.front.lives.enter(session.key, self)
        self.set_header("Content-Type", "text/event-stream; charset=utf-8")
        self.write(f"retry: {_RETRY_MS}\n\n")
        uploads = [{"id": one.id, "offset": one.offset, "size": one.size} for one in found.uploads]
        with contextlib.suppress(asyncio.CancelledError, StreamClosedError):
            await self._say("state", {"uploads": uploads})
            self._watching = asyncio.ensure_future(self._pass_on(session.token, session.member))
            await self._watching

    async def _pass_on(self, token: str, member: str) -> None:
        beats = [asyncio.ensure_future(each) for each in (self._beat(), self._watch_circle(token, member))]
        try:
            async with self.front.box.as_session(token, member).stream("watch") as answer:
                async for line in answer.lines():
                    what = str(line.pop("what", ""))
                    if what.isalpha() and what != "beat":
                        await self._say(what, line)
        except (Locked, Refused):
            await self._say("locked", {})
        except BoxError:
            return  # the browser asks again by itself
        finally:
            for each in beats:
                each.cancel()

    async def _beat(self) -> None:
        with contextlib.suppress(StreamClosedError):
            while self.session is not None and self.session.is_member:
                await asyncio.sleep(limits.LIVE_BEAT_SECONDS)
                self.write(": beat\n\n")
                await self.flush()
        self.leave()

    async def _watch_circle(self, token: str, member: str) -> None:
        """Look how the circle is every few seconds, as long as somebody looks at it."""
        box, before = self.front.box.as_session(token, member), None
        with contextlib.suppress(StreamClosedError):
            while self.session is not None and self.session.is_member:
                with contextlib.suppress(BoxError):
                    now = circle_mark(await box.call("circle"))
                    if before not in (None, now):
                        await self._say("circle", {})
                    before = now
                await asyncio.sleep(limits.LIVE_CIRCLE_SECONDS)

    async def _say(self, what: str, fields: dict[str, Any]) -> None:
        self.write(f"event: {what}\ndata: {json.dumps(fields)}\n\n")
        await self.flush()

    def leave(self) -> None:
        """End this stream."""
        if self._watching is not None:
            self._watching.cancel()

    def on_connection_close(self) -> None:
        """The browser left."""
        self.leave()

    def on_finish(self) -> None:
        """Make room."""
        self.front.lives.leave(self)


def circle_mark(found: Circle) -> int:
    """Return a number that changes when somebody who looks at the circle should see it anew: not with every byte."""
    peers = tuple(
        (each.peer, each.label, each.state, each.reach in AWAY, each.gives, each.gives_used >> 20, each.gets_used >> 20)
        for each in found.peers
    )
    bytes_left = found.waits_bytes.bit_length()
    return hash((peers, found.lockers, bytes_left, found.moving, found.paused, found.care, found.short_until_ms))
