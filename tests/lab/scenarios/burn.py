"""The house burns down. A fresh box, the 24 words and one friend who answers give everything back.

One member: two friends' boxes are lost before, which the owner's box makes good, and what a third one keeps is spoilt.
Two members (``--members 2``): each comes back with her own words, once from two friends and once from a single one.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from mnemonic import Mnemonic

from firmware.errors import BoxError
from services.api.circle_types import PeerIs
from tests.lab import circles, phones
from tests.lab.dwelling import PASSPHRASE, LabBox, until
from tests.lab.lab import Findings, Lab, Wish, say
from tests.lab.outside import Outside
from tests.lab.scenarios.heal import burn, noticed
from tests.lab.shell import LabTrouble
from tests.vectors import second_key_file_reader

NEEDS = 3
MINUTES = 25
MIB = 520
_EACH_MIB = 48
_LOST = 2
"""Friends lost before the fire, where there are enough to lose."""
_FORGOTTEN_H = 26
"""Friends give a locker to another box at once when they have not heard the old one for a day."""
_LONG_S = 3600.0
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
    _told_to_friends(owner)
    left = _friends_lost(lab, owner, friends)
    spoilt, helper = left[-1], left[0]
    rotten = _spoil(spoilt) if len(left) > 1 else 0
    found.figure("shards_spoilt", rotten)
    contact, before = _contact(helper), _identity(owner, _words(owner.words))
    packs = Outside(owner, left).packs
    needed = sum(each.size for each in packs.values() if each.k)
    _destroyed(lab, owner)
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
    same = _identity(owner, _words(owner.words)) == before
    found.check("identity_continues", same and _goes_on(lab, owner, left), "another identity, or nothing ships")


def _told_to_friends(owner: LabBox) -> None:
    """Everything is safe, and friends have the pages that say which pieces make a pack."""
    circles.ship(owner, _LONG_S)
    until(lambda: circles.quiet([owner]) and circles.safe(owner), f"the book: {circles.progress(owner)}", _LONG_S, 1)


def _friends_lost(lab: Lab, owner: LabBox, friends: Sequence[LabBox]) -> list[LabBox]:
    """Two friends burn as well, and the owner's box makes their shards again; returns who is left."""
    if len(friends) < _LOST + 2:
        return list(friends)
    left = list(friends[_LOST:])
    for each in friends[:_LOST]:
        burn(each)
        noticed([owner], each)
    lab.pass_hours(24 * 6, lambda: _given_up(owner) >= _LOST)
    lab.pass_hours(2)
    _told_to_friends(owner)
    lab.found.figure("friends_lost", _LOST)
    return left


def _given_up(owner: LabBox) -> int:
    try:
        return sum(each.state in (PeerIs.SUSPENDED, PeerIs.LOST) for each in owner.circle().peers)
    except (BoxError, OSError):
        return 0


