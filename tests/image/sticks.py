"""Sticks with new versions: a good one, and all that a box must not take. Signed with the keys the image trusts.

They are made of the image under test with the builder's own tools. Its next version is itself, saying a higher number.
"""

from __future__ import annotations

import mmap
import os
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from firmware.update.release import Release, Version
from image import bundle, disk
from image.board import Board, read_board
from image.programs import Tools, call
from image.release import bundle_of, new_key, read_key, sign
from image.rootfs import cache, tools_root
from image.sources import sources

_DAY: Final = 86_400
_PLENTY: Final = 4096


@dataclass(frozen=True, slots=True)
class Stick:
    """``image``: a FAT file system; ``refused``: the code of why the box does not take it ("": it does)."""

    name: str
    image: Path
    refused: str = ""


class Workshop:
    """Makes them in a folder of its own."""

    def __init__(self, board: str, images: Path, folder: Path) -> None:
        """``images``: the folder with the parts of the image; raises ImageTrouble without the builder's tools."""
        folder.mkdir()
        self.board, self._images, self._made = read_board(board), images, 0
        self._tools = tools(folder)
        self._keys = bundle.keys_for_trying(self._tools, cache() / "keys-for-trying")
        self._release = [cache() / "keys-for-trying" / f"release-key-{number}" for number in (1, 2)]
        self.running = self._running()

    def next(self, steps: int) -> Version:
        """Return the version that many small steps after the one on the image."""
        return self.running._replace(patch=self.running.patch + steps)

    def good(self, version: Version) -> Stick:
        """The image itself, saying that it is ``version``."""
        root = self._work("root") / "root.img"
        shutil.copyfile(self._images / "root.erofs", root)
        with root.open("r+b") as file, mmap.mmap(file.fileno(), 0) as whole:
            old, new = (f'version = "{each}"\n'.encode() for each in (self.running, version))
            at = whole.find(old)
            if at < 0 or len(old) != len(new) or whole.find(old, at + 1) >= 0:
                raise ValueError("the number of the version does not stand in the image as it is")
            whole[at : at + len(old)] = new
        return self._stick("good", version, self._bundle(self.board, root, self._boot(), self._keys))

    def broken(self, version: Version) -> Stick:
        """Signed by everybody, and its root is nothing but noise: it never starts."""
        return self._stick("broken", version, self._bundle(self.board, self._noise(), self._boot(), self._keys))

    def reset(self, step: int) -> Stick:
        """No version: a wish the watcher inside the box passes on."""
        work = self._work("reset")
        (work / "wish").write_text(f"{step}\n")
        disk.fat(self._tools, work / "stick.vfat", 8, "WISH", "00000000", {"reset": work / "wish"})
        return Stick("reset", work / "stick.vfat")

    def refused(self) -> list[Stick]:
        """Everything a box must leave alone."""
        small = self._bundle(self.board, self._noise(), self._noise(), self._keys)
        stranger = bundle.keys_for_trying(self._tools, self._work("stranger"))
        theirs = self._bundle(self.board, self._noise(), self._noise(), stranger)
        other = replace(self.board, name="rpi4")
        foreign = self._bundle(other, self._noise(), self._noise(), self._keys)
        bent = self._work("bent") / "bundle.raucb"
        bent.write_bytes(_flipped(small.read_bytes()))
        keys = [self._work("forged") / f"key-{number}" for number in (1, 2)]
        for number, key in enumerate(keys):
            new_key(key, bytes([7 + number]) * 32)
        up = self.next(1)
        return [
            self._stick("older", Version(0, 0, 0), small, "release-older"),
            self._stick("wrong board", up, small, "release-board", board="rpi4"),
            self._stick("forged index", up, small, "release-unsigned", signers=keys),
            self._stick("one signature", up, small, "release-unsigned", signers=[self._release[0], keys[0]]),
            self._stick("altered index", up, small, "release-garbled", alter=True),
            self._stick("expired", up, small, "release-expired", days=-1),
            self._stick("altered bundle", up, small, "bundle-wrong", instead=bent),
            self._stick("forged bundle", up, theirs, "bundle-wrong"),
            self._stick("another board's bundle", up, foreign, "bundle-wrong"),
        ]

    def _stick(
        self,
        name: str,
        version: Version,
        made: Path,
        refused: str = "",
        *,
        board: str = "",
        signers: list[Path] | None = None,
        alter: bool = False,
        days: int = 30,
        instead: Path | None = None,
    ) -> Stick:
        work, now, self._made = self._work("stick"), int(time.time()), self._made + 1
        until = time.strftime("%Y-%m-%d", time.gmtime(now + 365 * _DAY))
        release = Release(
            self._made, board or self.board.name, version, Version(0, 0, 0), now - 9 * _DAY, now + days * _DAY, False,
            until, bundle_of(made), {}, {},
        )  # fmt: skip
        data = release.to_bytes()
        for each in signers or self._release:
            data = sign(data, read_key(each))
        index = work / "index"
        index.write_bytes(data.replace(b'"urgent":false', b'"urgent":true ', 1) if alter else data)
        files = {f"locker-box-update/{self.board.name}.index": index, f"locker-box-update/{made.name}": instead or made}
        target = work / "stick.vfat"
        mib = made.stat().st_size // disk.MIB + 48
        disk.fat(self._tools, target, mib, "NEWS", f"{self._made:08x}", files)
        return Stick(name, target, refused)

    def _bundle(self, board: Board, root: Path, boot: Path, keys: bundle.Keys) -> Path:
        folder = self._tools.work / "bundle"
        shutil.rmtree(folder, ignore_errors=True)
        made = bundle.make(self._tools, board, str(self.running), boot, root, keys)
        target = self._work("made") / f"{self.board.name}.raucb"
        made.rename(target)
        return target

    def _boot(self) -> Path:
        target = self._work("boot") / "boot.img"
        shutil.copyfile(self._images / "boot.vfat", target)
        return target

    def _noise(self) -> Path:
        target = self._work("noise") / "noise.img"
        target.write_bytes(os.urandom(_PLENTY * 64))
        return target

    def _work(self, name: str) -> Path:
        number = 0
        while (path := self._tools.work / f"{name}-{number}").exists():
            number += 1
        path.mkdir()
        return path

    def _running(self) -> Version:
        from image.build import system, version

        told = system(self.board, version(), 0)
        return Version.parse(told.partition('version = "')[2].partition('"')[0])


def tools(folder: Path) -> Tools:
    """The builder's tools, with ``folder`` for their work; raises ImageTrouble."""
    kept = sorted(cache().glob(f"tools-{call(['dpkg', '--print-architecture']).strip()}-*/root"), key=_age)
    where = sources(backports=False)
    return Tools(kept[-1] if kept else tools_root(where, where.state(), 0), folder, int(time.time()))


def _flipped(data: bytes) -> bytes:
    return data[:_PLENTY] + bytes([data[_PLENTY] ^ 1]) + data[_PLENTY + 1 :]


def _age(path: Path) -> float:
    return path.stat().st_mtime
