"""Raspberry Pi's own kernel, as a builder may be given it."""

from __future__ import annotations

import gzip
import subprocess
from pathlib import Path

import pytest

from image import boot
from image.board import read_board
from image.own_kernel import take
from image.programs import ImageTrouble

_VERSION = "6.12.34-v8+"


def _tree(folder: Path) -> Path:
    """The shape of the project's collection of firmware, with several kernels."""
    files = {
        "boot/kernel8.img": gzip.compress(f"ARMd Linux version {_VERSION} (someone@somewhere) #1".encode()),
        "boot/kernel7.img": b"Linux version 6.12.34-v7+ (someone)", "boot/start4.elf": b"newer",
        "boot/fixup4.dat": b"newer", "boot/bcm2711-rpi-4-b.dtb": b"tree", "boot/bcm2711-rpi-cm4.dtb": b"tree",
        f"modules/{_VERSION}/kernel/fs/erofs/erofs.ko.xz": b"", f"modules/{_VERSION}/modules.dep": b"",
        "modules/6.12.34-v7+/kernel/x.ko": b"",
    }  # fmt: skip
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def test_the_kernel_its_modules_and_trees_are_found_in_a_folder_or_an_archive(tmp_path: Path) -> None:
    tree = _tree(tmp_path / "firmware")
    packed = tmp_path / "firmware.tar.gz"
    subprocess.run(["tar", "-czf", str(packed), "-C", str(tree), "."], check=True)
    for number, given in enumerate((tree, packed)):
        found = take(given, tmp_path / str(number))
        assert found.version == found.modules.name == _VERSION
        assert found.image.read_bytes().startswith(b"ARMd")
        assert (found.modules / "kernel").is_dir()


def test_a_raspberry_pi_with_its_own_kernel_asks_for_a_try_and_takes_the_newer_firmware(tmp_path: Path) -> None:
    (tmp_path / "packages").mkdir()
    board = read_board("rpi4").given(_tree(tmp_path / "firmware"))
    assert (board.tries, board.kernel) == ("tryboot", "")
    assert "counted" not in boot.told(board)
    kernel = boot.unpack(tmp_path / "packages", tmp_path / "beside", board.own_kernel)
    assert [path.name for path in kernel.modules.iterdir()] == [_VERSION]
    for name in (*board.firmware, "../../share/doc/raspi-firmware/copyright"):
        path = tmp_path / "beside/usr/lib/raspi-firmware" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"Debian's")
    found = boot.pi(board, kernel, tmp_path, tmp_path / "initrd", "words")
    assert found["start4.elf"].read_bytes() == b"newer"
    assert {"bcm2711-rpi-4-b.dtb", "bcm2711-rpi-cm4.dtb", "kernel8.img", "cmdline.txt"} <= set(found)
    assert "upstream_kernel" not in found["config.txt"].read_text()


def test_what_is_no_kernel_is_said(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageTrouble, match="kernel8"):
        take(tmp_path / "empty", tmp_path / "1")
    with pytest.raises(ImageTrouble, match="there is no"):
        take(tmp_path / "nowhere", tmp_path / "2")
    (tmp_path / "empty/kernel8.img").write_bytes(b"Linux version 6.1.0 (x)")
    with pytest.raises(ImageTrouble, match=r"modules/6\.1\.0"):
        take(tmp_path / "empty", tmp_path / "3")
    with pytest.raises(ImageTrouble, match="no Raspberry Pi"):
        read_board("x86-64").given(tmp_path)
