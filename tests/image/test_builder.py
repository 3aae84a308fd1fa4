"""What the builder of the image decides, without building anything."""

from __future__ import annotations

import configparser
import json
import re
import stat
from itertools import pairwise
from pathlib import Path

import pytest

from firmware.update.autoboot import Autoboot
from firmware.update.slots import Slot
from image import boot, bundle, disk, initrd, mbr, sbom
from image.board import boards, read_board
from image.build import system
from image.foreign import made
from image.furnish import ENABLED, HOUSE, PRODUCT, asks_firmware, remove, users, wants
from image.packages import NEVER_UNPACKED, SYSTEM
from image.programs import ImageTrouble
from image.rootfs import key, words
from image.sources import sources_of
from image.wheels import words as wheel_words
from services.boxd import facts
from tests.house.tree import files
from tests.image.__main__ import occurrences
from tests.image.card import partitions
from tests.image.judging import judge, stages_held

_TARGETS = """\
https://mirror.example/debian/|Debian|main
https://mirror.example/debian/|Debian|contrib
https://other.example/x|Somebody|main
https://mirror.example/debian-security/|Debian-Security|main
"""
_CONFIG = 'Acquire::Check-Valid-Until "false";\nAcquire::http::Proxy "";\nAcquire::Languages "none";\n'


def test_every_board_is_read() -> None:
    assert {"x86-64", "virt-arm64"} <= set(boards())
    for name in boards():
        board = read_board(name)
        assert board.machine in ("x86_64", "aarch64")
        assert "erofs" in board.initrd_modules
        assert bool(board.device_trees) == (board.boot == "raspberrypi")


def test_a_board_that_is_none_says_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(ImageTrouble, match="x86-64"):
        read_board("toaster")
    (tmp_path / "odd.toml").write_text('title = "odd"\ncolour = "red"\n')
    with pytest.raises(ImageTrouble, match="colour"):
        read_board("odd", tmp_path)
    (tmp_path / "half.toml").write_text('title = "half"\n')
    with pytest.raises(ImageTrouble, match="half"):
        read_board("half", tmp_path)


def test_partitions_follow_each_other_and_fit() -> None:
    parts = disk.layout()
    assert all(before.start_mib + before.size_mib == after.start_mib for before, after in pairwise(parts))
    assert parts[0].start_mib == 1
    assert disk.size_mib() <= 700


def test_a_raspberry_pi_finds_its_partitions_by_number_and_the_last_one_can_grow(tmp_path: Path) -> None:
    parts, numbers = disk.layout("raspberrypi"), disk.numbers()
    assert numbers == {"settings": 1, "boot-a": 2, "boot-b": 3, "root-a": 5, "root-b": 6, "data": 7}
    card = tmp_path / "card"
    with card.open("wb") as out:
        out.truncate(disk.size_mib("raspberrypi") << 20)
        for number, content in mbr.sectors(disk.sectors(), disk.mark("rpi4")).items():
            assert len(content) == mbr.SECTOR
            out.seek(number * mbr.SECTOR)
            out.write(content)
    found = partitions(card)
    assert {numbers[each.name]: (each.start_mib << 11, each.size_mib << 11) for each in parts} == found
    whole = 8 << 21
    with card.open("r+b") as out:
        for end in mbr.ends(disk.sectors()):
            out.seek(end.size_at)
            out.write((whole - end.start).to_bytes(4, "little"))
    grown = partitions(card)
    assert grown.pop(7) == (found[7][0], whole - found[7][0])
    assert grown == {number: part for number, part in found.items() if number != 7}
    assert disk.mark("rpi4") != disk.mark("rpi5")


def test_a_raspberry_pi_knows_at_its_first_steps_what_the_builder_wrote() -> None:
    told = boot.told(read_board("rpi5"))
    assert told["numbers"] == b"settings 1\nboot-a 2\nboot-b 3\nroot-a 5\nroot-b 6\ndata 7\n"
    assert int(told["mark"]) == int.from_bytes(disk.mark("rpi5"), "little")
    assert len(told["ends"].splitlines()) == 3
    assert not {"numbers", "mark", "ends"} & set(boot.told(read_board("x86-64")))


def test_the_table_is_the_same_every_time_and_other_for_another_board() -> None:
    told = disk.table("x86-64")
    assert told == disk.table("x86-64")
    assert len(set(re.findall(r"uuid=([0-9a-f-]{36})", told)) | set(disk.slots("x86-64"))) == len(disk.layout())
    assert not set(disk.slots("x86-64")) & set(disk.slots("virt-arm64"))


