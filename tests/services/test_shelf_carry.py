"""Shards go to a friend by car: loaded onto a shelf, taken in over there, receipts back; no byte by wire."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


def told(locker: Locker, *words: str | Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(locker.ok(*words, "--json"))
    return found


def pair(ada: Locker, ben: Locker, gib: str = "1") -> None:
    made = told(ada, "circle", "invite", "--passphrase-file", ada.passphrase)
    met = told(ben, "circle", "join", made["text"])
    for each in (ada, ben):
        each.ok("circle", "confirm", met["code"], "--gib", gib)
    until(lambda: all(told(each, "circle", "list")["peers"] for each in (ada, ben)))


def test_shards_go_by_car(two: tuple[Locker, Locker], tmp_path: Path) -> None:
    ada, ben = two
    pair(ada, ben)
    ada.ok("circle", "caps", "--up", "0")  # the wire carries nothing
    (ada.folder / "film.bin").write_bytes(os.urandom(3 << 20))
    ada.ok("put", ada.folder / "film.bin")
    stick = tmp_path / "stick"
    stick.mkdir()
    ada.ok("shelf", "add", stick, "Car", "--same-disk")
    ada.ok("shelf", "now")
    until(lambda: told(ada, "shelf", "list")["shelves"][0]["state"] == "whole")
    until(lambda: told(ada, "circle", "list")["peers"][0]["gives"] > 0)
    (peer,) = told(ada, "circle", "list")["peers"]
    ada.ok("shelf", "carry", "Car", peer["label"])
    until(lambda: loaded(ada)["loaded"] > 3 << 20 and not loaded(ada)["waits"])

    shards = [
        each for each in (stick / "locker-box-shelf" / "carry" / peer["peer"] / "shards").rglob("*") if each.is_file()
    ]
    honest = shards[0].read_bytes()
    shards[0].write_bytes(honest[:-1] + bytes((honest[-1] ^ 1,)))
    stranger = tmp_path / "strange"
    shutil.copytree(stick, stranger)
    (note,) = (stranger / "locker-box-shelf" / "carry").rglob("list")
    note.write_bytes(bytes(len(note.read_bytes())))  # nobody signed this

    assert told(ben, "shelf", "take", stranger)["taken"] == 0, (
        "the control: without the owner's signature nothing goes in"
    )
    first = told(ben, "shelf", "take", stick)
    assert (first["taken"], first["known"], first["left"]) == (len(shards) - 1, 0, 1)
    assert "not what it was called" in first["why"]
    shards[0].write_bytes(honest)
    again = told(ben, "shelf", "take", stick)
    assert (again["taken"], again["known"], again["left"]) == (1, len(shards) - 1, 0)

    ada.ok("shelf", "now")
    until(lambda: loaded(ada)["loaded"] == 0)
    assert not [each for each in shards if each.exists()], "what arrived is taken off"
    until(lambda: told(ada, "circle", "list")["lockers"][0]["here_bytes"] == 0)
    assert told(ben, "circle", "list")["hosted_bytes"] > 3 << 20


def loaded(locker: Locker) -> dict[str, Any]:
    (shelf,) = told(locker, "shelf", "list")["shelves"]
    found: dict[str, Any] = shelf["carries"][0] if shelf["carries"] else {"loaded": 0, "waits": 1}
    return found
