"""What a box shows other boxes at home, and what it makes of what others show."""

from __future__ import annotations

from firmware.limits import CONTACT_SHOWN_BYTES, PEER_ADDRESSES
from firmware.linux.neighbours import Neighbour, Neighbours, Sign, mark, understood
from firmware.peer import Card
from firmware.seal import Secret, SigningKey
from services.peerd.nearby import Nearby

KEY, OTHER, NUMBER = b"k" * 32, b"o" * 32, b"12345678"
SIGN = Sign(4433, KEY, NUMBER)


def _heard(sign: Sign, **changed: bytes) -> Neighbour | None:
    words = {str(name).encode(): str(value).encode() for name, value in sign.words().items()}
    words |= {name.encode(): value for name, value in changed.items()}
    return understood(words, ["192.0.2.7", "2001:db8::7", "fe80::1%3"], sign.port)


def test_who_knows_the_key_recognises_the_box_and_nobody_else_learns_it() -> None:
    found = _heard(SIGN)
    assert found is not None
    assert found.has(KEY) and not found.has(OTHER)
    assert found.addresses == ("192.0.2.7:4433", "[2001:db8::7]:4433")
    assert found.key is None
    assert KEY.hex() not in str(SIGN.words()) + SIGN.name


def test_another_start_looks_like_another_box() -> None:
    again = Sign(4433, KEY, b"87654321")
    assert not set(SIGN.words().values()) & set(again.words().values())
    assert SIGN.name != again.name


def test_the_key_is_told_while_the_box_invites_and_must_fit_its_mark() -> None:
    found = _heard(SIGN.invite(True))
    assert found is not None and found.key == KEY
    lying = _heard(SIGN.invite(True), k=OTHER.hex().encode())
    assert lying is not None and lying.key is None
    assert _heard(SIGN.invite(True).invite(False)) == _heard(SIGN)


def test_a_card_is_shown_in_pieces_while_somebody_is_helped() -> None:
    card = bytes(range(256)) * 2
    words = {str(name).encode(): each for name, each in Sign(4433, KEY, NUMBER, card=card).words().items()}
    raw = {name: each if isinstance(each, bytes) else str(each).encode() for name, each in words.items()}
    assert all(len(name) + len(each) < 255 for name, each in raw.items())
    found = understood(raw, ["192.0.2.7"], 4433)
    assert found is not None and found.card == card and found.key is None
    listening = Neighbours(lambda _: None)
    listening._seen["x"] = found
    assert listening.helping() == (found,)
    too_long = Sign(4433, KEY, NUMBER, card=bytes(CONTACT_SHOWN_BYTES + 1))
    assert too_long.words() == SIGN.words()


def test_only_a_card_of_the_box_that_shows_it_counts() -> None:
    key = SigningKey.from_seed(Secret(b"s" * 32))
    made = Card(KEY, key.public, "Ben", 1 << 50, (), None, 1).signed(key)
    listening = Neighbours(lambda _: None)
    near = Nearby(listening, OTHER)
    for shown in (KEY, OTHER):
        listening._seen["x"] = Neighbour(NUMBER, mark(shown, NUMBER), ("192.0.2.7:4433",), card=made)
        assert [each.label for each, _ in near.helping()] == (["Ben"] if shown == KEY else [])
    listening._seen["x"] = Neighbour(NUMBER, mark(KEY, NUMBER), ("192.0.2.7:4433",), card=made[:-1])
    assert near.helping() == []


def test_nonsense_is_passed_over() -> None:
    for name in ("n", "m"):
        for value in (b"", b"zz", b"00" * 99, b"\xff" * 16, b"00" * 7):
            assert _heard(SIGN, **{name: value}) is None
    assert understood({}, ["192.0.2.7"], 4433) is None
    assert understood({b"n": None, b"m": None}, ["192.0.2.7"], 4433) is None
    shown = {b"n": NUMBER.hex().encode(), b"m": mark(KEY, NUMBER).hex().encode()}
    assert understood(shown, [], 4433) is None
    assert understood(shown, ["192.0.2.7"], None) is None
    many = understood(shown, [f"192.0.2.{at}" for at in range(200)], 4433)
    assert many is not None and len(many.addresses) == PEER_ADDRESSES


def test_where_a_box_is_and_who_invites() -> None:
    listening = Neighbours(lambda _: None)
    assert (listening.addresses_of(KEY), listening.inviting()) == ((), ())
    found = _heard(SIGN.invite(True))
    assert found is not None
    listening._seen["x"] = found
    assert listening.addresses_of(KEY) == found.addresses
    assert listening.addresses_of(OTHER) == ()
    assert listening.inviting() == (found,)
