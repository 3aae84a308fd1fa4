"""A Raspberry Pi's card: what its firmware would start, whether everything for that is there, and a start in QEMU.

QEMU has no firmware of a Raspberry Pi and no Pi 4 that Debian's kernel runs on. A Pi 3 it has: with the device tree of
that, kernel, first steps and system of the card are started as the firmware would, whose part this module plays.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from firmware.update.autoboot import PARTITION, Autoboot
from image import disk
from image.board import Board
from image.rootfs import cache
from tests.image.card import Fat, partitions
from tests.image.judging import judge
from tests.image.qemu import Machine, free_port, packed

_SECTOR: Final = 512
_CARD_MIB: Final = 4096
_TREE: Final = "usr/lib/linux-image-*/broadcom/bcm2837-rpi-3-b.dtb"
_EMULATED: Final = "systemd.watchdog_sec=0 systemd.service_watchdogs=no"
"""QEMU takes the arming of the watchdog for the restart itself."""
_UNIT: Final = """\
[Unit]
Description=the test looks around from inside
After=lockerd.service webd.service peerd.service
[Service]
Type=exec
ExecStartPre=/bin/sh -c 'until [ -b /dev/sda ]; do sleep 1; done; mkdir /run/inside; tar -C /run/inside -xf /dev/sda'
ExecStart=/bin/sh -c 'exec /usr/lib/locker-box/.venv/bin/python /run/inside/{script}.py >/dev/ttyS1 2>&1'
WorkingDirectory=/usr/lib/locker-box
"""
_WANT: Final = "[Unit]\nWants=inside.service\n"
_BOOT_S, _LOOK_S = 900.0, 2100.0
_WORDS: Final = ("cgroup_enable=memory", "psi=1", "panic=5")


@dataclass(frozen=True, slots=True)
class Start:
    """What the firmware starts: the files of the boot partition it chose, and what its config.txt names of them."""

    letter: str
    files: Mapping[str, bytes]
    config: Mapping[str, str]
    initrd: str

    @property
    def kernel(self) -> bytes:
        """The kernel as it lies on the card."""
        return self.files[self.config["kernel"]]

    @property
    def cmdline(self) -> str:
        """What the kernel is told."""
        return self.files["cmdline.txt"].decode().strip()


def settings(card: Path) -> Autoboot:
    """Return what autoboot.txt on the first partition says; raises BoxError, KeyError, ValueError."""
    return Autoboot.parse(Fat(card, partitions(card)[1][0]).files()["autoboot.txt"])


def start(card: Path) -> Start:
    """Choose as the firmware does; raises BoxError, KeyError, ValueError when something it needs is not there."""
    first = settings(card).first
    files = Fat(card, partitions(card)[PARTITION[first]][0]).files()
    config, initrd = {}, ""
    for line in files["config.txt"].decode().splitlines():
        if line.startswith("initramfs "):
            initrd = line.split()[1]
        elif "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            config[name] = value
    return Start(first.value.lower(), files, config, initrd)


def structure(card: Path, board: Board) -> dict[str, bool]:
    """Return what was looked at on a flashed image, and whether it is as it must be."""
    parts, numbers = partitions(card), disk.numbers()
    size = card.stat().st_size // _SECTOR
    found, now = start(card), settings(card)
    steps = _unpacked(gzip.decompress(found.files[found.initrd]))
    modules = steps["modules/order"].decode().split()
    kinds = [Fat(card, parts[number][0]).bits for number in (1, 2, 3)]
    lines = (card.parent / "SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    return {
        "partitions_are_those_of_the_layout": sorted(parts) == sorted(numbers.values()),
        "partitions_lie_in_the_image_one_after_the_other": _ordered(list(parts.values()), size),
        "boot_partitions_are_fat32": kinds == [16, 32, 32],
        "a_is_started_and_good": (now.first.value, now.good.value, now.left, now.bad) == ("A", "A", 0, None),
        "kernel_is_a_64_bit_image": gzip.decompress(found.kernel)[0x38:0x3C] == b"ARMd",
        "kernel_is_told_what_all_are_told": set(_WORDS) <= set(found.cmdline.split()),
        "config_says_64_bit": found.config.get("arm_64bit") == "1",
        "device_trees_are_there": all(
            found.files.get(name, b"")[:4] == b"\xd0\r\xfe\xed" for name in board.device_trees
        ),
        "firmware_is_there": all(found.files.get(name) for name in board.firmware),
        "first_steps_have_all_their_modules": all(f"modules/{name}.ko" in steps for name in modules),
        "first_steps_know_the_card": {"mark", "numbers", "ends"} <= set(steps),
        "starts_are_counted": ("counted" in steps) == (board.tries == "attempts"),
        "root_a_is_erofs": _at(card, parts[numbers["root-a"]][0], 1024, 4) == b"\xe2\xe1\xf5\xe0",
        "data_is_ext4": _at(card, parts[numbers["data"]][0], 1080, 2) == b"\x53\xef",
        "b_is_empty": not Fat(card, parts[numbers["boot-b"]][0]).files(),
        "checksums_are_right": all(_sum(card.parent / name) == value for name, value in sums.items()),
        "bundle_and_list_of_parts_are_there": {".raucb", ".json"} <= {Path(name).suffix for name in sums},
    }


def _ordered(parts: list[tuple[int, int]], size: int) -> bool:
    ends = [0, *(first + length for first, length in parts)]
    return all(end <= first for end, (first, _) in zip(ends, parts, strict=False)) and ends[-1] <= size


def _at(card: Path, first: int, offset: int, size: int) -> bytes:
    with card.open("rb") as file:
        file.seek(first * _SECTOR + offset)
        return file.read(size)


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unpacked(archive: bytes) -> dict[str, bytes]:
    """Return the files of a newc archive."""
    found: dict[str, bytes] = {}
    at = 0
    while True:
        size, named = (int(archive[at + 6 + 8 * each : at + 14 + 8 * each], 16) for each in (6, 11))
        name = archive[at + 110 : at + 109 + named].decode()
        body = (at + 110 + named + 3) // 4 * 4
        if name == "TRAILER!!!":
            return found
        found[name] = archive[body : body + size]
        at = (body + size + 3) // 4 * 4


class Emulated(Machine):
    """A Pi 3 that starts a card of a Pi 4; raises OSError without QEMU or Debian's device tree."""

    def __init__(self, card: Path, board: str, folder: Path, script: str = "") -> None:
        """Play the firmware and start; ``script``: a file of ``tests/image/inside`` that runs when the system is up."""
        found = start(card)
        for name, content in (("kernel8.img", found.kernel), ("initrd.img", found.files[found.initrd])):
            (folder / name).write_bytes(content)
        (folder / "pi3.dtb").write_bytes(_tree(board))
        self.console = self.told = folder / "console.log"
        self.http, self.https = free_port(), free_port()
        self.began = time.monotonic()
        forward = f"hostfwd=tcp:127.0.0.1:{self.http}-:80,hostfwd=tcp:127.0.0.1:{self.https}-:443"
        told = f"{found.cmdline} locker.slot={found.letter} {_EMULATED}"
        line = [
            "qemu-system-aarch64", "-machine", "raspi3b", "-accel", "tcg,thread=multi", "-display", "none",
            "-monitor", "none", "-no-reboot", "-kernel", str(folder / "kernel8.img"), "-dtb", str(folder / "pi3.dtb"),
            "-initrd", str(folder / "initrd.img"), "-drive", f"if=sd,format=raw,cache=writeback,file={card}",
            "-netdev", f"user,id=net,{forward}", "-device", "usb-net,netdev=net",
            "-serial", "null", "-serial", f"file:{self.console}",
        ]  # fmt: skip
        if script:
            line += ["-drive", f"if=none,id=inside,format=raw,readonly=on,file={packed(folder)}"]
            line += ["-device", "usb-storage,drive=inside"]
            units = {"extra-unit.inside.service": _UNIT.format(script=script), "unit-dropin.multi-user.target": _WANT}
            for name, text in units.items():
                value = base64.b64encode(text.encode()).decode()
                told += f" systemd.set_credential_binary=systemd.{name}:{value}"
        self._process = subprocess.Popen([*line, "-append", told], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def _tree(board: str) -> bytes:
    """Debian's device tree of a Pi 3, out of the package of the kernel that the builder kept."""
    kept = sorted(cache().glob(f"beside-{board}-*/linux-image-[0-9]*.deb"), key=lambda path: path.stat().st_mtime)
    if not kept:
        raise FileNotFoundError("the builder's cache holds no kernel of this board")
    unpacked = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(kept[-1])], check=True, capture_output=True).stdout
    words = ["tar", "-xO", "--wildcards", f"./{_TREE}"]
    return subprocess.run(words, check=True, capture_output=True, input=unpacked).stdout


