"""Coming back with 24 words: what a host gives to whom, how often it may be asked, which of several answers counts."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from firmware.errors import BadSeal, BoxError, KitUnknown, TooManyTries
from firmware.hosting import KitTries
from firmware.linux.hosted import Ears
from firmware.peer import Caller, Card, Custody, read_custody
from firmware.peer.capsules import Filling, KitCard
from firmware.peer.kit_asking import KitAnswer, check_question, kit_question, newest
from firmware.peer.kits import CirclePart, with_circle
from firmware.peer.messages import KitGet
from firmware.seal import KitUse, Secret, SigningKey, kit_key, new_words, public_key
from tests.sim.hosted_world import MovedClock, Told, opened, reborn, settled
from tests.vectors.counted_entropy import CountedEntropy
from tests.vectors.peer_examples import HEAD, LOCKER, NOW, card, key

ENTROPY = CountedEntropy(b"kits")
WORDS, OTHER = new_words(ENTROPY), new_words(ENTROPY)
HERE = card("host").endpoint
NEW_BOX = Card(key("new endpoint").public, key("new").public, "new", NOW, (), None, 1)
SHOWN = NEW_BOX.signed(key("new"))
HOUR = 3_600_000


def custody_of(words: str) -> SigningKey:
    return SigningKey.from_seed(kit_key(words, KitUse.CUSTODY))


@cache
def capsule(words: str = WORDS, number: int = NOW, locker: bytes = LOCKER, key_file: bytes = b"key file") -> bytes:
    kit = KitCard.made(words, key("identity").public, key("head").public, locker, 1)
    record = Custody(locker, 1, key("owner").public, NOW).signed(custody_of(words))
    return Filling(number, locker, kit, key_file, HEAD, record, ()).sealed(key("head"))


def asked(words: str = WORDS, **more: int) -> KitGet:
    lookup, by = kit_key(words, KitUse.LOOKUP).reveal(), SigningKey.from_seed(kit_key(words, KitUse.REQUEST))
    return kit_question(lookup, by, SHOWN, HERE, NOW, **more)


def stranger(address: str = "192.0.2.1") -> Caller:
    return Caller(NEW_BOX.endpoint, None, address=address)


class Heard(Ears):
    def __init__(self) -> None:
        self.kits: list[tuple[bytes, bytes]] = []

    def kit_shown(self, endpoint: bytes, card: Card, data: bytes, locker: bytes, custody: bytes) -> None:
        assert (endpoint, card.box, data) == (NEW_BOX.endpoint, NEW_BOX.box, SHOWN)
        self.kits.append((locker, custody))


def test_the_capsule_goes_to_whoever_has_the_words_alone(tmp_path: Path) -> None:
    clock, told = MovedClock(), Told()
    host = opened(tmp_path, clock, told)
    assert not host.keeps_kits(NOW)
    held = read_custody(Custody(LOCKER, 1, key("owner").public, NOW).signed(custody_of(WORDS)))
    host.grant(key("owner").public, 1 << 24)
    host.show_custody(held, NOW)
    by = replace(settled(host, custody="another"), custody=held)
    host.capsule_put(by, 5, capsule(), NOW)
    host.capsule_put(by, 6, capsule(number=NOW + 1), NOW)
    host = reborn(host, tmp_path, clock)
    host._ears = ears = Heard()
    given, body = host.kit_get(stranger(), NEW_BOX, asked(), HERE, NOW)
    assert (given.count, given.number, given.numbers, given.custody) == (1, 6, (5, 6), held.data)
    assert body == capsule(number=NOW + 1) and ears.kits == [(LOCKER, held.public)]
    assert host.kit_get(stranger(), NEW_BOX, asked(number=5), HERE, NOW)[1] == capsule()
    wrong = [
        asked(OTHER),
        asked(at=1),
        asked(number=7),
        replace(asked(), signature=bytes(64)),
        replace(asked(), lookup=asked(OTHER).lookup),
    ]
    for at, each in enumerate(wrong):
        with pytest.raises(KitUnknown):
            host.kit_get(stranger(f"192.0.2.{at}"), NEW_BOX, each, HERE, NOW)
    with pytest.raises(BadSeal):
        check_question(asked(), card("another host").endpoint, asked_key())
    assert len(ears.kits) == 2
    host.close()


def asked_key() -> bytes:
    return SigningKey.from_seed(kit_key(WORDS, KitUse.REQUEST)).public


def test_a_copied_kit_in_another_locker_hides_nothing(tmp_path: Path) -> None:
    """A peer that keeps the capsule too knows everything in it, and may bring it as its own."""
    host = opened(tmp_path)
    thief = settled(host, "thief", custody="thief")
    host.capsule_put(thief, 1, capsule(), NOW)
    with pytest.raises(KitUnknown):
        host.kit_get(stranger(), NEW_BOX, asked(), HERE, NOW)
    right = read_custody(Custody(LOCKER, 1, key("owner").public, NOW).signed(custody_of(WORDS)))
    host.grant(key("owner").public, 1 << 24)
    host.show_custody(right, NOW)
    host.capsule_put(replace(thief, box=right.record.box, custody=right), 2, capsule(), NOW)
    assert host.kit_get(stranger("192.0.2.9"), NEW_BOX, asked(), HERE, NOW)[0].count == 1
    host.close()


def test_too_many_wrong_kits_have_to_wait(tmp_path: Path) -> None:
    clock = MovedClock()
    host = opened(tmp_path, clock)
    held = read_custody(Custody(LOCKER, 1, key("owner").public, NOW).signed(custody_of(WORDS)))
    host.grant(key("owner").public, 1 << 24)
    host.show_custody(held, NOW)
    host.capsule_put(replace(settled(host), custody=held), 5, capsule(), NOW)
    for _ in range(5):
        with pytest.raises(KitUnknown):
            host.kit_get(stranger(), NEW_BOX, asked(OTHER), HERE, clock.now)
    with pytest.raises(TooManyTries) as told:
        host.kit_get(stranger(), NEW_BOX, asked(), HERE, clock.now)
    assert told.value.fields["seconds"] == 3600
    assert host.kit_get(stranger("192.0.2.2"), NEW_BOX, asked(), HERE, clock.now)[0].number == 5
    clock.pass_by(HOUR)
    assert host.kit_get(stranger(), NEW_BOX, asked(), HERE, clock.now)[0].number == 5
    host.close()


def test_once_many_guessed_everybody_has_one_try() -> None:
    tries = KitTries()
    for number in range(5):
        assert not tries.wait_ms(f"{number}", 0)
        tries.wrong(f"{number}", number)
    assert not tries.wait_ms("new", 10)
    tries.wrong("new", 10)
    assert tries.wait_ms("new", 11) == HOUR - 1
    assert not tries.wait_ms("new", 10 + HOUR)
    for number in range(2000):
        tries.wrong(f"flood {number}", HOUR)
    assert tries.wait_ms("flood 1999", HOUR + 1)


def answers(*capsules: bytes, custody: bytes = b"") -> list[KitAnswer]:
    return [KitAnswer(bytes([at]) * 32, each, custody) for at, each in enumerate(capsules)]


def boxes(*numbers: int) -> tuple[bytes, ...]:
    return tuple(bytes([at]) * 32 for at in numbers)


def test_of_several_answers_the_newest_counts_and_the_others_are_named() -> None:
    new, old, forked = capsule(number=NOW + 9), capsule(number=NOW), capsule(number=NOW + 9, key_file=b"another")
    seed = Secret(bytes(32))
    part = CirclePart(7, NOW, (), (), 3, key("owner").public)
    whole = with_circle(new, part, public_key(seed), LOCKER, key("owner"))
    other = with_circle(forked, part, public_key(seed), LOCKER, key("owner"))
    found = newest(answers(old, whole, new, capsule(OTHER), whole, other, bytes(65536), b""), WORDS)
    assert found is not None and found.capsule == whole and found.filling.number == NOW + 9
    assert (found.agreeing, found.older, found.forked) == (boxes(1, 4), boxes(0, 2), boxes(5))
    assert [box for box, _ in found.wrong] == list(boxes(3, 6, 7))
    assert all(isinstance(error, BoxError) for _, error in found.wrong)
    assert newest(answers(capsule(OTHER)), WORDS) is None


def test_the_next_epoch_is_above_every_one_the_kit_ever_signed() -> None:
    later = Custody(LOCKER, 4, key("new").public, NOW).signed(custody_of(WORDS))
    made_up = Custody(LOCKER, 9, key("thief").public, NOW).signed(key("thief"))
    for custody, epoch in ((later, 4), (made_up, 1), (b"", 1)):
        found = newest(answers(capsule(), custody=custody), WORDS)
        assert found is not None and found.epoch == epoch
