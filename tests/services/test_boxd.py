"""boxd on a made-up machine: what it takes, tries, keeps and refuses; the words RAUC says to it; resets; its socket."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from firmware.errors import BoxError, Misused, NothingNew, Refused, Unreachable, UpdateBusy
from firmware.linux.boot_files import EfiVariables, SectorFile, boot_paths
from firmware.linux.disk import LinuxDisk
from firmware.update.attempts import Attempts
from firmware.update.autoboot import SECTOR, Autoboot
from firmware.update.deciding import Do
from firmware.update.release import Bundle, Release, Version
from firmware.update.slots import Backend, Slot
from firmware.update.tryboot import Tryboot
from firmware.update.uefi import Uefi, loader, missing_entries
from services.api.blocking import Blocking
from services.boxd import fetcher, slots
from services.boxd.facts import Facts
from services.boxd.resetting import wished
from services.boxd.updating import Places, Updater
from tests.services.running import DEADLINE_SECONDS, HOUSE, until
from tests.vectors.make_release_v1 import KEYS, NOW, SIGNERS, STRANGER, release_of, signed

NIGHT, NOON = time(3), time(12)
FACTS = Facts("virt", Version(2, 0, 0), "tryboot", NOW - 90 * 86_400, "2032-01-31")
PAYLOAD = b"a system " * 5000


class Metal:
    """A machine made of a folder: a sector, two slots with the version in each, a firmware that asks for nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.version = folder, {Slot.A: "2.0.0", Slot.B: "1.0.0"}
        self.sector = folder / "autoboot.txt"
        self.sector.write_bytes(Autoboot(Slot.A, Slot.B, Slot.A).to_bytes())
        self.slot, self.starts, self.asked, self.fetches = Slot.A, 0, "", 0
        self.fine = True
        self.told: list[str] = []
        for name in ("own", "news", "sticks/usb/locker-box-update"):
            (folder / name).mkdir(parents=True)
        self.stick = folder / "sticks/usb/locker-box-update"

    def backend(self) -> Backend:
        """Tryboot over the sector."""
        return Tryboot(SectorFile(self.sector))

    def start(self) -> Updater:
        """What the firmware would start next, with its boxd."""
        now = Autoboot.parse(self.sector.read_bytes())
        self.slot = now.second if self.asked == "0 tryboot" else now.first
        self.starts, self.asked = self.starts + 1, ""
        return Updater(
            replace(FACTS, version=Version.parse(self.version[self.slot])),
            KEYS,
            self.backend(),
            self,
            disk=LinuxDisk(self.folder / "own"),
            where=Places(self.folder / "news", self.folder / "sticks", self.folder / "own"),
            start=(self.slot, str(self.starts)),
            tell=lambda event, **values: self.told.append(event.name),
        )

    def offer(self, release: Release, signers: Any = SIGNERS[:2], payload: bytes = PAYLOAD) -> None:
        """Lay a release onto the stick."""
        (self.stick / "virt.index").write_bytes(signed(release, signers))
        (self.stick / release.bundle.name).write_bytes(payload)

    # What boxd asks of it

    def install(self, bundle: Path) -> None:
        assert bundle.parent == self.folder / "own"
        assert bundle.read_bytes() == PAYLOAD
        self.version[self.slot.other] = "3.0.0"

    def restart(self, words: str) -> None:
        self.asked = words

    def checks(self) -> dict[str, bool]:
        return dict.fromkeys(("disk", "lockers", "name"), True) | {"pages": self.fine or self.slot is Slot.A}

    def fetch(self) -> None:
        self.fetches += 1


def new(version: str = "3.0.0", number: int = 30, **changed: Any) -> Release:
    """A release whose bundle is PAYLOAD."""
    bundle = Bundle(f"virt-{version}.raucb", len(PAYLOAD), hashlib.sha256(PAYLOAD).hexdigest())
    return release_of(version, number, **({"bundle": bundle} | changed))


@pytest.fixture
def metal(tmp_path: Path) -> Metal:
    return Metal(tmp_path)


def test_a_stick_at_night(metal: Metal) -> None:
    metal.offer(new())
    assert metal.start().tick(NOW * 1000, NOON) is Do.WAIT
    assert metal.start().tick(NOW * 1000, NIGHT) is Do.RESTART
    assert (metal.asked, metal.version[Slot.B]) == ("0 tryboot", "3.0.0")
    tried = metal.start()
    assert metal.slot is Slot.B
    assert tried.tick(NOW * 1000, NOON) is Do.REST
    assert metal.backend().committed() is Slot.B
    assert tried.memory.highest == Version(3, 0, 0) and tried.memory.trial is None
    assert metal.told[-2:] == ["update_written", "update_committed"]
    assert not (metal.folder / "own/bundle.raucb").exists()


