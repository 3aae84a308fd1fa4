"""What the firmware of a board starts: kernel, first steps and command line, laid out as it wants them."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from firmware.update.autoboot import Autoboot, places
from firmware.update.slots import Slot
from image import disk, mbr
from image.board import Board
from image.disk import slots
from image.initrd import archive, contents, load_order
from image.own_kernel import take
from image.programs import ImageTrouble, Tools, call

COMMON: Final = (
    "ro quiet loglevel=4 panic=5 cgroup_enable=memory psi=1 init_on_alloc=1 slab_nomerge systemd.gpt_auto=0 "
    "systemd.show_status=false"
)
"""What every kernel is told; the root is found by the first steps, not named here."""
_EFI: Final = {"amd64": ("BOOTX64.EFI", "linuxx64.efi.stub"), "arm64": ("BOOTAA64.EFI", "linuxaa64.efi.stub")}
_PI_CONFIG: Final = """\
# Read by the Raspberry Pi's firmware, once at every start.
arm_64bit=1
kernel=kernel8.img
initramfs initrd.img followkernel
enable_uart=1
disable_splash=1
"""
_PI_DEBIAN: Final = "upstream_kernel=1\n"
"""Device trees are those of Debian's kernel, by its names."""
_PI_OWN: Final = "dtparam=watchdog=on\n"


@dataclass(frozen=True, slots=True)
class Kernel:
    """What came out of the packages that are unpacked beside the system."""

    image: Path
    modules: Path
    """The folder with one folder per version."""
    beside: Path
    """The tree of all of them."""
    own: Path | None = None
    """The tree of Raspberry Pi's own kernel, if it is that."""


def used(packages: Path) -> list[Path]:
    """Return the packages of a folder of which something goes into the image; what only they would need is left."""
    names = ("linux-", "busybox-static", "systemd-boot-efi", "raspi-firmware")
    return [each for each in sorted(packages.glob("*.deb")) if each.name.startswith(names)]


def unpack(packages: Path, target: Path, own: Path | None = None) -> Kernel:
    """Unpack packages of a folder into ``target``; ``own``: where Raspberry Pi's own kernel lies.

    Raises ImageTrouble when there is no kernel.
    """
    target.mkdir()
    for each in used(packages):
        call(["dpkg-deb", "-x", str(each), str(target)])
    if not (target / "lib").exists():
        (target / "lib").symlink_to("usr/lib")
    if own:
        found = take(own, target / "own")
        (target / "usr/lib/modules").mkdir(parents=True)
        shutil.move(found.modules, target / "lib/modules" / found.version)
        return Kernel(found.image, target / "lib/modules", target, found.tree)
    images, modules = (
        [*target.glob("boot/vmlinu[xz]-*"), *target.glob("usr/lib/modules/*/vmlinu[xz]")],
        target / "lib/modules",
    )
    if len(images) != 1 or not modules.is_dir():
        raise ImageTrouble("the packages beside the system hold no kernel, or more than one")
    return Kernel(images[0], modules, target)


def first_steps(board: Board, kernel: Kernel, target: Path, epoch: int) -> None:
    """Write the initial archive of ``board`` to ``target``; raises ImageTrouble."""
    (version,) = kernel.modules.iterdir()
    known = (version / "modules.dep").read_text()
    order = load_order(board.initrd_modules, known, (version / "modules.builtin").read_text())
    busybox = kernel.beside / "usr/bin/busybox"
    found = contents(busybox.read_bytes(), told(board), version, order)
    target.write_bytes(gzip.compress(archive(found, epoch), 9, mtime=0))


def told(board: Board) -> dict[str, bytes]:
    """Return the script of the first steps and what it reads: which partition is whose, where starts are counted."""
    letters = slots(board.name)
    found = {"init": Path(__file__).with_name("init").read_bytes()}
    found["slots"] = "".join(f"{each} {letters[each]}\n" for each in sorted(letters)).encode()
    if board.boot == "raspberrypi":
        numbered = disk.numbers()
        found["numbers"] = "".join(f"{each} {numbered[each]}\n" for each in numbered).encode()
        found["mark"] = b"%d\n" % int.from_bytes(disk.mark(board.name), "little")
        found["ends"] = "".join(f"{each.start} {each.size_at}\n" for each in mbr.ends(disk.sectors())).encode()
    if board.tries == "attempts":
        found["counted"] = " ".join(str(places()[each]) for each in ("first", "good", "left")).encode() + b"\n"
    return found


