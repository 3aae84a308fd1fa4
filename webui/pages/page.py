"""What every page shares: who is asking, in which language, what leaves with every answer, how a no is said."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import secrets
import traceback
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from tornado.escape import xhtml_escape
from tornado.web import HTTPError, RequestHandler

from firmware import limits
from firmware.errors import BoxError, Locked, Misused, NamesComing, Refused, StepUpNeeded
from services.api.client import Client
from services.api.restore_types import RestoreIs, RestoreStatus
from services.api.tint import tint_of
from services.api.types import Status
from webui.hosts import host_name
from webui.language import Language
from webui.route import Connection, Front, Proof, Route
from webui.session import COOKIE, Session
from webui.village import Scene, draw

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "media-src 'self'; connect-src 'self'; "
    "font-src 'self'; worker-src 'self'; manifest-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types sw"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
LANGUAGE_COOKIE = "__Host-language"
LOOK_COOKIE = "__Host-look"
TRUST_COOKIE = "__Host-trusted"
"""Set in browsers that showed that they trust this box's certificate (`/trusted`)."""
LOOKS = ("light", "dark")
"""What a member may choose; without the cookie the pages follow the device."""
FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"
_SECRET_FIELDS = frozenset({"passphrase", "code", "once", "new"})
_GZIP_LEVEL = 6
_HTTPS_PORT = 443
_log = logging.getLogger("webd")


class SessionGone(HTTPError):
    """The browser's session, or the locker behind it, is no longer open."""

    def __init__(self) -> None:
        """Answer 401 wherever a page cannot lead to the door instead."""
        super().__init__(401)


