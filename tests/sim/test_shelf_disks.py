"""A shelf on real file systems of its own: loop devices with ext4, exFAT and FAT, pulled, full, read-only, killed.

Root and loop devices are needed; what a machine cannot mount is left out and said.
"""

from __future__ import annotations

import contextlib
import filecmp
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from blake3 import blake3

from firmware.errors import BoxError, Full
from firmware.linux.shelf_disk import LinuxShelfDisk, opened
from firmware.linux.shelf_mounts import mounted
from firmware.pack.format import Kind
from firmware.shelf import LockerShelf, Mark, Wanted, fitting, line, make, read_mark

MIB = 1 << 20
LOCKER = bytes(range(16))
FORMATS = {
    "ext4": ("mkfs.ext4", "-q", "-F"),
    "exfat": ("mkfs.exfat",),
    "vfat": ("mkfs.vfat", "-F", "32"),
}


def _run(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


@dataclass
class Stick:
    """A disk in a file, on a loop device, mounted."""

    image: Path
    at: Path
    kind: str
    device: str = ""

    def plug(self, *options: str) -> None:
        """Attach and mount it; raises CalledProcessError where this machine cannot."""
        self.device = _run("losetup", "-f", "--show", str(self.image))
        flags = ("-o", ",".join(options)) if options else ()
        try:
            if self.kind == "exfat" and "exfat" not in Path("/proc/filesystems").read_text():
                _run("mount.exfat-fuse", *flags, self.device, str(self.at))
            else:
                _run("mount", "-t", self.kind, *flags, self.device, str(self.at))
        except (OSError, subprocess.CalledProcessError):
            self.gone()
            raise

    def unmount(self) -> None:
        """As a careful person does."""
        _run("umount", str(self.at))
        self.gone()

    def pull(self) -> None:
        """As everybody does: no unmounting; what was not on the medium yet is lost. Whoever writes is stopped."""
        kept = self.image.with_suffix(".pulled")
        while not kept.exists() or not filecmp.cmp(self.image, kept, shallow=False):  # of one moment
            shutil.copyfile(self.image, kept)  # what reached the medium so far
        with self.image.open("r+b") as medium:
            medium.truncate(0)  # every further write meets an error
        _run("umount", "-l", str(self.at))
        self.gone()
        kept.rename(self.image)

    def gone(self) -> None:
        if self.device:
            subprocess.run(("losetup", "-d", self.device), check=False, capture_output=True, timeout=60)
            self.device = ""


@pytest.fixture(params=list(FORMATS))
def stick(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stick]:
    kind: str = request.param
    if os.geteuid() != 0 or not Path("/dev/loop-control").exists():
        pytest.skip("needs root and loop devices")
    made = Stick(tmp_path / "stick.img", tmp_path / "stick", kind)
    made.at.mkdir()
    with made.image.open("wb") as medium:
        medium.truncate((48 if kind != "ext4" else 32) * MIB)
    if shutil.which(FORMATS[kind][0]) is None:
        pytest.skip(f"this machine cannot make {kind}")
    _run(*FORMATS[kind], str(made.image))
    try:
        made.plug()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"this machine cannot mount {kind}")
    try:
        yield made
    finally:
        subprocess.run(("umount", "-l", str(made.at)), check=False, capture_output=True, timeout=60)
        made.gone()


class Box:
    """Packs of the box, in a folder on its own disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def cut(self, size: int, kind: Kind = Kind.DATA) -> Wanted:
        data, id = os.urandom(16 + size), os.urandom(32)
        (self.folder / id.hex()).write_bytes(data)
        return Wanted(id, kind, size, blake3(data[16:]).digest())

    def source(self, each: Wanted) -> Iterator[bytes]:
        with (self.folder / each.pack.hex()).open("rb") as file:
            while data := file.read(MIB):
                yield data


def shelf_of(disk: LinuxShelfDisk, wanted: dict[bytes, Wanted]) -> LockerShelf:
    if read_mark(disk) is None:
        make(disk, Mark(bytes(16), bytes(32), 5))
    shelf = LockerShelf(disk, LOCKER)
    for _ in shelf.survey(wanted):
        pass
    return shelf


def fill(stick: Stick, box: Box, wanted: dict[bytes, Wanted]) -> set[bytes]:
    """Write what is missing; return what counts. Raises what the disk raises."""
    with opened(stick.at, away_from=box.folder, make=True) as disk:
        shelf = shelf_of(disk, wanted)
        for each in line([each for id, each in wanted.items() if id not in shelf.entries]):
            shelf.put([each], box.source, 1)
        return set(shelf.entries)


def all_whole(stick: Stick, box: Box, wanted: dict[bytes, Wanted]) -> set[bytes]:
    """Read everything back; return what counts."""
    with opened(stick.at, away_from=box.folder) as disk:
        shelf = shelf_of(disk, wanted)
        assert all(shelf.check(each) for each in list(shelf.entries.values()))
        return set(shelf.entries)


def test_it_comes_back_with_all_that_was_told(stick: Stick, tmp_path: Path) -> None:
    box = Box(tmp_path / "packs")
    wanted = {each.pack: each for each in [box.cut(size) for size in (1, 40_000, 300_000)]}
    theirs = stick.at / "holiday.txt"
    theirs.write_text("not ours")
    assert fill(stick, box, wanted) == set(wanted)
    assert stick.at in {each.at for each in mounted()}
    stick.unmount()
    stick.plug()
    assert all_whole(stick, box, wanted) == set(wanted)
    assert theirs.read_text() == "not ours"
    with pytest.raises(BoxError), opened(tmp_path, away_from=box.folder, make=True):
        pass  # the control: the box's own disk is no shelf


WRITER = """
import sys, os
from pathlib import Path
sys.path.insert(0, {here!r})
from tests.sim.test_shelf_disks import Box, LOCKER, shelf_of
from firmware.linux.shelf_disk import opened
from firmware.pack.format import Kind
from firmware.shelf import Wanted, read_mark
box = Box(Path({packs!r}))
wanted = {{}}
for line in sys.stdin:
    id, size, digest = line.split()
    wanted[bytes.fromhex(id)] = Wanted(bytes.fromhex(id), Kind.DATA, int(size), bytes.fromhex(digest))