def turns_back(card: Path, board: str, folder: Path, limit_s: float = 600) -> dict[str, Any]:
    """Let the firmware try B, where nothing is: tell how often it was started, and what is started then."""
    parts = partitions(card)
    with card.open("r+b") as file:
        (good, size), (other, _) = (parts[disk.numbers()[name]] for name in ("boot-a", "boot-b"))
        file.seek(good * _SECTOR)
        whole = file.read(size * _SECTOR)
        file.seek(other * _SECTOR)
        file.write(whole)
        file.seek(0)
        sector = settings(card).to_bytes()
        at = _find(card, parts[1], sector)
        file.seek(at)
        file.write(sector.replace(b"boot_partition=2", b"boot_partition=3", 1).replace(b"#left=0", b"#left=2"))
    began, tries = time.monotonic(), 0
    while settings(card).first.value == "B" and tries < 5 and time.monotonic() - began < limit_s:
        with Emulated(card, board, folder) as machine:
            while machine.running() and time.monotonic() - began < limit_s:
                time.sleep(1)
            tries += 1 if not machine.running() else 0
    now = settings(card)
    return {"starts_of_b": tries, "comes_back": now.first.value == "A" and now.good.value == "A"}


def _find(card: Path, part: tuple[int, int], sector: bytes) -> int:
    """Where on the card the sector of autoboot.txt lies."""
    first, size = part
    with card.open("rb") as file:
        for number in range(first, first + size):
            file.seek(number * _SECTOR)
            if file.read(_SECTOR) == sector:
                return number * _SECTOR
    raise ValueError("autoboot.txt does not lie in one sector")


