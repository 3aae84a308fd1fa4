"""One conformance suite for everything that calls itself a Disk: the simulated one and the real one."""

from __future__ import annotations

import random
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware.errors import Conflict, Full, Missing
from firmware.ports import Disk
from tests.sim.disk import SimDisk


def _simulated(_folder: Path) -> Disk:
    return SimDisk(random.Random(1))


def _real(folder: Path) -> Disk:
    linux = pytest.importorskip("firmware.linux.disk")
    disk: Disk = linux.LinuxDisk(folder)
    return disk


@pytest.fixture(params=[_simulated, _real])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Disk:
    """Each Disk in turn, empty."""
    make: Callable[[Path], Disk] = request.param
    return make(tmp_path)


def test_appends_are_read_back_and_answer_their_offset(disk: Disk) -> None:
    file = disk.create("packs/data-1")
    assert file.append(b"abc") == 0
    assert file.append(bytearray(b"defg")) == 3
    assert file.append(memoryview(b"h")) == 7
    file.sync()
    disk.sync_folder("packs")
    assert disk.read("packs/data-1", 2, 3) == b"cde"
    assert disk.read("packs/data-1", 6, 100) == b"gh"
    assert disk.read("packs/data-1", 8, 1) == b""
    assert disk.size("packs/data-1") == 8
    file.close()


def test_truncate_drops_the_end_and_appending_goes_on_there(disk: Disk) -> None:
    file = disk.create("packs/p")
    file.append(b"0123456789")
    file.truncate(4)
    assert file.append(b"x") == 4
    assert disk.read("packs/p", 0, 10) == b"0123x"
    file.close()


def test_reopen_appends_at_the_end(disk: Disk) -> None:
    file = disk.create("packs/p")
    file.append(b"one")
    file.close()
    again = disk.reopen("packs/p")
    assert again.append(b"two") == 3
    again.sync()
    again.close()
    assert disk.read("packs/p", 0, 9) == b"onetwo"


def test_create_refuses_an_existing_name(disk: Disk) -> None:
    disk.create("packs/p").close()
    with pytest.raises(Conflict):
        disk.create("packs/p")


def test_absent_names_are_missing_and_absent_folders_empty(disk: Disk) -> None:
    with pytest.raises(Missing):
        disk.read("packs/none", 0, 1)
    with pytest.raises(Missing):
        disk.size("packs/none")
    with pytest.raises(Missing):
        disk.reopen("packs/none")
    assert disk.names("nowhere") == []
    disk.remove("packs/none")


def test_names_lists_plain_files_of_one_folder_sorted(disk: Disk) -> None:
    for name in ("packs/b", "packs/a", "other/c", "key"):
        disk.create(name).close()
    assert disk.names("packs") == ["a", "b"]
    assert disk.names("") == ["key"]


def test_replace_is_whole_and_leaves_no_temporary_behind(disk: Disk) -> None:
    disk.replace("key", b"first, and rather long")
    disk.replace("key", b"second")
    assert disk.read("key", 0, 100) == b"second"
    assert disk.names("") == ["key"]


def test_a_disk_that_fills_up_while_replacing_keeps_what_was(tmp_path: Path) -> None:
    disk = _real(tmp_path)
    disk.replace("key-file", b"before")
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, old[1]))  # the kernel takes a part, then says no
    try:
        with pytest.raises(Full):
            disk.replace("key-file", bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert disk.read("key-file", 0, 5000) == b"before"
    assert disk.names("") == ["key-file"]


def test_remove_takes_the_name_away(disk: Disk) -> None:
    disk.create("packs/p").close()
    disk.remove("packs/p")
    disk.sync_folder("packs")
    assert disk.names("packs") == []
    disk.create("packs/p").close()


def test_free_bytes_is_a_size(disk: Disk) -> None:
    assert disk.free_bytes() > 0


def test_a_full_simulated_disk_says_full_and_keeps_what_it_has() -> None:
    disk = SimDisk(random.Random(1), capacity=10)
    file = disk.create("p")
    file.append(b"12345678")
    with pytest.raises(Full):
        file.append(b"9012")
    assert disk.read("p", 0, 99) == b"12345678"
    assert disk.free_bytes() == 2
