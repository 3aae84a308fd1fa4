"""What a host can see: every stretch of every shard of a real pack passes for chance, and plain text does not."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from firmware.limits import KIB
from firmware.pack import padded_size
from firmware.shard import LAYOUTS, Layout, Payload, shards
from tests.homes import Box

WINDOW = 4 * KIB
BOUND = 415
"""Chi-square of 256 equally likely bytes that chance exceeds once in 10^9 (255 degrees of freedom, Wilson-Hilferty)."""


def chi_square(data: bytes) -> float:
    """How far the bytes of ``data`` are from equally frequent."""
    each = len(data) / 256
    counted = Counter(data)
    return sum((counted[value] - each) ** 2 for value in range(256)) / each


def regular(data: bytes) -> list[int]:
    """Where a window begins whose bytes, or whose steps from byte to byte, are not like chance."""
    found = []
    for at in range(0, max(1, len(data) - WINDOW + 1), WINDOW // 2):
        part = data[at : at + WINDOW] if at + 2 * WINDOW <= len(data) else data[-WINDOW:]
        steps = bytes((after - before) % 256 for before, after in pairwise(part))
        if max(chi_square(part), chi_square(steps)) > BOUND:
            found.append(at)
    return found


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Payloads of real cut packs, by name, of a locker full of things that are anything but random."""
    folder = tmp_path_factory.mktemp("looks")
    box = Box(folder)
    box.put("zeros.bin", bytes(600_000))
    box.put("letter.txt", b"Dear Anna, all is well here. " * 2000)
    box.put("numbers.csv", b"".join(b"%d;%d\n" % (n, n * n) for n in range(9000)))
    box.put("camera.raw", bytes(range(256)) * 900)
    box.locker.cut()
    box.locker.close()
    found = {path.name: path.read_bytes()[16:] for path in (folder / "packs").iterdir()}
    cut = {name: data for name, data in found.items() if padded_size(len(data)) == len(data)}  # one meta pack goes on
    assert {name.split("-")[0] for name in cut} == {"meta", "data"}
    return cut


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_shards_of_a_real_pack_look_random(packs: dict[str, bytes], layout: Layout) -> None:
    for name, data in packs.items():
        assert layout.k * layout.shard_size(len(data)) == len(data), "a cut pack needs no filler"
        for number, row in enumerate(shards(Payload.of(data), layout)):
            assert not regular(bytes(row)), (name, number)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_filler_looks_random_too(layout: Layout) -> None:
    """Payloads of which as much is missing as ever can be, and filler end to end."""
    gathered = []
    for seed in range(150):
        payload = Payload.of(b"%d" % seed)
        rows = shards(payload, layout)
        gathered += [b"".join(rows[: layout.k])[payload.size :], *map(bytes, rows[layout.k :])]
    every = b"".join(gathered)
    assert len(every) > 2 * WINDOW
    assert not regular(every) if layout.k > 1 else chi_square(b"".join(gathered[:: layout.n])) < BOUND


def test_the_judge_finds_what_is_not_random(packs: dict[str, bytes]) -> None:
    """The negative control: plain text, counting bytes, zeros where filler belongs."""
    data = max(packs.values(), key=len)
    assert not regular(data)
    text = b"Dear Anna, all is well here. " * 300
    plain = data[:50_000] + text + data[50_000 + len(text) :]
    layout = Layout(4, 6)
    found = [number for number, row in enumerate(shards(Payload.of(plain), layout)) if regular(bytes(row))]
    assert 50_000 // layout.shard_size(len(plain)) in found
    assert regular(bytes(range(256)) * 40)
    assert regular(data[: 20 * KIB] + bytes(120))
