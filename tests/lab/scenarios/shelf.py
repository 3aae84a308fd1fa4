"""A household without friends has a second copy on a disk; pulled while writing, it loses nothing. Where there is a
second box it carries the first shards there by car, and next to nothing goes over the line. Then the first box burns,
and a new one, without any line, has everything back from the disk and the 24 words.
"""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path
from typing import Any

from tests.lab import circles, phones
from tests.lab.dwelling import LabBox, until
from tests.lab.lab import Findings, Lab, Wish, say
from tests.lab.outside import Outside, digest
from tests.vectors import second_reader

NEEDS = 1
MINUTES = 4
MIB = 96
_WRITE_S = 1200.0
_BY_CAR = 0.25
"""Of the bytes that were due, so much may still go over the line: greetings, audits, papers."""


def tell(wish: Wish) -> Findings:
    """The story: box 1 has the shelf and burns; box 2, where there is one, is the friend it drives to."""
    with Lab(wish) as lab:
        folder = phones.brought(lab.folder, wish.data, wish.seed, wish.mib or MIB)
        lab.start()
        owner = lab.boxes[0]
        disk = lab.folder / "disk"
        disk.mkdir()
        names = circles.names_below(folder)
        lab.found.figure("files", circles.put(owner, folder))
        until(owner.idle, "everything to be read", _WRITE_S, 1)
        _pulled(lab, owner, disk)
        _restored(lab, owner, disk, names)
        for friend in lab.boxes[1:2]:
            _carried(lab, owner, friend, disk)
        _burnt(lab, owner, disk, names)
        lab.found.figure("minutes", lab.minutes())
        return lab.found


def _shelf(owner: LabBox) -> Any:
    return owner.said("shelf", "list")["shelves"][0]


def _copied(owner: LabBox, disk: Path) -> tuple[int, int]:
    """How many closed packs of the owner lie on the disk, byte for byte, and how many it has."""
    there = {path.name: path for path in disk.glob("locker-box-shelf/*/packs/*/*") if path.suffix != ".tmp"}
    packs = [path for path in (owner.locker() / "packs").iterdir() if path.name in there]
    same = sum(path.read_bytes() == there[path.name].read_bytes() for path in packs)
    return same, sum(1 for _ in (owner.locker() / "packs").iterdir())


def _pulled(lab: Lab, owner: LabBox, disk: Path) -> None:
    """The disk goes away in the middle of writing, and comes back."""
    owner.ok("shelf", "add", disk, "stick", "--same-disk")
    owner.ok("shelf", "now")
    until(lambda: any(disk.glob("locker-box-shelf/*/packs/*/*")), "the first pack to be written", _WRITE_S, 0.02)
    disk.rename(disk.with_name("in a drawer"))
    until(lambda: not _shelf(owner)["is_there"], "the missing disk to be noticed")
    lab.found.check("says_it_is_away", _shelf(owner)["state"] == "away", str(_shelf(owner)))
    disk.with_name("in a drawer").rename(disk)
    owner.ok("shelf", "now")
    until(lambda: _shelf(owner)["state"] == "whole", "the shelf to be whole", _WRITE_S, 1)
    same, packs = _copied(owner, disk)
    lab.found.figure("packs", same)
    lab.found.check("every_closed_pack_is_there", packs - 2 <= same <= packs and same, f"{same} of {packs}")
    lab.found.check("no_half_written_file", not list(disk.rglob("*.tmp")))
    at_first = _shelf(owner)
    owner.ok("shelf", "check")
    until(lambda: _shelf(owner)["checked_ms"] > at_first["checked_ms"], "all to be read back", _WRITE_S, 1)
    lab.found.check("nothing_to_mend", not _shelf(owner)["mended"])


def _restored(lab: Lab, owner: LabBox, disk: Path, names: dict[str, Path]) -> None:
    """The disk and the 24 words give every file back, by the second reader."""
    place = lab.folder / "from the shelf"
    (place / "packs").mkdir(parents=True)
    (locker,) = (each for each in (disk / "locker-box-shelf").iterdir() if re.fullmatch("[0-9a-f]{32}", each.name))
    shutil.copy(max((locker / "papers").glob("key-*")), place / "key")
    for path in locker.glob("packs/*/*"):
        shutil.copy(path, place / "packs" / path.name)
    words = " ".join(owner.words.read_text().split())
    opened = second_reader.read_locker(place, words=words)
    found = {each.name: each.versions[max(each.versions)].data or b"" for each in opened.records.values()}
    good = sum(digest(found.get(name.encode(), b"?")) == digest(path.read_bytes()) for name, path in names.items())
    lab.found.check("restored_from_the_shelf_alone", good == len(names), f"{good} of {len(names)} bit for bit")


def _burnt(lab: Lab, owner: LabBox, disk: Path, names: dict[str, Path]) -> None:
    """Another box, fresh and without a line; every file that comes back is compared with what was put in."""
    owner.kill()
    for each in owner.data.iterdir():
        shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()
    lab.network.unplug(owner.number)
    owner.start()
    owner.ready()
    began = time.monotonic()
    told = ("--words-file", owner.words, "--passphrase-file", owner.passphrase)
    done = owner.said("shelf", "restore", disk, *told)
    lab.found.figure("minutes_to_all", round((time.monotonic() - began) / 60, 2))
    lab.found.check("nothing_left_on_the_disk", not done["left"], str(done))
    owner.know()
    good = circles.came_back(owner, names, lab.folder / "came back")
    lab.found.figure("files_compared", len(names))
    lab.found.figure("bytes_compared", sum(path.stat().st_size for path in names.values()))
    lab.found.check("files_restored_identical", good == len(names), f"{good} of {len(names)}")


def _carried(lab: Lab, owner: LabBox, friend: LabBox, disk: Path) -> None:
    owner.ok("circle", "caps", "--up", "0")
    circles.pair(owner, friend)
    before = lab.network.sent(owner.number)
    owner.ok("shelf", "carry", "stick", friend.key[:16])
    owner.ok("circle", "now")
    until(lambda: _loaded(owner) == "all", "the shards to be on the disk", _WRITE_S, 1)
    say("the disk drives to the friend")
    there = disk.with_name("at the friend's")
    disk.rename(there)
    taken = friend.said("shelf", "take", there)
    lab.found.figure("taken", {name: taken[name] for name in ("taken", "known", "left", "size")})
    lab.found.check("all_taken", taken["taken"] and not taken["left"], str(taken))
    there.rename(disk)
    owner.ok("shelf", "now")
    owner.ok("circle", "caps", "--up", "-1")
    owner.ok("circle", "now")
    until(lambda: circles.safe(owner), f"all to be safe: {circles.progress(owner)}", _WRITE_S, 1)
    outside = Outside(owner, [friend])
    lab.found.check("the_friend_keeps_all", all(each.may_fail() >= 0 for each in outside.packs.values() if each.k))
    lab.found.check("nothing_rotten", not outside.rotten and outside.bytes > 0)
    share = (lab.network.sent(owner.number) - before) / max(1, outside.bytes)
    lab.found.figure("line_bytes_per_stored_byte", round(share, 3))
    lab.found.check("went_by_car", share <= _BY_CAR, str(share))


def _loaded(owner: LabBox) -> str:
    carries = _shelf(owner)["carries"]
    return "all" if carries and carries[0]["loaded"] and not carries[0]["waits"] else "not yet"
