"""Kit words and passphrases: official vectors, and what people really type."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from firmware.errors import Misused, TooLarge, UnknownWord, WeakPassphrase, WordsDoNotMatch, WrongWordCount
from firmware.limits import KIT_TEXT_CHARS
from firmware.seal import (
    KitUse,
    Secret,
    check_passphrase,
    guess_bits,
    kit_key,
    new_words,
    offered_passphrase,
    words_to_entropy,
)
from firmware.seal.passphrase import passphrase_bytes
from firmware.seal.words import word_list
from tests.vectors.counted_entropy import CountedEntropy

OFFICIAL = json.loads((Path(__file__).parent.parent / "vectors" / "seal_official.json").read_text())
VECTORS: list[dict[str, Any]] = OFFICIAL["bip39_24_words"]["vectors"]
WORDS = str(VECTORS[4]["words"])


class Fixed:
    """Entropy that gives fixed bytes, again and again."""

    def __init__(self, *draws: bytes) -> None:
        self._draws = list(draws)

    def bytes(self, count: int) -> bytes:
        draw = self._draws.pop(0)
        assert len(draw) == count
        return draw


@pytest.mark.parametrize("vector", VECTORS)
def test_bip39_official(vector: dict[str, Any]) -> None:
    assert words_to_entropy(vector["words"]).reveal().hex() == vector["entropy"]
    assert new_words(Fixed(bytes.fromhex(vector["entropy"]))) == vector["words"]


@pytest.mark.parametrize(
    "typed",
    [
        WORDS.upper(),
        "  " + WORDS.replace(" ", "\n\t ") + "\r\n",
        " ".join(f"{n}. {word}" for n, word in enumerate(WORDS.split(), 1)),
        " ".join(f"{n}.{word}," for n, word in enumerate(WORDS.split(), 1)),
        unicodedata.normalize("NFKC", "".join(chr(ord(c) + 0xFEE0) if c != " " else "\u3000" for c in WORDS)),
        WORDS.replace(" ", "\u00a0"),
        "“" + WORDS + "”",
    ],
)
def test_the_way_people_type_does_not_matter(typed: str) -> None:
    assert words_to_entropy(typed) == words_to_entropy(WORDS)


@pytest.mark.parametrize("count", [0, 1, 12, 23, 25, 48])
def test_any_other_number_of_words(count: int) -> None:
    with pytest.raises(WrongWordCount) as caught:
        words_to_entropy(" ".join((WORDS.split() * 2)[:count]))
    assert caught.value.fields == {"count": count}
    assert str(count) in str(caught.value)


@pytest.mark.parametrize(
    ("position", "typed", "nearest"), [(1, "hamstre", "hamster"), (24, "lenght", "length"), (7, "meet", "meat")]
)
def test_an_unknown_word_is_named_with_its_nearest(position: int, typed: str, nearest: str) -> None:
    words = WORDS.split()
    words[position - 1] = typed
    with pytest.raises(UnknownWord) as caught:
        words_to_entropy(" ".join(words))
    assert caught.value.fields["position"] == position
    assert caught.value.fields["word"] == typed
    assert caught.value.fields["nearest"] in word_list()
    if typed != "meet":
        assert caught.value.fields["nearest"] == nearest
    assert str(caught.value.fields["nearest"]) in str(caught.value.as_dict()["advice"])


def test_nonsense_words_stay_short_in_the_answer() -> None:
    words = WORDS.split()
    words[3] = "x" * 900 + "\u202e"
    with pytest.raises(UnknownWord) as caught:
        words_to_entropy(" ".join(words))
    assert len(str(caught.value.fields["word"])) <= 24
    with pytest.raises(WrongWordCount):
        words_to_entropy(WORDS + " " * KIT_TEXT_CHARS)


def test_swapped_words_are_noticed_nearly_always() -> None:
    """8 bits of checksum: about 1 swap in 256 makes another valid kit, which then is another locker's."""
    words = WORDS.split()
    noticed = 0
    for at in range(23):
        swapped = words.copy()
        swapped[at], swapped[at + 1] = swapped[at + 1], swapped[at]
        try:
            words_to_entropy(" ".join(swapped))
        except WordsDoNotMatch:
            noticed += 1
    assert noticed >= 22


def test_uses_of_a_kit_give_unrelated_keys() -> None:
    assert len({kit_key(WORDS, use).reveal() for use in KitUse}) == len(KitUse) == 5


# --- passphrases


def test_offered_words_are_drawn_evenly() -> None:
    words = word_list()
    assert len(words) == len(set(words)) == 2048
    offered = offered_passphrase(
        Fixed(bytes.fromhex("0000 07ff 0800 ffff 0002"), bytes.fromhex("0000 07ff 0801 fffe 0002"))
    )
    assert offered == f"{words[0]} {words[2047]} {words[1]} {words[2046]} {words[2]}"


def test_every_offer_passes_the_check() -> None:
    entropy = CountedEntropy(b"offers")
    for _ in range(60):
        offered = offered_passphrase(entropy)
        check_passphrase(offered)
        assert len(offered.split()) == 5


@pytest.mark.parametrize(
    "weak",
    [
        "",
        " " * 40,
        "password",
        "Passw0rd!",
        "locker box",
        "Tr0ub4dor&3",
        "correct horse battery staple",
        "1234567890" * 20,
        "a" * 500,
        "qwertyuiop",
        "19870412",
        "ümläut",
        "😀" * 30,
    ],
)
def test_weak_passphrases_are_told_why(weak: str) -> None:
    assert guess_bits(weak) < 50
    with pytest.raises(WeakPassphrase) as caught:
        check_passphrase(weak)
    assert str(caught.value.fields["why"]).endswith(".")
    if any(char.isdigit() for char in weak):  # plain words may stand in the sentence by chance
        assert weak not in json.dumps(caught.value.as_dict(), ensure_ascii=False)


@pytest.mark.parametrize(
    "strong",
    [
        "Grüße aus der Küche, 7 Äpfel",
        "my aunt's parrot hums Verdi at dawn",
        "zK3#vQ9!pL2@xW7$",
        "早晨的咖啡总是比下午的茶更苦一些吧",
    ],
)
def test_strong_passphrases_pass(strong: str) -> None:
    check_passphrase(strong)


def test_long_passphrases_pass_and_longer_than_a_page_do_not() -> None:
    long = " ".join(f"sentence {n * 7919}" for n in range(40))
    assert len(long) > 72
    check_passphrase(long)
    with pytest.raises(TooLarge, match="1024 bytes"):
        check_passphrase("é" * 513)


def test_the_same_passphrase_from_another_keyboard() -> None:
    typed = passphrase_bytes(Secret("Grüße\u00a0aus\u3000Köln".encode()))
    assert typed == passphrase_bytes(Secret(unicodedata.normalize("NFD", "Grüße aus Köln").encode()))
    assert typed != passphrase_bytes(Secret("grüße aus Köln".encode()))
    assert typed != passphrase_bytes(Secret("Grüße aus Köln ".encode()))


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"\xed\xa0\x80", b"ok\x80"])
def test_what_is_no_text_is_refused(raw: bytes) -> None:
    with pytest.raises(Misused, match="UTF-8"):
        passphrase_bytes(Secret(raw))
    with pytest.raises(Misused, match="UTF-8"):
        check_passphrase(raw.decode("utf-8", "surrogateescape"))