def _spoil(friend: LabBox) -> int:
    """One wrong byte in the middle of every shard a friend keeps; returns how many."""
    shards = list(friend.hosted().glob("*/shards/*"))
    for path in shards:
        with path.open("r+b") as file:
            file.seek(path.stat().st_size // 2)
            byte = file.read(1)
            file.seek(-1, 1)
            file.write(bytes([byte[0] ^ 1]))
    return len(shards)


def _contact(friend: LabBox) -> str:
    """What *Help someone restore* says at a friend's."""
    found = re.search(r"lbh1\S+", friend.ok("circle", "help-restore"))
    if found is None:
        raise LabTrouble(f"{friend.name} gives no contact")
    return found.group()


def _words(path: Path) -> str:
    return " ".join(path.read_text().split())


def _identity(box: LabBox, words: str) -> tuple[Any, Any]:
    """Identity and head key of the one locker of these words, by the second reader."""
    secret = bytes(Mnemonic("english").to_entropy(words))
    for folder in (box.data / "lockers").iterdir():
        if (folder / "key").is_file():
            try:
                opened = second_key_file_reader.read((folder / "key").read_bytes(), "kit", secret=secret)
            except InvalidTag:
                continue
            return opened["identity"], opened["head"]
    return None, None


def _destroyed(lab: Lab, owner: LabBox) -> None:
    """Power and disk of a box are gone; a day later a fresh one stands on the same line."""
    owner.kill()
    for each in owner.data.iterdir():
        shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()
    noticed(lab.live, owner)
    lab.pass_hours(_FORGOTTEN_H)
    owner.member = ""
    owner.start()
    owner.ready()
    say("a fresh box stands there")


def _compared(lab: Lab, owner: LabBox, names: Mapping[str, Path]) -> None:
    good = circles.came_back(owner, names, lab.folder / "came back")
    lab.found.figure("files_compared", len(names))
    lab.found.figure("bytes_compared", sum(path.stat().st_size for path in names.values()))
    lab.found.check("files_restored_identical", good == len(names), f"{good} of {len(names)}")


def _goes_on(lab: Lab, owner: LabBox, left: Sequence[LabBox]) -> bool:
    """The same friends, under the same locker: what is put next becomes safe with them."""
    until(lambda: all(circles.sees(owner, each) for each in left), "the old friends to be friends of the fresh box")
    more = phones.make(lab.folder / "after", lab.wish.seed + 1, 1 << 20)
    kept = circles.put(owner, more)
    circles.ship(owner, _LONG_S)
    return kept == len(circles.names_below(more))


# Two members of one household


@dataclass(frozen=True)
class _Person:
    name: str
    words: Path
    passphrase: Path
    names: Mapping[str, Path]


def _two(lab: Lab) -> None:
    owner, friends, found = lab.boxes[0], lab.boxes[1:], lab.found
    people = _people(lab, owner)
    _told_to_friends(owner)
    restored = []
    for left in (friends, friends[:1]):
        for each in friends[len(left) :]:
            each.kill()
            noticed([owner], each)
        contact = _contact(left[0])
        _destroyed(lab, owner)
        restored.append(_both_back(lab, owner, people, contact))
        found.figure(f"members_restored_from_{len(left)}", restored[-1])
        if len(left) == len(friends):
            _told_to_friends(owner)
    found.figure("members_restored", min(restored))
    found.check("both_restored", min(restored) == len(people), str(restored))


def _people(lab: Lab, owner: LabBox) -> list[_Person]:
    """Ada, who owns the box, and Ben; what they keep has other names and other bytes."""
    found = []
    for number, name in enumerate(("Ada", "Ben")):
        place = lab.folder / name
        folder = phones.brought(place, lab.wish.data, lab.wish.seed + number, lab.wish.mib or _EACH_MIB)
        words, passphrase = (owner.words, owner.passphrase) if not number else (place / "words", place / "passphrase")
        if number:
            passphrase.write_text(f"{PASSPHRASE} {name}\n")
            told = ("--passphrase-file", passphrase, "--proof-file", owner.passphrase, "--words-out", words)
            owner.ok("member", name, "--role", "adult", *told)
            owner.ok("--member", name, "open", "--passphrase-file", passphrase)
        who = ("--member", name) if number else ()
        kept = int(owner.said(*who, "put", folder)["files"])
        names = circles.names_below(folder)
        lab.found.check("all_kept", kept == len(names), f"{kept} of {len(names)}")
        found.append(_Person(name, words, passphrase, names))
    return found


def _both_back(lab: Lab, owner: LabBox, people: Sequence[_Person], contact: str) -> int:
    """How many came back with every file bit for bit; none of them may open what is the other's."""
    first = people[0]
    for each in people:
        more = () if each is first else ("--role", "adult", "--proof-file", first.passphrase)
        told = ("--words-file", each.words, "--passphrase-file", each.passphrase, "--contact", contact)
        owner.said("restore", *told, "--name", each.name, *more, "--wait")
        if each is first:
            owner.know()
    good, crossed, tried = 0, 0, 0
    for each in people:
        out = lab.folder / f"came back to {each.name} {lab.minutes()}"
        same = circles.came_back(owner, each.names, out, "--member", each.name)
        lab.found.check("files_restored_identical", same == len(each.names), f"{each.name}: {same}")
        good += same == len(each.names)
        for other in people:
            if other is not each:
                tried += 1
                crossed += _opens(owner, each, other)
    lab.found.values["files_compared"] = sum(len(each.names) for each in people)
    lab.found.values["bytes_compared"] = sum(file.stat().st_size for each in people for file in each.names.values())
    lab.found.figure("cross_open", crossed)
    lab.found.figure("cross_tried", tried)
    lab.found.check("nobody_opens_another's", not crossed)
    return good


def _opens(owner: LabBox, mine: _Person, other: _Person) -> bool:
    """Whether one's passphrase, words or listing reach the locker of the other."""
    opened = owner.shell("--member", other.name, "open", "--passphrase-file", mine.passphrase)
    told = ("--words-file", mine.words, "--passphrase-file", mine.passphrase)
    recovered = owner.shell("--member", other.name, "recover", *told)
    listed = owner.ok("--member", mine.name, "ls", "--json")
    seen = any(name.split("/")[0] in listed for name in set(other.names) - set(mine.names))
    return not opened.returncode or not recovered.returncode or seen