def test_one_that_is_not_healthy_is_left_and_not_tried_again(metal: Metal) -> None:
    metal.offer(new())
    metal.fine = False
    metal.start().tick(NOW * 1000, NIGHT)
    tried = metal.start()
    while (doing := tried.tick(NOW * 1000, NIGHT)) is not Do.TURN_BACK:
        assert doing is Do.CHECK
    back = metal.start()
    assert metal.slot is Slot.A and back.tick(NOW * 1000, NIGHT) is Do.REST
    assert back.memory.returned is not None
    assert (back.memory.returned.why, back.memory.returned.check) == ("unhealthy", "pages")
    assert "update_returned" in metal.told
    back.take_now()  # the owner may insist
    assert back.tick(NOW * 1000, NOON) is Do.RESTART


def test_now_means_now(metal: Metal) -> None:
    updater = metal.start()
    updater.tick(NOW * 1000, NOON)
    with pytest.raises(NothingNew):
        updater.take_now()
    metal.offer(new())
    updater.tick(NOW * 1000, NOON)
    updater.take_now()
    assert updater.tick(NOW * 1000, NOON) is Do.RESTART
    tried = metal.start()
    with pytest.raises(UpdateBusy):
        tried.take_now()


REFUSED: dict[str, tuple[Release, Any, bytes]] = {
    "wrong key": (new(), (STRANGER, SIGNERS[0]), PAYLOAD),
    "one of two signatures": (new(), SIGNERS[:1], PAYLOAD),
    "expired": (new(expires=NOW - 1), SIGNERS[:2], PAYLOAD),
    "older": (new("1.9.9"), SIGNERS[:2], PAYLOAD),
    "wrong board": (new(board="rpi4"), SIGNERS[:2], PAYLOAD),
    "a step left out": (new(minimum=Version(2, 5, 0)), SIGNERS[:2], PAYLOAD),
    "mix and match": (new(), SIGNERS[:2], PAYLOAD[::-1]),
    "truncated": (new(), SIGNERS[:2], PAYLOAD[:-1]),
    "a flipped bit": (new(), SIGNERS[:2], b"b" + PAYLOAD[1:]),
    "endless": (new(), SIGNERS[:2], PAYLOAD + b"x" * 100_000),
}


@pytest.mark.parametrize("what", REFUSED)
def test_nothing_but_the_right_one_reaches_rauc(metal: Metal, what: str) -> None:
    metal.offer(*REFUSED[what])
    updater = metal.start()
    assert updater.tick(NOW * 1000, NIGHT) in (Do.REST, Do.FETCH)
    assert metal.version == {Slot.A: "2.0.0", Slot.B: "1.0.0"}
    assert metal.backend().committed() is Slot.A and metal.asked == ""
    assert updater.refused is not None


def test_a_frozen_mirror_is_noticed(metal: Metal) -> None:
    metal.offer(new("2.0.0", number=30))
    updater = metal.start()
    updater.tick(NOW * 1000, NIGHT)
    metal.offer(new("3.0.0", number=29))
    updater.tick(NOW * 1000, NIGHT)
    assert updater.refused is not None and updater.refused.code == "release-older"
    metal.offer(new("2.0.0", number=30))
    updater.tick((NOW + 60 * 86_400) * 1000, NIGHT)
    assert updater.refused.code == "release-expired"


def test_a_clock_in_1970_judges_by_the_day_the_system_was_made(metal: Metal) -> None:
    metal.offer(new(made=NOW - 300 * 86_400, expires=FACTS.made - 1))
    updater = metal.start()
    updater.tick(0, NIGHT)
    assert updater.refused is not None and updater.refused.code == "release-expired"


# RAUC's back-end on a folder that stands in for the FAT partition


