"""A whole box splits a locker's key between two friends' boxes, and its member gets the words of her kit back."""

from __future__ import annotations

import json
import signal
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware.errors import Misused, PartRefused, StepUpNeeded
from services.api.blocking import Blocking
from services.api.key_types import KeptPart, Regained
from services.cli.__main__ import main
from services.cli.secrets_io import Tokens
from tests.services.circle_peerds import HOUR, LIBRARY, Clock, PeerBox, end
from tests.services.hasty import python
from tests.services.running import Running, until

PASSPHRASE = "violet tractor humming nineteen pillows"
pytestmark = [pytest.mark.skipif(LIBRARY is None, reason="needs the package faketime"), pytest.mark.timeout(300)]


class Home(PeerBox):
    """A whole box, asked as the others are."""

    def __init__(self, data: Path) -> None:
        self.running = Running(data, python=python())
        self.data, self.run, self.name, self.process = data, (data / "run").resolve(), data.name, None
        self.free = Blocking(self.run)
        code = json.loads((data / "box" / "claim").read_bytes())["code"]
        made = self.free.call("claim", code=code, household="Elm", name="Ada", passphrase=PASSPHRASE, device="a test")
        self.words, self.mine = made.words, self.free.as_session(made.token, made.member)
        self.member, self.token = made.member, made.token or ""
        until(self.answers)
        self.key = self.show().box

    def holders(self) -> list[bool]:
        """Whether each holder has its part, as far as Ada's box heard."""
        return [each.kept for own in self.mine.call("keys").own for each in own.holders]


@pytest.fixture
def homes(tmp_path: Path) -> Iterator[tuple[Home, PeerBox, PeerBox, Clock]]:
    clock = Clock(tmp_path / "clock")
    ben, cem = (PeerBox(tmp_path / name, clock) for name in ("ben", "cem"))
    ada = Home(tmp_path / "ada")
    for each in (ben, cem):
        ada.befriend(each)
    yield ada, ben, cem, clock
    ada.running.kill()
    end([ben, cem])


def kept(box: PeerBox) -> KeptPart:
    (found,) = box.ask("at_peerd_keys").kept
    assert isinstance(found, KeptPart)
    return found


def lived(clock: Clock, hours: int, *boxes: PeerBox) -> None:
    """These boxes live so long, by both of their clocks."""
    for each in boxes:
        each.stop(signal.SIGTERM)
        file = each.data / "hosted" / "clock"
        latest, before = struct.unpack(">QQ", file.read_bytes())
        file.write_bytes(struct.pack(">QQ", latest, before + hours * HOUR * 1000))
    clock.forward(hours * HOUR)
    for each in boxes:
        each.start()


def test_two_friends_give_the_words_back_and_a_new_kit_changes_what_they_give(
    homes: tuple[Home, PeerBox, PeerBox, Clock], capsys: pytest.CaptureFixture[str]
) -> None:
    ada, ben, cem, clock = homes
    until(lambda: all(each.public for each in ada.mine.call("part_boxes").boxes))
    made = ada.mine.call("key_make", k=2, boxes=(ben.key, cem.key), papers=1, heir=ben.key, words=ada.words)
    assert made.words is None and [each.number for each in made.papers] == [3]
    until(lambda: ada.holders() == [True, True, False])
    assert "friends" in ada.mine.call("slots").kinds
    assert kept(ben).heir and kept(ben).label == "Ada" and not kept(cem).heir
    disk = b"".join(each.read_bytes() for each in ada.data.rglob("friends"))
    assert made.papers[0].words.split()[5].encode() not in disk, "no part lies here in the clear"

    tickets = tuple(each.ask("at_peerd_key_ticket", place=kept(each).place).text for each in (ben, cem))
    with pytest.raises(Misused):
        ada.free.call("regain")
    found: Regained = ada.free.call("regain", tickets=tickets)
    assert [each.state for each in found.at] == ["confirm", "confirm"] and found.words is None
    for each in (ben, cem):
        (ask,) = kept(each).asks
        assert ask.code == found.code
        each.ask("at_peerd_key_answer", place=kept(each).place, ask=ask.ask, yes=True)
    until(lambda: [each.state for each in ada.mine.call("keys").own[0].asks] == ["waiting", "waiting"])
    lived(clock, 73, ben, cem)

    def again(**more: Any) -> Regained:
        said = ada.free.call("regain", handle=found.handle, **more)
        assert isinstance(said, Regained)
        return said

    assert (again().have, again().words) == (2, ada.words)
    Tokens(ada.run).keep(ada.member, ada.token)
    assert main(["friends-key", "list", "--data", str(ada.data)]) == 0
    assert "any 2 of 3 parts; 2 boxes have theirs" in capsys.readouterr().out
    back = ada.data / "words"
    assert main(["regain", "--handle", found.handle, "--words-out", str(back), "--data", str(ada.data)]) == 0
    assert back.read_text().strip() == ada.words and "2 of 2 parts are here" in capsys.readouterr().out
    ben.stop(signal.SIGTERM)
    assert (again().have, again().words) == (2, ada.words), "what Ben gave is here, whether or not his box is on"
    assert again().at[0].state == "open"
    ben.start()
    fresh = ada.mine.call("kit").words
    until(lambda: again().words == fresh)
    until(lambda: ada.sees(ben) and ada.sees(cem))
    ada.mine.call("key_drop")
    until(lambda: not ben.ask("at_peerd_keys").kept and not cem.ask("at_peerd_keys").kept)
    assert "friends" not in ada.mine.call("slots").kinds
    with pytest.raises(PartRefused):
        again()
    ada.mine.call("step_down")
    with pytest.raises(StepUpNeeded):
        ada.mine.call("key_make", k=2, boxes=(ben.key, cem.key))
