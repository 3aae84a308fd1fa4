"""Real boxes rehearse a restore: packs come back from friends alone, are opened and compared; bad shards are named."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware.errors import BoxError, Missing, OtherKit
from firmware.peer.contacts import read_contact
from services.api.blocking import Blocking
from services.api.circle_types import Reach
from services.api.drill_types import Drill, DrillDoes, DrillIs
from services.api.kit_types import KitNeeds
from services.api.kit_words import listed
from services.cli.__main__ import main
from tests.services.lockerd_box import PASSPHRASE
from tests.services.running import Running, until
from tests.services.test_circle import Box, pair
from tests.services.test_lockerd_feed import Home

pytestmark = pytest.mark.timeout(300)


class Trio:
    """Ada's open locker, and two friends who have half of it each."""

    def __init__(self, folder: Path) -> None:
        self.ada, self.ben, self.cem = Home(folder / "ada"), Box(folder / "ben"), Box(folder / "cem")
        self.files = {f"{name}.bin": os.urandom(300_000 + 1000 * name) for name in range(6)}

    def fill(self) -> None:
        for name, data in self.files.items():
            self.ada.mine.call("put", body=[data], name=name, size=len(data))
        self.ada.mine.call("circle_now")
        until(lambda: self.safety().safe_bytes and not self.safety().here_bytes + self.safety().going_bytes, 120)

    def safety(self) -> Any:
        return self.ada.mine.call("safety")

    def drill(self) -> Drill:
        """Rehearse now; returns how it ended."""
        before = self.state().ended_ms
        self.ada.mine.call("drill_now")
        return self.ended(before)

    def ended(self, before: int) -> Drill:
        """Wait for the one under way, through times when nobody answers; returns how it ended."""
        until(lambda: self._is_over(before), 120)
        return self.state()

    def _is_over(self, before: int) -> bool:
        try:
            found = self.state()
        except BoxError:
            return False
        return found.does is DrillDoes.NOTHING and found.ended_ms > before

    def friends(self, sent: signal.Signals) -> None:
        """Stop both friends in their tracks, or let them go on."""
        for each in (self.ben, self.cem):
            os.kill(each.running.children()["peerd"], sent)

    def state(self) -> Drill:
        found: Drill = self.ada.mine.call("drill")
        return found


@pytest.fixture(scope="module")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trio]:
    made = Trio(tmp_path_factory.mktemp("trio"))
    try:
        with pytest.raises(BoxError):
            made.ada.mine.call("drill_now")
        assert made.state() == Drill(made.state().locker, DrillIs.NEVER)
        pair(made.ada, made.ben)
        with pytest.raises(Missing):
            made.ada.mine.call("drill_now")
        pair(made.ada, made.cem)
        made.fill()
        yield made
    finally:
        for each in (made.ada, made.ben, made.cem):
            each.running.kill()


