"""One worker process: holds the keys of one open locker and serves its socket; ends when the main process ends.

It is forked by the spawner and is told everything over its private channel: first how to get in (create, open,
recover, with a passkey's or a guardian's key), then tokens, then changes of keys and doors. Locking is the end of this
process, so that no key can stay behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from firmware.chain import Epoch
from firmware.errors import BoxError, NamesComing, Refused, StepUpNeeded
from firmware.linux.home import linux_home
from firmware.locker import Home, Locker
from firmware.locker.rows import UploadRow
from firmware.seal import LockerSecrets, SlotKind
from services.api.routes import Needs, Operation, Where, allowed
from services.api.server import Server
from services.api.types import Rights
from services.lockerd.analysis import Analyst
from services.lockerd.control import Channel
from services.lockerd.copies import CopyCalls
from services.lockerd.door_orders import DoorOrders, slot_kind, slots_dropped
from services.lockerd.feed import Feeder
from services.lockerd.friends_key import FriendsOrders
from services.lockerd.homecoming import Homecoming
from services.lockerd.keys import Keys
from services.lockerd.kit_sheet import KitSheets
from services.lockerd.locker_calls import LockerCalls
from services.lockerd.readers import Readers
from services.lockerd.rehearsing import Rehearsing
from services.lockerd.returning import StillAway
from services.lockerd.sessions import token_hash
from services.lockerd.shelf_orders import ShelfOrders
from services.lockerd.split_keys import take_back
from services.lockerd.store import Store
from services.lockerd.telling import TellingJournal
from services.lockerd.watching import Watch

_SEEN_SECONDS = 20.0
_BEFORE = frozenset(
    {"create", "open", "recover", "open_with", "prove", "admit", "sure", "dismiss", "slots"}
    | {"restore_look", "restore", "restore_status", "shelf_look", "shelf_open"}
)
"""Orders that need no open locker; one that comes back from friends has none until its names are here."""


def worker_main(member: str, folder: Path, path: Path, uids: frozenset[int], channel: socket.socket) -> None:
    """Live until the channel ends."""
    asyncio.run(_Worker(member, folder, path, uids).live(channel))


@dataclass(slots=True)
class _Ticket:
    """One session as the worker knows it: its id, its rights, until when its member counts as proven (ticks)."""

    session: str
    rights: Rights
    sure_until_ns: int


class _Worker:
    def __init__(self, member: str, folder: Path, path: Path, uids: frozenset[int]) -> None:
        self._member, self._folder, self._path, self._uids = member, folder, path, uids
        self._owned = -1
        self._journal = TellingJournal("lockerd", self._note)
        self._news: list[dict[str, Any]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._has_news = asyncio.Event()
        away = StillAway()
        self._home: Home = replace(linux_home(folder, self._journal.tell), away=away)
        self._keys = Keys(self._home)
        self._coming = Homecoming(
            self._home, away, path.parent.parent, self._keys, self._serve, self._came_back, self._own
        )
        self._tokens: dict[str, _Ticket] = {}
        self._seen: set[str] = set()
        self._store: Store | None = None
        self._readers: Readers | None = None
        self._analyst: Analyst | None = None
        self._doors: DoorOrders | None = None
        self._beside: list[asyncio.Task[None]] = []
        self._keys_changed: Callable[[], None] = lambda: None
        self._all_here: Callable[[], None] = lambda: None
        self._orders: dict[str, Callable[..., Awaitable[dict[str, Any]]]] = {
            "create": self._create,
            "open": self._open,
            "recover": self._recover,
            "open_with": self._open_with,
            "prove": self._prove,
            "admit": self._admit,
            "sure": self._sure,
            "dismiss": self._dismiss,
            "passwd": self._passwd,
            "kit": self._kit,
            "slots": self._slots,
            "drop_slot": self._drop_slot,
        }
        self._orders |= self._coming.orders()
        self._orders |= ShelfOrders(self._home, self._keys, self._serve, self._own).orders()

    async def live(self, channel: socket.socket) -> None:
        """Obey until the channel ends, then leave nothing uncommitted."""
        talk = Channel(channel, self._obey, lambda _: None)
        self._loop = asyncio.get_running_loop()
        tellers = [self._loop.create_task(one) for one in (self._tell_seen(talk), self._tell_news(talk))]
        try:
            await talk.live()
        finally:
            self._loop = None
            for teller in [*tellers, *self._beside, *self._coming.tasks]:
                teller.cancel()
            await asyncio.to_thread(self._close)  # the channel closes with the process: then the locker is free again

    async def _obey(self, order: str, fields: dict[str, Any]) -> dict[str, Any]:
        if self._store is None and order not in _BEFORE:
            raise NamesComing
        return await self._orders[order](**fields)

    # -------- getting in

    async def _create(self, passphrase: str, guardian: str = "") -> dict[str, Any]:
        await asyncio.to_thread(self._own)
        public = bytes.fromhex(guardian) if guardian else None
        secrets, locker_id, words = await asyncio.to_thread(self._keys.create, passphrase, public)
        await self._serve(await asyncio.to_thread(Locker.create, self._home, secrets, locker_id))
        return {"words": words}

    async def _open(self, passphrase: str) -> dict[str, Any]:
        await asyncio.to_thread(self._own)
        secrets = await asyncio.to_thread(self._keys.open, passphrase)
        await self._coming.enter(secrets)
        return {}

    async def _recover(self, words: str, passphrase: str) -> dict[str, Any]:
        await asyncio.to_thread(self._own)
        secrets = await asyncio.to_thread(self._keys.recover, words, passphrase)
        if self._store is not None:
            await self._adopt(secrets)
        else:
            await self._coming.enter(secrets)
        return {}

    async def _open_with(self, kind: str, secret: str) -> dict[str, Any]:
        """Open with the secret of a passkey or a guardian; an open locker only checks that it would open it."""
        await asyncio.to_thread(self._own)
        secrets = await asyncio.to_thread(self._keys.open_with, slot_kind(kind), bytes.fromhex(secret))
        if self._store is None:
            await self._coming.enter(secrets)
        return {}

    def _own(self) -> None:
        """Wait until no other worker writes this locker (one of a main process that was killed is about to end)."""
        if self._owned < 0:
            self._owned = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._owned, fcntl.LOCK_EX)

    async def _prove(self, passphrase: str) -> dict[str, Any]:
        await asyncio.to_thread(self._keys.open, passphrase)
        return {}

    async def _serve(self, locker: Locker) -> tuple[Store, Readers]:
        self._store = Store(locker, asyncio.get_running_loop())
        self._readers = Readers(locker.reader)
        self._analyst = Analyst(self._store, self._journal)
        self._store.on_commit = self._analyst.wake
        watch = Watch(self._holds)
        run = self._path.parent.parent
        feeder = Feeder(self._home, run, self._keys.locker_id, self._store, self._readers)

        def committed(moved: list[UploadRow]) -> None:
            watch.committed(moved)
            feeder.committed()

        self._store.on_news = committed
        self._store.on_rest = self._readers.reset
        loop = asyncio.get_running_loop()
        self._analyst.on_previews = lambda ids: loop.call_soon_threadsafe(watch.previewed, ids)
        loop.add_signal_handler(signal.SIGCHLD, self._analyst.reap)
        self._store.start()
        self._analyst.start()
        self._doors = DoorOrders(self._home, self._keys, lambda: locker.secrets, self._change)
        self._orders |= self._doors.orders()
        self._orders |= FriendsOrders(self._home, self._keys, run, self._change, feeder.keys_changed).orders()
        calls = LockerCalls(self._member, self._store, self._readers, self._analyst, self._keys, self._journal, watch)
        drills = Rehearsing(self._home, self._folder, run, self._keys.locker_id.hex(), self._store, self._readers)
        handlers = calls.handlers() | CopyCalls(run, self._keys.locker_id, self._readers).handlers()
        handlers |= drills.handlers() | KitSheets(self._home, run).handlers()
        others = self._uids > {0, os.geteuid()}
        Server(Where.LOCKER, handlers, self._authority, self._uids).listen([listen(self._path, group=others)])
        self._orders["ship"] = feeder.ship
        self._beside = [loop.create_task(each) for each in (feeder.live(), drills.live())]
        self._keys_changed = feeder.keys_changed
        self._all_here = feeder.again
        return self._store, self._readers

    def _came_back(self) -> None:
        """Every pack is here again: friends' shards of it are known, and what was waiting for its bytes goes on."""
        self._all_here()
        if self._analyst is not None:
            self._analyst.reset()

    # -------- sessions

    async def _admit(self, token: str, session: str, rights: str = "all", sure: int = 0) -> dict[str, Any]:
        self._tokens[token] = _Ticket(session, Rights(rights), self._until(sure))
        return {}

    async def _sure(self, token: str, seconds: int) -> dict[str, Any]:
        if token in self._tokens:
            self._tokens[token].sure_until_ns = self._until(seconds)
        return {}

    def _until(self, seconds: int) -> int:
        return self._home.clock.ticks_ns() + seconds * 1_000_000_000

    async def _dismiss(self, token: str) -> dict[str, Any]:
        self._tokens.pop(token, None)
        return {}

    def _holds(self, token: str | None) -> bool:
        return token is not None and token_hash(token) in self._tokens

    def _authority(self, operation: Operation, token: str | None, uid: int) -> str:  # noqa: ARG002
        ticket = self._tokens.get(token_hash(token)) if token else None
        if ticket is None or not allowed(operation, ticket.rights):
            raise Refused
        if operation.needs is Needs.STEP_UP and self._home.clock.ticks_ns() >= ticket.sure_until_ns:
            raise StepUpNeeded
        self._seen.add(ticket.session)
        return ticket.session

    def _note(self, event: str, fields: dict[str, str | int]) -> None:
        """From any thread: the main process is to keep this in the activity."""
        self._news.append({"told": {"event": event, "fields": fields}})
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop closed just now
                loop.call_soon_threadsafe(self._has_news.set)

    async def _tell_news(self, talk: Channel) -> None:
        with contextlib.suppress(BoxError):
            while True:
                await self._has_news.wait()
                self._has_news.clear()
                news, self._news = self._news, []
                for one in news:
                    await talk.send(one)

    async def _tell_seen(self, talk: Channel) -> None:
        with contextlib.suppress(BoxError):
            while True:
                await asyncio.sleep(_SEEN_SECONDS)
                if self._seen:
                    seen, self._seen = self._seen, set()
                    await talk.send({"seen": sorted(seen)})

    # -------- keys

    async def _passwd(self, passphrase: str, new: str) -> dict[str, Any]:
        await self._adopt(await asyncio.to_thread(self._keys.passwd, passphrase, new))
        return {}

    async def _kit(self) -> dict[str, Any]:
        made: list[str] = []

        def renew(secrets: LockerSecrets) -> LockerSecrets:
            fresh, words = self._keys.kit(secrets)
            made.append(words)
            return fresh

        await self._change(renew)
        return {"words": made[0]}

    async def _slots(self) -> dict[str, Any]:
        return {"kinds": list(self._keys.kinds())}

    async def _drop_slot(self, kind: str) -> dict[str, Any]:
        assert self._doors is not None
        which = slot_kind(kind)
        await self._change(lambda secrets: self._keys.drop(secrets, which))
        await asyncio.to_thread(slots_dropped, self._doors.doors, which)
        if which is SlotKind.FRIENDS:
            await asyncio.to_thread(take_back, self._home)
        return {"kinds": list(self._keys.kinds())}

    async def _change(self, change: Callable[[LockerSecrets], LockerSecrets]) -> None:
        """Change the key file where nothing else of this locker changes keys meanwhile, and go on under it."""
        assert self._store is not None

        def apply(locker: Locker) -> None:
            _go_on(locker, change(locker.secrets))

        await self._store.run(apply)
        self._new_readers()
        self._keys_changed()

    async def _adopt(self, secrets: LockerSecrets) -> None:
        """Let the open locker go on under the new epoch."""
        assert self._store is not None
        await self._store.run(lambda locker: _go_on(locker, secrets))
        self._new_readers()

    def _new_readers(self) -> None:
        assert self._readers is not None
        self._readers.reset()
        if self._analyst is not None:
            self._analyst.reset()

    def _close(self) -> None:
        self._path.unlink(missing_ok=True)
        if self._store is not None and self._analyst is not None:
            self._analyst.stop()
            self._store.stop()


def _go_on(locker: Locker, secrets: LockerSecrets) -> None:
    if secrets.current_epoch == locker.secrets.current_epoch:
        return  # a way in was added: the keys are what they were
    locker.cut()
    locker.secrets = locker.shelf.secrets = secrets
    locker.queue(Epoch(secrets.current_epoch))


def listen(path: Path, group: bool = False) -> socket.socket:
    """Return a socket listening at ``path`` (0600; a stale one is replaced).

    ``group``: our group may connect, as to the sockets systemd makes; whose uid is let in, the server says.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    if group:
        path.parent.chmod(0o750)
    mask = os.umask(0o117 if group else 0o177)
    try:
        found.bind(str(path))
    finally:
        os.umask(mask)
    found.listen(128)
    found.setblocking(False)
    return found
