"""What somebody between the makers and the box could try with a release; all of it is refused."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from firmware import limits
from firmware.errors import (
    BoxError,
    NewerFormat,
    ReleaseBoard,
    ReleaseExpired,
    ReleaseGarbled,
    ReleaseOlder,
    ReleaseTooFar,
    ReleaseUnsigned,
)
from firmware.update.release import KEYS_FIRST, Keys, Release, Version, judge, parse_release, read_keys
from tests.vectors.make_release_v1 import KEYS, NOW, SIGNERS, STRANGER, release_of, signed

INDEX = signed(release_of("1.4.2", 7), SIGNERS[:2])


def taken(data: bytes, **changed: object) -> Release:
    """Read and judge as a box on version 1.4.1 does that saw index 6."""
    release = parse_release(data, KEYS)
    facts = {"board": "virt", "running": Version(1, 4, 1), "highest": Version(1, 4, 1), "number": 6, "now": NOW}
    judge(release, **(facts | changed))  # type: ignore[arg-type]
    return release


def test_the_right_one_is_taken() -> None:
    assert taken(INDEX).version == Version(1, 4, 2)
    assert taken(signed(release_of("1.4.2", 7), SIGNERS)).number == 7
    assert taken(signed(release_of("1.4.2", 7), (*SIGNERS[:2], STRANGER))).number == 7


def test_a_wrong_key() -> None:
    with pytest.raises(ReleaseUnsigned):
        taken(signed(release_of("1.4.2", 7), (STRANGER,)))
    with pytest.raises(ReleaseUnsigned):
        taken(signed(release_of("1.4.2", 7), (SIGNERS[0], STRANGER)))


def test_one_of_two_signatures() -> None:
    for each in SIGNERS:
        with pytest.raises(ReleaseUnsigned):
            taken(signed(release_of("1.4.2", 7), (each,)))
    lines = INDEX.split(b"\n")
    with pytest.raises(ReleaseGarbled):
        taken(b"\n".join((*lines[:3], lines[2], b"")))  # one signature, twice


def test_expired() -> None:
    with pytest.raises(ReleaseExpired):
        taken(INDEX, now=release_of("1.4.2", 7).expires)


def test_frozen() -> None:
    """An index that was right once is shown for ever: it is older than one seen, or it ends."""
    with pytest.raises(ReleaseOlder):
        taken(INDEX, number=8)
    with pytest.raises(ReleaseExpired):
        taken(INDEX, now=NOW + 40 * 86_400)


def test_older() -> None:
    for facts in ({"running": Version(1, 5, 0)}, {"highest": Version(1, 5, 0)}, {"running": Version(2, 0, 0)}):
        with pytest.raises(ReleaseOlder):
            taken(INDEX, **facts)


def test_mix_and_match() -> None:
    """Signatures of one index under another; the board of one box at another; a step left out."""
    other = signed(release_of("1.4.3", 8), SIGNERS[:2]).split(b"\n")
    with pytest.raises(ReleaseGarbled):
        taken(b"\n".join((*INDEX.split(b"\n")[:2], *other[2:])))
    with pytest.raises(ReleaseGarbled):
        taken(b"\n".join((*INDEX.split(b"\n")[:3], *other[3:])))
    with pytest.raises(ReleaseTooFar):
        taken(signed(release_of("1.4.2", 7, minimum=Version(1, 4, 2)), SIGNERS[:2]))


def test_wrong_board() -> None:
    with pytest.raises(ReleaseBoard):
        taken(INDEX, board="rpi4")


def test_truncated_anywhere() -> None:
    for length in range(len(INDEX)):
        with pytest.raises((ReleaseGarbled, ReleaseUnsigned, NewerFormat)):
            taken(INDEX[:length])


def test_every_flipped_bit() -> None:
    for at in range(len(INDEX)):
        for bit in range(8):
            flipped = bytearray(INDEX)
            flipped[at] ^= 1 << bit
            with pytest.raises((ReleaseGarbled, ReleaseUnsigned, NewerFormat)):
                taken(bytes(flipped))


def test_endless_data() -> None:
    with pytest.raises(ReleaseGarbled):
        taken(INDEX + b"x" * limits.RELEASE_INDEX_BYTES)
    with pytest.raises(ReleaseGarbled):
        taken(INDEX + INDEX.split(b"\n", 2)[2] * 5)


def test_signed_nonsense_is_refused_too() -> None:
    """Two keys that sign by mistake what is no release."""
    for contents in (
        {"expires": NOW - 2 * 86_400},
        {"number": 0},
        {"minimum": Version(9, 0, 0)},
        {"board": "RPi 4"},
        {"supported_until": "soon"},
        {"notes": {"en": "two\nlines"}},
        {"notes": {"en": "x" * 601}},
    ):
        with pytest.raises(ReleaseGarbled):
            taken(signed(replace(release_of("1.4.2", 7), **contents), SIGNERS[:2]))


def test_anything_at_all() -> None:
    draw = random.Random(5)
    for _ in range(3000):
        data = draw.choice((b"", b"lockerbox release 1\n", INDEX[:300])) + draw.randbytes(draw.randrange(400))
        with pytest.raises(BoxError):
            taken(data)


def test_keys_have_a_threshold() -> None:
    assert read_keys(KEYS.to_bytes()) == KEYS
    for bad in (
        Keys(1, KEYS.public),
        Keys(4, KEYS.public),
        Keys(2, KEYS.public[::-1]),
        Keys(2, (KEYS.public[0], KEYS.public[0])),
        Keys(2, KEYS.public[:1]),
    ):
        with pytest.raises(ReleaseGarbled):
            read_keys(bad.to_bytes())
    with pytest.raises(NewerFormat):
        read_keys(KEYS.to_bytes().replace(KEYS_FIRST, b"lockerbox release keys 2\n"))