@pytest.mark.parametrize("kind", [Tryboot, Attempts])
def test_the_words_of_rauc(metal: Metal, kind: type[Tryboot | Attempts]) -> None:
    backend = kind(SectorFile(metal.sector))
    ask = partial(slots.answer, backend=backend, current=Slot.A)
    assert (ask(["get-primary"]), ask(["get-current"]), ask(["get-state", "B"])) == ("A", "A", "good")
    ask(["set-state", "B", "bad"])
    assert (ask(["get-state", "B"]), ask(["get-primary"])) == ("bad", "A")
    ask(["set-primary", "B"])
    assert (ask(["get-state", "B"]), ask(["get-primary"])) == ("good", "B")
    assert metal.sector.stat().st_size == SECTOR
    with pytest.raises(Misused):
        ask(["set-state", "A", "bad"])
    with pytest.raises(Misused):
        ask(["mark", "A"])
    on_trial = partial(slots.answer, backend=backend, current=Slot.B)
    with pytest.raises(Misused):
        on_trial(["set-state", "A", "bad"])  # it is what the box would fall back to
    on_trial(["set-state", "A", "good"])
    assert backend.committed() is Slot.A
    on_trial(["set-state", "B", "good"])
    assert backend.committed() is Slot.B and on_trial(["get-primary"]) == "B"