def test_the_first_start_makes_the_second_place_as_large_as_the_first() -> None:
    sizes = {}
    for path in (HOUSE / "image/root/usr/lib/repart.d").glob("*.conf"):
        text = path.read_text()
        label = re.search(r"^Label=(\S+)", text, re.MULTILINE)
        size = re.search(r"^SizeMaxBytes=(\d+)M", text, re.MULTILINE)
        assert label
        sizes[label[1]] = int(size[1]) if size else None
    flashed = {each.name: each.size_mib for each in disk.layout()}
    assert sizes == {"root-a": flashed["root-a"], "root-b": flashed["root-a"], "data": None}


def test_the_first_archive_is_what_the_kernel_reads() -> None:
    files = {
        "bin": (stat.S_IFDIR | 0o755, b""),
        "init": (stat.S_IFREG | 0o755, b"#!/bin/sh\n"),
        "x": (stat.S_IFREG, b"abc"),
    }
    told = initrd.archive(files, 1_700_000_000)
    assert told == initrd.archive(dict(reversed(files.items())), 1_700_000_000)
    found, at = {}, 0
    while True:
        assert told[at : at + 6] == b"070701"
        numbers = [int(told[at + 6 + 8 * each : at + 14 + 8 * each], 16) for each in range(13)]
        size, named = numbers[6], numbers[11]
        name = told[at + 110 : at + 109 + named].decode()
        body = (at + 110 + named + 3) // 4 * 4
        if name == "TRAILER!!!":
            break
        found[name] = (numbers[1], told[body : body + size])
        at = (body + size + 3) // 4 * 4
    assert found == files


def test_what_the_image_says_of_itself_is_understood_by_the_box(tmp_path: Path) -> None:
    for name in boards():
        path = tmp_path / name
        path.write_text(system(read_board(name), "1.2+abc", 1_700_000_000))
        found = facts.read_facts(path)
        assert (found.board, str(found.version), found.made) == (name, "1.2.0", 1_700_000_000)
        assert found.boot == read_board(name).tries
        assert not found.source
        path.write_text(system(read_board(name), "1.2+abc", 1_700_000_000, "https://updates.example/box"))
        assert facts.read_facts(path).source == "https://updates.example/box"
    for wrong in ("http://updates.example", 'https://x"\ny = 1', "updates.example"):
        with pytest.raises(ImageTrouble, match="address"):
            system(read_board("x86-64"), "1.2", 0, wrong)


def test_a_stick_is_mounted_for_reading_and_only_if_it_is_not_the_box_s_own_disk() -> None:
    rule = (HOUSE / "image/root/usr/lib/udev/rules.d/61-locker-box.rules").read_text().splitlines()[-1]
    assert {'ENV{LOCKER_BOX_OWN}!="1"', 'ENV{ID_BUS}=="usb"'} <= set(rule.split(", "))
    assert "--options=ro,nosuid,nodev,noexec," in rule
    assert "/media/locker-box/$kernel" in rule


def test_rauc_is_told_of_pairs_and_takes_one_format_alone() -> None:
    told = configparser.ConfigParser()
    told.read_string(bundle.system_conf(read_board("rpi4")))
    assert told["system"]["bundle-formats"] == "verity"
    for number, letter in enumerate("ab"):
        assert told[f"slot.boot.{number}"]["device"] == f"/dev/locker-box/boot-{letter}"
        assert told[f"slot.boot.{number}"]["bootname"] == letter.upper()
        assert told[f"slot.root.{number}"]["parent"] == f"boot.{number}"
    said = configparser.ConfigParser()
    said.read_string(bundle.manifest(read_board("rpi4"), "1.2"))
    assert said["update"]["compatible"] == told["system"]["compatible"]
    assert said["update"]["compatible"] not in bundle.system_conf(read_board("rpi5"))
    assert said["bundle"]["format"] == "verity"


def test_starts_are_counted_where_the_firmware_file_has_its_digits() -> None:
    first, good, left = (int(each) for each in boot.told(read_board("rpi4"))["counted"].split())
    card = Autoboot(Slot.B, Slot.A, Slot.A, left=2).to_bytes()
    assert card[first : first + 1] + card[good : good + 1] + card[left : left + 1] == b"322"
    assert "counted" not in boot.told(read_board("x86-64"))


def test_modules_come_after_what_they_need() -> None:
    needs = "k/a.ko.xz: k/b.ko.xz k/c.ko.xz\nk/b.ko.xz: k/c.ko.xz\nk/c.ko.xz:\nk/d-e.ko.xz:\n"
    order = initrd.load_order(["a", "d_e", "inside"], needs, "kernel/inside.ko\n")
    assert order == ["k/c.ko.xz", "k/b.ko.xz", "k/a.ko.xz", "k/d-e.ko.xz"]
    with pytest.raises(ImageTrouble, match="nonsense"):
        initrd.load_order(["nonsense"], needs, "")


