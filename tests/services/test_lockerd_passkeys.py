"""Passkeys: made and used by an authenticator in software; every lie of a browser has its answer."""

from __future__ import annotations

import json

import pytest

from firmware.errors import (
    Conflict,
    Locked,
    Missing,
    Misused,
    PasskeyOpensNothing,
    PasskeyTooLate,
    PasskeyUnknown,
    PasskeyWrong,
    Refused,
    StepUpNeeded,
    TooManyTries,
)
from services.api.blocking import Blocking
from tests.services.authenticator import Authenticator, data, text
from tests.services.lockerd_box import PASSPHRASE, LockerdBox

HOST = "locker.local"
ORIGIN = f"https://{HOST}:8443"


def add(session: Blocking, maker: Authenticator) -> str:
    credential, prf = maker.make(session.call("passkey_options").options)
    return str(session.call("passkey_add", credential=credential, label="my phone", prf=prf).id)


def log_in(box: LockerdBox, maker: Authenticator, member: str = "Ada") -> Blocking:
    answer, prf = maker.use(box.free.call("passkey_login_options", member=member).options)
    opened = box.free.call("passkey_login", member=member, credential=answer, prf=prf, device="phone")
    return box.free.as_session(opened.token, opened.member)


def test_a_passkey_with_a_key_opens_a_closed_locker_until_it_is_dropped(lockerd: LockerdBox) -> None:
    ada, _ = lockerd.claim()
    kept = ada.call("put", body=[b"kept"], name="kept.txt")
    maker = Authenticator(HOST, ORIGIN)
    id = add(ada, maker)
    assert ada.call("slots").kinds == ("passphrase", "kit", "passkey")
    (listed,) = ada.call("passkey_list").passkeys
    assert (listed.id, listed.label, listed.opens, listed.last_used_ms) == (id, "my phone", True, None)
    with pytest.raises(Conflict):
        add(ada, maker)
    ada.call("lock")

    phone = log_in(lockerd, maker)
    assert phone.call("get", id=kept.id).name == "kept.txt"
    assert phone.call("session").device == "phone"
    assert phone.call("passkey_list").passkeys[0].last_used_ms
    with pytest.raises(StepUpNeeded):
        phone.call("kit")  # a passkey is no passphrase
    phone.call("step_up", proof=PASSPHRASE)
    phone.call("kit")
    tablet = log_in(lockerd, maker)
    assert tablet.call("session").stepped_up is False

    phone.call("passkey_drop", id=id)
    assert "passkey" not in phone.call("slots").kinds
    with pytest.raises(Refused):
        tablet.call("list")  # the sessions it opened go with it, but for the one that asked
    with pytest.raises(PasskeyUnknown):
        log_in(lockerd, maker)
    with pytest.raises(Missing):
        phone.call("passkey_drop", id=id)
    phone.call("lock")
    with pytest.raises(PasskeyUnknown):
        log_in(lockerd, maker)
    assert not lockerd.free.call("status").members[0].open
    told = [one.event for one in lockerd.open().call("activity").items]
    assert {"passkey_added", "passkey_used", "passkey_dropped", "passkey_refused"} <= set(told)


def test_a_passkey_without_a_key_is_a_session_on_an_open_locker_only(lockerd: LockerdBox) -> None:
    ada, _ = lockerd.claim()
    maker = Authenticator(HOST, f"https://{HOST}", prf=False)
    add(ada, maker)
    assert "passkey" not in ada.call("slots").kinds
    assert log_in(lockerd, maker).call("list").records == ()
    ada.call("lock")
    with pytest.raises(PasskeyOpensNothing) as caught:
        log_in(lockerd, maker)
    assert isinstance(caught.value, Locked)


def test_every_lie_is_refused_and_enough_of_them_close_the_door(shared_lockerd: LockerdBox) -> None:
    box = shared_lockerd
    ada, _ = box.claim()
    ben = ada.call("add_member", name="Ben", passphrase="seventeen marble kettles whisper sideways")
    maker = Authenticator(HOST, ORIGIN)

    fresh = ada.call("passkey_options").options
    for lie in (
        Authenticator(HOST, "https://evil.example"),
        Authenticator(HOST, f"http://{HOST}"),
        Authenticator(HOST, f"https://{HOST}.evil.example"),
        Authenticator(HOST, ORIGIN, flags=1),
    ):
        credential, _ = lie.make(ada.call("passkey_options").options)
        with pytest.raises(PasskeyWrong):
            ada.call("passkey_add", credential=credential, label="x")
    credential, prf = maker.make(fresh)
    with pytest.raises(PasskeyWrong):
        ada.call("passkey_add", credential=credential, label="x", prf="c2hvcnQ")
    ada.call("passkey_add", credential=credential, label="x", prf=prf)
    with pytest.raises(PasskeyTooLate):
        ada.call("passkey_add", credential=credential, label="x", prf=prf)

    def options(member: str = "Ada") -> str:
        return str(box.free.call("passkey_login_options", member=member).options)

    def refused(kind: type[Exception], credential: str, member: str = "Ada") -> None:
        with pytest.raises(kind):
            box.free.call("passkey_login", member=member, credential=credential)

    good, _ = maker.use(options())
    broken = json.loads(good)
    signature = bytearray(data(broken["response"]["signature"]))
    signature[-1] ^= 1
    broken["response"]["signature"] = text(bytes(signature))
    refused(PasskeyWrong, json.dumps(broken))
    refused(PasskeyTooLate, good)  # its challenge was used up by the lie
    refused(PasskeyTooLate, maker.use(options("Ben"))[0])  # a challenge for somebody else
    refused(PasskeyTooLate, maker.use(fresh)[0])  # one for making, not for using
    refused(PasskeyUnknown, Authenticator(HOST, ORIGIN, id=b"another").use(options())[0])
    refused(PasskeyWrong, "{}")
    refused(TooManyTries, maker.use(options())[0])
    refused(PasskeyOpensNothing, maker.use(options("Ben"))[0], ben.member)
    assert ada.call("list").records == ()


def test_closing_that_way_in_closes_it_for_every_passkey_with_a_key(lockerd: LockerdBox) -> None:
    ada, _ = lockerd.claim()
    keyed = Authenticator(HOST, ORIGIN)
    plain = Authenticator(HOST, ORIGIN, prf=False, id=b"without a key")
    for maker in (keyed, plain):
        add(ada, maker)
    phone = log_in(lockerd, keyed)
    assert ada.call("drop_slot", kind="passkey").kinds == ("passphrase", "kit")
    with pytest.raises(Refused):
        phone.call("list")
    with pytest.raises(PasskeyUnknown):
        log_in(lockerd, keyed)
    assert log_in(lockerd, plain).call("list").records == ()
    assert [one.opens for one in ada.call("passkey_list").passkeys] == [False]
    with pytest.raises(Misused):
        ada.call("drop_slot", kind="passkey")


def test_a_passkey_that_was_copied_is_noticed(lockerd: LockerdBox) -> None:
    ada, _ = lockerd.claim()
    maker = Authenticator(HOST, ORIGIN)
    add(ada, maker)
    log_in(lockerd, maker)
    maker.count = 0
    with pytest.raises(PasskeyWrong):
        log_in(lockerd, maker)
    ada.call("lock")
    with pytest.raises(PasskeyWrong):
        log_in(lockerd, Authenticator(HOST, ORIGIN, flags=1, key=maker.key, count=9))
    assert not lockerd.free.call("status").members[0].open  # opened by its key, closed again: nobody verified her
