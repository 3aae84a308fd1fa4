"""Who this box is among others: one seed, the two keys made from it, and the card that ties them together."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from firmware.errors import Damaged
from firmware.limits import CARD_DAYS, PEER_ADDRESSES
from firmware.peer import Card, OwnBox, plain_label, read_card
from firmware.seal import Secret, SigningKey, derive

_SEED_BYTES = 32
_DAY_MS = 86_400_000


@dataclass(frozen=True)
class Identity:
    """The box key signs what must last, the transport seed is for the network library alone."""

    key: SigningKey
    transport: Secret
    inbox: Secret
    """The KEM seed that parts of friends' keys are sealed to."""

    @classmethod
    def of(cls, path: Path) -> Identity:
        """Read the seed in ``path``, made now if there is none; raises Damaged for a file of another length."""
        seed = _seed(path)
        keys = (derive(seed, label) for label in ("box-identity", "box-transport", "box-inbox"))
        identity, transport, inbox = keys
        return cls(SigningKey.from_seed(identity), transport, inbox)


def _seed(path: Path) -> Secret:
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        found = os.urandom(_SEED_BYTES)
        _write(path, found)
    if len(found) != _SEED_BYTES:
        raise Damaged(what=str(path))
    return Secret(found)


def _write(path: Path, data: bytes) -> None:
    """Write once, durably, mode 0600; a crash leaves either nothing or all of it."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    fresh = path.with_name(f".new-{path.name}")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def next_card(
    before: bytes | None, identity: Identity, endpoint: bytes, label: str, addresses: tuple[str, ...],
    relay: str | None, now_ms: int,
) -> bytes:  # fmt: skip
    """Return the card to show: the one shown ``before`` as long as it is true and fresh, else the next number."""
    old = read_card(before) if before is not None else None
    wanted = (endpoint, identity.key.public, plain_label(label), addresses[:PEER_ADDRESSES], relay)
    if old is not None and before is not None:
        same = (old.endpoint, old.box, old.label, old.addresses, old.relay) == wanted
        if same and old.not_after_ms - now_ms > CARD_DAYS * _DAY_MS // 2:
            return before
    until = now_ms + CARD_DAYS * _DAY_MS
    number = old.number + 1 if old is not None else 1
    return Card(wanted[0], wanted[1], wanted[2], until, wanted[3], wanted[4], number).signed(identity.key)


def own_box(identity: Identity, endpoint: bytes, card: bytes) -> OwnBox:
    """Return what answering needs to know of this box."""
    return OwnBox(identity.key, endpoint, card)
