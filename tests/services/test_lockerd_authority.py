"""Nobody without a live session gets anything: every route, from every kind of caller, on real sockets."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from firmware.errors import BoxError, Refused
from services.api import calling
from services.api.blocking import Blocking
from services.api.box_types import CLOCK
from services.api.circle_types import PAIRING, PEER
from services.api.decode import field_schema, required
from services.api.routes import OPERATIONS, PUBLIC, Needs, Operation, Where
from services.api.shelf_types import PATH
from services.api.types import ID, NewMember
from services.api.types import MEMBER as MEMBERS
from tests.services.lockerd_box import PASSPHRASE, LockerdBox

NOBODY = 65534
DEAD = "0" * 43
OTHERS = "seventeen marble kettles whisper sideways"
RECORD, MEMBER = "0" * 32, "0" * 16


def plainest(operation: Operation) -> dict[str, Any]:
    """Return arguments that are well formed and mean nothing."""
    names = [*required(operation.request), *re.findall(r"{(\w+)}", operation.path)]
    return {name: _sample(field_schema(operation.request, name)) for name in names}


def _sample(shape: dict[str, Any]) -> object:
    if "enum" in shape:
        return shape["enum"][0]
    if shape["type"] == "string":
        known = {ID: RECORD, MEMBERS: MEMBER, PEER: RECORD * 2, PAIRING: "i1", PATH: "/media", "[0-9a-f]+": MEMBER}
        known[CLOCK] = "02:00"
        known |= {"([0-9a-f]{2})*": MEMBER, "([0-9a-f]{2}){1216}": "00" * 1216}
        return known.get(shape.get("pattern", ""), "kit" if "kit" in shape.get("pattern", "") else "p!")
    if shape["type"] == "object":
        return {name: _sample(shape["properties"][name]) for name in shape.get("required", ())}
    made: dict[str, object] = {
        "integer": max(1, shape.get("minimum", 1)),
        "boolean": False,
        "array": [],
        "object": {},
        "number": 1.0,
    }
    return made[shape["type"]]


OURS = [one for one in OPERATIONS if one.where not in (Where.PEER, Where.BOX)]
CLOSED = [one for one in OURS if one.name not in PUBLIC]


@pytest.fixture(scope="module")
def house(shared_lockerd: LockerdBox) -> tuple[LockerdBox, NewMember, Blocking]:
    ada, new = shared_lockerd.claim()
    ada.call("add_member", name="Ben", passphrase=OTHERS)
    return shared_lockerd, new, shared_lockerd.open("Ben", OTHERS)


def status_of(run: Path, operation: Operation, token: str | None, member: str) -> tuple[int, str]:
    """Call an operation the plainest way and return (status, error code)."""
    request = calling.build(operation.name, token, None, plainest(operation))
    connection = http.client.HTTPConnection("box")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(20)
    try:
        connection.sock.connect(str(calling.socket_path(run, operation, member)))
        connection.request(operation.method, request.target, request.body or b"", request.headers)
        response = connection.getresponse()
        found = json.loads(response.read())
        return response.status, found.get("error", {}).get("code", "")
    finally:
        connection.close()


def test_every_route_says_who_may_call_it() -> None:
    doors = {"open", "recover", "app_open", "passkey_login_options", "passkey_login"}
    doors |= {"restore_near", "restore_look", "restore", "shelf_disks", "shelf_restore", "regain"}
    assert set(PUBLIC) == {"status", "offer", "check_claim", "claim"} | doors
    assert all(one.where is Where.MAIN for one in OPERATIONS if one.name in PUBLIC)
    assert len({(one.where, one.method, one.path) for one in OPERATIONS}) == len(OPERATIONS)
    for operation in OPERATIONS:
        calling.build(operation.name, None, None, plainest(operation))


@pytest.mark.parametrize("operation", CLOSED, ids=lambda one: one.name)
def test_without_a_live_session_of_this_member_every_route_refuses(
    house: tuple[LockerdBox, NewMember, Blocking], operation: Operation
) -> None:
    box, new, ben = house
    assert status_of(box.run, operation, None, new.member) == (403, "refused")
    assert status_of(box.run, operation, DEAD, new.member) == (403, "refused")
    if operation.where is Where.LOCKER or operation.needs in (Needs.OWNER, Needs.OWNER_STEP_UP):
        assert status_of(box.run, operation, ben._token, new.member) == (403, "refused")


def as_nobody(action: Callable[[], object]) -> object:
    """Run ``action`` in a child with the uid of nobody and return its JSON answer."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        try:
            os.write(write, json.dumps(action()).encode())
        except BoxError as error:
            os.write(write, json.dumps(str(error)).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        found = answer.read()
    os.waitpid(pid, 0)
    return json.loads(found)


@pytest.mark.skipif(os.getuid() != 0, reason="another uid needs root; the next test shows the same without it")
def test_another_uid_gets_nothing_even_where_the_sockets_are_open_to_all(lockerd: LockerdBox) -> None:
    _, new = lockerd.claim()
    walk_in = [lockerd.run, lockerd.run / "lockers"]

    def ask() -> object:
        return {one.name: status_of(lockerd.run, one, None, new.member)[0] for one in OURS}

    def opened() -> None:
        for folder in walk_in:
            folder.chmod(0o755)
        for path in (lockerd.run / "lockerd.sock", lockerd.run / "lockers" / f"{new.member}.sock"):
            path.chmod(0o666)

    opened()
    assert as_nobody(ask) == {one.name: 403 for one in OURS}
    lockerd.stop()
    lockerd.start("--allow-uid", str(NOBODY))
    session = lockerd.open()
    opened()
    found = as_nobody(ask)
    assert isinstance(found, dict)
    assert {name for name, status in found.items() if status != 403} == set(PUBLIC)
    assert found["status"] == found["offer"] == 200
    assert session.call("list").records == ()


def test_the_sockets_are_closed_to_others(house: tuple[LockerdBox, NewMember, Blocking]) -> None:
    box, new, _ = house
    for path in (box.run / "lockerd.sock", box.run / "lockers" / f"{new.member}.sock"):
        assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Refused):
        Blocking(box.run, DEAD, new.member).call("stats")


def test_nothing_secret_stands_in_arguments_or_environment(house: tuple[LockerdBox, NewMember, Blocking]) -> None:
    box, new, ben = house
    assert box.process is not None
    found = b""
    todo = [box.process.pid]
    while todo:
        pid = todo.pop()
        for part in ("cmdline", "environ"):
            found += Path(f"/proc/{pid}/{part}").read_bytes()
        todo += [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    for secret in (PASSPHRASE, OTHERS, new.words, str(new.token), str(ben._token)):
        assert secret.encode() not in found
        assert secret not in box.log.read_text()
