"""Requests and responses about the kit on paper: whether it still does, and what its square to scan says of friends."""

from __future__ import annotations

import enum

from firmware.lean import dataclass
from services.api.circle_types import PEER
from services.api.decode import arg


class KitNeeds(enum.StrEnum):
    """Why somebody should do something about a kit."""

    NO_KIT = "no-kit"
    UNPROVEN = "unproven"
    FRIENDS = "friends"


@dataclass(frozen=True, slots=True)
class KitFriend:
    """A friend's box that could begin a restore."""

    peer: str = arg("Its box key.", pattern=PEER)
    label: str = arg("What it is called here.")
    reachable: bool = arg("Whether it was heard within 30 days and is still a friend.")
    printed: bool = arg("Whether it stands on the printed page.", default=False)


@dataclass(frozen=True, slots=True)
class KitState:
    """How the kit on paper stands."""

    number: int = arg("Number of the newest kit; 0 there is none.")
    proven_ms: int = arg("When its words were typed back last; 0 never.")
    printed_ms: int = arg("When its page, or the friends' page, was shown for printing last; 0 never.")
    friends: tuple[KitFriend, ...] = arg("The circle.")
    needs: tuple[KitNeeds, ...] = arg("What there is to do, the most urgent first; empty while the page does.")


@dataclass(frozen=True, slots=True)
class KitWords:
    """The words on the paper."""

    words: str = arg("All 24, or what the square to scan says.", longest=8192)


@dataclass(frozen=True, slots=True)
class KitSheet:
    """What a page for the printer says about friends. Nothing in it is secret."""

    contact: str = arg("Where friends' boxes are, as text (lbh1...); empty while there is nobody.")
    friends: tuple[str, ...] = arg("What the boxes in it are called, those to be tried first at the beginning.")
    number: int = arg("Number of the newest kit.")


# ---------------------------------------------------------------- between lockerd and peerd


@dataclass(frozen=True, slots=True)
class KitContacts:
    """Friends, and the text that names as many of them as a page has room for."""

    contact: str = arg("The text; empty while there is nobody.")
    named: tuple[str, ...] = arg("Box keys in it.", pattern=PEER)
    friends: tuple[KitFriend, ...] = arg("The circle.")
