"""How a locker's key is split among friends, as it lies in ``lockers/<id>/friends`` (docs/formats/friends-key.md).

The parts in it are sealed to friends' boxes before anybody else sees them, so neither peerd nor whoever steals the disk
has one in the clear; those for paper are shown once and kept nowhere.
"""

from __future__ import annotations

from typing import Any

from firmware.errors import Missing, PeerGarbled
from firmware.locker import Home
from firmware.peer.parts import FriendsKey, note_info, read_friends_key
from firmware.seal import seal_to, words_to_entropy

SPLIT_FILE = "friends"
"""In the locker's folder; nothing in it opens anything."""
_MOST = 64 * 1024


def kept_key(home: Home) -> FriendsKey | None:
    """Return how the key is split; None when it never was."""
    try:
        return read_friends_key(home.disk.read(SPLIT_FILE, 0, _MOST))
    except (Missing, PeerGarbled):
        return None


def keep(home: Home, split: FriendsKey) -> None:
    """Write it down; friends hear of it with the next feed."""
    home.disk.replace(SPLIT_FILE, split.to_bytes())


def renew_note(home: Home, locker: bytes, words: str) -> None:
    """A kit was made, or its words were typed: friends' parts lead to the words of this one from now on."""
    split = kept_key(home)
    if split is not None and split.holders:
        note = seal_to(split.public, words_to_entropy(words).reveal(), note_info(locker))
        keep(home, _changed(home, split, note=note))


def take_back(home: Home) -> None:
    """The keyslot is closed: friends are asked to forget their parts, which open nothing any more."""
    split = kept_key(home)
    if split is not None and split.holders:
        keep(home, _changed(home, split, holders=(), heir=b""))


def _changed(home: Home, split: FriendsKey, **changes: Any) -> FriendsKey:
    fields = {name: getattr(split, name) for name in split.__dataclass_fields__} | changes
    return FriendsKey(**fields | {"number": max(home.clock.now_ms(), split.number + 1)})
