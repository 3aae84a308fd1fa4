"""A key split among real boxes: given out, asked for, waited for, refused, inherited; and a box reported stolen.

One circle for the whole story: Ada and three friends who know nobody but her; Nia is a new box that nobody knows. The
clocks of all of them are moved; no test waits for time to pass.
"""

from __future__ import annotations

import signal
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware.errors import BoxError, PartEarly, PartRefused, PeerBusy
from firmware.peer.parts import FriendsKey, Holder, PartTicket, note_info, part_info, read_part_ticket
from firmware.peer.signed import Report
from firmware.seal import Secret, SlotKind, derive, open_from, public_key, seal_to, secret_public
from firmware.seal.split import join_key, split_key
from services.api.circle_types import Reach
from services.api.key_types import KeptPart, KeyAsk, KeyAsked
from tests.services.circle_locker import FakeLocker
from tests.services.circle_peerds import HOUR, LIBRARY, Clock, PeerBox, end
from tests.services.running import until
from tests.vectors.counted_entropy import CountedEntropy

pytestmark = [
    pytest.mark.skipif(LIBRARY is None, reason="needs the package faketime"),
    pytest.mark.timeout(600),
]
SECRET, WORDS = Secret(bytes(range(32))), bytes(range(100, 132))
DAY = 24 * HOUR


class Village:
    """Ada's key is split 2 of 3 among Ben, Cem and Dan; Cem is her heir."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock(folder / "clock")
        self.boxes = [PeerBox(folder / name, self.clock) for name in ("ada", "ben", "cem", "dan", "nia")]
        self.ada, self.ben, self.cem, self.dan, self.nia = self.boxes
        self.friends = (self.ben, self.cem, self.dan)
        for each in self.friends:
            self.ada.befriend(each)
        self.locker = FakeLocker(self.ada.data)
        self.parts = split_key(SECRET, 2, 3, CountedEntropy(b"village"))

    def split(self) -> FriendsKey:
        """What lockerd would write: parts sealed to what each box signed as its key."""
        known = {each.peer: each.public for each in self.ada.ask("at_peerd_part_boxes").boxes}
        holders = []
        for number, (each, part) in enumerate(zip(self.friends, self.parts, strict=True), start=1):
            sealed = seal_to(
                bytes.fromhex(known[each.key] or ""), part.encode(), part_info(self.locker.id, bytes.fromhex(each.key))
            )
            holders.append(Holder(number, bytes.fromhex(each.key), each.name, sealed))
        public = secret_public(SlotKind.FRIENDS, SECRET)
        note = seal_to(public, WORDS, note_info(self.locker.id))
        return FriendsKey(7, 7, 2, "Ada", public, note, bytes.fromhex(self.cem.key), tuple(holders))

    def give_out(self) -> None:
        self.ada.ask("feed", **self.locker.feed(self.ada.key), friends=self.split().to_bytes().hex())
        until(lambda: all(each.kept for each in self.ada.ask("at_peerd_keys").own[0].holders))

    def kept(self, at: PeerBox) -> KeptPart:
        (found,) = at.ask("at_peerd_keys").kept
        assert isinstance(found, KeptPart)
        return found

    def asked(self, at: PeerBox, ask: str) -> KeyAsk:
        return next(each for each in self.kept(at).asks if each.ask == ask)

    def ticket(self, at: PeerBox) -> str:
        return str(at.ask("at_peerd_key_ticket", place=self.kept(at).place).text)

    def ask(self, ticket: str, seed: Secret) -> KeyAsked:
        found = self.nia.ask("at_peerd_key_ask", public=public_key(seed).hex(), ticket=ticket)
        assert isinstance(found, KeyAsked)
        return found

    def heard_by_ada(self, ask: str) -> list[str]:
        """What Ada's box was told about an ask."""
        return sorted(each.state for each in self.ada.ask("at_peerd_keys").own[0].asks if each.ask == ask)

    def live(self, seconds: int, *boxes: PeerBox) -> None:
        """These boxes live so long, by both of their clocks (hosted.md); for the others it is just later."""
        for each in boxes:
            each.stop(signal.SIGTERM)
            kept = each.data / "hosted" / "clock"
            latest, lived = struct.unpack(">QQ", kept.read_bytes())
            kept.write_bytes(struct.pack(">QQ", latest, lived + seconds * 1000))
        self.clock.forward(seconds)
        for each in boxes:
            each.start()


@pytest.fixture(scope="module")
def village(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Village]:
    made = Village(tmp_path_factory.mktemp("friends-key"))
    made.give_out()
    yield made
    end(made.boxes)


def opened(seed: Secret, said: KeyAsked) -> str:
    """The part, as the asking lockerd opens it."""
    info = part_info(bytes.fromhex(said.locker), bytes.fromhex(said.ask))
    return open_from(seed, bytes.fromhex(said.part or ""), info, "part").decode()