def test_debian_comes_from_where_this_machine_takes_it() -> None:
    found = sources_of(_TARGETS, _CONFIG, backports=True)
    assert found.lines[0] == "deb https://mirror.example/debian trixie main non-free-firmware"
    assert [line.split()[2] for line in found.lines] == [
        "trixie",
        "trixie-updates",
        "trixie-backports",
        "trixie-security",
    ]
    assert found.options == ('Acquire::Check-Valid-Until "false"',)
    assert found.words() == ["-o", "Acquire::Check-Valid-Until=false"]
    assert not [line for line in found.for_system().lines if "backports" in line]
    with pytest.raises(ImageTrouble):
        sources_of("", "", backports=False)


def test_a_tree_is_kept_under_everything_it_was_made_from() -> None:
    told = words("amd64", SYSTEM, (), leave_out=True)
    assert any(each.startswith("--include=") and "systemd" in each for each in told)
    assert sum(each.startswith("--dpkgopt=path-exclude=") for each in told) == len(NEVER_UNPACKED)
    assert len({key("1", told), key("2", told), key("1", [*told, "x"]), key("1", told, ["x"])}) == 4


def test_wheels_are_the_locked_ones() -> None:
    told = wheel_words("aarch64", HOUSE / "locks/run.txt", Path("/x"))
    assert {"--require-hashes", "--no-deps", ":all:", "3.13"} <= set(told)
    assert not any("://" in word for word in told)
    assert "manylinux_2_28_aarch64" in told


def test_every_process_of_the_box_is_started() -> None:
    ours = [path for path in files() if path.parts[0] in PRODUCT and path.suffix in (".service", ".socket", ".path")]
    started = {path.name: wants((HOUSE / path).read_text()) for path in ours}
    for each in ("lockerd", "webd", "peerd"):
        assert started[f"{each}.service"] == ["multi-user.target"]
        assert started[f"{each}.socket"] == ["sockets.target"]
    assert started["certifier.service"] == started["console.path"] == ["multi-user.target"]
    assert not set(started) & {name for names in ENABLED.values() for name in names}


def test_users_are_written_and_nobody_has_a_password(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")
    (tmp_path / "etc/group").write_text("root:x:0:\n")
    (tmp_path / "etc/shadow").write_text("root:$y$secret:20000:0:99999:7:::\n")
    users(tmp_path, (HOUSE / "image/root/usr/lib/sysusers.d/locker-box.conf").read_text())
    for each in ("lockerd", "peerd", "webd", "certifier"):
        assert f"\n{each}:x:" in (tmp_path / "etc/passwd").read_text()
    assert all(line.split(":")[1] == "!*" for line in (tmp_path / "etc/shadow").read_text().splitlines())
    assert "locker-box-leaf:x:" in (tmp_path / "etc/group").read_text()
    for wrong in ("u thief 0", "x who 900"):
        with pytest.raises(ImageTrouble):
            users(tmp_path, wrong)


def test_what_is_left_out_goes_and_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "root/etc/apt").mkdir(parents=True)
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/file").touch()
    (tmp_path / "root/link").symlink_to(tmp_path / "kept")
    remove(tmp_path / "root", ["etc/apt", "link", "nothing*"])
    assert not (tmp_path / "root/etc/apt").exists()
    assert (tmp_path / "kept/file").exists()