def test_everything_comes_back_from_friends_alone(
    trio: Trio, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packs = {each: each.read_bytes() for each in trio.ada.data.glob("lockers/*/packs/*")}
    ended = trio.drill()
    assert ended.state is DrillIs.PASSED and ended.opened
    assert ended.files == len(trio.files) and ended.file_bytes == sum(map(len, trio.files.values()))
    assert ended.packs and not ended.lacking and not ended.wrong_files
    assert sum(each.shards for each in ended.friends) >= ended.packs
    assert ended.due_ms is not None and ended.due_ms - ended.ended_ms == 90 * 86_400_000
    assert {each: each.read_bytes() for each in packs} == packs, "what lies here was not touched"
    assert not list(trio.ada.data.glob("circle/rehearsal/*")), "nothing of it stays"
    secret = tmp_path / "passphrase"
    secret.write_text(PASSPHRASE)
    assert main(["open", "--data", str(trio.ada.data), "--passphrase-file", str(secret)]) == 0
    assert main(["drill", "--data", str(trio.ada.data)]) == 0
    assert f"{len(trio.files)} files" in capsys.readouterr().out


def test_it_goes_on_by_itself_when_peerd_is_killed_in_the_middle(trio: Trio) -> None:
    before = trio.state().ended_ms
    trio.friends(signal.SIGSTOP)
    try:
        assert trio.ada.mine.call("drill_now").does is DrillDoes.FETCHING
        trio.ada.kill_peerd()
    finally:
        trio.friends(signal.SIGCONT)
    ended = trio.ended(before)
    assert ended.state is DrillIs.PASSED and ended.files == len(trio.files) and not ended.wrong_files
    assert not list(trio.ada.data.glob("circle/rehearsal/*"))


def test_the_kit_on_paper_and_the_cost_are_told_in_the_shell(
    trio: Trio, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, words = ["--data", str(trio.ada.data)], tmp_path / "words"
    words.write_text(trio.ada.words)
    sheet = trio.ada.mine.call("kit_sheet")
    named = {each.box for each in read_contact(sheet.contact)}
    assert named == {bytes.fromhex(each.show().box) for each in (trio.ben, trio.cem)} and len(sheet.friends) == 2
    assert trio.ada.mine.call("kit_state").needs == (KitNeeds.UNPROVEN,)
    with pytest.raises(OtherKit):
        trio.ada.mine.call("kit_prove", words=" ".join(listed()[:1] * 23) + " art")
    assert main(["kit", "--prove", str(words), *data]) == 0
    assert "nothing has to be printed" in capsys.readouterr().out
    assert main(["cost", "--price", "0.5", "--json", *data]) == 0
    found = json.loads(capsys.readouterr().out)
    used = {each["name"]: each["cpu_seconds"] for each in found["services"]}
    assert used.keys() == {"lockerd", "webd", "peerd", "supervisor"} and used["lockerd"] > 0
    assert found["written"] > 0 and found["money_year"] == pytest.approx(found["kwh_year"] / 2)
    assert "written_year" not in found or found["written_year"] is None


def test_it_goes_on_when_the_locker_is_open_again(trio: Trio) -> None:
    before = trio.state().ended_ms
    trio.friends(signal.SIGSTOP)
    try:
        assert trio.ada.mine.call("drill_now").does is DrillDoes.FETCHING
        os.kill(trio.ada.running.children()["lockerd"], signal.SIGKILL)
    finally:
        trio.friends(signal.SIGCONT)
    box = Blocking((trio.ada.data / "run").resolve())
    until(lambda: _opened(trio, box))
    ended = trio.ended(before)
    assert ended.state is DrillIs.PASSED and ended.opened and ended.files == len(trio.files)
    assert not list(trio.ada.data.glob("circle/rehearsal/*"))


def _opened(trio: Trio, box: Blocking) -> bool:
    try:
        token = box.call("open", member=trio.ada.member, passphrase=PASSPHRASE).token
    except BoxError:
        return False
    trio.ada.mine = box.as_session(token, trio.ada.member)
    return True


def test_it_goes_on_when_friends_who_were_away_are_back(trio: Trio) -> None:
    before = trio.state().ended_ms
    for each in (trio.ben, trio.cem):
        each.running.stop()
    until(lambda: {each.reach for each in trio.ada.show().peers} <= {Reach.AWAY})
    trio.ada.ask("drill_begin", locker=trio.state().locker, packs=(), asked=False)  # as every ninety days: it waits
    time.sleep(3)  # it finds nobody, and would look again in ten minutes
    assert (trio.ada.mine.call("drill_now").does, trio.state().done) == (DrillDoes.FETCHING, 0)
    for each in (trio.ben, trio.cem):
        each.running = Running(each.data)
    ended = trio.ended(before)
    until(trio.ada.there)
    assert ended.state is DrillIs.PASSED and ended.files == len(trio.files)


def test_a_shard_that_rotted_is_named_and_made_again(trio: Trio) -> None:
    for shard in trio.ben.data.glob("hosted/*/shards/*"):
        data = bytearray(shard.read_bytes())
        data[len(data) // 2] ^= 1
        shard.chmod(0o600)
        shard.write_bytes(data)
    ben = trio.ben.show().box
    for _ in range(30):  # who is asked first is drawn anew each time
        ended = trio.drill()
        named = [each for each in ended.friends if each.wrong + each.missing]
        if named:
            assert [each.peer for each in named] == [ben]
            assert ended.state is DrillIs.MENDED and ended.files == len(trio.files) and not ended.wrong_files
            return
    raise AssertionError("nobody named it")
