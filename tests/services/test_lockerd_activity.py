"""The activity: sealed on the disk, written while the locker is closed too, read by its member alone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from firmware import limits
from firmware.errors import Refused, WrongPassphrase
from firmware.linux.clock import SystemEntropy
from firmware.linux.disk import LinuxDisk
from firmware.seal import LockerSecrets, batch_places, new_key_file
from services.api.blocking import Blocking
from services.lockerd.activity import FOLDER, Activities, pages
from tests.services.lockerd_box import LockerdBox, frames
from tests.services.running import until

ADA = "0" * 16


class Clock:
    """Time as tests want it."""

    ms = 1_700_000_000_000

    def now_ms(self) -> int:
        return self.ms

    def ticks_ns(self) -> int:
        return self.ms * 1_000_000


@pytest.fixture
def locker(tmp_path: Path) -> tuple[Path, LinuxDisk, LockerSecrets]:
    disk = LinuxDisk(tmp_path / ADA)
    file, secrets = new_key_file(SystemEntropy())
    disk.replace("key", file.to_bytes())
    return tmp_path, disk, secrets


def test_wrong_tries_on_a_closed_locker_are_seen_when_it_is_open(lockerd: LockerdBox) -> None:
    ada, new = lockerd.claim()
    ada.call("lock")
    for _ in range(3):
        with pytest.raises(WrongPassphrase):
            lockerd.open(passphrase="wrong")
    ada = lockerd.open()
    *_, done = ada.bulk_put(frames([("a.txt", b"a"), ("b.txt", b"bb")]))
    assert done["stored"] == 2
    ada.call("put", body=[b"c"], name="c.txt")
    ada.call("end_others")
    until(lambda: sum(files_stored(ada)) == 3)  # the worker tells the household's process, which may be a moment later
    found = ada.call("activity").items
    told = [one.event for one in found]
    assert told[-1] == "box_claimed" and {"locker_locked", "locker_opened"} <= set(told)
    wrong = [one.fields.get("times", "1") for one in found if one.event == "wrong_passphrase"]
    assert sorted(wrong) == ["1", "2"]
    assert [one.time_ms for one in found] == sorted((one.time_ms for one in found), reverse=True)
    opened = next(one for one in found if one.event == "locker_opened")
    assert opened.fields == {"device": "a test"}
    first = ada.call("activity", limit=2)
    second = ada.call("activity", limit=200, cursor=first.next)
    assert [*first.items, *second.items] == list(found) and second.next is None
    with pytest.raises(Refused):
        lockerd.free.call("activity")
    kept = b"".join(one.read_bytes() for one in (lockerd.data / "lockers" / new.member / FOLDER).iterdir())
    assert b"wrong_passphrase" not in kept and b"a test" not in kept


def files_stored(client: Blocking) -> list[int]:
    """The files of each entry about uploads."""
    return [int(one.fields["files"]) for one in client.call("activity").items if one.event == "upload_stored"]


def test_a_burglar_who_tries_all_day_pushes_nothing_out(locker: tuple[Path, LinuxDisk, LockerSecrets]) -> None:
    folder, disk, secrets = locker

    async def day() -> None:
        clock = Clock()
        kept = Activities(folder, clock)
        kept.note(ADA, "kit_made", {})
        for minute in range(24 * 60):
            for _ in range(6):
                kept.note(ADA, "wrong_passphrase", {})
            clock.ms += 60_000
            if minute % 10 == 9:
                await kept.tick()
        await kept.close()

    asyncio.run(day())
    found, _ = pages(disk, secrets, None, 10_000)
    assert found[-1].event == "kit_made"
    assert sum(int(one.fields.get("times", "1")) for one in found if one.event == "wrong_passphrase") == 24 * 60 * 6
    assert sum(disk.size(f"{FOLDER}/{name}") for name in disk.names(FOLDER)) < limits.ACTIVITY_BYTES


def test_old_files_give_way_and_a_torn_end_costs_its_last_batch_alone(
    locker: tuple[Path, LinuxDisk, LockerSecrets], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, disk, secrets = locker
    monkeypatch.setattr("services.lockerd.activity.ACTIVITY_BYTES", 20_000)

    async def tell(first: int, last: int) -> None:
        clock = Clock()
        kept = Activities(folder, clock)
        for number in range(first, last):
            clock.ms = Clock.ms + number
            kept.note(ADA, "session_ended", {"device": str(number)})
            await kept.flush(ADA)

    asyncio.run(tell(0, 60))
    names = disk.names(FOLDER)
    assert len(names) == 2 and int(names[-1]) > 2
    assert all(disk.size(f"{FOLDER}/{name}") <= 20_000 for name in names)
    path = folder / ADA / FOLDER / names[-1]
    whole = len(batch_places(path.read_bytes()))
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 5)
    asyncio.run(tell(60, 62))
    found, _ = pages(disk, secrets, None, 1000)
    numbers = [int(one.fields["device"]) for one in found]
    assert numbers[:2] == [61, 60] and 59 not in numbers and 58 in numbers
    assert whole >= 1

    data = bytearray(path.read_bytes())
    start, _ = batch_places(bytes(data))[0]
    data[start + 1200] ^= 1
    path.write_bytes(data)
    assert len(pages(disk, secrets, None, 1000)[0]) == len(found) - 1


def test_pages_lose_and_repeat_nothing_where_many_things_happen_at_once(
    locker: tuple[Path, LinuxDisk, LockerSecrets],
) -> None:
    folder, disk, secrets = locker

    async def tell() -> None:
        clock = Clock()
        kept = Activities(folder, clock)
        for number in range(50):
            clock.ms = Clock.ms + number // 20
            kept.note(ADA, "session_ended", {"device": str(number)})
            if number % 7 == 0:
                await kept.flush(ADA)
        await kept.close()

    asyncio.run(tell())
    seen: list[str] = []
    cursor: str | None = None
    while True:
        found, cursor = pages(disk, secrets, cursor, 9)
        seen += [one.fields["device"] for one in found]
        if cursor is None:
            break
    assert sorted(map(int, seen)) == list(range(50))