def test_the_list_of_parts_is_the_same_every_time() -> None:
    gone = "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\nArchitecture: all\n"
    kept = "Package: b\nStatus: install ok installed\nVersion: 1:2+x\nArchitecture: all\n"
    status = f"{kept}\n{gone}\nPackage: a\nVersion: 1\nArchitecture: amd64\nDescription: x\n and: more\n"
    parts = sbom.debian(status)
    assert [each["name"] for each in parts] == ["b", "a"]
    told = sbom.document({"name": "x", "version": "1"}, parts, 1_700_000_000)
    assert told == sbom.document({"version": "1", "name": "x"}, parts[::-1], 1_700_000_000)
    assert json.loads(told)["components"][0]["name"] == "a"
    assert json.loads(told)["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"


def test_the_firewall_lets_in_what_the_units_listen_on() -> None:
    rules = (HOUSE / "image/root/etc/nftables.conf").read_text()
    assert "policy drop" in rules
    opened = set(
        re.findall(
            r"(tcp|udp) dport (\{[^}]*\}|\d+) accept", rules.partition("chain input")[2].partition("chain forward")[0]
        )
    )
    assert opened == {("tcp", "{ 80, 443 }"), ("udp", "5353"), ("udp", "4919"), ("udp", "68"), ("udp", "546")}


def test_the_names_of_partitions_are_asked_of_the_right_disk() -> None:
    rule = (HOUSE / "image/root/usr/lib/udev/rules.d/61-locker-box.rules").read_text()
    program = re.search(r'PROGRAM=="([^"]*)"', rule)
    assert program
    assert "/$$disk/" in program[1]  # udev's own substitutions begin with one $; a rule it cannot read is ignored
    assert "$" not in program[1].replace("$$", "")


def test_every_kernel_counts_memory_and_finds_no_root_by_itself() -> None:
    assert {"cgroup_enable=memory", "psi=1", "panic=5", "systemd.gpt_auto=0"} <= set(boot.COMMON.split())
    assert "root=" not in boot.COMMON


def test_a_canary_is_found_where_two_pieces_meet(tmp_path: Path) -> None:
    path = tmp_path / "card"
    path.write_bytes(bytes((1 << 22) - 3) + b"canary" + bytes(100) + b"canary")
    assert occurrences(path, b"canary") == 2
    assert occurrences(path, b"cannot") == 0


def test_an_image_is_good_when_everything_holds_and_only_then() -> None:
    units = ("lockerd", "webd", "peerd", "certifier")
    good = {
        "checks": {"only_what_must_listens": True, "more": True}, "pss_kib": {"lockerd": 50_000},
        "probe": {each: {"denied": 9, "allowed": []} for each in units}, "exposure": dict.fromkeys(units, 0.4),
    }  # fmt: skip
    assert judge(30.0, good, ports_answer=True)["ok"]
    assert not judge(None, good, ports_answer=True)["ok"]
    assert not judge(30.0, None, ports_answer=True)["ok"]
    assert not judge(30.0, good, ports_answer=False)["ok"]
    assert not judge(30.0, good | {"exposure": {"webd": 0.4}}, ports_answer=True)["ok"]
    assert not judge(30.0, good | {"exposure": dict.fromkeys(units, 0.4) | {"webd": 2.0}}, ports_answer=True)["ok"]
    assert not judge(30.0, good | {"checks": {"only_what_must_listens": True, "more": False}}, ports_answer=True)["ok"]
    assert not judge(30.0, good | {"pss_kib": {"lockerd": 200_000}}, ports_answer=True)["ok"]
    open_door = good["probe"] | {"webd": {"denied": 8, "allowed": ["mount"]}}  # type: ignore[operator]
    assert not judge(30.0, good | {"probe": open_door}, ports_answer=True)["ok"]


def test_a_stage_holds_when_nothing_was_lost_or_changed() -> None:
    good = {"bootable_after_every_cut": True, "acked_uploads_lost": 0, "rescue_page_ok": True, "cuts": 3}
    assert stages_held(good) and stages_held({})
    for bad in ({"acked_uploads_lost": 1}, {"acked_uploads_lost": None}, {"fake_card_bytes_changed": 4}):
        assert not stages_held(good | bad)


def test_what_maintainer_scripts_made_is_what_no_package_brought(tmp_path: Path) -> None:
    info = tmp_path / "var/lib/dpkg/info"
    info.mkdir(parents=True)
    (info / "a:amd64.list").write_text("/.\n/etc\n/etc/shipped\n/usr\n/usr/bin\n/usr/bin/tool\n")
    for name in ("etc/shipped", "etc/passwd", "usr/bin/tool", "usr/lib/__pycache__/x.pyc", "tmp/x", "var/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "usr/bin/awk").symlink_to("/etc/alternatives/awk")
    (tmp_path / "usr/folder").symlink_to("bin")
    assert made(tmp_path) == ["etc/passwd", "usr/bin/awk", "usr/folder"]


@pytest.mark.parametrize("name", boards())
def test_the_settings_partition_stays_mounted_only_where_the_firmware_reads_it(tmp_path: Path, name: str) -> None:
    board = read_board(name)
    asks_firmware(tmp_path, board)
    told = {path.parent.name: path.read_text() for path in tmp_path.glob("*/settings.conf")}
    mount = told.pop("boot-settings.mount.d", "")
    assert set(told) == ({"boxd.service.d", "turn-back.service.d"} if board.tries != "uefi" else set())
    assert all("Wants=boot-settings.mount\nAfter=boot-settings.mount" in text for text in told.values())
    assert ("Options=rw," in mount) == bool(told)
    assert "Options=ro," in (HOUSE / "provisioning/firstboot/boot-settings.mount").read_text()
