"""The capsule friends keep for a locker: what its kit needs to begin again (docs/formats/capsule.md)."""

from __future__ import annotations

from typing import Final

from blake3 import blake3

from firmware.errors import Missing, PeerGarbled
from firmware.limits import CAPSULE_KEY_BYTES
from firmware.locker import Home
from firmware.peer.capsules import Filling, KitCard
from firmware.peer.remembering import Head
from firmware.seal import LockerSecrets, SigningKey
from services.lockerd.custody import Papers

_CARD: Final = "kit-card"
_MOST: Final = 4096
_MARK: Final = 16


def put_card(home: Home, secrets: LockerSecrets, locker: bytes, words: str) -> None:
    """A kit was made, or its words were typed: keep what it vouches for. The card of a kit that has one stays."""
    before = card_of(home)
    identity, head = (SigningKey.from_seed(each).public for each in (secrets.identity_seed, secrets.head_seed))
    number = before[1] if before is not None else 0
    same = KitCard.made(words, identity, head, locker, number)
    if before is None or before[0] != same:
        fresh = KitCard.made(words, identity, head, locker, number + 1)
        home.disk.replace(_CARD, (number + 1).to_bytes(4) + fresh.to_bytes())


def keep_card(home: Home, card: KitCard, number: int) -> None:
    """Keep the card of a kit as a capsule has it; ``number`` stands on it."""
    home.disk.replace(_CARD, number.to_bytes(4) + card.to_bytes())


def card_of(home: Home) -> tuple[KitCard, int] | None:
    """Return the card of the newest kit and its number; None for a locker without one."""
    try:
        data = home.disk.read(_CARD, 0, _MOST)
        return KitCard.parse(data[4:]), int.from_bytes(data[:4])
    except (Missing, PeerGarbled):
        return None


def mark_of(card: KitCard, papers: Papers, revision: int) -> str:
    """Return a word that changes whenever a capsule would be another one but for its head."""
    return blake3(card.to_bytes() + papers.record + revision.to_bytes(8)).hexdigest(_MARK)


def capsule_of(
    number: int, locker: bytes, card: KitCard, papers: Papers, key_file: bytes, head: Head | None, by: SigningKey
) -> bytes | None:
    """Return the capsule, signed by the head key; None when the key file is too long for one."""
    if len(key_file) > CAPSULE_KEY_BYTES:
        return None
    filling = Filling(number, locker, card, key_file, head, papers.record, papers.handovers)
    try:
        return filling.sealed(by)
    except ValueError:
        return None
