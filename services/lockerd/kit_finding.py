"""What 24 words open at friends: every box that can be reached is asked, the highest capsule counts, others are named.

Runs in a worker, which alone sees words; peerd is told a lookup id and a request key made from them.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from blake3 import blake3

from firmware.chain import NO_HASH
from firmware.errors import (
    BadSeal,
    BoxError,
    Damaged,
    KitUnknown,
    NoFriendReached,
    NothingForKit,
    OtherKit,
    TooManyTries,
)
from firmware.limits import CUSTODY_HEARD_SECONDS
from firmware.locker.home import KnownHead
from firmware.peer.capsules import open_capsule
from firmware.peer.kit_asking import KitAnswer, Newest, newest
from firmware.peer.kits import CirclePart, Friend, PageAt, open_circle
from firmware.peer.signed import read_head
from firmware.seal import KeyFile, KitUse, LockerSecrets, SigningKey, kit_key, open_with_words, words_to_entropy
from services.api import restore_types as z
from services.api.client import Client

_WHAT: Final = "The capsule"


@dataclass(frozen=True)
class Found:
    """The newest capsule, opened as far as the words and its key file go. ``box`` is this box's key."""

    box: bytes
    newest: Newest
    circle: CirclePart | None
    shown: tuple[z.KitShown, ...]
    lookup: bytes
    request: bytes

    @property
    def friends(self) -> tuple[Friend, ...]:
        """The friends of the locker's old box."""
        return self.circle.friends if self.circle is not None else ()

    @property
    def pages(self) -> tuple[PageAt, ...]:
        """The pages of the book."""
        return self.circle.pages if self.circle is not None else ()

    @property
    def until_ms(self) -> int:
        """What comes back is as it was then, or later."""
        return self.newest.filling.number

    def known_head(self) -> KnownHead | None:
        """The highest head friends may know: the chain goes on behind it."""
        head = self.newest.filling.head
        seq = read_head(head).seq if head is not None else 0
        told = self.circle.head if self.circle is not None else 0
        if told > seq:
            return KnownHead(told + 1, NO_HASH)  # friends were told of one whose hash is not in the capsule
        return KnownHead(seq, blake3(head.header + head.signature).digest()) if head is not None else None

    def shown_to_people(self) -> z.RestoreFound:
        """What a page says of it."""
        best, friends = self.newest, len(self.friends)
        asked = tuple(self._asked(each) for each in self.shown)
        waits = any(each.heard_ms >= each.now_ms - CUSTODY_HEARD_SECONDS * 1000 for each in self.shown if each.capsule)
        return z.RestoreFound(best.filling.locker.hex(), best.root.number, self.until_ms, asked, friends, waits)

    def _asked(self, each: z.KitShown) -> z.RestoreAsked:
        box, best = bytes.fromhex(each.peer), self.newest
        labels = {friend.box: friend.label for friend in self.friends}
        good = box in (*best.agreeing, *best.older, *best.forked)
        wrong = next((error for peer, error in best.wrong if peer == box), None)
        return z.RestoreAsked(
            each.peer,
            labels.get(box) or each.label,
            best.filling.number if good and box not in best.older else 0,
            self.circle.written_ms if self.circle is not None and box in best.agreeing else 0,
            each.heard_ms,
            wrong.code if wrong is not None and not good else each.error,
            str(wrong) if wrong is not None and not good else each.sentence,
            older=box in best.older,
            forked=box in best.forked,
        )


async def find(peerd: Client, words: str, contacts: Sequence[str]) -> Found:
    """Ask the boxes of ``contacts``, then every friend the capsule names, and return the newest.

    Raises what typed words raise, NoContact, ContactMistyped, NoFriendReached, NothingForKit, OtherKit, Unreachable.
    """
    words_to_entropy(words)
    lookup, request = (kit_key(words, use).reveal() for use in (KitUse.LOOKUP, KitUse.REQUEST))
    kit: dict[str, Any] = {"lookup": lookup.hex(), "request": request.hex()}
    first: z.KitsFound = await peerd.call("restore_find", **kit, contacts=tuple(contacts))
    shown = list(first.shown)
    found = _opened(shown, words)
    asked = {each.peer for each in shown}
    others = [each for each in (found[1].friends if found[1] else ()) if each.box.hex() not in asked]
    if others:
        more: z.KitsFound = await peerd.call("restore_find", **kit, cards=tuple(each.card.hex() for each in others))
        shown += more.shown
        found = _opened(shown, words)
    return Found(bytes.fromhex(first.box), found[0], found[1], tuple(shown), lookup, request)


def _opened(shown: Iterable[z.KitShown], words: str) -> tuple[Newest, CirclePart | None]:
    shown = list(shown)
    answers = [
        KitAnswer(bytes.fromhex(each.peer), base64.b64decode(each.capsule), bytes.fromhex(each.custody))
        for each in shown
        if each.capsule
    ]
    best = newest(answers, words)
    if best is None:
        for each in answers:
            open_capsule(each.capsule, words)  # says what is wrong with it: damaged, or of a newer format
        wait = max((each.seconds for each in shown), default=0)
        if wait:
            raise TooManyTries(seconds=wait)
        answered = sum(1 for each in shown if each.capsule or each.error == KitUnknown.code)
        raise NothingForKit(asked=answered) if answered else NoFriendReached(asked=len(shown))
    return best, _circle(best, words)


def _circle(best: Newest, words: str) -> CirclePart | None:
    """The circle part; one that cannot be read costs itself alone."""
    secrets = open_keys(best, words)
    try:
        return open_circle(best.capsule, best.filling, secrets.inbox_seed)
    except BoxError:
        return None


def open_keys(best: Newest, words: str) -> LockerSecrets:
    """Open the key file of a capsule; raises BadSeal, Damaged when it is not what the root card vouches for."""
    file = KeyFile.parse(best.filling.key_file)
    try:
        secrets = open_with_words(file, words)
    except OtherKit:
        raise BadSeal(what=_WHAT) from None
    made = [SigningKey.from_seed(seed).public for seed in (secrets.identity_seed, secrets.head_seed)]
    if [bytes.fromhex(file.locker_id), *made] != [best.root.locker, best.root.identity, best.root.head]:
        raise Damaged(what=_WHAT)
    return secrets
