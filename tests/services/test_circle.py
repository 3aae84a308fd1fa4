"""Two real boxes on loopback become friends: invitation, digits, both owners, and what a restart leaves of it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from firmware.errors import BoxError, InvitationExpired, InvitationMistyped, InvitationUsed, InvitationWord, Misused
from firmware.linux.circle_rows import CircleRows
from services.api import circle_types as c
from services.api.blocking import Blocking
from services.api.circle_types import InviteWay, PairingIs, Reach, SafetyIs
from services.api.routes import OPERATIONS, Where
from services.api.server import Call
from services.peerd.circle import Circle
from services.peerd.control import Control
from tests.services.circle_locker import FakeLocker
from tests.services.running import Running, until
from tests.services.test_lockerd_authority import MEMBER, as_nobody, status_of


class Box:
    """One box, asked as lockerd asks its peerd."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.running = Running(data)

    def ask(self, name: str, **args: Any) -> Any:
        return Blocking((self.data / "run").resolve()).call(name, **args)

    def show(self) -> Any:
        return self.ask("at_peerd_circle")

    def there(self) -> bool:
        """Whether every friend can be talked to."""
        try:
            peers = self.show().peers
        except BoxError:
            return False
        return bool(peers) and all(each.reach not in (Reach.AWAY, Reach.REFUSED) for each in peers)

    def kill_peerd(self) -> None:
        os.kill(self.running.children()["peerd"], signal.SIGKILL)


@pytest.fixture
def boxes(tmp_path: Path) -> Iterator[tuple[Box, Box]]:
    ada, ben = Box(tmp_path / "ada"), Box(tmp_path / "ben")
    yield ada, ben
    for each in (ada, ben):
        each.running.kill()


def pair(ada: Box, ben: Box, way: InviteWay = InviteWay.TICKET) -> str:
    """Make them friends; returns the invitation."""
    invited = ada.ask("at_peerd_invite", way=way)
    joined = ben.ask("at_peerd_join", invitation=invited.text)
    met = ada.ask("at_peerd_pairing").pairings[-1]
    assert met.state is PairingIs.MET and joined.state is PairingIs.MET
    assert met.code == joined.code and len(met.code) == 6
    ada.ask("at_peerd_pairing_confirm", id=invited.id, yes=True, gets=1 << 30)
    ben.ask("at_peerd_pairing_confirm", id=joined.id, yes=True, gets=1 << 30)
    until(lambda: all(each.ask("at_peerd_pairing").pairings[-1].state is PairingIs.PAIRED for each in (ada, ben)))
    until(lambda: ada.there() and ben.there())
    return str(invited.text)


def test_two_boxes_become_friends_and_stay_so(boxes: tuple[Box, Box]) -> None:
    ada, ben = boxes
    ticket = pair(ada, ben)
    assert [each.peer for each in ada.show().peers] == [ben.show().box]
    until(lambda: ada.show().peers[0].gives == 1 << 30)
    with pytest.raises(InvitationUsed):
        ben.ask("at_peerd_join", invitation=ticket)
    until(lambda: ada.there() and ben.there())
    ada.kill_peerd()
    until(lambda: ada.there() and ben.there())
    ben.running.stop()
    ben.running = Running(ben.data)
    until(lambda: ada.there() and ben.there())


def test_invitations_that_cannot_be_taken_say_why(boxes: tuple[Box, Box]) -> None:
    ada, ben = boxes
    invited = ada.ask("at_peerd_invite")
    with pytest.raises(InvitationMistyped):
        ben.ask("at_peerd_join", invitation=invited.text[:-1])
    with pytest.raises(InvitationMistyped):
        ben.ask("at_peerd_join", invitation="only three words")
    with pytest.raises(InvitationWord):
        ben.ask("at_peerd_join", invitation="zzzz zzzz zzzz zzzz zzzz zzzz")
    ada.ask("at_peerd_invite_end", id=invited.id)
    with pytest.raises(BoxError) as told:
        ben.ask("at_peerd_join", invitation=invited.text)
    assert not isinstance(told.value, InvitationExpired)
    assert told.value.as_dict()["advice"]


