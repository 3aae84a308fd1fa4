"""Circles nobody has to build: made-up friends, and a web front whose box answers with them."""

from __future__ import annotations

import asyncio
import http.client
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.template import Loader

from firmware.errors import BoxError
from services.api.circle_types import Circle, LockerSafety, Pairing, Pairings, PeerInfo, PeerIs, Reach
from services.api.restore_types import RestoreIs, RestoreStatus
from services.api.types import MemberInfo, Role, Status
from webui.app import Pages
from webui.files import HOME, StaticFiles
from webui.hosts import Hosts
from webui.invitations import Invitations
from webui.language import Languages
from webui.route import Connection, Front
from webui.session import COOKIE, Session, Sessions

NOW_MS = 1_795_000_000_000
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
GB = 1_000_000_000
MEMBER = "ab" * 8
NAMES = ("Lindqvist family", "Tom & Ana", "Grandma Ilse", "Okafor home", "Jonas, workshop", "Priya & Dev")


def friend(number: int, **more: Any) -> PeerInfo:
    """One of the friends, in touch and proven unless told otherwise."""
    known: dict[str, Any] = {
        "peer": f"{number + 1:x}" * 64,
        "label": NAMES[number % len(NAMES)],
        "state": PeerIs.ACTIVE,
        "reach": Reach.DIRECT,
        "since_ms": NOW_MS - 90 * DAY_MS,
        "seen_ms": NOW_MS - 1000,
        "audited_ms": NOW_MS - (number + 2) * HOUR_MS,
        "gives": 60 * GB,
        "gives_used": 41 * GB,
        "gets": 60 * GB,
        "gets_used": 38 * GB,
    }
    return PeerInfo(**(known | more))


def away(number: int, hours: int, **more: Any) -> PeerInfo:
    """One of the friends, not heard for so many hours."""
    return friend(number, reach=Reach.AWAY, seen_ms=NOW_MS - hours * HOUR_MS, **more)


def circle(*peers: PeerInfo, may_fail: int = 2, waits: int = 0, safe: int = 164 * GB, **more: Any) -> Circle:
    """A circle of these friends whose locker is safe with them."""
    locker = LockerSafety("0" * 32, more.pop("custody", True), 0, waits, safe, may_fail, len(peers))
    kept = sum(each.gets_used for each in peers)
    known: dict[str, Any] = {"lockers": (locker,), "notices": (), "moving": False, "paused": False, "asleep": False}
    known |= {"waits_bytes": waits, "hosted_bytes": kept, "free_bytes": 1600 * GB}
    return Circle("0" * 64, "Novak home", (), peers, **(known | more))


class MadeUpBox:
    """Answers for the box; what it is asked to do is written down."""

    def __init__(self) -> None:
        """A circle of six, nothing under way."""
        self.circle = circle(*(friend(number) for number in range(6)))
        self.pairings: tuple[Pairing, ...] = ()
        self.role = Role.OWNER
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, Any] = {}

    def as_session(self, token: str, member: str) -> MadeUpBox:
        """Every token is good."""
        del token, member
        return self

    def _status(self) -> Status:
        claimed = self.answers.get("claimed", True)
        return Status(True, claimed, "0", "Novak home", (MemberInfo(MEMBER, "Marta", self.role, True),))

    async def call(self, operation: str, /, **arguments: Any) -> Any:
        """Answer one operation; an error that stands in ``answers`` is raised."""
        looks: dict[str, Callable[[], Any]] = {
            "status": self._status,
            "circle": lambda: self.circle,
            "pairing": lambda: Pairings(self.pairings),
            "restore_status": lambda: self.answers.get("restore_status", RestoreStatus(RestoreIs.NONE)),
        }
        if operation in looks:
            return looks[operation]()
        self.asked.append((operation, arguments))
        answer = self.answers.get(operation)
        if isinstance(answer, BoxError):
            raise answer
        return answer


class MadeUpFront:
    """A browser without a screen on a front with a made-up box."""

    def __init__(self, box: MadeUpBox, port: int, cookie: str, session: Session, sessions: Sessions) -> None:
        """Talk to ``port`` with the session of ``cookie``."""
        self.box, self._port, self._cookie, self._session = box, port, cookie, session
        self._sessions = sessions
        self.jar: dict[str, str] = {}
        """Cookies the pages set."""

    def for_browsers(self) -> str:
        """Return the address; whoever comes has this session, since browsers take its cookie over TLS alone."""
        self._sessions.find = lambda _cookie: self._session  # type: ignore[assignment, method-assign]
        return f"http://127.0.0.1:{self._port}"

    def sure(self, proven: bool) -> None:
        """The member typed her passphrase a moment ago, or long ago."""
        self._session.sure_until_ms = NOW_MS + HOUR_MS if proven else 0

    def be_newcomer(self) -> None:
        """She typed the claim code, and owns nothing yet."""
        session = self._session
        session.token = session.member = session.name = session.household = ""
        session.code, session.kit = "CODE", None

    def be_member(self) -> None:
        """Marta is inside."""
        session = self._session
        session.token, session.member, session.name, session.household = "t", MEMBER, "Marta", "Novak home"
        session.code, session.kit = "", None

    def forget_words(self) -> None:
        """The words of a kit were proven."""
        self._session.words, self._session.fresh_kit = "", False

    def ask(self, method: str, path: str, language: str = "en", **fields: str) -> tuple[int, str, str]:
        """Return status, body, Location."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        cookies = "; ".join(f"{name}={value}" for name, value in {COOKIE: self._cookie, **self.jar}.items())
        headers = {"Cookie": cookies, "Accept-Language": language}
        body = urllib.parse.urlencode(fields) if method == "POST" else None
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        found = answer.status, answer.read().decode(), answer.headers.get("Location", "")
        for line in answer.headers.get_all("Set-Cookie", []):
            name, _, value = line.partition(";")[0].partition("=")
            self.jar |= {name: value.strip('"')}
        connection.close()
        return found

    def page(self, path: str, language: str = "en") -> str:
        """GET a page that must be there."""
        status, body, _ = self.ask("GET", path, language)
        assert status == 200, (path, status)
        return body


@contextmanager
def front() -> Iterator[MadeUpFront]:
    """Serve the private pages over a box that is made up, in a thread."""
    box, sessions = MadeUpBox(), Sessions(time.monotonic)
    cookie, session = sessions.start()
    known: Any = box
    made = Front(
        known,
        sessions,
        Invitations(time.monotonic),
        Languages(HOME / "locales"),
        StaticFiles(),
        Hosts(["locker-7f3a.local"]),
        Loader(str(HOME / "templates"), whitespace="single"),
        lambda: NOW_MS,
        lambda: b"",
        lambda: 443,
    )
    ready, loops = threading.Event(), []
    sockets = bind_sockets(0, "127.0.0.1")

    async def serve() -> None:
        server = HTTPServer(Pages(made, Connection.PRIVATE), protocol="https")
        server.add_sockets(sockets)
        ended = asyncio.Event()
        loops.append((asyncio.get_running_loop(), ended))
        ready.set()
        await ended.wait()
        server.stop()
        await server.close_all_connections()  # or they are found unclosed in the middle of somebody else's test

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(60)
    try:
        found = MadeUpFront(box, sockets[0].getsockname()[1], cookie, session, sessions)
        found.be_member()
        yield found
    finally:
        loop, ended = loops[0]
        loop.call_soon_threadsafe(ended.set)
        thread.join(60)
