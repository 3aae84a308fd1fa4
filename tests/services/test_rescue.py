"""A box that cannot use its data partition: what it reads, its page, its screen, and which system comes next."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.linux.boot_files import SectorFile
from firmware.linux.mdns import Announcement, Announcer
from firmware.update.attempts import Attempts
from firmware.update.autoboot import Autoboot
from firmware.update.slots import Slot
from provisioning.rescue.looking import look
from provisioning.rescue.words import LANGUAGES, Looked, Trouble, language_of, page, screen
from services.boxd import turning_back
from tests.services.running import HOUSE

_BOX = '{"id": "00", "host": "locker-3f2a"}'
_BLOCK = 4096
_PLACE = 35_000
"""A block nobody uses."""
_WRITTEN = b"kept" * (_BLOCK // 4)
_CHECK = HOUSE / "image/root/usr/lib/locker-box/check-data"
_ACTIVATE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
os.execv(sys.executable, [sys.executable, "-m", "provisioning.rescue", "--device", sys.argv[2], "--card", "none"])
"""
"""Hands over one listening socket as systemd does (sd_listen_fds(3))."""
_NO_CARD = Path("none")
_FOLDERS = ("/lib", "/lib/private", "/lib/private/locker-box")


@pytest.fixture
def partition(tmp_path: Path) -> Path:
    """A data partition as a box has it, with its name in it."""
    path, box = tmp_path / "data", tmp_path / "box.json"
    path.write_bytes(b"")
    os.truncate(path, 160 << 20)
    box.write_text(_BOX)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-b", str(_BLOCK), path], check=True)
    orders = [*(f"mkdir {each}" for each in _FOLDERS), f"write {box} {_FOLDERS[-1]}/box.json"]
    for order in orders:
        subprocess.run(["debugfs", "-w", "-R", order, path], check=True, capture_output=True)
    return path