def test_the_command_rauc_calls(metal: Metal) -> None:
    system, slot = metal.folder / "system.toml", metal.folder / "slot"
    system.write_text('board="rpi4"\nversion="2.0.0"\nboot="tryboot"\nmade=1\nsupported_until="2032-01-31"\n')
    slot.write_text("a\n")
    command = [sys.executable, "-m", "services.boxd.slots"]
    for word, path in (("system", system), ("slot", slot), ("autoboot", metal.sector)):
        command += [f"--{word}", str(path)]
    inode = metal.sector.stat().st_ino
    for words, said in ((["get-primary"], "A\n"), (["set-primary", "B"], ""), (["get-primary"], "B\n")):
        done = subprocess.run([*command, *words], cwd=HOUSE, capture_output=True, text=True, check=True)
        assert done.stdout == said
    assert metal.sector.stat().st_ino == inode  # overwritten in place
    done = subprocess.run([*command, "set-primary", "C"], cwd=HOUSE, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr


def test_a_file_that_is_no_sector_is_never_written(metal: Metal) -> None:
    metal.sector.write_bytes(b"[all]\nboot_partition=2\n")
    with pytest.raises(BoxError):
        metal.backend().arm(Slot.B)
    with pytest.raises(BoxError):
        SectorFile(metal.sector).write(Autoboot(Slot.A, Slot.B, Slot.A).to_bytes())
    assert metal.sector.read_bytes() == b"[all]\nboot_partition=2\n"


def test_entries_are_made_once_in_a_new_box(tmp_path: Path) -> None:
    variables = EfiVariables(tmp_path)
    paths = {
        s: loader(n, 2048 * n, 4096, uuid.UUID(int=n), r"\EFI\BOOT\BOOTX64.EFI") for n, s in ((2, Slot.A), (3, Slot.B))
    }
    variables.set("BootOrder", b"\0\0")
    for name, value in missing_entries(variables, paths, Slot.A).items():
        variables.set(name, value)
    assert missing_entries(variables, paths, Slot.B) == {}
    boot = Uefi(variables)
    assert boot.committed() is Slot.A and boot.good(Slot.B)
    assert (variables.get("BootOrder") or b"").endswith(b"\0\0")  # what the firmware had stays behind
    boot.retire(Slot.B)
    boot.arm(Slot.B)
    assert boot.armed() is Slot.B and not boot.good(Slot.B)
    boot.commit(Slot.B)
    assert boot.committed() is Slot.B


def test_udev_says_where_the_boot_partitions_are(tmp_path: Path) -> None:
    sysfs, udev = tmp_path / "block", tmp_path / "udev"
    udev.mkdir()
    for number, name in ((1, "settings"), (2, "boot-a"), (3, "boot-b")):
        part = sysfs / "vda" / f"vda{number}"
        part.mkdir(parents=True)
        (part / "uevent").write_text(f"MAJOR=254\nMINOR={number}\nPARTN={number}\nPARTNAME={name}\n")
        told = {"NUMBER": number, "OFFSET": 2048 * number, "SIZE": 131072, "UUID": uuid.UUID(int=number)}
        lines = [f"E:ID_PART_ENTRY_{key}={value}\n" for key, value in told.items()]
        (udev / f"b254:{number}").write_text("I:1\n" + "".join(lines))
    found = boot_paths("vda", r"\EFI\BOOT\BOOTX64.EFI", sysfs, udev)
    assert found == {
        slot: loader(n, 2048 * n, 131072, uuid.UUID(int=n), r"\EFI\BOOT\BOOTX64.EFI")
        for n, slot in ((2, Slot.A), (3, Slot.B))
    }
    (udev / "b254:3").unlink()
    with pytest.raises(BoxError):
        boot_paths("vda", "x", sysfs, udev)
    with pytest.raises(BoxError):
        boot_paths("vdb", "x", sysfs, udev)


# The fetcher


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    folder = tmp_path / "mirror"
    folder.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", folder
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_is_fetched_is_taken(mirror: tuple[str, Path], metal: Metal) -> None:
    source, folder = mirror
    news = metal.folder / "news"
    (folder / "virt.index").write_bytes(signed(new(), SIGNERS[:2]))
    (folder / new().bundle.name).write_bytes(PAYLOAD)
    (news / "old.raucb").write_bytes(b"old")
    fetcher.fetch(source, "virt", KEYS, news)
    assert {path.name for path in news.iterdir()} == {"virt.index", new().bundle.name}
    assert metal.start().tick(NOW * 1000, NIGHT) is Do.RESTART
    (news / new().bundle.name).write_bytes(b"x" * len(PAYLOAD))  # rotten: it goes, and comes anew
    fetcher.bring(source, new(), news)
    assert fetcher.bring(source, new(), news).read_bytes() == PAYLOAD


def test_the_fetcher_reads_no_further_than_it_was_promised(mirror: tuple[str, Path], metal: Metal) -> None:
    source, folder = mirror
    (folder / "virt.index").write_bytes(b"x" * 100_000)
    with pytest.raises(BoxError):
        fetcher.fetch(source, "virt", KEYS, metal.folder / "news")
    (folder / new().bundle.name).write_bytes(PAYLOAD + b"x" * 100_000)
    assert fetcher.bring(source, new(), metal.folder / "news").stat().st_size == len(PAYLOAD)
    with pytest.raises(Unreachable):
        fetcher.index("file:///etc", "virt")


# The process itself


@pytest.fixture
def reached() -> Iterator[Path]:
    """A folder everybody may pass through (those of pytest are closed)."""
    with tempfile.TemporaryDirectory(prefix="boxd-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_the_process_answers_lockerd_alone(tmp_path: Path, reached: Path) -> None:
    metal = Metal(tmp_path)
    files = {
        "system.toml": 'board="virt"\nversion="2.0.0"\nboot="tryboot"\nmade=1\nsupported_until="2032-01-31"\n',
        "slot": "a\n",
        "name": "locker-1a2b.local\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "keys").write_bytes(KEYS.to_bytes())
    run = reached
    words = {"system": "system.toml", "slot": "slot", "keys": "keys", "own": "own"}
    words |= {"news": "news", "sticks": "sticks", "ask": "ask", "autoboot": "autoboot.txt", "name": "name"}
    command = [sys.executable, "-m", "services.boxd"]
    for word, name in words.items():
        command += [f"--{word}", str(tmp_path / name)]
    command += ["--run", str(run)]
    process = subprocess.Popen([*command, "--https-port", "9"], cwd=HOUSE, stderr=subprocess.PIPE)
    try:
        until(lambda: (run / "boxd.sock").exists() or process.poll() is not None)
        box = Blocking(run)
        shown = box.call("at_boxd_update")
        assert (shown.version, shown.board, shown.begins, shown.automatic) == ("2.0.0", "virt", "02:00", True)
        changed = box.call("at_boxd_set_update", automatic=False, begins="23:30", ends="01:00")
        assert (changed.automatic, changed.begins, changed.ends) == (False, "23:30", "01:00")
        metal.offer(replace(new(), made=1, expires=1 << 39))
        with pytest.raises(Misused):
            box.call("at_boxd_reset", step=4, box="locker-9999")
        with pytest.raises(BoxError):
            box.call("update")  # a row of lockerd: there is no such socket, and no such row here
        if os.geteuid() == 0:
            assert _as_nobody(run) == "refused"
        assert wished(LinuxDisk(tmp_path / "own")) == 0
    finally:
        process.terminate()
        _, trouble = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 0, trouble


def _as_nobody(run: Path) -> str:
    """What another user hears, even one the modes would let in."""
    (run / "boxd.sock").chmod(0o666)
    script = (
        "import os, encodings.idna\nfrom pathlib import Path\nfrom services.api.blocking import Blocking\n"
        "from firmware.errors import Refused\nos.setgid(65534); os.setuid(65534)\n"
        f"try: Blocking(Path({str(run)!r})).call('at_boxd_power', off=True)\n"
        "except Refused: print('refused')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=HOUSE, capture_output=True, text=True, check=False)
    return done.stdout.strip() or done.stderr


def test_whoever_is_not_lockerd_is_refused_by_the_table() -> None:
    from services.api.routes import BY_NAME
    from services.boxd.control import authority

    with pytest.raises(Refused):
        authority(BY_NAME["reset"], None, 0)
