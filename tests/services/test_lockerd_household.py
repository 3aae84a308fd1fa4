"""People of a household: step-up, roles, guardians, programs, leaving, and what each of them may call."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from firmware.errors import (
    Conflict,
    GuardianOver,
    LastOwner,
    Locked,
    Misused,
    NoSuchMember,
    Refused,
    StepUpNeeded,
    TooManyTries,
    WrongAppPassword,
    WrongPassphrase,
)
from firmware.limits import APP_SESSIONS, APP_TRIES_PER_MINUTE
from services.api.blocking import Blocking
from services.api.routes import BY_NAME, FILES, OPERATIONS, PUBLIC, WARD, Needs, Where, allowed
from services.api.types import Rights, Role
from tests.services.lockerd_box import PASSPHRASE, LockerdBox
from tests.services.test_lockerd_authority import plainest, status_of

OTHER = "seventeen marble kettles whisper sideways"
CHILDS = "purple lantern wobbles eleven cactus"
TOMORROW = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()


def with_child(box: LockerdBox) -> tuple[Blocking, str]:
    ada, new = box.claim()
    made = ada.call("add_member", name="Cleo", passphrase=CHILDS, role="child", guardian="Ada", guardian_until=TOMORROW)
    assert new.member != made.member
    return ada, made.member


def as_opened(box: LockerdBox, opened: object) -> Blocking:
    return box.free.as_session(opened.token, opened.member)  # type: ignore[attr-defined]


def test_what_cannot_be_undone_asks_for_the_passphrase_again(lockerd: LockerdBox) -> None:
    ada, _ = lockerd.claim()
    kept = ada.call("put", body=[b"kept"], name="kept.txt")
    assert ada.call("session").stepped_up
    ada.call("step_down")
    assert not ada.call("session").stepped_up
    for name, args in (("kit", {}), ("gone", {"ids": [kept.id]}), ("add_app_password", {"device": "d"})):
        with pytest.raises(StepUpNeeded):
            ada.call(name, **args)
    with pytest.raises(StepUpNeeded), ada.stream("export"):
        pass
    with pytest.raises(WrongPassphrase):
        ada.call("step_up", proof="wrong")
    with pytest.raises(StepUpNeeded):
        ada.call("kit")
    assert ada.call("get", id=kept.id).name == "kept.txt"
    assert ada.call("step_up", proof=PASSPHRASE).until_ms > 1_700_000_000_000
    ada.call("kit")
    ada.call("gone", ids=[kept.id])
    with ada.stream("export") as answer:
        assert b"".join(answer)
    second = lockerd.open()
    ada.call("step_down")
    second.call("kit")  # each session for itself


def test_other_sessions_end_at_once(lockerd: LockerdBox) -> None:
    ada, _ = lockerd.claim()
    others = [lockerd.open() for _ in range(2)]
    listed = ada.call("sessions").sessions
    assert [one.device for one in listed] == ["a test", "a test", "a first phone"]
    assert ada.call("end_others").count == 2
    for other in others:
        with pytest.raises(Refused):
            other.call("list")
    assert ada.call("list").records == () and ada.call("end_others").count == 0


def test_roles_change_and_the_last_owner_stays(lockerd: LockerdBox) -> None:
    ada, new = lockerd.claim()
    ben = ada.call("add_member", name="Ben", passphrase=OTHER)
    found = ada.call("members").members
    assert [(one.name, one.role, one.is_open) for one in found] == [
        ("Ada", Role.OWNER, True),
        ("Ben", Role.ADULT, False),
    ]
    assert all(one.since_ms > 1_700_000_000_000 for one in found)
    with pytest.raises(LastOwner):
        ada.call("set_role", member="Ada", role="adult")
    with pytest.raises(LastOwner):
        ada.call("leave", member="Ada", proof=PASSPHRASE)
    with pytest.raises(NoSuchMember):
        ada.call("set_role", member="Nobody", role="adult")
    bens = lockerd.open("Ben", OTHER)
    with pytest.raises(Refused):
        bens.call("set_role", member="Ben", role="owner")
    with pytest.raises(Refused):
        bens.call("leave", member="Ada", proof=OTHER)
    ada.call("set_role", member="Ben", role="owner")
    assert bens.call("session").role is Role.OWNER
    with pytest.raises(Refused):
        bens.call("set_role", member="Ada", role="child")  # an owner's role changes by her own hand
    with pytest.raises(Refused):
        bens.call("leave", member="Ada", proof=OTHER)
    ada.call("set_role", member=new.member, role="adult")
    with pytest.raises(Refused):
        ada.call("set_role", member=ben.member, role="adult")
    lockerd.stop()
    lockerd.start()
    assert [one.role for one in lockerd.free.call("status").members] == [Role.ADULT, Role.OWNER]


@pytest.mark.parametrize("role", [one.value for one in Role if one is not Role.OWNER])
def test_only_owners_change_the_household(shared_lockerd: LockerdBox, role: str) -> None:
    if not shared_lockerd.free.call("status").claimed:
        shared_lockerd.claim()[0].call("add_member", name="Dora", passphrase=OTHER)
    ada = shared_lockerd.open()
    ada.call("set_role", member="Dora", role=role)
    dora = shared_lockerd.open("Dora", OTHER)
    assert dora.call("session").role.value == role and dora.call("session").stepped_up
    for operation in OPERATIONS:
        if operation.needs is Needs.OWNER_STEP_UP:
            assert status_of(shared_lockerd.run, operation, dora._token, "") == (403, "refused")
    with pytest.raises(Refused):
        dora.call("leave", member="Ada", proof=OTHER)
    assert dora.call("list").records == () and len(dora.call("members").members) >= 2


def test_who_leaves_takes_her_locker_out_of_the_house(lockerd: LockerdBox) -> None:
    ada, _ = lockerd.claim()
    ben = ada.call("add_member", name="Ben", passphrase=OTHER)
    eve = ada.call("add_member", name="Eve", passphrase=CHILDS)
    bens = lockerd.open("Ben", OTHER)
    bens.call("put", body=[b"Ben's"], name="ben.txt")
    with pytest.raises(WrongPassphrase):
        bens.call("leave", member="Ben", proof="wrong")
    bens.call("leave", member="Ben", proof=OTHER)
    with pytest.raises((Refused, Locked)):
        bens.call("session")
    with pytest.raises(NoSuchMember):
        lockerd.open("Ben", OTHER)
    assert not (lockerd.data / "lockers" / ben.member).exists()
    assert (lockerd.data / "left" / ben.member / "key").exists()
    with pytest.raises(Refused):
        ada.call("leave", member="Eve", proof=PASSPHRASE, erase=True)  # only she herself destroys it
    eves = lockerd.open("Eve", CHILDS)
    eves.call("leave", member="Eve", proof=CHILDS, erase=True)
    for folder in ("lockers", "left"):
        assert not (lockerd.data / folder / eve.member).exists()
    assert [one.name for one in ada.call("members").members] == ["Ada"]
    lockerd.wait_for("member_left")
    lockerd.stop()  # the same, had the plug been pulled before the locker was moved
    (lockerd.data / "left" / ben.member).rename(lockerd.data / "lockers" / ben.member)
    file = lockerd.data / "household.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"left": [ben.member]}))
    lockerd.start()
    assert (lockerd.data / "left" / ben.member / "key").exists()
    assert json.loads(file.read_text())["left"] == []


def test_a_guardian_opens_her_wards_locker_and_the_child_sees_it(lockerd: LockerdBox) -> None:
    ada, child = with_child(lockerd)
    ben = ada.call("add_member", name="Ben", passphrase=OTHER)
    bens = lockerd.open("Ben", OTHER)
    for who, ward in ((bens, "Cleo"), (ada, "Ben"), (ada, "Ada")):
        with pytest.raises(Refused):
            who.call("open_ward", member=ward)
    hers = as_opened(lockerd, ada.call("open_ward", member="Cleo", device="Ada's phone"))
    hers.call("put", body=[b"from her mother"], name="hello.txt")
    assert hers.call("session").guardian == "Ada" and hers.call("session").rights is Rights.WARD
    for name in ("passwd", "kit", "activity", "app_passwords", "sessions", "lock", "verify", "passkey_list"):
        with pytest.raises(Refused):
            hers.call(name, **plainest(BY_NAME[name]))
    cleo = lockerd.open("Cleo", CHILDS)
    assert cleo.call("find", path="hello.txt").size == 15
    with pytest.raises(Refused):
        hers.call("end_session", session=cleo.call("session").id)
    with pytest.raises(Refused):
        cleo.call("drop_slot", kind="member")
    with pytest.raises(Refused):
        cleo.call("leave", member="Cleo", proof=CHILDS)
    told = [one for one in cleo.call("activity").items if one.event == "ward_opened"]
    assert [one.fields["name"] for one in told] == ["Ada"]
    (card,) = (one for one in ada.call("members").members if one.id == child)
    assert (card.role, card.guardian_until) == (Role.CHILD, TOMORROW)
    with pytest.raises(Conflict):
        ada.call("set_role", member="Ada", role="child")
    ada.call("set_role", member=ben.member, role="owner")
    ada.call("set_role", member="Cleo", role="adult")  # grown up before the day
    with pytest.raises(Refused):
        hers.call("list")
    with pytest.raises(Refused):
        ada.call("open_ward", member="Cleo")
    assert cleo.call("slots").kinds == ("passphrase", "kit")
    assert "guardian_ended" in [one.event for one in cleo.call("activity").items]


def test_a_guardianship_ends_on_its_day_whatever_the_clock_says_later(lockerd: LockerdBox) -> None:
    ada, child = with_child(lockerd)
    as_opened(lockerd, ada.call("open_ward", member="Cleo")).call("put", body=[b"x"], name="x.txt")
    lockerd.stop()
    late = datetime.fromisoformat(TOMORROW).replace(tzinfo=UTC) + timedelta(days=2)
    (lockerd.data / "clock").write_text(json.dumps({"format": 1, "latest_ms": int(late.timestamp() * 1000)}))
    lockerd.start()  # the system's clock has gone back since then
    ada = lockerd.open()
    with pytest.raises(GuardianOver):
        ada.call("open_ward", member="Cleo")
    key = lockerd.data / "lockers" / child / "key"
    assert len(key.read_bytes()) > 4 * 4096
    cleo = lockerd.open("Cleo", CHILDS)
    assert cleo.call("slots").kinds == ("passphrase", "kit")
    assert cleo.call("find", path="x.txt").size == 1
    assert len(key.read_bytes()) < 4 * 4096
    with pytest.raises(Refused):
        ada.call("open_ward", member="Cleo")
    (card,) = (one for one in ada.call("members").members if one.id == child)
    assert card.guardian is None and card.guardian_until is None


def test_only_children_have_guardians_and_only_for_a_while(shared_lockerd: LockerdBox) -> None:
    ada = shared_lockerd.open()
    add: dict[str, Any] = {"name": "Cleo", "passphrase": CHILDS}
    cases: tuple[dict[str, Any], ...] = (
        {"role": "adult", "guardian": "Ada", "guardian_until": TOMORROW},
        {"role": "child", "guardian": "Ada"},
        {"role": "child", "guardian_until": TOMORROW},
        {"role": "child", "guardian": "Ada", "guardian_until": "2020-01-01"},
        {"role": "child", "guardian": "Ada", "guardian_until": "2999-01-01"},
        {"role": "child", "guardian": "Ada", "guardian_until": "2031-02-30"},
    )
    for more in cases:
        with pytest.raises(Misused):
            ada.call("add_member", **add, **more)
    before = len(ada.call("members").members)
    ada.call("add_member", name="Ben", passphrase=OTHER)
    with pytest.raises(Conflict):  # her locker has to be open: its key makes the way in
        ada.call("add_member", **add, role="child", guardian="Ben", guardian_until=TOMORROW)
    assert len(ada.call("members").members) == before + 1


def test_an_app_password_moves_files_and_nothing_else(lockerd: LockerdBox) -> None:
    ada, new = lockerd.claim()
    made = ada.call("add_app_password", device="Finder")
    assert [len(group) for group in made.password.split("-")] == [6] * 5
    typed = made.password.upper().replace("-", " ")
    app = as_opened(lockerd, lockerd.free.call("app_open", member="Ada", password=typed))
    stored = app.call("put", body=[b"by a program"], name="a.txt")
    assert app.call("list").records[0].id == stored.id
    ours = [one for one in OPERATIONS if one.where not in (Where.PEER, Where.BOX)]
    refused = [one for one in ours if one.name not in FILES and one.name not in PUBLIC]
    assert {status_of(lockerd.run, one, app._token, new.member) for one in refused} == {(403, "refused")}
    (listed,) = ada.call("app_passwords").app_passwords
    assert listed.id == made.id and listed.device == "Finder" and listed.last_used_ms
    assert {one.rights for one in ada.call("sessions").sessions} == {Rights.ALL, Rights.FILES}
    more = [lockerd.free.call("app_open", member="Ada", password=typed) for _ in range(APP_SESSIONS)]
    assert len(ada.call("sessions").sessions) == 1 + APP_SESSIONS
    with pytest.raises(Refused):
        app.call("list")
    assert as_opened(lockerd, more[-1]).call("list").records
    lockerd.stop()
    lockerd.start()
    with pytest.raises(Locked):
        lockerd.free.call("app_open", member="Ada", password=typed)
    ada = lockerd.open()
    app = as_opened(lockerd, lockerd.free.call("app_open", member="Ada", password=typed))
    ada.call("drop_app_password", id=made.id)
    with pytest.raises(Refused):
        app.call("list")
    for _ in range(APP_TRIES_PER_MINUTE):
        with pytest.raises(WrongAppPassword):
            lockerd.free.call("app_open", member="Ada", password=typed)
    with pytest.raises(TooManyTries):
        lockerd.free.call("app_open", member="Ada", password=typed)
    ada.call("lock")
    lockerd.open()
    everything = b"".join(one.read_bytes() for one in (lockerd.data / "lockers").rglob("*") if one.is_file())
    for secret in (made.password.encode(), b"Finder", made.password.replace("-", "").encode()):
        assert secret not in everything and secret not in lockerd.log.read_bytes()


def test_a_damaged_list_of_doors_costs_the_doors_alone(lockerd: LockerdBox) -> None:
    ada, new = lockerd.claim()
    made = ada.call("add_app_password", device="Finder")
    lockerd.stop()
    path = lockerd.data / "lockers" / new.member / "doors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    lockerd.start()
    ada = lockerd.open()
    assert ada.call("app_passwords").app_passwords == ()
    with pytest.raises(WrongAppPassword):
        lockerd.free.call("app_open", member="Ada", password=made.password)
    ada.call("add_app_password", device="Finder")


def test_the_matrix_of_rights_is_written_down_for_every_route() -> None:
    assert set(BY_NAME) >= WARD >= FILES
    free = {"status", "offer", "check_claim", "claim"}
    doors = {"open", "recover", "app_open", "passkey_login_options", "passkey_login"}
    doors |= {"restore_near", "restore_look", "restore", "shelf_disks", "shelf_restore", "regain"}
    anybody = {"session", "sessions", "end_session", "end_others", "step_up", "step_down", "lock", "members", "leave"}
    mine = {"open_ward", "passwd", "slots", "activity", "app_passwords", "passkey_list", "circle", "shelves"}
    mine |= {"restore_status", "update", "costs"}
    mine |= {"keys", "part_boxes", "key_no"}
    sure = {"kit", "key_make", "key_drop", "drop_slot", "add_app_password", "drop_app_password"}
    sure |= {"passkey_options", "passkey_add", "passkey_drop"}
    owners = {"add_member", "set_role", "invite", "peer_leave", "restore_member", "let_go"}
    owners |= {"update_now", "power", "reset"}
    owners |= {"key_theft", "key_heir"}
    heads = {"key_ticket", "key_answer", "invite_end", "join", "pairing", "pairing_confirm", "peer_set", "circle_caps"}
    heads |= {"set_circle_caps", "circle_now", "shelf_add", "shelf_drop", "shelf_now", "shelf_carry", "shelf_take"}
    heads |= {"contact", "set_update", "set_costs"}
    main = {one.name: one.needs for one in OPERATIONS if one.where is Where.MAIN}
    assert set(main) == free | doors | anybody | mine | sure | owners | heads
    assert {name for name, needs in main.items() if needs is Needs.STEP_UP} == sure
    assert {name for name, needs in main.items() if needs is Needs.OWNER_STEP_UP} == owners
    assert {name for name, needs in main.items() if needs is Needs.OWNER} == heads
    assert {name for name, needs in main.items() if needs is Needs.TOKEN} == anybody | mine
    inside = [one for one in OPERATIONS if one.where is Where.LOCKER]
    assert {one.name for one in inside if one.needs is Needs.STEP_UP} == {"gone", "export"}
    assert all(one.needs in (Needs.TOKEN, Needs.STEP_UP) for one in inside)
    for operation in OPERATIONS:
        assert allowed(operation, Rights.ALL)
        if operation.needs in (Needs.STEP_UP, Needs.OWNER_STEP_UP):
            assert not allowed(operation, Rights.WARD) and not allowed(operation, Rights.FILES)
    assert not FILES & set(main)
    assert {one for one in WARD if one in main} == {"session", "end_session", "members", "circle"}
