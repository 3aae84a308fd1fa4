"""Passphrases: five offered words, a floor for one's own, one byte form for what was typed."""

from __future__ import annotations

import math
import unicodedata
from typing import Final

from firmware.errors import Misused, TooLarge, WeakPassphrase
from firmware.limits import PASSPHRASE_BITS, PASSPHRASE_BYTES
from firmware.ports import Entropy
from firmware.seal.secret import Secret
from firmware.seal.words import word_list

OFFERED_WORDS: Final = 5
_ESTIMATED_CHARS: Final = 72
"""zxcvbn looks at no more than this; what follows can only make a passphrase stronger."""

_KNOWN_TO_ALL: Final = ("correct horse battery staple", "correcthorsebatterystaple", "locker box", "lockerbox")
_NO_WARNING: Final = "it is too short, or made of common words and patterns."


def offered_passphrase(entropy: Entropy) -> str:
    """Return five words drawn evenly from the 2048 of BIP-39 (55 bits), separated by spaces."""
    words = word_list()
    while True:
        draws = entropy.bytes(2 * OFFERED_WORDS)
        picked = [words[int.from_bytes(draws[at : at + 2], "big") % 2048] for at in range(0, len(draws), 2)]
        if len(set(picked)) == OFFERED_WORDS:  # a repeated word (1 draw in 205) would look like a mistake
            return " ".join(picked)


def guess_bits(text: str) -> float:
    """Estimate log2 of the guesses an attacker needs, by zxcvbn (Wheeler 2016) over the first 72 characters."""
    return _estimate(text)[0]


def _estimate(text: str) -> tuple[float, str]:
    from zxcvbn import zxcvbn  # here, because its word lists take memory that only this check needs

    judged = text[:_ESTIMATED_CHARS]
    if not judged.strip():
        return 0.0, _NO_WARNING
    answer = zxcvbn(judged, user_inputs=list(_KNOWN_TO_ALL))
    warning = str(answer["feedback"]["warning"] or "")
    return math.log2(max(1, int(answer["guesses"]))), warning[:1].lower() + warning[1:] or _NO_WARNING


def check_passphrase(text: str) -> None:
    """Return if ``text`` may protect a locker: at least 50 bits by zxcvbn. Raises WeakPassphrase or TooLarge."""
    passphrase_bytes(Secret(text.encode("utf-8", "surrogatepass")))
    bits, why = _estimate(text)
    if bits < PASSPHRASE_BITS:
        raise WeakPassphrase(why=why)


def passphrase_bytes(passphrase: Secret) -> Secret:
    """Return the bytes that are stretched: UTF-8 after the space mapping and NFC of RFC 8265 (OpaqueString).

    The same passphrase typed on another system is then the same bytes. Raises Misused for bytes that are no UTF-8
    and TooLarge beyond 1024 bytes.
    """
    if len(passphrase) > PASSPHRASE_BYTES:
        raise TooLarge(limit=f"a passphrase of {PASSPHRASE_BYTES} bytes")
    try:
        text = passphrase.reveal().decode("utf-8")
    except UnicodeDecodeError:
        raise Misused(why="the passphrase is not text in UTF-8.") from None
    spaced = "".join(" " if unicodedata.category(char) == "Zs" else char for char in text)
    return Secret(unicodedata.normalize("NFC", spaced).encode("utf-8"))