def _overwrite(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# -- what is mended


def _checked(partition: Path, folder: Path) -> int:
    done = subprocess.run([_CHECK, partition, folder], capture_output=True, check=False, timeout=120)
    assert not (folder / "undo").exists()
    return done.returncode


def _is_whole(partition: Path) -> bool:
    return subprocess.run(["e2fsck", "-fn", partition], capture_output=True, check=False).returncode == 0


def _interrupted(partition: Path, folder: Path) -> None:
    """Leave something in the journal that is not in its place yet, as a power cut does."""
    (folder / "block").write_bytes(_WRITTEN)
    (folder / "orders").write_text(f"jo\njw -b {_PLACE} {folder}/block\njc\n")
    subprocess.run(["debugfs", "-w", "-f", folder / "orders", partition], check=True, capture_output=True)


def _place(partition: Path) -> bytes:
    with partition.open("rb") as file:
        file.seek(_PLACE * _BLOCK)
        return file.read(_BLOCK)


def _ordered(partition: Path, *orders: str) -> None:
    for order in orders:
        subprocess.run(["debugfs", "-w", "-R", order, partition], check=True, capture_output=True)


def test_a_sound_partition_is_let_through(partition: Path, tmp_path: Path) -> None:
    assert _checked(partition, tmp_path) == 0
    assert _is_whole(partition) and look(partition, _NO_CARD).host == "locker-3f2a"


def test_what_can_be_mended_without_asking_is_mended(partition: Path, tmp_path: Path) -> None:
    _ordered(partition, "mkdir /spare", "clri /spare", "ssv state 2")
    assert not _is_whole(partition)
    assert _checked(partition, tmp_path) == 0
    assert _is_whole(partition) and look(partition, _NO_CARD).host == "locker-3f2a"


@pytest.mark.parametrize("block", [0, 1], ids=["superblock", "descriptors"])
def test_what_there_is_twice_is_taken_from_its_second_copy(partition: Path, tmp_path: Path, block: int) -> None:
    _overwrite(partition, block * _BLOCK, os.urandom(_BLOCK))
    assert _checked(partition, tmp_path) == 0
    assert _is_whole(partition) and look(partition, _NO_CARD).host == "locker-3f2a"


def test_a_partition_that_cannot_be_mended_stays_byte_for_byte(partition: Path, tmp_path: Path) -> None:
    _ordered(partition, "mkdir /spare", "sif /spare mode 0100644", "ssv state 2")
    before = _digest(partition)
    assert _checked(partition, tmp_path) != 0
    assert _digest(partition) == before
    _overwrite(partition, 0, os.urandom(140 << 20))
    before = _digest(partition)
    assert _checked(partition, tmp_path) != 0
    assert _digest(partition) == before


@pytest.mark.parametrize("block", [None, 0, 1], ids=["sound", "superblock", "descriptors"])
def test_what_a_power_cut_left_in_the_journal_comes_to_its_place(
    partition: Path, tmp_path: Path, block: int | None
) -> None:
    _interrupted(partition, tmp_path)
    assert _place(partition) != _WRITTEN
    if block is not None:
        _overwrite(partition, block * _BLOCK, os.urandom(_BLOCK))
    assert _checked(partition, tmp_path) == 0
    assert _place(partition) == _WRITTEN and _is_whole(partition)


def test_where_nothing_helps_the_journal_stays_as_well(partition: Path, tmp_path: Path) -> None:
    _interrupted(partition, tmp_path)
    _ordered(partition, "mkdir /spare", "sif /spare mode 0100644", "ssv state 2")
    before = _digest(partition)
    assert _checked(partition, tmp_path) != 0
    assert _digest(partition) == before


def test_e2fsck_alone_makes_it_worse(partition: Path) -> None:
    """The control: why nothing but check-data touches the partition."""
    _overwrite(partition, _BLOCK, os.urandom(_BLOCK))
    before = _digest(partition)
    assert subprocess.run(["e2fsck", "-p", partition], capture_output=True, check=False).returncode >= 4
    assert _digest(partition) != before


# -- what is found out


def test_the_name_is_read_from_a_damaged_partition_and_nothing_is_written(partition: Path) -> None:
    _overwrite(partition, 1024 + 0x3A, b"\x02\x00")  # s_state: errors were detected (ext4, "The Super Block")
    before = _digest(partition)
    assert (look(partition, _NO_CARD).trouble, look(partition, _NO_CARD).host) == (Trouble.DAMAGED, "locker-3f2a")
    assert _digest(partition) == before


def test_a_name_is_found_without_the_bitmaps(partition: Path) -> None:
    told = subprocess.run(["dumpe2fs", partition], capture_output=True, text=True, check=True).stdout
    for kind in ("Block", "Inode"):
        at = re.search(rf"{kind} bitmap at (\d+)", told)
        assert at
        _overwrite(partition, int(at[1]) * _BLOCK, os.urandom(_BLOCK))
    assert look(partition, _NO_CARD).host == "locker-3f2a"


def test_a_name_is_found_by_the_second_superblock(partition: Path) -> None:
    _overwrite(partition, 0, bytes(_BLOCK))
    assert look(partition, _NO_CARD).host == "locker-3f2a"


def test_a_partition_of_noise_has_no_name(partition: Path) -> None:
    _overwrite(partition, 0, os.urandom(140 << 20))
    assert look(partition, _NO_CARD).trouble is Trouble.DAMAGED
    assert look(partition, _NO_CARD).host == ""


def test_a_name_that_no_box_has_is_not_taken(partition: Path, tmp_path: Path) -> None:
    (tmp_path / "box.json").write_text('{"host": "<b>x</b>"}')
    for order in (f"rm {_FOLDERS[-1]}/box.json", f"write {tmp_path}/box.json {_FOLDERS[-1]}/box.json"):
        subprocess.run(["debugfs", "-w", "-R", order, partition], check=True, capture_output=True)
    assert look(partition, _NO_CARD).host == ""


def test_a_partition_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    assert look(tmp_path / "none", _NO_CARD).trouble is Trouble.MISSING


@pytest.mark.parametrize("trouble", [Trouble.SMALL, Trouble.FAKE])
def test_what_is_wrong_with_the_card_comes_first(partition: Path, tmp_path: Path, trouble: Trouble) -> None:
    told = tmp_path / "told.json"
    told.write_text(json.dumps({"trouble": trouble.value, "says": 64_000_000_000, "keeps": 7_900_000_000}))
    looked = look(partition, told)
    assert looked == Looked(trouble, says=64_000_000_000, keeps=7_900_000_000)
    assert "64 GB" in page(looked, "en") and ("7.9 GB" in page(looked, "en")) == (trouble is Trouble.FAKE)
    assert ("7,9 GB" in page(looked, "de")) == (trouble is Trouble.FAKE)
    for garbled in ("", "[]", "{}", '{"trouble": "x", "says": 1, "keeps": 1}'):
        told.write_text(garbled)
        assert look(partition, told).trouble is Trouble.DAMAGED


# -- what is shown


def test_the_page_is_whole_in_both_languages_and_says_what_to_do() -> None:
    for trouble in Trouble:
        pages = [page(Looked(trouble, "locker-3f2a", "fsck failed"), each) for each in LANGUAGES]
        assert all("<li>" in each and "locker-3f2a" in each and "fsck failed" in each for each in pages)
        assert len(set(pages)) == len(LANGUAGES)
        assert not any("src=" in each or "url(" in each or "<script" in each for each in pages)
    assert "24 words" in page(Looked(Trouble.MISSING), "en")
    assert "<details>" not in page(Looked(Trouble.MISSING), "en")


def test_what_a_check_said_is_text_on_the_page() -> None:
    assert "<script>" not in page(Looked(Trouble.DAMAGED, "", "<script>alert(1)</script>"), "en")


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("de-CH,de;q=0.9", "de"), ("fr,de;q=0.5,en;q=0.3", "de"), ("fr", "en"), ("", "en"), ("EN-us", "en")],
)
def test_the_language_is_the_first_there_is(accepted: str, language: str) -> None:
    assert language_of(accepted) == language


