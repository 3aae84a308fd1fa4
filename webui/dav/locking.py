"""LOCK, UNLOCK and PROPPATCH."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime

from tornado.web import HTTPError

from webui.dav import answers, bodies, conditions, names
from webui.dav.answers import Place
from webui.dav.bodies import DAV, Change, LockWish, Name
from webui.dav.locks import Lock, lies_below, new_token, seconds_wanted
from webui.dav.request import DavPage, Says

_TIMES = 64
_NS = 1_000_000_000
_WINDOWS_MTIME = (answers.WINDOWS, "Win32LastModifiedTime")
_OWNCLOUD_MTIME = (DAV, "lastmodified")
_TAKEN_AND_DROPPED = frozenset(
    (answers.WINDOWS, name) for name in ("Win32CreationTime", "Win32LastAccessTime", "Win32FileAttributes")
)
_PROTECTED = frozenset(
    (DAV, name)
    for name in (
        *("creationdate", "getcontentlength", "getcontenttype", "getetag", "getlastmodified", "lockdiscovery"),
        *("resourcetype", "supportedlock", "quota-available-bytes", "quota-used-bytes"),
    )
)


class Locking(DavPage):
    """Locks and properties."""

    # -------- LOCK

    async def do_lock(self) -> None:
        """Take a lock, or (without a body) renew one; a name nothing has yet becomes an empty file."""
        wish = bodies.lock_wish(bytes(self._body))
        found = await self.look(self.target.path)
        place = self.place(self.target, found)
        if wish is None:
            await self.check_conditions(place)
            self._renew()
            return
        await self.check_conditions(place)
        if place is None and not found.above:
            raise HTTPError(409)
        lock = self._wished(wish, folder=place is not None and place.file is None)
        if place is None:
            self.must_hold(self.target.above)
            await self._make_empty()
        if not self.desk.locks.take(lock, time.monotonic()):
            raise Says(507)
        self.set_header("Lock-Token", f"<{lock.token}>")
        self._discover(200 if place is not None else 201, lock)

    def _wished(self, wish: LockWish, *, folder: bool) -> Lock:
        depth = self.request.headers.get("Depth", "infinity").strip().lower()
        if depth not in ("0", "infinity"):
            raise HTTPError(400)
        deep, now = depth == "infinity", time.monotonic()
        path = self.target.path
        against = self.desk.locks.conflicts(path, now, deep=deep, shared=wish.shared)
        if against:
            raise Says(423, "no-conflicting-lock", names.href(against[0].path, folder=against[0].folder))
        seconds = seconds_wanted(self.request.headers.get("Timeout", ""))
        return Lock(new_token(), path, deep, wish.shared, wish.owner, self.signed_in.device, now + seconds, folder)

    async def _make_empty(self) -> None:
        if self.is_shadow(self.target.path):
            self.desk.shadows.put(self.target.path, b"", self.front.now_ms() * 1_000_000)
            return

        async def nothing() -> AsyncIterator[bytes]:
            nothing_at_all: tuple[bytes, ...] = ()
            for piece in nothing_at_all:
                yield piece

        await self.ask(
            "put",
            body=nothing(),
            headers={"Content-Length": "0"},
            name=self.target.path,
            mtime_ns=self.front.now_ms() * 1_000_000,
            size=0,
        )

    def _renew(self) -> None:
        now = time.monotonic()
        shown = conditions.tokens_in(conditions.parse_if(self.request.headers.get("If", "")))
        held = [
            lock
            for lock in self.desk.locks.on(self.target.path, now)
            if lock.token in shown and lock.device == self.signed_in.device
        ]
        if not held:
            raise HTTPError(412)
        held[0].until = now + seconds_wanted(self.request.headers.get("Timeout", ""))
        self._discover(200, held[0])

    def _discover(self, status: int, lock: Lock) -> None:
        inside = answers.active(lock, self.signed_in.device, time.monotonic())
        prop = f'<D:prop xmlns:D="DAV:"><D:lockdiscovery>{inside}</D:lockdiscovery></D:prop>'
        self.xml(status, f"{answers.HEAD}{prop}\n")

    async def do_unlock(self) -> None:
        """Free a lock of this device."""
        token = self.request.headers.get("Lock-Token", "").strip()
        if not (token.startswith("<") and token.endswith(">")):
            raise HTTPError(400)
        lock = self.desk.locks.find(token[1:-1], time.monotonic())
        if lock is None or not (lock.covers(self.target.path) or lies_below(lock.path, self.target.path)):
            raise Says(409, "lock-token-matches-request-uri")
        if lock.device != self.signed_in.device:
            raise HTTPError(403)
        self.desk.locks.drop(lock.token)
        self.bare(204)

    # -------- PROPPATCH

    async def do_proppatch(self) -> None:
        """Change properties: all of them or none."""
        steps = bodies.changes(bytes(self._body))
        place, _ = await self.there()
        self.must_hold(place.path)
        bad = {step.name for step in steps if step.name in _PROTECTED or not _time_is_clear(step)}
        every = dict.fromkeys(step.name for step in steps)
        if bad:
            groups = [(403, [answers.tag(name) for name in every if name in bad])]
            groups.append((424, [answers.tag(name) for name in every if name not in bad]))
        else:
            await self._apply(place, steps)
            groups = [(200, [answers.tag(name) for name in every])]
        body = answers.response(place, [(status, some) for status, some in groups])
        self.xml(207, answers.OPENING + body + answers.CLOSING)

    async def _apply(self, place: Place, steps: list[Change]) -> None:
        props: dict[Name, str] = dict(place.dead)
        for step in steps:
            if step.name in (_WINDOWS_MTIME, _OWNCLOUD_MTIME):
                if step.value is not None:
                    await self._set_time(place, _time_of(step))
            elif step.name in _TAKEN_AND_DROPPED:
                continue
            elif step.value is None:
                props.pop(step.name, None)
            else:
                props[step.name] = bodies.plain(step.value)
        if props == place.dead or self.is_shadow(place.path):
            return
        if place.file is None:
            await self.note(place.path, None, props)
        else:
            await self.note(self.target.above, self.target.leaf, props)

    async def _set_time(self, place: Place, mtime_ns: int | None) -> None:
        """Windows tells the time before the bytes and again after them; only what differs is written."""
        if place.file is None or mtime_ns is None or self.is_shadow(place.path):
            return
        if place.file.size == 0:
            self.desk.times[place.path] = mtime_ns
            while len(self.desk.times) > _TIMES:
                self.desk.times.popitem(last=False)
        elif place.file.mtime_ns // _NS != mtime_ns // _NS:
            await self.ask("touch", id=place.file.id, mtime_ns=mtime_ns)


def _time_is_clear(step: Change) -> bool:
    is_time = step.name in (_WINDOWS_MTIME, _OWNCLOUD_MTIME)
    return not is_time or step.value is None or _time_of(step) is not None


def _time_of(step: Change) -> int | None:
    """Read a date of HTTP (Windows) or seconds since 1970 (ownCloud); None when it is neither."""
    text = step.value.text if step.value is not None else ""
    if step.name == _OWNCLOUD_MTIME:
        whole = text.partition(".")[0]
        return int(whole) * _NS if whole.isascii() and whole.isdigit() and len(whole) < len(str(_NS)) + 2 else None
    try:
        return int(parsedate_to_datetime(text).timestamp()) * _NS
    except (ValueError, TypeError, OverflowError):
        return None
