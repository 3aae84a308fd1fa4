"""Two households become friends from the shell, ship, and part."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.running import until
from tests.services.test_cli import Locker


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Locker, Locker]]:
    made: list[Locker] = []
    try:
        for name in ("ada", "ben"):
            (tmp_path / name).mkdir()
            made.append(Locker(tmp_path / name))
        yield made[0], made[1]
    finally:
        for each in made:
            each.box.kill()


def shown(locker: Locker) -> str:
    found = locker.ok("circle", "copies", "note.txt", "--json") + locker.ok("circle", "copies", "note.txt")
    print(found, locker.ok("circle", "list"))
    return found


def test_friends_from_the_shell(two: tuple[Locker, Locker]) -> None:
    ada, ben = two
    assert "circle invite" in ada.ok("circle", "list")
    made = json.loads(ada.ok("circle", "invite", "--json", "--passphrase-file", ada.passphrase))
    assert "six digits" in ada.refused("circle", "confirm", "12345")
    met = json.loads(ben.ok("circle", "join", made["text"], "--json"))
    for each in two:
        each.ok("circle", "confirm", met["code"], "--gib", "1")
    until(
        lambda: all("active" in each.ok("circle", "list") or "probation" in each.ok("circle", "list") for each in two)
    )
    (ada.folder / "note.txt").write_text("a note")
    ada.ok("put", ada.folder / "note.txt")
    assert "on this box only" in ada.ok("circle", "copies", "note.txt")
    assert json.loads(ada.ok("circle", "now", "--json"))["lockers"][0]["custody"]
    until(lambda: "safe with friends" in shown(ada), 120)
    assert "wants to act" in ada.refused("circle", "let-in")
    assert "out: 500 KiB/s, in: no cap" in ada.ok("circle", "caps", "--up", "500")
    peer = json.loads(ada.ok("circle", "list", "--json"))["peers"][0]["peer"]
    assert json.loads(ada.ok("circle", "peer", peer[:12], "--delegate", "--json"))["delegate"]
    assert "repairs nothing" in ada.ok("circle", "peer", peer[:12], "--no-delegate", "--gib", "2")
    assert "names 0 boxes" in ada.refused("circle", "leave", "nobody", "--passphrase-file", ada.passphrase)
    ada.ok("circle", "leave", peer[:12], "--passphrase-file", ada.passphrase)
    assert "none of them" in ada.refused("circle", "dance")
