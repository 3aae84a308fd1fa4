"""Links: every entry survives its bytes, erasing keeps the chain, and nobody changes a byte of what is signed."""

from __future__ import annotations

from dataclasses import replace

import cbor2
import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware import chain
from firmware.chain.entries import decode_entry, encode_entry
from firmware.errors import BoxError, Damaged
from firmware.seal import Secret, SigningKey
from tests.vectors.counted_entropy import CountedEntropy

KEY = SigningKey.from_seed(Secret(bytes(32)))
RIDS = st.binary(min_size=16, max_size=16)
IDS = st.integers(0, 5).flatmap(lambda count: st.binary(min_size=32 * count, max_size=32 * count))
WHOLE = st.binary(min_size=32, max_size=32)
NUMBERS = st.integers(0, 2**53)
MIMES = st.sampled_from(["image/jpeg", "text/plain"])
FACTS = st.dictionaries(st.sampled_from(["title", "text"]), st.text(max_size=9)) | st.just({"width": 3, "mime": "a/b"})

ENTRIES = st.one_of(
    st.builds(chain.Genesis, st.just("ab" * 16), NUMBERS),
    st.builds(
        chain.Put, RIDS, st.integers(1, 999), st.binary(min_size=1, max_size=40), NUMBERS, NUMBERS, NUMBERS, MIMES, IDS,
        st.integers(0, 3), st.none() | st.just(True) | st.text(max_size=30),
    ),
    st.builds(chain.FactsFound, RIDS, st.integers(1, 999), FACTS, st.none() | st.just("too-large")),
    st.builds(chain.PreviewMade, RIDS, st.integers(1, 999), st.integers(1, 4096), MIMES, WHOLE, NUMBERS),
    st.builds(chain.Delete, st.lists(RIDS, max_size=4), NUMBERS),
    st.builds(chain.Undelete, st.lists(RIDS, max_size=4)),
    st.builds(chain.Forget, st.lists(RIDS, max_size=4), NUMBERS),
    st.builds(chain.Rename, RIDS, st.binary(min_size=1, max_size=40)),
    st.builds(chain.Opened, WHOLE, st.integers(1, 4), st.integers(1, 2), st.integers(1, 9), WHOLE),
    st.builds(chain.Cut, WHOLE, NUMBERS, NUMBERS, WHOLE, st.booleans()),
    st.builds(chain.Dropped, WHOLE),
    st.builds(chain.Snapshot, NUMBERS, NUMBERS, WHOLE),
    st.builds(chain.Epoch, st.integers(1, 99)),
    st.builds(chain.Trim, RIDS, st.lists(st.integers(1, 99), max_size=4)),
)  # fmt: skip
LOCATED = st.builds(
    lambda pack, count, at: chain.Located(pack, 3, at, 99, bytes(32 * count), (5,) * count),
    WHOLE, st.integers(0, 4), NUMBERS,
)  # fmt: skip


def link(entries: list[chain.Entry], located: list[chain.Located], seq: int = 1) -> chain.Link:
    """Build a link under the test key."""
    return chain.build_link(seq, chain.NO_HASH, 1_000, entries, located, KEY, CountedEntropy(b"link").bytes)


@given(ENTRIES)
def test_every_entry_survives_its_bytes(entry: chain.Entry) -> None:
    assert decode_entry(encode_entry(entry)) == entry


@settings(deadline=None)
@given(st.lists(ENTRIES, max_size=6), st.lists(LOCATED, max_size=3), st.data())
def test_links_survive_their_bytes_and_erasing_keeps_them_valid(
    entries: list[chain.Entry], located: list[chain.Located], data: st.DataObject
) -> None:
    made = link(entries, located)
    again = chain.decode_link(chain.encode_link(made))
    assert again == made
    again.verify(KEY.public)
    assert again.entries() == entries
    doomed = data.draw(st.lists(st.sampled_from(entries))) if entries else []
    erased = chain.decode_link(chain.encode_link(chain.erase_bodies(made, lambda entry: entry not in doomed)))
    erased.verify(KEY.public)
    assert erased.hash == made.hash
    assert erased.entries() == [entry for entry in entries if entry not in doomed]
    assert chain.erase_bodies(erased, lambda entry: True) == erased


def test_an_erased_body_says_nothing() -> None:
    entry = chain.Rename(bytes(16), b"a name nobody may read again")
    made = link([entry], [])
    erased = chain.encode_link(chain.erase_bodies(made, lambda entry: False))
    assert b"nobody may read" in chain.encode_link(made)
    assert b"nobody may read" not in erased
    assert blake3(encode_entry(entry)).digest() not in erased  # the salt went too: nobody can try names


def test_a_changed_byte_in_what_is_signed_is_noticed() -> None:
    made = link([chain.Rename(bytes(16), b"name"), chain.Dropped(bytes(32))], [])
    variants = [replace(made, header=flip(made.header, at)) for at in range(len(made.header))]
    variants += [replace(made, signature=flip(made.signature, at)) for at in range(64)]
    for number, body in enumerate(made.bodies):
        assert isinstance(body, tuple)
        salt, entry = body
        for at in range(16):
            variants.append(with_body(made, number, (flip(salt, at), entry)))
        for at in range(len(entry)):
            variants.append(with_body(made, number, (salt, flip(entry, at))))
    variants.append(replace(made, bodies=made.bodies[:1]))
    variants.append(replace(made, bodies=made.bodies[::-1]))
    for changed in variants:
        with pytest.raises(BoxError):
            changed.verify(KEY.public)
    with pytest.raises(BoxError):
        made.verify(SigningKey.from_seed(Secret(b"\1" * 32)).public)
    made.verify(KEY.public)


def flip(data: bytes, at: int) -> bytes:
    """``data`` with one bit of byte ``at`` flipped."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def with_body(made: chain.Link, number: int, body: tuple[bytes, bytes]) -> chain.Link:
    """``made`` with another body in place ``number``."""
    return replace(made, bodies=(*made.bodies[:number], body, *made.bodies[number + 1 :]))


@given(st.binary(max_size=200) | st.builds(cbor2.dumps, st.lists(st.binary(max_size=9) | st.integers(), max_size=5)))
def test_what_is_no_link_is_damaged_and_nothing_else(payload: bytes) -> None:
    with pytest.raises(Damaged):
        chain.decode_link(payload)


def test_an_entry_of_tomorrow_is_kept_and_skipped() -> None:
    tomorrow = cbor2.dumps([99, b"what", {"nobody": "knows"}])
    made = with_body(link([chain.Dropped(bytes(32))], []), 0, (bytes(16), tomorrow))
    again = chain.decode_link(chain.encode_link(made))
    assert again.bodies == ((bytes(16), tomorrow),)
    assert again.entries() == [decode_entry(tomorrow)]
    assert chain.erase_bodies(again, lambda entry: not isinstance(entry, chain.Put)) == again