def files(board: Board, kernel: Kernel, tools: Tools, initrd: Path, os_release: Path) -> Mapping[str, Path]:
    """Return what lies on a boot partition: names to files below the tools' folder. Raises ImageTrouble."""
    cmdline = f"{board.cmdline} {COMMON}"
    if board.boot == "uefi":
        name, stub = _EFI[board.arch]
        whole = tools.work / "uki.efi"
        tools.call(
            "ukify", "build", "--linux", kernel.image, "--initrd", initrd, "--stub", _stub(kernel, stub),
            "--os-release", f"@{tools.inside(os_release)}",
            f"--cmdline={cmdline}", "--efi-arch", name[4:-4].lower(), "--output", whole,
        )  # fmt: skip
        return {f"EFI/BOOT/{name}": whole}
    return pi(board, kernel, tools.work, initrd, cmdline)


def _stub(kernel: Kernel, name: str) -> Path:
    found = kernel.beside / "usr/lib/systemd/boot/efi" / name
    if not found.exists():
        raise ImageTrouble(f"the package systemd-boot-efi holds no {name}")
    return found


def pi(board: Board, kernel: Kernel, work: Path, initrd: Path, cmdline: str) -> Mapping[str, Path]:
    """Return what a Raspberry Pi's firmware reads, by name; raises ImageTrouble."""
    image = work / "kernel8.img"
    image.write_bytes(gzip.compress(kernel.image.read_bytes(), 9, mtime=0))
    found = {"kernel8.img": image, "initrd.img": initrd}
    for name, text in (
        ("config.txt", _PI_CONFIG + (_PI_OWN if kernel.own else _PI_DEBIAN)),
        ("cmdline.txt", cmdline + "\n"),
    ):
        found[name] = work / name
        found[name].write_text(text)
    found |= _device_trees(board, kernel)
    papers = {"LICENCE.broadcom": "usr/share/doc/raspi-firmware/copyright"} if board.firmware else {}
    for wanted, name in ({each: f"usr/lib/raspi-firmware/{each}" for each in board.firmware} | papers).items():
        if not (kernel.beside / name).exists():
            raise ImageTrouble(f"the package raspi-firmware holds no {name}")
        newer = sorted(kernel.own.glob(f"**/{wanted}")) if kernel.own else []
        found[wanted] = newer[0] if newer else kernel.beside / name
    return found


def _device_trees(board: Board, kernel: Kernel) -> Mapping[str, Path]:
    """Debian's kernel must bring all that the board lists; Raspberry Pi's own calls its own as the firmware does."""
    if kernel.own:
        trees = {name: sorted(kernel.own.glob(f"**/{name}")) for name in board.device_trees}
    else:
        listed = board.device_trees.items()
        trees = {wanted: sorted(kernel.beside.glob(f"**/broadcom/{name}")) for wanted, name in listed}
    missing = [name for name, paths in trees.items() if not paths]
    if missing and (not kernel.own or len(missing) == len(trees)):
        raise ImageTrouble(f"the kernel brings no device tree {missing[0]}")
    return {name: paths[0] for name, paths in trees.items() if paths}


def settings_files(board: Board, work: Path) -> Mapping[str, Path]:
    """Return what lies on the settings partition of a new card."""
    found = {}
    if board.boot == "raspberrypi":
        found["autoboot.txt"] = work / "autoboot.txt"
        found["autoboot.txt"].write_bytes(Autoboot(Slot.A, Slot.B, Slot.A).to_bytes())
    return found


def one_date(paths: Mapping[str, Path], epoch: int) -> None:
    """Give files the one date of the image."""
    for path in paths.values():
        os.utime(path, (epoch, epoch))
