"""The house burns down. A fresh box, the 24 words and one friend who answers give everything back.

One member: two friends' boxes are lost before, so the owner's box lays everything out anew for those who are left, and
what a third one keeps is spoilt.
Two members (``--members 2``): each comes back with her own words, once from two friends and once from a single one.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from firmware.errors import BoxError
from services.api.circle_types import PeerIs
from tests.lab import circles, phones, returning
from tests.lab.dwelling import LabBox
from tests.lab.lab import Findings, Lab, Wish
from tests.lab.outside import Outside
from tests.lab.returning import Person
from tests.lab.scenarios.heal import burn

NEEDS = 3
MINUTES = 25
MIB = 520
_EACH_MIB = 48
_LOST = 2
"""Friends lost before the fire, where there are enough to lose."""
_GIVEN_UP_HOURS = 24 * 11
"""Three silent days and seven suspended ones: then a circle counts as smaller, and everything is laid out anew."""
_MADE_GOOD_HOURS = 24 * 28
"""Audits draw at random, so one wrong byte in each shard may take a week or two to be found wrong twice; then the
friend is suspended, and seven days later everything is laid out anew without it."""
_MINUTE_MS = 60_000


def tell(wish: Wish) -> Findings:
    """The story."""
    with Lab(wish, clock=True) as lab:
        lab.start()
        circles.together(lab.boxes[0], lab.boxes[1:], gib=8)
        _two(lab) if wish.members > 1 else _one(lab)
        lab.found.figure("minutes", lab.minutes())
        return lab.found


def _one(lab: Lab) -> None:
    owner, friends, found = lab.boxes[0], lab.boxes[1:], lab.found
    folder = phones.brought(lab.folder, lab.wish.data, lab.wish.seed, lab.wish.mib or MIB)
    found.values["data"] = phones.told(folder)
    names = circles.names_below(folder)
    found.check("all_kept", circles.put(owner, folder) == len(names))
    returning.told_to_friends(owner)
    left = _friends_lost(lab, owner, friends)
    spoilt, helper = left[-1], left[0]
    rotten = spoil(spoilt) if len(left) > 1 else 0
    found.figure("shards_spoilt", rotten)
    contact, before = returning.contact(helper), returning.identity(owner, owner.words)
    packs = Outside(owner, left).packs
    needed = sum(each.size for each in packs.values() if each.k)
    returning.destroyed(lab, owner)
    sent = sum(lab.network.sent(each.number) for each in left)
    told = ("--words-file", owner.words, "--passphrase-file", owner.passphrase, "--contact", contact)
    began = time.monotonic()
    done = owner.said("restore", *told, "--wait")
    found.figure("minutes_to_all", round((time.monotonic() - began) / 60, 2))
    line = sum(lab.network.sent(each.number) for each in left) - sent
    found.figure("minutes_to_first_names", round((done["names_ms"] - done["began_ms"]) / _MINUTE_MS, 2))
    found.figure("names_listed", done["names_listed"])
    found.figure("restore_traffic_ratio", round(done["received_bytes"] / needed, 4))
    found.figure("line_bytes_per_needed_byte", round(line / needed, 4))
    found.figure("wrong_shards", {each["label"]: each["wrong"] for each in done["friends"] if each["wrong"]})
    owner.know()
    _compared(lab, owner, names)
    hours = lab.pass_hours(_MADE_GOOD_HOURS, lambda: circles.safe(owner))
    found.figure("hours_until_safe_again", hours)
    same = returning.identity(owner, owner.words) == before
    found.check("identity_continues", same, "another identity")
    if found.check("safe_again", circles.safe(owner), circles.progress(owner)):  # else nothing put next becomes it
        found.check("identity_continues", returning.goes_on(lab, owner, left), "nothing ships")


def _friends_lost(lab: Lab, owner: LabBox, friends: Sequence[LabBox]) -> list[LabBox]:
    """Two friends burn as well, and the owner's box makes their shards again; returns who is left."""
    if len(friends) < _LOST + 2:
        return list(friends)
    left = list(friends[_LOST:])
    for each in friends[:_LOST]:
        burn(each)
        returning.missed([owner], each)
    lab.pass_hours(_GIVEN_UP_HOURS, lambda: _given_up(owner) >= _LOST)
    lab.pass_hours(2)
    returning.told_to_friends(owner)
    lab.found.figure("friends_lost", _LOST)
    return left


def _given_up(owner: LabBox) -> int:
    try:
        return sum(each.state is PeerIs.LOST for each in owner.circle().peers)
    except (BoxError, OSError):
        return 0


def spoil(friend: LabBox, among: Collection[str] | None = None) -> int:
    """One wrong byte in the middle of every shard (of those ``among``) a friend keeps; returns how many."""
    shards = [each for each in friend.hosted().glob("*/shards/*") if among is None or each.name in among]
    for path in shards:
        with path.open("r+b") as file:
            file.seek(path.stat().st_size // 2)
            byte = file.read(1)
            file.seek(-1, 1)
            file.write(bytes([byte[0] ^ 1]))
    return len(shards)


def _compared(lab: Lab, owner: LabBox, names: Mapping[str, Path]) -> None:
    good = circles.came_back(owner, names, lab.folder / "came back")
    lab.found.figure("files_compared", len(names))
    lab.found.figure("bytes_compared", sum(path.stat().st_size for path in names.values()))
    lab.found.check("files_restored_identical", good == len(names), f"{good} of {len(names)}")


# Two members of one household


def _two(lab: Lab) -> None:
    owner, friends, found = lab.boxes[0], lab.boxes[1:], lab.found
    people = returning.people(lab, owner, ("Ada", "Ben"), _EACH_MIB)
    returning.told_to_friends(owner)
    restored = []
    for left in (friends, friends[:1]):
        for each in friends[len(left) :]:
            each.kill()
            returning.missed([owner], each)
        contact = returning.contact(left[0])
        returning.destroyed(lab, owner)
        restored.append(_both_back(lab, owner, people, contact))
        found.figure(f"members_restored_from_{len(left)}", restored[-1])
        if len(left) == len(friends):
            returning.told_to_friends(owner)
    found.figure("members_restored", min(restored))
    found.check("both_restored", min(restored) == len(people), str(restored))
    returning.compared(lab, people)


def _both_back(lab: Lab, owner: LabBox, people: Sequence[Person], contact: str) -> int:
    """How many came back with every file bit for bit; none of them may open what is the other's."""
    first, values = people[0], lab.found.values
    for each in people:
        returning.comes_back(owner, each, contact, first.passphrase if each is not first else None)
    good = sum(returning.all_there(lab, owner, each) for each in people)
    pairs = [(each, other) for each in people for other in people if other is not each]
    ways = [way for each, other in pairs for way in returning.crossed(owner, each, other)]
    lab.found.figure("cross_open", int(values.get("cross_open", 0)) + len(ways))
    lab.found.check("nobody_opens_another's", not ways, str(ways))
    return good
