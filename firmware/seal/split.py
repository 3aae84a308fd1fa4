"""A key split among friends: SLIP-39, any k of n parts give it back, fewer say nothing about it.

One group, no passphrase, iteration exponent 0 (the secret is random: nothing to stretch). A part is 33 words for 32
bytes, with a checksum of its own, so that a misread word is noticed before anybody waits for days.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any, Final

from shamir_mnemonic import MnemonicError, shamir
from shamir_mnemonic.share import Share
from shamir_mnemonic.wordlist import WORDLIST

from firmware.errors import Misused, PartsDoNotFit, PartWrong
from firmware.limits import FRIENDS_LEAST, FRIENDS_MOST, KIT_TEXT_CHARS
from firmware.ports import Entropy
from firmware.seal.secret import Secret
from firmware.seal.words import AROUND_A_WORD

PART_WORDS: Final = 33
_SECRET_BYTES: Final = 32


def split_key(secret: Secret, k: int, n: int, entropy: Entropy) -> tuple[str, ...]:
    """Return ``n`` parts of a 32-byte secret, 33 words each, of which any ``k`` give it back; raises Misused."""
    if not FRIENDS_LEAST <= k <= n <= FRIENDS_MOST or len(secret) != _SECRET_BYTES:
        raise Misused(why=f"a key is split into {FRIENDS_LEAST} to {FRIENDS_MOST} parts, and two at least open it.")
    package: Any = shamir
    before, package.RANDOM_BYTES = package.RANDOM_BYTES, entropy.bytes  # the package takes them from this name
    try:
        (parts,) = shamir.generate_mnemonics(1, [(k, n)], secret.reveal(), iteration_exponent=0)
    finally:
        package.RANDOM_BYTES = before
    return tuple(parts)


def read_part(text: str) -> tuple[str, int, int]:
    """Return (the part as it was written, its number from 1, how many parts are needed) for 33 typed words.

    Case, numbering, punctuation and white space around words do not matter. Raises PartWrong.
    """
    folded = unicodedata.normalize("NFKD", text[: 2 * KIT_TEXT_CHARS]).lower()
    typed = [word for word in (piece.strip(AROUND_A_WORD) for piece in folded.split()) if word]
    if len(typed) != PART_WORDS:
        raise PartWrong(why=f"it has {len(typed)} words instead of {PART_WORDS}")
    strange = next((at for at, word in enumerate(typed, start=1) if word not in WORDLIST), None)
    if strange is not None:
        raise PartWrong(why=f"word {strange} is not in the list of such words")
    try:
        found = Share.from_mnemonic(" ".join(typed))
    except MnemonicError:
        raise PartWrong(why="two of its words are swapped, or one was misread") from None
    if found.group_count != 1:
        raise PartWrong(why="it belongs to another kind of split key")
    return " ".join(typed), found.index + 1, found.member_threshold


def join_key(parts: Sequence[str]) -> Secret:
    """Return the secret; parts beyond what is needed are left out. Raises PartWrong, PartsDoNotFit."""
    read = {index: (text, needed) for text, index, needed in map(read_part, parts)}
    needed = max((each for _, each in read.values()), default=FRIENDS_LEAST)
    if len(read) < needed:
        raise PartsDoNotFit(why=f"{needed} different parts are needed, {len(read)} are here")
    try:
        found = shamir.combine_mnemonics([text for text, _ in list(read.values())[:needed]])
    except MnemonicError:
        raise PartsDoNotFit(why="they are not parts of one and the same key") from None
    if len(found) != _SECRET_BYTES:
        raise PartsDoNotFit(why="they are parts of a key of another length")
    return Secret(found)