def test_two_friends_in_person_give_the_key_back_after_three_days(village: Village) -> None:
    v, seed = village, Secret(b"n" * 32)
    tickets = {each.name: v.ticket(each) for each in (v.ben, v.dan)}
    first = [v.ask(text, seed) for text in tickets.values()]
    assert [(each.state, each.part, each.note, each.label) for each in first] == [("confirm", None, None, "Ada")] * 2
    ask = first[0].ask
    for each in (v.ben, v.dan):
        seen = v.asked(each, ask)
        assert len(seen.code or "") == 6 and seen.state == "confirm"
        each.ask("at_peerd_key_answer", place=v.kept(each).place, ask=ask, yes=True)
        assert v.asked(each, ask).until_ms > 0
    until(lambda: v.heard_by_ada(ask) == ["waiting", "waiting"])
    assert v.ada.ask("at_peerd_key_news").news and not v.ada.ask("at_peerd_key_news").news
    assert any(each.kind == "key-waiting" for each in v.ada.show().notices), "her people see it at home"

    v.clock.forward(73 * HOUR)  # a clock that was moved, and nothing else
    assert {v.ask(text, seed).state for text in tickets.values()} == {"waiting"}
    v.live(73 * HOUR, v.ben, v.dan)
    said = [v.ask(text, seed) for text in tickets.values()]
    assert {each.state for each in said} == {"open"}
    secret = join_key([opened(seed, each) for each in said])
    assert secret == SECRET
    note = bytes.fromhex(said[0].note or "")
    assert open_from(derive(secret, "slot/friends"), note, note_info(v.locker.id), "note") == WORDS
    until(lambda: v.heard_by_ada(ask) == ["open", "open"])


def test_a_member_at_home_says_no_and_nobody_gets_anything(village: Village) -> None:
    v, seed = village, Secret(b"o" * 32)
    ticket = v.ticket(v.dan)
    ask = v.ask(ticket, seed).ask
    v.dan.ask("at_peerd_key_answer", place=v.kept(v.dan).place, ask=ask, yes=True)
    until(lambda: v.heard_by_ada(ask) == ["waiting"])
    v.ada.ask("at_peerd_key_no", locker=v.locker.id.hex(), ask=ask)
    until(lambda: v.ask(ticket, seed).state == "no")
    v.clock.forward(73 * HOUR)
    assert v.ask(ticket, seed).part is None
    assert v.asked(v.dan, ask).state == "no"


def test_a_friend_says_no_at_once_and_stays_with_it(village: Village) -> None:
    v, seed = village, Secret(b"p" * 32)
    ticket = v.ticket(v.ben)
    ask = v.ask(ticket, seed).ask
    place = v.kept(v.ben).place
    for yes in (False, True):
        v.ben.ask("at_peerd_key_answer", place=place, ask=ask, yes=yes)
        assert v.ask(ticket, seed).state == "no"


def test_the_heir_asks_after_thirty_days_of_silence_and_a_sign_of_life_ends_it(village: Village) -> None:
    v, seed = village, Secret(b"h" * 32)
    place = v.kept(v.cem).place

    def as_heir(holder: PeerBox) -> KeyAsked:
        args: dict[str, Any] = {"public": public_key(seed).hex(), "place": place, "holder": holder.key}
        found = v.cem.ask("at_peerd_key_ask", **args)
        assert isinstance(found, KeyAsked)
        return found

    assert v.kept(v.cem).heir and not v.kept(v.dan).heir
    until(lambda: v.ada.sees(v.dan) and v.ada.sees(v.cem))
    for each in (v.dan, v.cem):
        with pytest.raises(PartEarly):
            as_heir(each)
    v.ada.stop()
    v.clock.forward(31 * DAY)
    said = [as_heir(each) for each in (v.dan, v.cem)]
    assert {each.state for each in said} == {"waiting"}
    assert v.asked(v.dan, said[0].ask).heir
    v.live(73 * HOUR, v.dan, v.cem)
    said = [as_heir(each) for each in (v.dan, v.cem)]
    assert {each.state for each in said} == {"open"}
    assert join_key([opened(seed, each) for each in said]) == SECRET
    v.ada.start()
    until(lambda: v.ada.sees(v.dan))
    until(lambda: as_heir(v.dan).state == "no")


def test_an_impostor_is_refused_and_seen(village: Village) -> None:
    v, seed = village, Secret(b"i" * 32)
    real = read_part_ticket(v.ticket(v.ben), 0)
    forged = PartTicket(real.card, real.locker, bytes(16), real.until_ms).text()
    other = PartTicket(real.card, bytes(16), real.secret, real.until_ms).text()
    stranger = Secret(b"j" * 32)
    for text in (forged, other):
        with pytest.raises(PartRefused):
            v.ask(text, stranger)
    until(lambda: any(each.kind == "key-tried" for each in v.ben.show().notices))
    assert v.ask(real.text(), seed).state == "confirm"
    with pytest.raises(PartRefused):  # a ticket is good once
        v.ask(real.text(), stranger)
    for _ in range(2):
        with pytest.raises(PartRefused):
            v.ask(forged, stranger)
    with pytest.raises(PeerBusy):  # five within an hour: nobody looks any more
        v.ask(forged, stranger)
    assert v.ask(real.text(), seed).state == "confirm", "whoever was let in goes on"


def test_a_stolen_box_is_nobody_any_more_until_it_is_back(village: Village) -> None:
    v = village
    until(lambda: v.ada.sees(v.ben) and v.ada.sees(v.dan))
    report = Report(v.locker.id, bytes.fromhex(v.ada.key), 1, 1).signed(v.locker.custody)
    heard = v.ben.ask("at_peerd_key_theft", peer=v.ada.key, stolen=True, reports=[report.hex()])
    assert heard.friends == 0 and v.ben.ask("at_peerd_keys").stolen
    until(lambda: v.ada.peer(v.ben).reach is Reach.REFUSED)
    until(lambda: any(each.kind == "reported" for each in v.ada.show().notices))
    with pytest.raises(BoxError):  # somebody else's key says nothing about this box
        v.nia.ask("at_peerd_key_theft", peer=v.ada.key, stolen=True, reports=[report.hex()])
    assert v.ada.sees(v.dan)
    v.ben.ask("at_peerd_key_theft", peer=v.ada.key, stolen=False)
    until(lambda: v.ada.sees(v.ben))