def test_the_screen_says_where_the_page_is() -> None:
    there = screen(Looked(Trouble.DAMAGED, "locker-3f2a"), ("192.168.1.20", "fd00::1"))
    assert all(f"http://{each}\r\n" in there for each in ("locker-3f2a.local", "192.168.1.20", "[fd00::1]"))
    assert "Pull the plug" in screen(Looked(Trouble.MISSING), ())
    assert "\033" not in screen(Looked(Trouble.MISSING, "\033[2J"), ("\033",))


@pytest.fixture
def served(partition: Path) -> Iterator[int]:
    """The port at which the real process answers for ``partition``, on a socket it is handed as by systemd."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        command = [sys.executable, "-c", _ACTIVATE, str(door.fileno()), str(partition)]
        process = subprocess.Popen(command, cwd=HOUSE, stdout=subprocess.DEVNULL, pass_fds=[door.fileno()])
        yield int(door.getsockname()[1])
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def _asked(port: int, method: str, path: str, **headers: str) -> tuple[http.client.HTTPResponse, str]:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    link.request(method, path, headers=headers)
    answer = link.getresponse()
    text = answer.read().decode()
    link.close()
    return answer, text


def test_every_address_gives_the_page_and_nothing_takes_a_byte(served: int, partition: Path) -> None:
    before = _digest(partition)
    for path in ("/", "/photos", "/claim?x=1", "/photo/" + "0" * 32):
        answer, text = _asked(served, "GET", path)
        assert answer.status == 503
        assert "This box cannot read its storage." in text and "locker-3f2a" in text
        assert "default-src 'none'" in (answer.getheader("Content-Security-Policy") or "")
    assert 'lang="de"' in _asked(served, "GET", "/", **{"Accept-Language": "de"})[1]
    assert 'lang="de"' in _asked(served, "GET", "/?language=de")[1]
    assert _asked(served, "HEAD", "/")[0].status == 503
    for method in ("POST", "PUT", "DELETE"):
        assert _asked(served, method, "/")[0].status == 405
    assert _digest(partition) == before


def test_what_does_not_answer_is_not_announced() -> None:
    page, whole = (
        [kind for kind, _ in Announcer(Announcement("locker-3f2a", 80, port, ()), lambda _: None)._services()]
        for port in (None, 443)
    )
    assert page == ["_http._tcp.local."]
    assert whole == [*page, "_https._tcp.local.", "_lockerbox._tcp.local."]


# -- whose turn it is


def _turn(folder: Path, running: str, boot: str = "attempts") -> int:
    (folder / "system.toml").write_text(
        f'board="rpi4"\nversion="2.0.0"\nboot="{boot}"\nmade=1\nsupported_until="2032-01-31"\n'
    )
    (folder / "slot").write_text(f"{running}\n")
    words = {"system": "system.toml", "slot": "slot", "autoboot": "autoboot.txt"}
    return turning_back.main([part for word, name in words.items() for part in (f"--{word}", str(folder / name))])


def test_a_system_that_is_only_tried_starts_again_and_the_committed_one_stays(tmp_path: Path) -> None:
    sector = tmp_path / "autoboot.txt"
    sector.write_bytes(Autoboot(Slot.A, Slot.B, Slot.A).to_bytes())
    assert _turn(tmp_path, "a") == 1
    Attempts(SectorFile(sector)).arm(Slot.B)
    before = sector.read_bytes()
    assert _turn(tmp_path, "b") == 0
    assert sector.read_bytes() == before
    Attempts(SectorFile(sector)).commit(Slot.B)
    assert _turn(tmp_path, "b") == 1


def test_where_the_firmware_knows_nothing_of_ours_the_system_stays(tmp_path: Path) -> None:
    assert _turn(tmp_path, "a") == 1  # no autoboot.txt
    assert _turn(tmp_path, "a", boot="morse") == 1
    (tmp_path / "autoboot.txt").write_bytes(b"noise")
    assert _turn(tmp_path, "a") == 1


def test_emergency_starts_what_is_there(tmp_path: Path) -> None:
    """systemd's own emergency.target would start a shell nobody can log in to."""
    target = (HOUSE / "image/root/usr/lib/systemd/system/emergency.target").read_text()
    wanted = re.findall(r"^Wants=(.*)$", target, re.MULTILINE)[0].split()
    ours = {path.name: path.read_text() for path in HOUSE.glob("*/*/*.service")}
    for name in set(wanted) & set(ours):
        text = ours[name]
        assert "\nDefaultDependencies=no\n" in text, name  # basic.target is not reached then
        mounted = (
            "StateDirectory=",
            "CacheDirectory=",
            "LogsDirectory=",
            "PrivateTmp=",
            "DynamicUser=",
            "LoadCredential=",
        )
        assert not [word for word in mounted if f"\n{word}" in text], name  # these need /var
    assert {"turn-back.service", "rescue-page.service"} <= set(wanted) & set(ours)
