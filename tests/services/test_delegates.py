"""What a delegate hears of its friend's other friends, among real boxes: who is there, and who shares a household."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.services.circle_peerds import Clock, PeerBox, end
from tests.services.running import until

NAMES = ("ada", "ben", "cem", "dan")


@pytest.fixture
def boxes(tmp_path: Path) -> Iterator[list[PeerBox]]:
    clock = Clock(tmp_path / "clock")
    made = [PeerBox(tmp_path / name, clock) for name in NAMES]
    try:
        yield made
    finally:
        end(made)


def papers(box: PeerBox, kind: str) -> dict[str, bytes]:
    """What this box wrote down of what it was told, by the key of the box it is about."""
    with closing(sqlite3.connect(f"file:{box.data}/circle/circle.db?mode=ro", uri=True)) as rows:
        found = rows.execute("SELECT about, data FROM paper WHERE kind=?", (kind,)).fetchall()
    return {bytes(about)[32:].hex(): bytes(data) for about, data in found}


def roofs(box: PeerBox) -> dict[str, int]:
    """Household numbers."""
    return {key: int.from_bytes(data) for key, data in papers(box, "roof").items()}


def test_a_delegate_hears_which_boxes_are_under_one_roof(boxes: list[PeerBox]) -> None:
    ada, ben, cem, dan = boxes
    for each in (ben, cem, dan):
        ada.befriend(each)
    ada.ask("at_peerd_peer_set", peer=ben.key, delegate=True)
    until(lambda: roofs(ben).keys() == {cem.key, dan.key})
    apart = roofs(ben)
    assert apart[cem.key] != apart[dan.key] and 0 not in apart.values()
    until(lambda: papers(cem, "guest").keys() == {ben.key})
    assert not roofs(cem), "who repairs nothing hears of the delegates alone, and of no household"
    for each in (cem, dan):
        ada.ask("at_peerd_peer_set", peer=each.key, household="Roth")
    until(lambda: roofs(ben)[cem.key] == roofs(ben)[dan.key] != 0)
    ada.ask("at_peerd_peer_set", peer=ben.key, household="Roth")
    until(lambda: set(roofs(ben).values()) == {0})
    ben.stop(signal.SIGKILL)
    ben.start()
    assert roofs(ben) == {cem.key: 0, dan.key: 0}
    ada.ask("at_peerd_peer_set", peer=ben.key, delegate=False)  # its line may be the dead one yet
    until(lambda: not papers(cem, "guest"))
    until(lambda: not roofs(ben) and not papers(ben, "guest"), 90)
