"""What stories about coming back have in common: people, a house that is gone, words, a contact, the same again."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cbor2
from cryptography.exceptions import InvalidTag
from mnemonic import Mnemonic

from tests.lab import circles, phones
from tests.lab.dwelling import PASSPHRASE, LabBox, until
from tests.lab.lab import Lab, say
from tests.lab.shell import LabTrouble
from tests.vectors import second_key_file_reader

FORGOTTEN_H = 26
"""Friends give a locker to another box at once when they have not heard the old one for a day."""
LONG_S = 3600.0


@dataclass(frozen=True)
class Person:
    """A member of a household, and what is hers; ``names``: her files by name, and where they are here."""

    name: str
    words: Path
    passphrase: Path
    names: Mapping[str, Path]

    @property
    def who(self) -> tuple[str, str]:
        """What the shell takes to act as her."""
        return "--member", self.name


def people(lab: Lab, owner: LabBox, names: Sequence[str], each_mib: int) -> list[Person]:
    """Members of ``owner``, which belongs to the first; what they keep has other names and other bytes."""
    found = []
    for number, name in enumerate(names):
        place = lab.folder / name
        folder = phones.brought(place, lab.wish.data, lab.wish.seed + number, lab.wish.mib or each_mib)
        words, passphrase = (owner.words, owner.passphrase) if not number else (place / "words", place / "passphrase")
        if number:
            passphrase.write_text(f"{PASSPHRASE} {name}\n")
            told = ("--passphrase-file", passphrase, "--proof-file", owner.passphrase, "--words-out", words)
            owner.ok("member", name, "--role", "adult", *told)
            owner.ok("--member", name, "open", "--passphrase-file", passphrase)
        who = ("--member", name) if number else ()
        kept, files = int(owner.said(*who, "put", folder)["files"]), circles.names_below(folder)
        lab.found.check("all_kept", kept == len(files), f"{kept} of {len(files)}")
        found.append(Person(name, words, passphrase, files))
    return found


def told_to_friends(owner: LabBox) -> None:
    """Everything is safe, and friends have the pages that say which pieces make a pack."""
    circles.ship(owner, LONG_S)
    until(lambda: circles.quiet([owner]) and circles.safe(owner), f"the book: {circles.progress(owner)}", LONG_S, 1)


def contact(friend: LabBox) -> str:
    """What *Help someone restore* says at a friend's; raises LabTrouble."""
    found = re.search(r"lbh1\S+", friend.ok("circle", "help-restore"))
    if found is None:
        raise LabTrouble(f"{friend.name} gives no contact")
    return found.group()


def identity(box: LabBox, words: Path) -> tuple[Any, Any]:
    """Identity and head key of the one locker these words open, by the second reader; Nones: there is none."""
    _, opened = _opened(box, words)
    return opened.get("identity"), opened.get("head")


def locker_of(box: LabBox, words: Path) -> bytes:
    """The id of the locker these words open, by the second reader; empty: there is none."""
    data, _ = _opened(box, words)
    size = int.from_bytes(data[10:12], "big")
    return bytes(cbor2.loads(data[12 : 12 + size])["locker"]) if data else b""


def _opened(box: LabBox, words: Path) -> tuple[bytes, dict[str, Any]]:
    """The key file these words open, and what is in it."""
    secret = bytes(Mnemonic("english").to_entropy(" ".join(words.read_text().split())))
    for path in (box.data / "lockers").glob("*/key"):
        with contextlib.suppress(InvalidTag):
            return path.read_bytes(), dict(second_key_file_reader.read(path.read_bytes(), "kit", secret=secret))
    return b"", {}


def acts_for(host: LabBox, locker: bytes) -> list[bytes]:
    """The custody records in force for a locker at a host, as they were shown: they name locker and box."""
    records = [path.read_bytes() for path in host.hosted().glob("*/custody")]
    return [each for each in records if locker in each]


def destroyed(lab: Lab, owner: LabBox) -> None:
    """Power and disk of a box are gone; a day later a fresh one stands on the same line."""
    owner.kill()
    emptied(owner)
    missed(lab.live, owner)
    lab.pass_hours(FORGOTTEN_H)
    fresh(owner)


def missed(boxes: Sequence[LabBox], lost: LabBox) -> None:
    """Wait until these boxes miss ``lost``: a line that merely went silent takes half a minute to be given up."""
    until(lambda: not any(circles.sees(each, lost) for each in boxes), f"{lost.name} to be missed")


def emptied(box: LabBox) -> None:
    """The disk of a box that is off has nothing on it any more, and it is nobody's."""
    for each in box.data.iterdir() if box.data.is_dir() else ():
        shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()
    box.member = ""


def fresh(box: LabBox) -> None:
    """Start a box that nobody owns yet."""
    box.start()
    box.ready()
    say(f"{box.name} is a fresh box")


def comes_back(box: LabBox, person: Person, friend: str, proof: Path | None = None, *, wait: bool = True) -> Any:
    """Give a box her words and a friend's contact; ``proof``: the passphrase of whom the box belongs to already."""
    role = ("--role", "adult", "--proof-file", proof) if proof is not None else ()
    told = ("--words-file", person.words, "--passphrase-file", person.passphrase, "--contact", friend)
    done = box.said("restore", *told, "--name", person.name, *role, *(("--wait",) if wait else ()))
    if proof is None:
        box.know()
    return done


def all_there(lab: Lab, box: LabBox, person: Person) -> bool:
    """Whether everything she has came back, bit for bit."""
    out = lab.folder / f"came back to {person.name} {lab.minutes()}"
    same = circles.came_back(box, person.names, out, *person.who)
    lab.found.check("files_restored_identical", same == len(person.names), f"{person.name}: {same}")
    return same == len(person.names)


def compared(lab: Lab, persons: Sequence[Person]) -> None:
    """Write down how much was compared."""
    lab.found.values["files_compared"] = sum(len(each.names) for each in persons)
    lab.found.values["bytes_compared"] = sum(at.stat().st_size for each in persons for at in each.names.values())


def crossed(box: LabBox, mine: Person, other: Person) -> list[str]:
    """Which ways lead one member into the locker of another: her passphrase, her words, her own list, a name."""
    ways = []
    if not box.shell(*other.who, "open", "--passphrase-file", mine.passphrase).returncode:
        ways.append("passphrase")
    told = ("--words-file", mine.words, "--passphrase-file", mine.passphrase)
    if not box.shell(*other.who, "recover", *told).returncode:
        ways.append("words")
    theirs = sorted(set(other.names) - set(mine.names))
    if not listed(box, mine).isdisjoint(theirs):
        ways.append("list")
    if theirs and not box.shell(*mine.who, "get", theirs[0], box.folder / f"not of {mine.name}").returncode:
        ways.append("name")
    return ways


def listed(box: LabBox, person: Person) -> set[str]:
    """Names of everything in her locker."""
    lines = box.ok(*person.who, "ls", "--json").splitlines()
    return {str(told["name"]) for told in map(json.loads, lines) if "name" in told}


def goes_on(lab: Lab, box: LabBox, friends: Sequence[LabBox], *who: str) -> bool:
    """The same friends, under the same locker: what is put next becomes safe with them."""
    until(lambda: all(circles.sees(box, each) for each in friends), f"the old friends to be friends of {box.name}")
    more = phones.make(lab.folder / f"after {lab.minutes()}", lab.wish.seed + 1, 1 << 20)
    kept = int(box.said(*who, "put", more)["files"])
    circles.ship(box, LONG_S)
    return kept == len(circles.names_below(more))