class Page(RequestHandler):
    """One page. Nothing is reachable whose route does not say what must be proven."""

    takes: tuple[str, ...] = (FORM,)
    """Content types of the bodies it reads."""
    front: Front
    route: Route
    session: Session | None = None
    language: Language

    def initialize(self, front: Front, route: Route) -> None:
        """Take what the route table hands over."""
        self.front, self.route = front, route
        asked = self.request.query_arguments.get("lang", [b""])[-1].decode("latin1")
        chosen = asked or self.get_cookie(LANGUAGE_COOKIE)
        self.language = front.languages.choose(self.request.headers.get("Accept-Language", ""), chosen)

    def set_default_headers(self) -> None:
        """Give every answer, errors included, the same protections."""
        for name, value in HEADERS.items():
            self.set_header(name, value)
        self.clear_header("Server")

    @property
    def is_private(self) -> bool:
        """True over TLS."""
        return self.request.protocol == Connection.PRIVATE.value

    @property
    def wants_json(self) -> bool:
        """True when a module or a program asks: it gets facts, and a no with its reason, instead of a page."""
        return self.route.json or self.request.headers.get("Accept", "") == _JSON

    async def prepare(self) -> None:
        """Check method, proof and form encoding, in this order, before any handler code runs."""
        self._current_user = None
        if self.get_cookie(TRUST_COOKIE):
            self.insist()
        if self.request.method not in self.route.methods:
            raise HTTPError(405)
        if self.is_private:
            self.session = self.front.sessions.find(self.get_cookie(COOKIE))
        if self.route.proof is Proof.CODE and not (self.session and (self.session.code or self.session.is_member)):
            self._to_claim()
        if self.route.proof is Proof.MEMBER and not (self.session and self.session.is_member):
            raise SessionGone
        kind = self.request.headers.get("Content-Type", "").partition(";")[0]
        if self.request.method == "POST" and kind not in self.takes:
            raise HTTPError(415)

    async def head(self, *args: str) -> None:
        """Answer like GET, without the body."""
        answering = self.get(*args)
        if answering is not None:
            await answering

    def insist(self) -> None:
        """Ask the browser to come by the private way alone from now on (HSTS), by the box's own name on the usual port.

        Never for ``localhost``, which other servers share, nor where the open porch has another port: a browser would
        look for TLS on that very port.
        """
        name = host_name(self.request.host) or ""
        if self.is_private and self.front.https_port() == _HTTPS_PORT and self.front.hosts.knows(name):
            self.set_header("Strict-Transport-Security", f"max-age={limits.HSTS_SECONDS}")

    def _to_claim(self) -> None:
        if self.request.method == "POST" and not self.route.json:
            self.session = self._begin(self.session)
            self._keep_typed()
        if not self._finished:
            self.go("/claim")

    def _keep_typed(self) -> None:
        """Keep what was typed (never a passphrase or a code) until the way back to this form is open."""
        names = [name for name in self.request.body_arguments if name not in _SECRET_FIELDS]
        typed = {name: self.get_body_argument(name, "")[: limits.WEB_FORM_FIELD_CHARS] for name in names}
        if self.session is not None and typed:
            self.session.kept = {self.request.path: typed}

    def _begin(self, session: Session | None) -> Session:
        """Return ``session``, or a new one whose cookie leaves with this answer."""
        return session if session is not None else self.begin()

    def begin(self) -> Session:
        """Start a session and give the browser its cookie: Secure, HttpOnly, SameSite=Strict, this host only."""
        cookie, session = self.front.sessions.start()
        self.set_cookie(COOKIE, cookie, path="/", secure=True, httponly=True, samesite="Strict")
        return session

    def member(self) -> Session:
        """Return the member's session; raises SessionGone without one."""
        if self.session is None or not self.session.is_member:
            raise SessionGone
        return self.session

    async def ask(self, operation: str, /, **arguments: Any) -> Any:
        """Call ``operation`` for the member; a locked locker or a dead token ends the session (SessionGone)."""
        session = self.member()
        box = self.front.box.as_session(session.token, session.member)
        try:
            return await box.call(operation, **arguments)
        except (Locked, Refused) as error:
            if isinstance(error, Locked) and await self._comes_home(box):
                raise NamesComing from None
            if isinstance(error, Locked) or (error.code == Refused.code and not await self._lives(box)):
                session.token = ""
                raise SessionGone from None
            raise

    async def _comes_home(self, box: Client) -> bool:
        """Say whether the locker is on its way back from friends, and its names are not here yet."""
        try:
            found: RestoreStatus = await box.call("restore_status")
        except (Locked, Refused):
            return False
        return found.state is not RestoreIs.NONE and not found.names_ms

    async def _lives(self, box: Client) -> bool:
        """Say whether the session behind ``box`` still is one: then a no was about the action alone."""
        try:
            await box.call("session")
        except (Locked, Refused):
            return False
        return True

    async def status_of_box(self) -> Status:
        """Ask who lives here; needs no session."""
        found: Status = await self.front.box.call("status")
        return found

    async def once(self, act: Callable[[], Awaitable[str]]) -> None:
        """Run the form's action and go where it leads; the same form sent again goes there without acting again."""
        session = self.session
        form = self.get_body_argument("once", "")[:64]
        if session is None or not form:
            self.go(await act())
            return
        if form not in session.outcomes:
            running = session.running.get(form)
            if running is None:
                running = session.running[form] = asyncio.ensure_future(act())
                running.add_done_callback(lambda _: session.running.pop(form, None))
            session.remember_outcome(form, await asyncio.shield(running))
        self.go(session.outcomes[form])

    def field(self, name: str) -> str:
        """Return a typed field without surrounding blanks; raises Misused when it is missing."""
        found = self.get_body_argument(name, None)
        if found is None:
            raise Misused(why=f"the field “{name}” is missing.")
        return found

    def kept(self, *paths: str) -> dict[str, str]:
        """Take what was typed into the forms of ``paths`` before the session ended."""
        found: dict[str, str] = {}
        for path in paths:
            found |= self.session.kept.pop(path, {}) if self.session else {}
        return found

    def go(self, path: str) -> None:
        """Answer 303: look at ``path`` next."""
        self.redirect(path, status=303)

    def show(self, template: str, *, answer: int | None = None, **values: Any) -> None:
        """Render ``template`` with the words of the reader's language."""
        if answer is not None:
            self.set_status(answer)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Content-Language", self.language.code)
        language = self.language
        names: dict[str, Any] = {
            "t": language.say,
            "language": language,
            "languages": self.front.languages.known.values(),
            "icon": self._icon,
            "static": self.front.files.url,
            "modules": self.front.files.modules,
            "later": (),
            "scene": self._scene,
            "session": self.session,
            "private": self.is_private,
            "path": self.request.path,
            "host": self.request.host,
            "now_ms": self.front.now_ms(),
            "once_id": secrets.token_urlsafe(12),
            "mood": "paper",
            "look": chosen if (chosen := self.get_cookie(LOOK_COOKIE)) in LOOKS else "",
            "place": "",
            "brief": False,
            "trouble": None,
            "tint": tint,
            "quote": quote,
            "page_words": self._page_words,
        }
        self._send(self.front.templates.load(template).generate(**{**names, **values}))

    def _send(self, page: bytes) -> None:
        """Send a page, compressed for strangers only: in pages of members the length would tell what is secret."""
        if self.session is None and "gzip" in self.request.headers.get("Accept-Encoding", ""):
            self.set_header("Content-Encoding", "gzip")
            page = gzip.compress(page, _GZIP_LEVEL, mtime=0)
        self.set_header("Vary", "Accept-Encoding")
        self.finish(page)

    def _icon(self, name: str, extra: str = "") -> str:
        use = f'<use href="{self.front.files.url("icons.svg")}#{name}"/>'
        return f'<svg class="icon {extra}" aria-hidden="true" focusable="false">{use}</svg>'

    def _scene(self, lit: bool, sentence: str, waking: bool = False, friends: tuple[str, ...] = ()) -> str:
        return draw(Scene(lit=lit, waking=waking, friends=friends), xhtml_escape(sentence))

    def _page_words(self, start: str, *shared: str) -> str:
        """Return the sentences under ``start`` for the page's module, as JSON that cannot end its element.

        Those under ``shared`` come along under their whole names: what is called alike here and in the module.
        """
        said = self.language.words.items()
        found = {key.removeprefix(start): words for key, words in said if key.startswith((start, *shared))}
        return json.dumps(found).replace("<", "\\u003c")

    def said(self, error: BoxError) -> dict[str, str]:
        """Return what a page shows of an error: sentence, advice, code."""
        sentence, advice = self.language.trouble(error)
        return {"sentence": sentence, "advice": advice, "code": error.code}

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer with a sentence, the next step and, in small print, the code; a lost session leads to the door."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(error, SessionGone) and not self.wants_json:
            self._to_door()
            return
        if isinstance(error, NamesComing) and not self.wants_json:
            self.go("/restore/progress")
            return
        if isinstance(error, StepUpNeeded) and not self.wants_json:
            self.to_sure()
            return
        said = self._said_of(status_code, error)
        if isinstance(error, BoxError):
            self.set_status(error.http)
        if self.wants_json:
            self.set_header("Content-Type", "application/json")
            self.finish({"error": said})
            return
        self.show("error.html", said=said, mood="village")

    def _said_of(self, status: int, error: BaseException | None) -> dict[str, str]:
        if isinstance(error, BoxError):
            return self.said(error)
        known = f"http.{status}.sentence" in self.language.words
        key = f"http.{status}" if known else "http.500"
        words = self.language.words
        return {"sentence": words[f"{key}.sentence"], "advice": words[f"{key}.advice"], "code": f"http-{status}"}

    def to_sure(self) -> None:
        """Ask for the passphrase once more; the form that needs it waits in the session and then goes on."""
        if self.session is not None and self.request.method == "POST":
            typed = {name: self.get_body_argument(name, "") for name in self.request.body_arguments}
            self.session.waiting = (self.request.path, typed)
        self.set_status(303)
        self.set_header("Location", f"/sure?then={quote(self.stands_on)}")
        self.finish()

    @property
    def stands_on(self) -> str:
        """The page that leads here, to which the door and the passphrase lead back."""
        return self.request.path

    def _to_door(self) -> None:
        """Lead to the door; what was typed is kept and stands in its form again after opening."""
        then = self.stands_on
        if self.request.method == "POST":
            self.session = self._begin(self.session)
            self._keep_typed()
        elif self.request.query and then == self.request.path:
            then = f"{then}?{self.request.query}"[: limits.WEB_FORM_FIELD_CHARS]
        self.set_status(303)
        self.set_header("Location", "/open" + (f"?then={quote(then)}" if then != "/" else ""))
        self.finish()

    def log_exception(self, *args: Any) -> None:
        """Log what went wrong without any value: neither file names nor addresses nor what was typed."""
        error = args[1]
        if isinstance(error, (BoxError, HTTPError)) or error is None:
            return
        frames = "".join(traceback.format_tb(error.__traceback__))
        _log.error("a page broke: %s\n%s", type(error).__name__, frames)


def tint(key: str) -> str:
    """Return the colour a person or box keeps for life (``t1`` to ``t6``), chosen by its id."""
    return f"t{tint_of(key)}"
