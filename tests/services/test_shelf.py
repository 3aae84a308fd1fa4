"""A shelf in the life of a real box: filled while all is locked, pulled, found again, and enough to restore all."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware.linux.home import linux_home
from firmware.linux.shelf_disk import opened
from firmware.linux.shelf_rows import ShelfRow, ShelfRows
from firmware.locker import Locker as Store
from firmware.peer import read_custody
from firmware.seal import KeyFile, SlotKind, open_with_words
from firmware.shelf import LockerShelf
from services.api.blocking import Blocking
from services.api.shelf_types import DiskIs
from tests.services.running import until
from tests.services.test_cli import Locker


class Plug:
    """A disk of its own where this machine can mount one (root, loop devices); else a folder beside the box."""

    def __init__(self, folder: Path) -> None:
        self.at = folder / "stick"
        self.at.mkdir()
        self.image = folder / "stick.img"
        self.device, self.real = "", False
        with self.image.open("wb") as medium:
            medium.truncate(64 << 20)
        self.real = os.geteuid() == 0 and self._does("mkfs.ext4", "-q", str(self.image)) and self.plug()

    @staticmethod
    def _does(*words: str) -> bool:
        try:
            return subprocess.run(words, check=False, capture_output=True, timeout=60).returncode == 0
        except OSError:
            return False

    def plug(self) -> bool:
        if not self.device and self.away.exists():
            self.at.rmdir()
            self.away.rename(self.at)
            return True
        found = subprocess.run(
            ("losetup", "-f", "--show", str(self.image)), check=False, capture_output=True, text=True, timeout=60
        )
        self.device = found.stdout.strip()
        return bool(self.device) and self._does("mount", self.device, str(self.at))

    @property
    def away(self) -> Path:
        """Where the folder is while a pretended disk is unplugged."""
        return self.at.with_name("away")

    def pull(self) -> None:
        if self.real:
            self._does("umount", "-l", str(self.at))
            self._does("losetup", "-d", self.device)
        else:
            self.at.rename(self.away)
            self.at.mkdir()


@pytest.fixture(scope="module")
def locker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locker]:
    made = Locker(tmp_path_factory.mktemp("shelf"))
    try:
        yield made
    finally:
        made.box.kill()


@pytest.fixture(scope="module")
def stick(locker: Locker) -> Iterator[Plug]:
    made = Plug(locker.folder)
    yield made
    made.pull()


def shelf_of(locker: Locker) -> dict[str, Any]:
    found = json.loads(locker.ok("shelf", "list", "--json"))["shelves"]
    assert len(found) == 1
    first: dict[str, Any] = found[0]
    return first


def row_of(locker: Locker) -> ShelfRow:
    """What peerd wrote down; needs no session."""
    rows = ShelfRows(locker.box.data / "circle")
    try:
        (found,) = rows.shelves()
        return found
    finally:
        rows.close()


def put(locker: Locker, count: int, name: str) -> dict[str, bytes]:
    files = {f"{name}-{at}.bin": os.urandom(40_000 + at) for at in range(count)} | {f"{name}.txt": name.encode() * 9}
    for each, data in files.items():
        (locker.folder / each).write_bytes(data)
    locker.ok("put", *(locker.folder / each for each in files))
    return files


def test_a_shelf_has_everything_and_the_words_open_it(locker: Locker, stick: Plug, tmp_path: Path) -> None:
    files = put(locker, 5, "first")
    assert "No shelf yet" in locker.ok("shelf", "list")
    assert "No disk is mounted" in locker.refused("shelf", "add", locker.folder)
    trial = () if stick.real else ("--same-disk",)
    locker.ok("shelf", "add", stick.at, "Cellar", *trial)
    locker.ok("shelf", "now")
    until(lambda: shelf_of(locker)["state"] == "whole" and shelf_of(locker)["packs"] >= 2)
    assert shelf_of(locker)["label"] == "Cellar"
    until(lambda: "second copy on the shelf Cellar" in locker.ok("circle", "copies", "first.txt"))
    if stick.real:  # nothing holds the disk while nothing is to do
        until(lambda: Plug._does("umount", str(stick.at)))
    stick.pull()
    until(lambda: shelf_of(locker)["state"] == "away")
    files |= put(locker, 3, "second")
    locker.ok("circle", "now")
    assert "second copy" not in locker.ok("circle", "copies", "second.txt")
    assert "second copy" in locker.ok("circle", "copies", "first.txt"), "it is said while the disk is away, with a date"
    assert not any(stick.at.iterdir()), "nothing is written where a disk is missing"
    before = row_of(locker)
    locker.ok("lock")
    assert stick.plug()
    until(lambda: row_of(locker).whole_ms > before.whole_ms)  # nobody opened anything
    locker.ok("open", "--passphrase-file", locker.passphrase)
    assert shelf_of(locker)["state"] == "whole"
    assert "second copy" in locker.ok("circle", "copies", "second.txt")
    restored(locker, stick, tmp_path / "elsewhere", files)
    comes_back(locker, stick, tmp_path, files)


def comes_back(locker: Locker, stick: Plug, folder: Path, files: dict[str, bytes]) -> None:
    """The same as a person does it: a new box, the disk, the words; the box acts for the locker from then on."""
    (folder / "new").mkdir()
    new = Locker(folder / "new", owned=False)
    new.passphrase.write_text("nine patient herons mend 40 umbrellas\n")
    told = ("--words-file", locker.words, "--passphrase-file", new.passphrase, "--name", "Ada", "--json")
    try:
        assert "shelf" in new.refused("shelf", "restore", folder, *told)
        code = json.loads((new.box.data / "box" / "claim").read_bytes())["code"]
        disks = Blocking((new.box.data / "run").resolve()).call("shelf_disks", code=code).disks
        assert all(each.state is not DiskIs.FREE for each in disks)  # a loop device is no stick: it may be left out
        done = json.loads(new.ok("shelf", "restore", stick.at, *told))
        assert (done["records"], done["left"]) == (len(files), 0)
        assert sorted(new.listed()) == sorted(files)
        out = folder / "out"
        new.ok("get", "--all", out)
        assert {each.name: each.read_bytes() for each in out.iterdir()} == files
        (held,) = (new.box.data / "lockers").glob("*/custody")
        assert read_custody(held.read_bytes()).record.epoch == 2, "friends take it from the box that burnt"
        assert "already belongs" in new.refused("shelf", "restore", stick.at, *told)
    finally:
        new.box.kill()


def restored(locker: Locker, stick: Plug, new: Path, files: dict[str, bytes]) -> None:
    """Everything comes back on another box from the shelf and the 24 words alone."""
    with opened(stick.at, away_from=locker.box.data, same_disk=True) as disk:
        (owner,) = [each for each in (stick.at / "locker-box-shelf").iterdir() if len(each.name) == 32]
        shelf = LockerShelf(disk, bytes.fromhex(owner.name))
        key = KeyFile.parse(next(shelf.papers("key")))
        (new / "packs").mkdir(parents=True)
        for each in shelf.entries.values():
            shutil.copy(owner / each.name, new / "packs")
    assert {slot.kind for slot in key.slots if slot is not None} == {SlotKind.KIT}, "no passphrase to guess"
    store = Store.open(linux_home(new), open_with_words(key, locker.words.read_text()))
    try:
        records = store.list(limit=100).records
        assert {os.fsdecode(each.name.raw): b"".join(store.read(each.id)) for each in records} == files
    finally:
        store.close()
