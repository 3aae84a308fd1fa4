"""One worker process: holds the keys of one open locker and serves its socket; ends when the main process ends.

It is forked by the spawner and is told everything over its private channel: first how to get in (create, open,
recover), then tokens, then changes of keys. Locking is the end of this process, so that no key can stay behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from firmware.chain import Epoch
from firmware.errors import BoxError, Refused
from firmware.linux.home import linux_home
from firmware.linux.journal import Journal
from firmware.locker import Home, Locker
from firmware.seal import LockerSecrets
from services.api.openapi import document
from services.api.routes import Operation, Where
from services.api.server import Server
from services.lockerd.analysis import Analyst
from services.lockerd.control import Channel
from services.lockerd.keys import Keys
from services.lockerd.locker_calls import LockerCalls
from services.lockerd.readers import Readers
from services.lockerd.sessions import token_hash
from services.lockerd.store import Store

_SEEN_SECONDS = 20.0
DOCUMENT = document(Where.LOCKER)


def worker_main(member: str, folder: Path, path: Path, uids: frozenset[int], channel: socket.socket) -> None:
    """Live until the channel ends."""
    asyncio.run(_Worker(member, folder, path, uids).live(channel))


class _Worker:
    def __init__(self, member: str, folder: Path, path: Path, uids: frozenset[int]) -> None:
        self._member, self._folder, self._path, self._uids = member, folder, path, uids
        self._owned = -1
        self._journal = Journal("lockerd")
        self._home: Home = linux_home(folder, self._journal.tell)
        self._keys = Keys(self._home)
        self._tokens: dict[str, str] = {}
        self._seen: set[str] = set()
        self._store: Store | None = None
        self._readers: Readers | None = None
        self._analyst: Analyst | None = None
        self._orders: dict[str, Callable[..., Awaitable[dict[str, Any]]]] = {
            "create": self._create,
            "open": self._open,
            "recover": self._recover,
            "prove": self._prove,
            "admit": self._admit,
            "dismiss": self._dismiss,
            "passwd": self._passwd,
            "kit": self._kit,
            "slots": self._slots,
            "drop_slot": self._drop_slot,
        }

    async def live(self, channel: socket.socket) -> None:
        """Obey until the channel ends, then leave nothing uncommitted."""
        talk = Channel(channel, self._obey, lambda _: None)
        teller = asyncio.get_running_loop().create_task(self._tell_seen(talk))
        try:
            await talk.live()
        finally:
            teller.cancel()
            await asyncio.to_thread(self._close)  # the channel closes with the process: then the locker is free again

    async def _obey(self, order: str, fields: dict[str, Any]) -> dict[str, Any]:
        return await self._orders[order](**fields)

    # -------- getting in

    async def _create(self, passphrase: str) -> dict[str, Any]:
        await asyncio.to_thread(self._own)
        secrets, locker_id, words = await asyncio.to_thread(self._keys.create, passphrase)
        await self._serve(await asyncio.to_thread(Locker.create, self._home, secrets, locker_id))
        return {"words": words}

    async def _open(self, passphrase: str) -> dict[str, Any]:
        await asyncio.to_thread(self._own)
        secrets = await asyncio.to_thread(self._keys.open, passphrase)
        await self._serve(await asyncio.to_thread(Locker.open, self._home, secrets))
        return {}

    async def _recover(self, words: str, passphrase: str) -> dict[str, Any]:
        await asyncio.to_thread(self._own)
        secrets = await asyncio.to_thread(self._keys.recover, words, passphrase)
        if self._store is not None:
            await self._adopt(secrets)
        else:
            await self._serve(await asyncio.to_thread(Locker.open, self._home, secrets))
        return {}

    def _own(self) -> None:
        """Wait until no other worker writes this locker (one of a main process that was killed is about to end)."""
        if self._owned < 0:
            self._owned = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._owned, fcntl.LOCK_EX)

    async def _prove(self, passphrase: str) -> dict[str, Any]:
        await asyncio.to_thread(self._keys.open, passphrase)
        return {}

    async def _serve(self, locker: Locker) -> None:
        self._store = Store(locker, asyncio.get_running_loop())
        self._readers = Readers(locker.reader)
        self._analyst = Analyst(self._store, self._journal)
        self._store.on_commit = self._analyst.wake
        self._store.start()
        self._analyst.start()
        calls = LockerCalls(self._member, self._store, self._readers, self._analyst, self._keys, self._journal)
        Server(Where.LOCKER, calls.handlers(), self._authority, self._uids, DOCUMENT).listen([listen(self._path)])

    # -------- sessions

    async def _admit(self, token: str, session: str) -> dict[str, Any]:
        self._tokens[token] = session
        return {}

    async def _dismiss(self, token: str) -> dict[str, Any]:
        self._tokens.pop(token, None)
        return {}

    def _authority(self, operation: Operation, token: str | None, uid: int) -> str:  # noqa: ARG002
        session = self._tokens.get(token_hash(token)) if token else None
        if session is None:
            raise Refused
        self._seen.add(session)
        return session

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

    async def _kit(self, passphrase: str) -> dict[str, Any]:
        secrets, words = await asyncio.to_thread(self._keys.kit, passphrase)
        await self._adopt(secrets)
        return {"words": words}

    async def _slots(self) -> dict[str, Any]:
        return {"kinds": list(self._keys.kinds())}

    async def _drop_slot(self, kind: str, passphrase: str) -> dict[str, Any]:
        secrets, kinds = await asyncio.to_thread(self._keys.drop, kind, passphrase)
        await self._adopt(secrets)
        return {"kinds": list(kinds)}

    async def _adopt(self, secrets: LockerSecrets) -> None:
        """Let the open locker go on under the new epoch."""
        assert self._store is not None and self._readers is not None

        def adopt(locker: Locker) -> None:
            locker.cut()
            locker.secrets = locker.shelf.secrets = secrets
            locker.queue(Epoch(secrets.current_epoch))

        await self._store.run(adopt)
        self._readers.reset()
        if self._analyst is not None:
            self._analyst.reset()

    def _close(self) -> None:
        self._path.unlink(missing_ok=True)
        if self._store is not None and self._analyst is not None:
            self._analyst.stop()
            self._store.stop()


def listen(path: Path) -> socket.socket:
    """Return a socket listening at ``path`` (0600; a stale one is replaced)."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        found.bind(str(path))
    finally:
        os.umask(mask)
    found.listen(128)
    found.setblocking(False)
    return found