def test_six_words_find_the_box_at_home_and_no_means_no(boxes: tuple[Box, Box]) -> None:
    ada, ben = boxes
    invited = ada.ask("at_peerd_invite", way=InviteWay.WORDS)
    assert len(invited.text.split()) == 6
    joined = ben.ask("at_peerd_join", invitation=invited.text)
    until(lambda: ben.ask("at_peerd_pairing").pairings[-1].state is PairingIs.MET)
    assert ada.ask("at_peerd_pairing").pairings[-1].state is PairingIs.MET
    ben.ask("at_peerd_pairing_confirm", id=joined.id, yes=True)
    ada.ask("at_peerd_pairing_confirm", id=invited.id, yes=False)
    until(lambda: ben.ask("at_peerd_pairing").pairings[-1].state is PairingIs.REFUSED)
    assert ada.show().peers == ben.show().peers == ()


def test_packs_get_there_though_both_sides_are_killed(boxes: tuple[Box, Box]) -> None:
    ada, ben = boxes
    pair(ada, ben)
    locker = FakeLocker(ada.data)
    for kind in ("data", "meta", "preview"):
        locker.cut(6 << 20, kind)
    ada.ask("at_peerd_set_circle_caps", up_kib_s=8192)
    assert ada.ask("feed", **locker.feed(ada.show().box)).packs == 3
    ada.ask("at_peerd_circle_now")
    until(lambda: ada.show().moving)
    ada.kill_peerd()
    until(lambda: ada.there() and ada.show().moving)
    ben.kill_peerd()
    until(ada.there)
    ada.ask("at_peerd_set_circle_caps")
    until(lambda: ada.show().lockers[0].safe_bytes == 18 << 20)
    (place,) = ben.data.glob("hosted/*/shards")
    assert len(list(place.iterdir())) == 3
    until(lambda: (place.parent / "head").exists())
    groups = [{"packs": [each["id"] for each in locker.packs]}, {"packs": ["00" * 32]}]
    told = ada.ask("pack_states", groups=groups).states
    assert [each.state for each in told] == [SafetyIs.SAFE, SafetyIs.HERE]
    assert ada.show().peers[0].audited_ms


class _OnlyRows(Control):
    """Control over a circle of which nothing but the rows is there; says what a process killed now would find."""

    async def _show(self, call: Call) -> c.Circle:
        with CircleRows(self._circle.lockers_folder / "circle.db") as again:
            return cast("c.Circle", again.view.released_ms)


def test_ship_now_is_written_down_before_it_is_answered(tmp_path: Path) -> None:
    async def ask() -> object:
        with CircleRows(tmp_path / "circle.db") as rows:
            clock = SimpleNamespace(now_ms=lambda: 1_700_000_000_000)
            circle = SimpleNamespace(rows=rows, clock=clock, wake=asyncio.Event(), lockers_folder=tmp_path)
            return await _OnlyRows(cast("Circle", circle))._now(cast("Call", None))

    assert asyncio.run(ask()) == 1_700_000_000_000


def test_only_this_user_reaches_peerd_and_a_feed_is_checked(boxes: tuple[Box, Box]) -> None:
    ada, ben = boxes
    locker = FakeLocker(ada.data)
    locker.cut(40_000)
    theirs = locker.feed(ben.show().box)
    with pytest.raises(Misused):
        ada.ask("feed", **theirs)
    with pytest.raises(Misused):
        ada.ask("feed", **{**locker.feed(ada.show().box), "custody": "00" * 50})
    assert ((ada.data / "run").resolve() / "peerd.sock").stat().st_mode & 0o777 == 0o600
    assert (ada.data / "box" / "peer.seed").stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.getuid() != 0, reason="another uid needs root")
def test_another_uid_gets_nothing_even_where_the_socket_is_open_to_all(boxes: tuple[Box, Box]) -> None:
    run = (boxes[0].data / "run").resolve()
    run.chmod(0o711)
    (run / "peerd.sock").chmod(0o666)
    rows = [one for one in OPERATIONS if one.where is Where.PEER]
    asked = as_nobody(lambda: {one.name: status_of(run, one, None, MEMBER)[0] for one in rows})
    assert asked == {one.name: 403 for one in rows}
