"""A card that is smaller than it says is found out, and what is in use on it is never written while looking."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.card.__main__ import Partition, begin_of_unused, look, partitions
from provisioning.card.proving import MARK_BYTES, MARKS_MAX, STEP, kept, mark, places

_GIB = 1 << 30
_USED = b"in use"
_BEGINS = st.integers(1, STEP - MARK_BYTES)
_SIZES = st.integers(3 * _GIB, 4096 * _GIB)


class Card:
    """A card of which the part up to ``begin`` is in use; ``where`` says where what is written at a place ends up."""

    def __init__(self, begin: int, where: Callable[[int], int | None]) -> None:
        self._begin, self._where, self.memory, self.hurt = begin, where, dict[int, bytes](), False

    def write(self, at: int, data: bytes) -> None:
        real = self._where(at)
        if real is not None:
            self.hurt |= real < self._begin
            self.memory[real] = data[:64]  # enough to tell marks apart

    def read(self, at: int, size: int) -> bytes:
        real = self._where(at)
        found = self.memory.get(real, b"") if real is not None else b""
        whole = mark(at, _NONCE)
        return whole if found == whole[:64] else bytes(size)


_NONCE = bytes(16)


def _looked(begin: int, size: int, where: Callable[[int], int | None]) -> tuple[int | None, bool]:
    card = Card(begin, where)
    return kept(card, places(begin, size), _NONCE), card.hurt


@given(_BEGINS, _SIZES)
def test_an_honest_card_keeps_everything(begin: int, size: int) -> None:
    assert _looked(begin, size, lambda at: at) == (None, False)


@given(_BEGINS, _SIZES)
def test_marks_lie_all_over_what_is_free(begin: int, size: int) -> None:
    found = places(begin, size)
    assert 0 < len(found) <= MARKS_MAX and begin <= found[0] < begin + MARK_BYTES
    assert found[-1] + MARK_BYTES <= size and not {at % 4096 for at in found} - {0}
    step = max(STEP, 2 * size // MARKS_MAX)
    assert all(after - before <= step for before, after in zip(found, (*found[1:], size), strict=True))


@given(_BEGINS, _SIZES, st.floats(0.01, 0.9))
def test_a_card_that_throws_away_what_is_beyond_its_end_is_found_out(begin: int, size: int, part: float) -> None:
    real = max(int(size * part), begin + 1)
    wrong, hurt = _looked(begin, size, lambda at: at if at + MARK_BYTES <= real else None)
    if places(begin, size)[-1] + MARK_BYTES > real:
        assert wrong is not None and wrong + MARK_BYTES > real and not hurt
    else:
        assert wrong is None


@given(_BEGINS, _SIZES, st.integers(31, 41))
def test_a_card_that_starts_anew_is_found_out_and_what_is_in_use_stays(begin: int, size: int, bits: int) -> None:
    wrong, hurt = _looked(begin, size, lambda at: at % (1 << bits))
    assert not hurt
    assert (wrong is None) == (places(begin, size)[-1] < 1 << bits)
    assert wrong is None or wrong >= 1 << bits


@given(_BEGINS, _SIZES, st.integers(33, 41), st.floats(0.3, 0.9))
def test_a_card_that_starts_anew_beyond_what_it_has_is_found_out(begin: int, size: int, bits: int, part: float) -> None:
    real = max(int((1 << bits) * part), begin + MARK_BYTES * 2)
    alias: Callable[[int], int | None] = lambda at: at % (1 << bits) if at % (1 << bits) + MARK_BYTES <= real else None  # noqa: E731
    wrong, hurt = _looked(begin, size, alias)
    assert not hurt
    assert (wrong is None) == (places(begin, size)[-1] + MARK_BYTES <= real)


@pytest.mark.parametrize(("no_write", "no_read", "wrong"), [(3, 9, 1), (9, 5, 2), (3, 5, 1), (9, 9, None)])
def test_a_disk_that_refuses_keeps_nothing_there(no_write: int, no_read: int, wrong: int | None) -> None:
    class Refusing(Card):
        def write(self, at: int, data: bytes) -> None:
            if at >= no_write * _GIB:
                raise OSError("no")
            super().write(at, data)

        def read(self, at: int, size: int) -> bytes:
            if at >= no_read * _GIB:
                raise OSError("no")
            return super().read(at, size)

    marks = places(_GIB, 9 * _GIB)
    assert marks == (_GIB, 3 * _GIB, 5 * _GIB, 7 * _GIB)
    assert kept(Refusing(_GIB, lambda at: at), marks, _NONCE) == (None if wrong is None else marks[wrong])


def test_what_an_earlier_look_left_proves_nothing() -> None:
    card = Card(0, lambda at: at)
    assert kept(card, places(1, 8 * _GIB), _NONCE) is None
    card.write = lambda at, data: None  # type: ignore[method-assign]
    assert kept(card, places(1, 8 * _GIB), b"\1" * 16) is not None


def test_nothing_is_looked_at_beyond_the_first_step() -> None:
    assert places(STEP, 64 * _GIB) == places(STEP - 1, 64 * _GIB) == ()


# -- on a real file


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """A disk of 9 GiB that weighs nothing, the first MiB of it in use."""
    path = tmp_path / "card"
    path.write_bytes(_USED * 1000)
    os.truncate(path, 9 * _GIB)
    return path


def test_a_sound_card_is_let_through_and_only_marks_are_written(card: Path) -> None:
    assert look(card, 9 * _GIB, {"root-a": Partition(0, 1 << 20)}) is None
    with card.open("rb") as file:
        assert file.read(6000) == _USED * 1000
    assert card.stat().st_blocks * 512 <= 5 * MARK_BYTES + (1 << 20)


def test_a_card_that_ends_early_is_found_out(card: Path) -> None:
    """The file may not grow: what is written beyond is refused."""
    os.truncate(card, 5 * _GIB)
    known = "{'root-a': Partition(0, 1 << 20)}"
    code = f"""
