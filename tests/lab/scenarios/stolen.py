"""A box is carried away by a thief, who switches it on. Its owner says so at a friend's, with the words of her kit.

From then on the thief's copy of the box key is nobody: no friend talks to it, nothing of the locker can be fetched or
deleted with it. A new box takes over at once, though the old one was heard a minute ago.
"""

from __future__ import annotations

from collections.abc import Sequence

from firmware.errors import BoxError
from services.api.circle_types import Reach
from tests.lab import circles, phones, returning
from tests.lab.dwelling import LabBox, until
from tests.lab.lab import Findings, Lab, Wish
from tests.lab.returning import Person
from tests.lab.scenarios.heal import shard_bytes

NEEDS = 4
MINUTES = 10
MIB = 16
_STILL_BYTES = 64 * 1024
"""Refused dials and greetings are not nothing."""


def tell(wish: Wish) -> Findings:
    """The story: box 1 is stolen, 2 and 3 are its friends and do not know each other, 4 is the new one."""
    with Lab(wish, clock=True) as lab:
        stolen, friends, new = lab.boxes[0], lab.boxes[1:3], lab.boxes[3]
        lab.start([stolen, *friends])
        circles.together(stolen, friends)
        folder = phones.brought(lab.folder, wish.data, wish.seed, wish.mib or MIB)
        names = circles.names_below(folder)
        lab.found.check("all_kept", circles.put(stolen, folder) == len(names))
        returning.told_to_friends(stolen)
        owner = Person("Owner", stolen.words, stolen.passphrase, names)
        before, there = returning.identity(stolen, stolen.words), shard_bytes(friends)
        stolen.stop()
        returning.missed(friends, stolen)
        stolen.start()
        stolen.ready()
        until(lambda: all(circles.sees(each, stolen) for each in friends), "friends to take the thief for the owner")
        lab.found.check("thief_is_taken_for_the_owner_before", True)
        _reported(lab, stolen, friends)
        _is_nobody(lab, stolen, friends)
        lab.found.check("friends_keep_everything", shard_bytes(friends) == there)
        returning.fresh(new)
        began = returning.comes_back(new, owner, returning.contact(friends[0]))
        waited = (began["done_ms"] - began["began_ms"]) / 60_000
        lab.found.figure("minutes_to_all", round(waited, 2))
        lab.found.check("takes_over_at_once", waited < 60)
        lab.found.check("all_there", returning.all_there(lab, new, owner))
        returning.compared(lab, [owner])
        lab.found.check("identity_continues", returning.identity(new, owner.words) == before)
        _is_nobody(lab, stolen, friends)
        lab.found.check("goes_on", returning.goes_on(lab, new, friends))
        lab.found.figure("minutes", lab.minutes())
        return lab.found


def _reported(lab: Lab, stolen: LabBox, friends: Sequence[LabBox]) -> None:
    """At one friend's, who has never met the other: the kit's words tell who that is."""
    at = friends[0]
    told = ("--words-file", stolen.words, "--passphrase-file", at.passphrase)
    heard = at.said("friends-key", "stolen", stolen.key, *told)
    lab.found.figure("friends_told", heard["friends"])
    lab.found.check("all_friends_are_told", heard["friends"] == len(friends) - 1, str(heard))


def _is_nobody(lab: Lab, stolen: LabBox, friends: Sequence[LabBox]) -> None:
    """No friend talks to it, however often it dials; whoever has it in hand reads why."""
    until(lambda: not any(circles.sees(each, stolen) for each in friends), "friends to let go of the thief's line")
    until(lambda: _refused(stolen) == len(friends), f"the thief to be refused: {circles.progress(stolen)}")
    sent = lab.network.heard(stolen.number)
    lab.pass_hours(30)
    came = lab.network.heard(stolen.number) - sent
    lab.found.check("thief_is_refused", _refused(stolen) == len(friends))
    lab.found.check("thief_gets_nothing", came < _STILL_BYTES * len(friends), f"{came} bytes")
    kinds = {each.kind for each in stolen.circle().notices}
    lab.found.check("whoever_has_it_reads_why", "reported" in kinds, str(sorted(kinds)))
    told = {each.kind for friend in friends for each in friend.circle().notices}
    lab.found.check("friends_are_told", "stolen" in told, str(sorted(told)))


def _refused(box: LabBox) -> int:
    try:
        return sum(each.reach is Reach.REFUSED for each in box.circle().peers)
    except (BoxError, OSError):
        return 0
