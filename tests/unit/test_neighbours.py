"""What a box shows other boxes at home, and what it makes of what others show."""

from __future__ import annotations

from firmware.limits import PEER_ADDRESSES
from firmware.linux.neighbours import Neighbour, Neighbours, Sign, mark, understood

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
