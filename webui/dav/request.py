"""What every WebDAV request goes through: sign in, address, body, conditions, locks; and how a no is said."""

from __future__ import annotations

import contextlib
import time
from http import HTTPStatus
from typing import Any

from tornado.ioloop import IOLoop
from tornado.web import HTTPError, stream_request_body

from firmware import limits
from firmware.errors import BoxError, Locked, Refused, TooLarge, TooManyTries, Unreachable
from services.api.folder_types import FileItem, PathInfo
from webui.dav import answers, conditions, names
from webui.dav.answers import Notes, Place
from webui.dav.bodies import Name
from webui.dav.door import Desk, Key, NotSignedIn
from webui.dav.locks import Lock
from webui.dav.names import Target
from webui.dav.shadows import is_shadow
from webui.pages.page import Page
from webui.route import Front, Route

METHODS = (
    *("OPTIONS", "PROPFIND", "PROPPATCH", "MKCOL", "GET", "HEAD", "PUT", "DELETE", "COPY", "MOVE", "LOCK", "UNLOCK"),
)
_SHADOW_ID = "0" * 32
_WEEK_SECONDS = 7 * 24 * 3600


class Says(HTTPError):
    """An answer of WebDAV's own: a status, and perhaps the precondition that is broken."""

    def __init__(self, status: int, condition: str = "", at: str = "") -> None:
        """``at`` is the address the condition is about."""
        super().__init__(status)
        self.condition, self.at = condition, at


