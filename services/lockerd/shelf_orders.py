"""What a worker does for a locker that comes back from a shelf: try the words on key files, then open what was copied.

Words and keys are here alone; the packs were copied by the main process, which needs neither.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from blake3 import blake3

from firmware.errors import BadSeal, OtherKit
from firmware.locker import Home, Locker
from firmware.locker.home import KnownHead
from firmware.peer.remembering import Head
from firmware.peer.signed import read_custody, read_head
from firmware.seal import KeyFile, LockerSecrets, SigningKey, open_with_words
from services.lockerd.capsules import put_card
from services.lockerd.custody import take_over
from services.lockerd.keys import Keys
from services.lockerd.strength import require_strong

Serve = Callable[[Locker], Awaitable[Any]]


class ShelfOrders:
    """Two orders of the main process."""

    def __init__(self, home: Home, keys: Keys, serve: Serve, own: Callable[[], None]) -> None:
        """``serve`` lets people into a locker; ``own`` waits until no other process writes this one."""
        self._home, self._keys, self._serve, self._own = home, keys, serve, own

    def orders(self) -> dict[str, Callable[..., Awaitable[dict[str, Any]]]]:
        """Return what the main process may order."""
        return {"shelf_look": self._look, "shelf_open": self._open}

    async def _look(self, keys: list[str], words: str, passphrase: str) -> dict[str, Any]:
        """Say which key file these words open, and that the passphrase will do; raises OtherKit, what words raise."""
        require_strong(passphrase)
        return {"which": await asyncio.to_thread(_which, keys, words)}

    async def _open(
        self, key: str, words: str, passphrase: str, head: list[str], custody: str, box: str
    ) -> dict[str, Any]:
        """Write the key file with the new passphrase, act for the locker from now on, make the catalog, let her in."""
        await asyncio.to_thread(self._own)
        secrets = await asyncio.to_thread(self._keys.come_back, base64.b64decode(key), words, passphrase)
        await asyncio.to_thread(self._settle_in, secrets, words, custody, bytes.fromhex(box))
        home = replace(self._home, known_head=_known(head, secrets))
        locker = await asyncio.to_thread(Locker.open, home, secrets)
        await asyncio.to_thread(locker.cut)  # the chain goes on behind what friends may know, before anybody writes
        records = locker.stats()["records"]
        await self._serve(locker)
        return {"records": records}

    def _settle_in(self, secrets: LockerSecrets, words: str, custody: str, box: bytes) -> None:
        epoch = read_custody(bytes.fromhex(custody)).record.epoch if custody else 0
        put_card(self._home, secrets, self._keys.locker_id, words)
        take_over(self._home, secrets, words, (self._keys.locker_id, box, epoch + 1), ())


def _which(keys: list[str], words: str) -> int:
    for at, each in enumerate(keys):
        try:
            open_with_words(KeyFile.parse(base64.b64decode(each)), words)
        except OtherKit:
            continue
        return at
    raise OtherKit


def _known(head: list[str], secrets: LockerSecrets) -> KnownHead | None:
    """The newest head of this very locker that is on the shelf; one that somebody else signed counts for nothing."""
    if not head:
        return None
    found = Head(*(bytes.fromhex(each) for each in head))
    if found.public != SigningKey.from_seed(secrets.head_seed).public:
        return None
    try:
        return KnownHead(read_head(found).seq, blake3(found.header + found.signature).digest())
    except BadSeal:
        return None