import resource, signal, sys
from pathlib import Path
from provisioning.card.__main__ import Partition, look
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({5 * _GIB}, {5 * _GIB}))
print(look(Path(sys.argv[1]), {9 * _GIB}, {known}))
"""
    done = subprocess.run([sys.executable, "-c", code, str(card)], capture_output=True, text=True, check=True)
    wrong = next(at for at in places(2 << 20, 9 * _GIB) if at + MARK_BYTES > 5 * _GIB)
    assert ast.literal_eval(done.stdout) == {"trouble": "fake", "says": 9 * _GIB, "keeps": wrong}


def test_a_small_card_is_said_to_be_small(card: Path) -> None:
    """Free are: 1 GiB for the data, and half of one for the second system where that has no place yet."""
    known = {"root-a": Partition(0, 8 * _GIB - (1 << 20))}
    assert look(card, 9 * _GIB, known) == {"trouble": "small", "says": 9 * _GIB, "keeps": 9 * _GIB}
    assert look(card, 9 * _GIB + (512 << 20), known) is None
    known["root-b"] = Partition(7 * _GIB, _GIB - (1 << 20))
    assert look(card, 9 * _GIB, known) is None
    assert look(card, 9 * _GIB - 1, known) == {"trouble": "small", "says": 9 * _GIB - 1, "keeps": 9 * _GIB - 1}


def test_a_data_partition_says_how_far_it_is_in_use(tmp_path: Path) -> None:
    path = tmp_path / "card"
    path.write_bytes(b"")
    os.truncate(path, 512 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-b", "4096", "-E", f"offset={1 << 20}", path, "100M"], check=True)
    grown, small = Partition(1 << 20, 100 << 20), Partition(1 << 20, 511 << 20)
    assert begin_of_unused(path, {"data": small}) == 101 << 20
    assert begin_of_unused(path, {"data": grown}) is None
    assert begin_of_unused(path, {"data": Partition(200 << 20, 300 << 20)}) is None  # no file system
    assert begin_of_unused(path, {"boot-a": Partition(1 << 20, 5 << 20)}) == 7 << 20


def test_a_data_partition_that_cannot_be_read_is_left_to_the_check(tmp_path: Path) -> None:
    known = {"root-b": Partition(0, 1 << 20), "data": Partition(1 << 20, 9 * _GIB)}
    assert look(tmp_path, 10 * _GIB, known) is None  # a folder: to be opened neither for reading nor for writing


def test_partitions_are_known_by_name_or_by_what_the_first_steps_wrote(tmp_path: Path) -> None:
    for name, words in (("sda1", "PARTNAME=settings\n"), ("sda2", "PARTN=2\n")):
        folder = tmp_path / "sda" / name
        folder.mkdir(parents=True)
        for file, text in (("partition", "1"), ("start", "2048"), ("size", "4096"), ("uevent", f"MAJOR=8\n{words}")):
            (folder / file).write_text(text)
    names = tmp_path / "names"
    place = Partition(1 << 20, 2 << 20)
    assert partitions("sda", tmp_path, names) == {"settings": place, "sda2": place}
    names.write_text("sda2 data\n")
    assert partitions("sda", tmp_path, names) == {"settings": place, "data": place}