@stream_request_body
class DavPage(Page):
    """The part all methods share."""

    SUPPORTED_METHODS = METHODS

    def initialize(self, front: Front, route: Route) -> None:
        """Nobody has signed in yet."""
        super().initialize(front, route)
        self._body = bytearray()
        self._received = 0
        self._failure: Exception | None = None
        self._stall: object | None = None
        self.key: Key | None = None
        self.target = Target("", True)

    # -------- in

    async def prepare(self) -> None:
        """Sign in before the body; a refusal waits until a body of modest size has passed, so that it is heard."""
        self._current_user = None
        connection: Any = self.request.connection
        connection.set_max_body_size(1 << 62)
        connection.set_body_timeout(_WEEK_SECONDS)
        try:
            await self._enter()
            await self.begin_body()
        except (BoxError, HTTPError) as error:
            self._failure = error
            if self.declared() > limits.WEB_REFUSED_BYTES:
                self.set_header("Connection", "close")
                raise
        self.watch()

    async def _enter(self) -> None:
        if self.request.method not in self.route.methods:
            raise HTTPError(405)
        try:
            header = self.request.headers.get("Authorization", "")
            self.key = await self.front.door.enter(self.front.box, header, time.monotonic())
        except NotSignedIn:
            raise HTTPError(401) from None
        self.target = names.target(self.request.uri or "")

    async def begin_body(self) -> None:
        """PUT takes its body as it comes."""

    def declared(self) -> int:
        """Return the announced length of the body, -1 when there is none."""
        text = self.request.headers.get("Content-Length", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < len(str(1 << 63)) else -1

    async def data_received(self, chunk: bytes) -> None:
        """Gather a small body; what comes after a refusal is dropped."""
        self._received += len(chunk)
        self.watch()
        if self._failure is not None:
            if self._received > limits.WEB_REFUSED_BYTES:
                self.hang_up()
            return
        await self.take(chunk)

    async def take(self, chunk: bytes) -> None:
        """Take a piece of the body."""
        if len(self._body) + len(chunk) > limits.DAV_XML_BYTES:
            self._failure = TooLarge(limit=f"{limits.DAV_XML_BYTES} bytes")
            self._body.clear()
            return
        self._body += chunk

    async def serve(self, *_path: str) -> None:
        """Answer; runs when the whole body is here."""
        self.unwatch()
        if self._failure is not None:
            raise self._failure
        await getattr(self, f"do_{str(self.request.method).lower()}")()

    get = head = put = delete = options = serve

    # -------- what methods ask

    @property
    def signed_in(self) -> Key:
        """The device that asks."""
        assert self.key is not None
        return self.key

    @property
    def desk(self) -> Desk:
        """What is remembered for its member."""
        return self.front.door.desk(self.signed_in.member)

    async def ask(self, operation: str, /, **arguments: Any) -> Any:
        """Call ``operation`` with the device's token; a token that died makes the device sign in again (503, once)."""
        key = self.signed_in
        try:
            return await self.front.box.as_session(key.token, key.member).call(operation, **arguments)
        except (Locked, Refused) as error:
            self.token_died(error)
            raise

    def token_died(self, error: BoxError) -> None:
        """Forget the device if ``error`` says that its token opens nothing any more."""
        if isinstance(error, Locked) or error.code == Refused.code:
            self.front.door.forget(self.signed_in)
        if error.code == Refused.code:
            raise Unreachable(what="the locker with this old session") from None

    async def look(self, path: str) -> PathInfo:
        """Ask what lies at ``path``; what Finder keeps in memory counts too."""
        found: PathInfo = await self.ask("look", path=path)
        shadow = self.desk.shadows.get(path) if self.is_shadow(path) else None
        if shadow is None:
            return found
        file = FileItem(
            _SHADOW_ID, len(shadow.data), "application/octet-stream", shadow.mtime_ns, shadow.mtime_ns // 1_000_000, 1
        )
        return PathInfo(found.folder, found.above, file, found.note, found.note_above)

    def is_shadow(self, path: str) -> bool:
        """Whether ``path`` is one of the files Finder writes beside others."""
        return is_shadow(path.rpartition("/")[2], self.request.headers.get("User-Agent", ""))

    def place(self, target: Target, found: PathInfo) -> Place | None:
        """Return what is at ``target``: a file unless the address ends with a slash, else a folder, else None."""
        now = time.monotonic()
        locks = tuple(self.desk.locks.on(target.path, now))
        if found.file is not None and not (target.slash and found.folder):
            return Place(target.path, found.file, Notes(found.note_above).of(target.leaf), locks)
        return Place(target.path, None, Notes(found.note).of(None), locks) if found.folder else None

    async def there(self) -> tuple[Place, PathInfo]:
        """Return what the request is about, its conditions checked; raises 404."""
        found = await self.look(self.target.path)
        place = self.place(self.target, found)
        await self.check_conditions(place)
        if place is None:
            raise HTTPError(404)
        return place, found

    # -------- conditions and locks

    async def check_conditions(self, place: Place | None) -> None:
        """Judge If, If-Match and If-None-Match; raises 412 (304 for a GET that needs no answer)."""
        headers = self.request.headers
        etag = place.etag if place is not None else None
        there = etag if etag is not None or place is None else '""'
        if "If-Match" in headers and not conditions.matches(headers["If-Match"], there):
            raise HTTPError(412)
        if "If-None-Match" in headers and conditions.matches(headers["If-None-Match"], there):
            raise HTTPError(304 if self.request.method in ("GET", "HEAD") else 412)
        lists = conditions.parse_if(headers.get("If", ""))
        if not lists:
            return
        for one in lists:
            path, tag = self.target.path, etag
            if one.resource is not None:
                other = names.destination(one.resource, self.request.host)
                if other is None:
                    continue
                path = other.path
                seen = self.place(other, await self.look(path)) if path != self.target.path else place
                tag = seen.etag if seen is not None else None
            if one.holds({lock.token for lock in self.desk.locks.on(path, time.monotonic())}, tag):
                return
        raise HTTPError(412)

    def must_hold(self, *paths: str, below: bool = False) -> None:
        """Raise 423 unless this device shows the tokens of all locks on ``paths`` (``below``: and inside them)."""
        now, locks = time.monotonic(), self.desk.locks
        shown = conditions.tokens_in(conditions.parse_if(self.request.headers.get("If", "")))
        for path in paths:
            for lock in self._exclusive_first(locks.on(path, now), shown):
                self._stopped_by(lock, shown)
            for lock in locks.below(path, now) if below else []:
                self._stopped_by(lock, shown)

    def _exclusive_first(self, found: list[Lock], shown: set[str]) -> list[Lock]:
        """Of several shared locks one token is enough (RFC 4918 section 6.2)."""
        if any(lock.shared and lock.token in shown and lock.device == self.signed_in.device for lock in found):
            return [lock for lock in found if not lock.shared]
        return found

    def _stopped_by(self, lock: Lock, shown: set[str]) -> None:
        if lock.token not in shown or lock.device != self.signed_in.device:
            raise Says(423, "lock-token-submitted", names.href(lock.path, folder=lock.folder))

    # -------- notes

    async def note(self, folder: str, leaf: str | None, props: dict[Name, str]) -> None:
        """Keep the dead properties of a file in ``folder``, or (leaf None) of the folder itself."""
        async with self.desk.noting:
            before = (await self.ask("look", path=folder)).note
            notes = Notes(before)
            notes.set(leaf, props)
            after = notes.written()
            if len(after) > limits.FOLDER_NOTE_BYTES:
                raise Says(507)
            if after != before:
                await self.ask("make_folder", path=folder, note=after)

    # -------- out

    def xml(self, status: int, text: str) -> None:
        """Answer with XML."""
        self.set_status(status)
        self.set_header("Content-Type", "application/xml; charset=utf-8")
        self.finish(text)

    def bare(self, status: int) -> None:
        """Answer without a body."""
        self.set_status(status)
        self.finish()

    def compute_etag(self) -> str | None:
        """Leave entity tags to the locker."""
        return None

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Say no: a sentence, or the precondition as XML."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(error, BoxError):
            status_code = error.http
            self.set_status(status_code)
        if status_code == 401:
            self.set_header("WWW-Authenticate", 'Basic realm="Locker Box", charset="UTF-8"')
        if status_code == 405:
            self.set_header("Allow", ", ".join(METHODS))
        if isinstance(error, TooManyTries):
            self.set_header("Retry-After", str(error.fields.get("seconds", 60)))
        elif status_code == 503:
            self.set_header("Retry-After", "2")
        if isinstance(error, Says) and error.condition:
            self.xml(status_code, answers.refusal(error.condition, error.at))
            return
        said = self.said(error) if isinstance(error, BoxError) else None
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{said['sentence']} {said['advice']}\n" if said else f"{HTTPStatus(status_code).phrase}.\n")

    # -------- a device that falls silent

    def watch(self) -> None:
        """Cut a request whose body does not go on."""
        self.unwatch()
        self._stall = IOLoop.current().call_later(limits.WEB_STALL_SECONDS, self.hang_up)

    def unwatch(self) -> None:
        """The body is complete."""
        if self._stall is not None:
            IOLoop.current().remove_timeout(self._stall)
            self._stall = None

    def hang_up(self) -> None:
        """Close the connection."""
        connection: Any = self.request.connection
        self.stop()
        with contextlib.suppress(AttributeError):
            connection.stream.close()

    def stop(self) -> None:
        """Leave nothing under way."""
        self.unwatch()

    def on_connection_close(self) -> None:
        """The device went away."""
        self.stop()

    def on_finish(self) -> None:
        """Leave nothing behind."""
        self.stop()