with opened(Path({at!r}), away_from=box.folder, make=True) as disk:
    shelf = shelf_of(disk, wanted)
    for each in wanted.values():
        if each.pack not in shelf.entries:
            shelf.put([each], box.source, 1)
            os.write(1, each.pack.hex().encode() + b"\\n")
"""


@pytest.mark.parametrize("how", ["pulled", "killed"])
def test_whoever_pulls_it_while_it_is_written_loses_nothing_that_was_told(
    stick: Stick, how: str, tmp_path: Path
) -> None:
    box = Box(tmp_path / "packs")
    packs = [box.cut(300_000) for _ in range(40)]
    wanted = {each.pack: each for each in packs}
    told: set[bytes] = set()
    for moment in (3, 5):
        with subprocess.Popen(
            (sys.executable, "-c", WRITER.format(here=os.getcwd(), packs=str(box.folder), at=str(stick.at))),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        ) as writer:  # fmt: skip
            assert writer.stdin is not None
            assert writer.stdout is not None
            writer.stdin.write("".join(f"{e.pack.hex()} {e.size} {e.digest.hex()}\n" for e in packs).encode())
            writer.stdin.close()
            for _ in range(moment):
                told.add(bytes.fromhex(writer.stdout.readline().decode()))
            writer.send_signal(signal.SIGSTOP if how == "pulled" else signal.SIGKILL)
            if how == "pulled":
                stick.pull()
                writer.kill()
            told |= {bytes.fromhex(each.decode()) for each in writer.stdout}
            writer.wait(60)
        if how == "pulled":
            assert not any(stick.at.iterdir()), "nothing may land in the empty folder on the box's own disk"
            stick.plug()
        whole = all_whole(stick, box, wanted)
        assert told <= whole
        assert len(whole) < len(wanted), "it was in the middle"
    assert fill(stick, box, wanted) == set(wanted)
    assert all_whole(stick, box, wanted) == set(wanted)


def test_a_full_one_says_so_and_keeps_what_is_urgent(stick: Stick, tmp_path: Path) -> None:
    box = Box(tmp_path / "packs")
    packs = [box.cut(4 * MIB) for _ in range(12)] + [box.cut(2000, Kind.META)]
    wanted = {each.pack: each for each in packs}
    with pytest.raises(Full):
        fill(stick, box, wanted)
    whole = all_whole(stick, box, wanted)
    assert packs[-1].pack in whole
    assert 2 < len(whole) < len(wanted)
    with opened(stick.at, away_from=box.folder) as disk:
        assert fitting(line([each for id, each in wanted.items() if id not in whole]), disk.room().free) == []
        with contextlib.suppress(OSError), (stick.at / "theirs").open("wb", buffering=0) as theirs:
            while theirs.write(os.urandom(MIB)) == MIB:
                pass
        assert disk.room().free < MIB
        shelf = shelf_of(disk, wanted)
        with pytest.raises(Full):
            shelf.put([box.cut(10)], box.source, 1)
    assert all_whole(stick, box, wanted) == whole


def test_a_read_only_one_says_so_and_one_rotten_byte_is_found(stick: Stick, tmp_path: Path) -> None:
    box = Box(tmp_path / "packs")
    wanted = {each.pack: each for each in [box.cut(200_000) for _ in range(3)]}
    fill(stick, box, wanted)
    stick.unmount()
    stick.plug("ro")
    more = box.cut(1000)
    with opened(stick.at, away_from=box.folder) as disk:
        assert disk.room().read_only
        with pytest.raises(BoxError, match="Read-only"):
            shelf_of(disk, wanted).put([more], box.source, 1)
    assert all_whole(stick, box, wanted) == set(wanted)
    stick.unmount()
    stick.plug()
    with opened(stick.at, away_from=box.folder) as disk:
        shelf = shelf_of(disk, wanted)
        victim = next(iter(shelf.entries.values()))
        path = stick.at / "locker-box-shelf" / LOCKER.hex() / victim.name
        before = path.read_bytes()
        path.write_bytes(before[:5000] + bytes((before[5000] ^ 1,)) + before[5001:])
        assert [each.pack for each in list(shelf.entries.values()) if not shelf.check(each)] == [victim.pack]
        shelf.put([wanted[victim.pack]], box.source, 2)
    assert path.read_bytes() == before
    assert all_whole(stick, box, wanted) == set(wanted)