def look(board: Board, image: Path, folder: Path, emulated: bool) -> dict[str, Any]:
    """Look at the image; ``emulated``: also let it turn back from an empty B, and start it and look from inside."""
    checks = structure(image, board)
    told: dict[str, Any] = {"structure_checks": len(checks), "structure_ok": all(checks.values())}
    told["structure_failed"] = sorted(name for name, ok in checks.items() if not ok)
    told["ok"] = told["structure_ok"]
    if not emulated:
        return told
    card = folder / "card.img"
    subprocess.run(["cp", "--sparse=always", str(image), str(card)], check=True)
    with card.open("r+b") as file:
        file.truncate(_CARD_MIB << 20)
    told |= turns_back(card, board.name, folder)
    with Emulated(card, board.name, folder, "selftest") as machine:
        up, found = machine.wait_for_pages(_BOOT_S), machine.wait_for_findings(_LOOK_S)
        answers = machine.answers(machine.http, tls=False) and machine.answers(machine.https, tls=True)
    told |= {"emulated": judge(up, found, answers)}
    told["services_ok"], told["photo_ok"] = (told["emulated"][name] for name in ("services_ok", "photo_ok"))
    told["ok"] = bool(told["ok"] and told["comes_back"] and told["services_ok"] and told["photo_ok"])
    return told
