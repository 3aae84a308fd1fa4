"""Golden release indexes of format 1: the product and the second reader agree on them for ever."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from firmware.errors import ReleaseUnsigned
from firmware.update.release import parse_release, read_keys
from tests.vectors import second_release_reader as second
from tests.vectors.make_release_v1 import KEYS, describe

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "release_v1.json").read_text())
GOOD = [name for name in GOLDEN["indexes"] if name != "one of three"]


def test_the_product_still_makes_them() -> None:
    assert describe() == GOLDEN
    assert read_keys(GOLDEN["keys"].encode()) == KEYS


@pytest.mark.parametrize("name", GOOD)
def test_both_readers_read_the_same(name: str) -> None:
    index = GOLDEN["indexes"][name].encode()
    release = parse_release(index, KEYS)
    need, known = second.keys(GOLDEN["keys"].encode())
    found = second.read(index, need, known)
    assert found["version"] == str(release.version)
    assert found["bundle"] == {
        "name": release.bundle.name,
        "size": release.bundle.size,
        "sha256": release.bundle.sha256,
    }
    assert (found["notes"], found["risk"], found["urgent"]) == (release.notes, release.risk, release.urgent)
    assert (found["number"], found["made"], found["expires"]) == (release.number, release.made, release.expires)


def test_both_readers_refuse_one_signature_of_three() -> None:
    index = GOLDEN["indexes"]["one of three"].encode()
    with pytest.raises(ReleaseUnsigned):
        parse_release(index, KEYS)
    with pytest.raises(second.No):
        second.read(index, *second.keys(GOLDEN["keys"].encode()))
