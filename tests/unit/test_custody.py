"""Kits come and go, friends keep what they have: each new key is introduced by the one before."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.locker import Home
from firmware.peer import read_custody, read_handover
from firmware.seal import KitUse, LockerSecrets, SigningKey, kit_key, new_key_file, new_words
from services.lockerd.custody import Papers, papers_for, put_down
from tests.homes import folder_home
from tests.vectors.counted_entropy import CountedEntropy

BOX, OTHER = b"b" * 32, b"o" * 32
ENTROPY = CountedEntropy(b"custody")
FILE, SECRETS = new_key_file(ENTROPY)
LOCKER = bytes.fromhex(FILE.locker_id)
KITS = [new_words(ENTROPY) for _ in range(3)]


def secrets() -> LockerSecrets:
    return SECRETS


def public(words: str) -> bytes:
    return SigningKey.from_seed(kit_key(words, KitUse.CUSTODY)).public


def papers(home: Home, box: bytes = BOX) -> Papers:
    found = papers_for(home, secrets, LOCKER, box)
    assert found is not None
    return found


def kept(home: Home) -> dict[str, bytes]:
    return {name: home.disk.read(name, 0, 1 << 16) for name in home.disk.names("")}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return folder_home(tmp_path)


def test_no_kit_no_papers_and_the_first_kit_signs_for_this_box_alone(home: Home) -> None:
    assert papers_for(home, secrets, LOCKER, BOX) is None
    put_down(home, SECRETS, KITS[0])
    first = papers(home)
    held = read_custody(first.record)
    assert (held.record.locker, held.record.epoch, held.record.box, held.public) == (LOCKER, 1, BOX, public(KITS[0]))
    assert first.handovers == () and papers(home) == first
    assert papers_for(home, secrets, LOCKER, OTHER) is None
    put_down(home, SECRETS, KITS[0])
    assert papers(home) == first


def test_each_new_kit_is_introduced_by_the_one_before(home: Home) -> None:
    put_down(home, SECRETS, KITS[0])
    papers(home)
    for number, words in enumerate(KITS[1:], 1):
        put_down(home, SECRETS, words)
        found = papers(home)
        last = read_handover(found.handovers[-1])
        assert last.before == public(KITS[number - 1]) and last.after.data == found.record
        assert last.after.public == public(words) and last.after.record.epoch == number + 1
        assert len(found.handovers) == number


def test_two_kits_before_anything_was_signed_leave_the_last_one(home: Home) -> None:
    put_down(home, SECRETS, KITS[0])
    put_down(home, SECRETS, KITS[1])
    assert read_custody(papers(home).record).public == public(KITS[1]) and papers(home).handovers == ()


def test_a_kit_made_before_the_last_one_signed_goes_without_a_handover_of_its_own(home: Home) -> None:
    put_down(home, SECRETS, KITS[0])
    papers(home)
    put_down(home, SECRETS, KITS[1])
    put_down(home, SECRETS, KITS[2])
    (only,) = papers(home).handovers
    assert (read_handover(only).before, read_handover(only).after.public) == (public(KITS[0]), public(KITS[2]))


def test_a_plug_pulled_after_any_file_ends_the_same(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    put_down(home, SECRETS, KITS[0])
    before = papers(home)
    put_down(home, SECRETS, KITS[1])
    begun = kept(home)
    for count in range(4):
        left = [count]

        def replace(name: str, data: bytes, left: list[int] = left, real: object = home.disk.replace) -> None:
            if not left[0]:
                raise InterruptedError
            left[0] -= 1
            real(name, data)  # type: ignore[operator]

        with monkeypatch.context() as pulled:
            pulled.setattr(home.disk, "replace", replace)
            if count < 3:
                with pytest.raises(InterruptedError):
                    papers(home)
        after = papers(home)
        assert read_custody(after.record).public == public(KITS[1]) and len(after.handovers) == 1
        assert read_handover(after.handovers[0]).after.data == after.record
        for name in kept(home).keys() - begun.keys():
            home.disk.remove(name)
        for name, data in begun.items():
            home.disk.replace(name, data)
    assert home.disk.read("custody", 0, 4096) == before.record


def test_a_locker_whose_key_was_forgotten_keeps_its_old_record(home: Home) -> None:
    put_down(home, SECRETS, KITS[0])
    before = papers(home)
    home.disk.remove("custody-key")
    put_down(home, SECRETS, KITS[1])
    assert papers(home) == before
    put_down(home, SECRETS, KITS[0])  # its words were typed: now it can hand over
    put_down(home, SECRETS, KITS[1])
    assert read_custody(papers(home).record).public == public(KITS[1])
