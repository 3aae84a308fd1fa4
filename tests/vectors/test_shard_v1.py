"""Golden shards of format 1: the product and the second reader make them for ever, byte for byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from firmware.shard import LAYOUTS, Payload, shards
from tests.vectors import second_shard_reader as second
from tests.vectors.make_shard_v1 import NONCE, SIZES, case, payload_of, picks

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "shard_v1.json").read_text())
BY_LAYOUT = pytest.mark.parametrize("layout", LAYOUTS, ids=str)


def cases(layout: object) -> dict[int, dict[str, Any]]:
    """The golden cases of a layout by payload size."""
    return {golden["size"]: golden for golden in GOLDEN["cases"] if golden["layout"] == str(layout)}


@BY_LAYOUT
def test_the_product_still_makes_them(layout: Any) -> None:
    golden = cases(layout)
    assert set(golden) == set(SIZES)
    for size, expected in golden.items():
        assert case(layout, size) == expected


@BY_LAYOUT
def test_the_second_reader_makes_them_from_the_page_alone(layout: Any) -> None:
    for size, expected in cases(layout).items():
        payload = payload_of(size)
        rows = second.make(payload, layout.k, layout.n)
        assert rows == [bytes(row) for row in shards(Payload.of(payload), layout)]
        assert blake3(payload).hexdigest() == expected["digest"]
        assert {len(row) for row in rows} == {expected["shard_size"]}
        assert [second.shard_id(row).hex() for row in rows] == expected["ids"]
        assert [row[-8:].hex() for row in rows] == expected["ends"]
        asked = picks(len(rows[-1]))
        assert second.proof(rows[-1], asked[0]).hex() == expected["proof_of_last_leaf"]
        assert second.answer(NONCE, rows[-1], asked).hex() == expected["audit"]
        assert second.join(size, layout.k, dict(list(enumerate(rows))[-layout.k :])) == payload


def test_the_smallest_one_in_full() -> None:
    assert [row.hex() for row in second.make(payload_of(1), 2, 3)] == GOLDEN["whole"]


def test_the_field_is_the_one_of_the_page() -> None:
    assert second.times(0x80, 2) == 0x1D
    assert all(second.times(value, second.inv(value)) == 1 for value in range(1, 256))
    assert [second.row(4, 4), second.row(4, 5)] == [[71, 167, 122, 186], [167, 71, 186, 122]]
