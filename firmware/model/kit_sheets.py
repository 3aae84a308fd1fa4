"""Whether the page in the drawer still does: when a kit must be looked at or printed, and when it need not be.

New addresses of friends ask for nothing: a box that comes back finds one friend, and that one knows the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from firmware.lean import dataclass

ENOUGH: Final = 2
"""Friends on a sheet who can still be reached: with fewer it is printed anew, if there are more."""
REACHED_MS: Final = 30 * 86_400_000
"""A friend's box that was heard within so long counts as one that can be reached."""


class KitNeed(StrEnum):
    """Why somebody should do something about a kit, the most urgent first."""

    NO_KIT = "no-kit"
    UNPROVEN = "unproven"
    """Nobody showed that the words on the paper are those of the newest kit."""
    FRIENDS = "friends"
    """Too few friends who stand on the printed page can be reached; the words on it stay good."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is remembered of the paper: of which kit, when its words were proven, when and with whom it was printed."""

    number: int = 0
    proven_ms: int = 0
    printed_ms: int = 0
    friends: tuple[bytes, ...] = ()


def of_kit(sheet: Sheet, number: int) -> Sheet:
    """Return what is known of the paper of this kit; whatever is of an older one says nothing about it."""
    return sheet if sheet.number == number else Sheet(number)


def reachable(seen_ms: int, now_ms: int, *, online: bool, gone: bool) -> bool:
    """Whether a friend's box could begin a restore; ``gone``: it left, or counts as lost."""
    return not gone and (online or now_ms - seen_ms <= REACHED_MS)


def needs(number: int, sheet: Sheet, friends: Mapping[bytes, bool]) -> tuple[KitNeed, ...]:
    """Return what there is to do about kit ``number`` (0: there is none); ``friends``: whether each can be reached."""
    if not number:
        return (KitNeed.NO_KIT,)
    sheet = of_kit(sheet, number)
    found = [] if sheet.proven_ms else [KitNeed.UNPROVEN]
    there = sum(friends.values())
    printed = sum(friends.get(each, False) for each in sheet.friends)
    if printed < min(ENOUGH, there):
        found.append(KitNeed.FRIENDS)
    return tuple(found)
