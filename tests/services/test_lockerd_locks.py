"""Ways in and out: claim, passphrase, kit, sessions, locks, and processes that are killed."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from firmware.errors import (
    AlreadyClaimed,
    BoxError,
    Conflict,
    Locked,
    Misused,
    OtherKit,
    Refused,
    TooManyTries,
    UnknownWord,
    Unreachable,
    WeakPassphrase,
    WrongClaimCode,
    WrongPassphrase,
    WrongWordCount,
)
from firmware.limits import CLAIM_TRIES_PER_MINUTE, PASSPHRASE_TRIES_PER_MINUTE
from tests.services.lockerd_box import CODE, PASSPHRASE, LockerdBox, frames

OTHER = "seventeen marble kettles whisper sideways"


def test_one_of_many_claims_wins_and_a_weak_passphrase_burns_nothing(lockerd: LockerdBox) -> None:
    lockerd.free.call("check_claim", code=CODE)
    with pytest.raises(WeakPassphrase):
        lockerd.free.call("claim", code=CODE, household="H", name="Ada", passphrase="ada123")
    assert not lockerd.free.call("status").claimed
    outcomes: list[object] = []

    def claim(name: str) -> None:
        try:
            outcomes.append(lockerd.free.call("claim", code=CODE, household="H", name=name, passphrase=PASSPHRASE))
        except BoxError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=claim, args=(name,)) for name in ("Ada", "Ben", "Cleo")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(one, AlreadyClaimed) for one in outcomes) == 2
    status = lockerd.free.call("status")
    assert status.claimed and status.household == "H" and len(status.members) == 1 and status.members[0].open
    assert not (lockerd.data / "box" / "claim").exists()
    with pytest.raises(AlreadyClaimed):
        lockerd.free.call("check_claim", code=CODE)
    lockerd.wait_for("box_claimed")


def test_wrong_claim_codes_are_throttled(lockerd: LockerdBox) -> None:
    for left in reversed(range(CLAIM_TRIES_PER_MINUTE)):
        with pytest.raises(WrongClaimCode) as caught:
            lockerd.free.call("check_claim", code="0000-0000-0000-0000")
        assert caught.value.fields["left"] == left
    with pytest.raises(TooManyTries):
        lockerd.free.call("claim", code=CODE, household="H", name="Ada", passphrase=PASSPHRASE)
    lockerd.wait_for("wrong_claim_code")
    lockerd.wait_for("too_many_tries")


def test_wrong_passphrases_are_throttled_while_open_sessions_go_on(lockerd: LockerdBox) -> None:
    ada, _ = lockerd.claim()
    for _ in range(PASSPHRASE_TRIES_PER_MINUTE):
        with pytest.raises(WrongPassphrase):
            lockerd.open(passphrase="wrong")
    with pytest.raises(TooManyTries):
        lockerd.open()
    assert ada.call("stats").counts["records"] == 0
    lockerd.wait_for("wrong_passphrase")


def test_a_lock_ends_the_worker_and_every_session_hears_it(lockerd: LockerdBox) -> None:
    ada, _ = lockerd.claim()
    second = lockerd.open()
    pid = lockerd.worker_pid()
    stored = ada.call("put", body=[b"kept"], name="kept.txt")
    ada.call("lock")
    gone(pid)
    for session in (ada, second):
        for operation in ("list", "session"):
            with pytest.raises(Locked):
                session.call(operation)
    again = lockerd.open()
    with again.stream("content", id=stored.id) as answer:
        assert b"".join(answer) == b"kept"
    with pytest.raises(Locked):
        second.call("session")
    with pytest.raises(Refused):
        second.call("list")
    lockerd.wait_for("locker_locked")


def test_a_killed_worker_locks_and_acknowledged_files_survive(lockerd: LockerdBox) -> None:
    ada, new = lockerd.claim()
    acked: list[int] = []
    content = [(f"k/{n:05}.bin", os.urandom(2000)) for n in range(3000)]
    try:
        for line in ada.bulk_put(frames(content)):
            acked.append(int(line["n"]))
            if len(acked) == 200:
                os.kill(lockerd.worker_pid(), signal.SIGKILL)
    except Locked:
        assert len(acked) < len(content)
    lockerd.wait_for("worker_restarted")
    with pytest.raises(Locked):
        ada.call("session")
    again = lockerd.open()
    for number in (acked[0], acked[-1], acked[len(acked) // 2]):
        name, data = content[number]
        with again.stream("content", id=again.call("find", path=name).id) as answer:
            assert b"".join(answer) == data
    assert again.call("stats").counts["records"] >= len(acked)
    *_, done = again.bulk_put(frames(content))
    assert done["same"] >= len(acked) and done["failed"] == 0
    assert new.member == lockerd.free.call("status").members[0].id


def test_a_killed_main_process_takes_its_workers_along_and_starts_again(lockerd: LockerdBox) -> None:
    ada, _ = lockerd.claim()
    stored = ada.call("put", body=[b"kept"], name="kept.txt")
    pid = lockerd.worker_pid()
    lockerd.kill()
    with pytest.raises(Unreachable):
        lockerd.free.call("status")
    lockerd.start()
    status = lockerd.free.call("status")
    assert status.claimed and not status.members[0].open
    with pytest.raises(Refused):
        ada.call("session")
    with pytest.raises((Locked, Refused)):
        ada.call("list")
    again = lockerd.open()
    assert again.call("get", id=stored.id).name == "kept.txt"
    gone(pid)
    assert lockerd.stop() == 0


def test_a_new_passphrase_replaces_the_old_one(lockerd: LockerdBox) -> None:
    ada, _ = lockerd.claim()
    with pytest.raises(WrongPassphrase):
        ada.call("passwd", passphrase="wrong", new=OTHER)
    with pytest.raises(WeakPassphrase):
        ada.call("passwd", passphrase=PASSPHRASE, new="12345678")
    ada.call("passwd", passphrase=PASSPHRASE, new=OTHER)
    before = ada.call("put", body=[b"written under the new keys"], name="new.txt")
    ada.call("lock")
    with pytest.raises(WrongPassphrase):
        lockerd.open()
    assert lockerd.open(passphrase=OTHER).call("get", id=before.id).size == 26
    lockerd.wait_for("passphrase_changed")


def test_the_kit_opens_when_the_passphrase_slot_is_gone(lockerd: LockerdBox) -> None:
    ada, new = lockerd.claim()
    stored = ada.call("put", body=[b"kept"], name="kept.txt")
    assert ada.call("slots").kinds == ("passphrase", "kit")
    assert ada.call("drop_slot", kind="passphrase").kinds == ("kit",)
    ada.call("lock")
    with pytest.raises(WrongPassphrase):
        lockerd.open()
    with pytest.raises(WrongWordCount):
        lockerd.free.call("recover", member="Ada", words=new.words.rsplit(" ", 1)[0], passphrase=OTHER)
    with pytest.raises(UnknownWord):
        lockerd.free.call("recover", member="Ada", words="lockerbox " + new.words.split(" ", 1)[1], passphrase=OTHER)
    found = lockerd.free.call("recover", member="Ada", words=new.words.upper(), passphrase=OTHER)
    back = lockerd.free.as_session(found.token, found.member)
    assert back.call("get", id=stored.id).name == "kept.txt"
    assert set(back.call("slots").kinds) == {"passphrase", "kit"}
    lockerd.wait_for("recovered_with_kit")


def test_a_new_kit_ends_the_old_one_and_nobody_elses_opens(lockerd: LockerdBox) -> None:
    ada, new = lockerd.claim()
    ben = ada.call("add_member", name="Ben", passphrase=OTHER)
    assert ben.token is None
    words = ada.call("kit").words
    assert words != new.words
    for wrong in (new.words, ben.words):
        with pytest.raises(OtherKit):
            lockerd.free.call("recover", member="Ada", words=wrong, passphrase=OTHER)
    found = lockerd.free.call("recover", member="Ada", words=words, passphrase=OTHER)
    with pytest.raises(Refused):
        ada.call("session")
    session = lockerd.free.as_session(found.token, found.member)
    with pytest.raises(Misused):
        session.call("drop_slot", kind="passkey")
    assert session.call("stats").counts["records"] == 0


def test_members_have_lockers_of_their_own(lockerd: LockerdBox) -> None:
    ada, _ = lockerd.claim()
    with pytest.raises(Conflict):
        ada.call("add_member", name="ADA", passphrase=OTHER)
    ada.call("add_member", name="Ben", role="adult", passphrase=OTHER)
    lockerd.wait_for("member_created")
    ben = lockerd.open("Ben", OTHER)
    ben.call("put", body=[b"only Ben's"], name="ben.txt")
    assert ada.call("list").records == ()
    with pytest.raises(Refused):
        ben.call("add_member", name="Cleo", passphrase=OTHER)
    assert [one.open for one in lockerd.free.call("status").members] == [True, True]
    ada.call("lock")
    assert ben.call("list").records[0].name == "ben.txt"


def test_sessions_are_listed_and_ended(lockerd: LockerdBox) -> None:
    ada, _ = lockerd.claim()
    phone = lockerd.open()
    listed = ada.call("sessions").sessions
    assert len(listed) == 2 and [one.current for one in listed].count(True) == 1
    (other,) = (one for one in listed if not one.current)
    assert phone.call("session").id == other.id
    ada.call("end_session", session=other.id)
    for operation in ("session", "list"):
        with pytest.raises(Refused):
            phone.call(operation)
    assert ada.call("list").records == ()


def gone(pid: int) -> None:
    """Wait until the process ended."""
    end = time.monotonic() + 10
    while os.path.exists(f"/proc/{pid}") and time.monotonic() < end:
        time.sleep(0.02)
    assert not os.path.exists(f"/proc/{pid}")
