"""A Raspberry Pi 3, the newest one that QEMU 7 to 9 emulate and Debian's kernel runs on, starts a Raspberry Pi's card.

QEMU has no firmware of a Raspberry Pi: kernel, first steps and command line are read from the card as the firmware
would (``tests/image/raspberry.py``) and handed over. What a Pi 3 needs beside them (its device tree, the driver of its
card) comes from the kernel package the image was built with. Everything from the first steps on is the card's own.
"""

from __future__ import annotations

import gzip
import lzma
import os
import stat
import subprocess
import time
from pathlib import Path
from typing import Any, Final

from image.board import Board
from image.initrd import archive
from image.programs import ImageTrouble, call
from image.rootfs import cache
from tests.image.qemu import Machine, free_port
from tests.image.raspberry import Start, start, unpacked

_CARD_MIB: Final = 4096
_UP_S: Final = 2400.0
_MORE: Final = "console=ttyS1,115200 systemd.watchdog_sec=0 systemd.journald.forward_to_console=1"
"""What its kernel is told beside its own; the machine's watchdog has no clock in QEMU: it starts again once armed."""
_TREE: Final = "bcm2837-rpi-3-b.dtb"
_DRIVER: Final = "bcm2835"


class Pi(Machine):
    """A running one; ended with ``with``."""

    def __init__(self, card: Path, folder: Path, words: str) -> None:
        """Start it; ``folder`` holds what ``prepare`` put there."""
        self.console, self.told = folder / "console.log", folder / "told.log"
        self.http, self.https = free_port(), free_port()
        self.began = time.monotonic()
        forward = ",".join(
            f"hostfwd=tcp:127.0.0.1:{ours}-:{port}" for ours, port in ((self.http, 80), (self.https, 443))
        )
        self._process = subprocess.Popen(
            [
                "qemu-system-aarch64", "-machine", "raspi3b", "-accel", "tcg,thread=multi", "-display", "none",
                "-monitor", "none", "-serial", "null", "-serial", f"file:{self.console}", "-no-reboot",
                "-kernel", str(folder / "kernel"), "-initrd", str(folder / "initrd"), "-dtb", str(folder / _TREE),
                "-append", words, "-drive", f"if=sd,format=raw,cache=writeback,file={card}",
                "-netdev", f"user,id=cable,{forward}", "-device", "usb-net,netdev=cable",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip


def boot(board: Board, image: Path, folder: Path) -> dict[str, Any]:
    """Flash ``image`` and start it; return ``emulated_boot_to_ui_s`` and ``emulated_ok``. Raises ImageTrouble."""
    card = folder / "card.img"
    call(["cp", "--sparse=always", "--reflink=auto", str(image), str(card)])
    os.truncate(card, _CARD_MIB << 20)
    found = start(card)
    prepare(found, board, folder)
    with Pi(card, folder, f"{found.cmdline} {_MORE}") as machine:
        up = machine.wait_for_pages(_UP_S)
    return {"emulated_boot_to_ui_s": up, "emulated_ok": up is not None}


def prepare(found: Start, board: Board, folder: Path) -> None:
    """Lay out what QEMU is given in the firmware's place; raises ImageTrouble without the kernel's package."""
    tree = folder / "kernel-package"
    tree.mkdir()
    for each in sorted(cache().glob(f"beside-{board.name}-*/linux-image-*.deb")):
        call(["dpkg-deb", "-x", str(each), str(tree)])
    (folder / _TREE).write_bytes(_one(tree, _TREE).read_bytes())
    (folder / "kernel").write_bytes(gzip.decompress(found.kernel))
    order = unpacked(gzip.decompress(found.files[found.initrd]))["modules/order"] + f"{_DRIVER}\n".encode()
    driver = lzma.decompress(_one(tree, f"mmc/host/{_DRIVER}.ko.xz").read_bytes())
    more = {f"modules/{_DRIVER}.ko": driver, "modules/order": order}
    files = {name: (stat.S_IFREG | 0o644, content) for name, content in more.items()}
    (folder / "initrd").write_bytes(found.files[found.initrd] + gzip.compress(archive(files, 0)))


def _one(tree: Path, name: str) -> Path:
    for path in tree.glob(f"**/{name}"):
        return path
    raise ImageTrouble(f"the kernel's package has no {name}; ./box image fetches it")
