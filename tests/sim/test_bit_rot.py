"""One flipped bit anywhere in a locker: ``verify`` names it, what it touches is told exactly, all else is readable."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import pytest

from firmware.errors import BoxError
from firmware.locker import Home, Locker
from firmware.model import Collide, RecordState, SafeName, VerifyReport
from firmware.seal import (
    Argon2Params,
    KeyFile,
    Secret,
    add_kit_slot,
    add_passphrase_slot,
    new_key_file,
    new_words,
    open_with_passphrase,
    open_with_words,
)
from tests.sim import vfs
from tests.sim.disk import SimDisk
from tests.sim.ledger import Ledger
from tests.sim.workload import Workload
from tests.sim.world import CATALOG, Counting, Seeded, SimCatalog, home, secrets, small_sizes

FLIPS_PER_FILE = 8
PAGE_BYTES = 4096
"""SQLite's own, which the catalog keeps."""


@pytest.fixture(autouse=True)
def _small_and_quiet() -> Iterator[None]:
    with vfs.quiet(), small_sizes():
        yield


class Rotting:
    """A locker that lived for a while, and a way to flip bits under it."""

    def __init__(self, seed: int, *, settled: bool) -> None:
        """``settled``: every pack is cut; else some are as a closed locker leaves them."""
        self.rng = random.Random(seed)
        self.clock = Counting()
        self.disk = SimDisk(self.rng)
        self.ledger = Ledger()
        locker = Locker.create(self._home(), secrets())
        work = Workload(locker, self.ledger, self.rng)
        for _ in range(40):
            work.group()
        for at in range(12):
            put = locker.begin(SafeName(f"last/{at}"), mtime_ns=0, collide=Collide.BESIDE)
            content = self.rng.randbytes(1500)
            put.write(content)
            self.ledger.put(put.finish(), f"last/{at}", content)
            work.commit()
        if settled:
            locker.cut()
        locker.close()
        if settled:
            self.open().close()

    def _home(self) -> Home:
        return home(self.disk, self.rng, self.clock)

    def open(self) -> Locker:
        return Locker.open(self._home(), secrets())

    def flip(self, name: str) -> int:
        """Flip one random bit of a file on the medium; returns its offset in bytes."""
        file = self.disk.files[name]
        at = self.rng.randrange(len(file.live))
        bit = 1 << self.rng.randrange(8)
        file.live[at] ^= bit
        file.durable[at] ^= bit
        return at

    def snapshot(self) -> dict[str, bytes]:
        return {name: bytes(file.live) for name, file in self.disk.files.items()}

    def restore(self, files: dict[str, bytes]) -> None:
        """Put the disk back as it was, as a disk of its own."""
        self.disk = SimDisk(self.rng)
        for name, content in files.items():
            self.disk.write(name, self.disk.make(name), 0, content)
        self.disk = self.disk.copy()

    def unreadable(self, locker: Locker) -> set[str]:
        """Ids of records with a version that cannot be read; a version that reads wrong fails at once."""
        gone = set()
        for id, known in self.ledger.acked.items():
            for number, content in enumerate(known.versions, 1):
                try:
                    assert b"".join(locker.read(id, version=number)) == content
                except BoxError:
                    gone.add(id)
        return gone


def _verified(locker: Locker) -> VerifyReport:
    *_, report = locker.verify()
    return report


def test_every_flipped_bit_in_a_cut_pack_is_named_and_costs_only_what_it_touches() -> None:
    rot = Rotting(1, settled=True)
    whole = rot.snapshot()
    packs = [name for name in whole if name.startswith("packs/")]
    found: Counter[str] = Counter()
    for name in packs:
        for _ in range(FLIPS_PER_FILE):
            rot.restore(whole)
            at = rot.flip(name)
            locker = rot.open()
            report = _verified(locker)
            named = [problem for problem in report.problems if name in problem.where]
            assert named, f"byte {at} of {name}: {report.problems}"
            told = {id for problem in report.problems for id in problem.records}
            assert rot.unreadable(locker) == told, f"byte {at} of {name}"
            found.update(problem.code for problem in named)
            locker.close()
    assert found.total() >= len(packs) * FLIPS_PER_FILE
    assert found["bad-seal"]
    assert len(packs) > 5


def test_a_healthy_locker_has_nothing_to_name() -> None:
    rot = Rotting(2, settled=True)
    locker = rot.open()
    report = _verified(locker)
    assert report.problems == ()
    assert report.records == len(rot.ledger.now(RecordState.LIVE)) + len(rot.ledger.now(RecordState.BIN))
    assert rot.unreadable(locker) == set()
    locker.close()


def test_a_bit_flipped_before_a_pack_was_cut_costs_only_what_it_touches() -> None:
    rot = Rotting(3, settled=False)
    whole = rot.snapshot()
    for name in [name for name in whole if name.startswith("packs/")]:
        for _ in range(FLIPS_PER_FILE):
            rot.restore(whole)
            at = rot.flip(name)
            locker = rot.open()
            report = _verified(locker)
            told = {id for problem in report.problems for id in problem.records}
            assert rot.unreadable(locker) == told, f"byte {at} of {name}"
            assert len(told) <= 12, f"byte {at} of {name} took {len(told)} records along"
            locker.close()


def test_a_flipped_bit_in_the_catalog_costs_nothing() -> None:
    rot = Rotting(4, settled=True)
    whole = rot.snapshot()
    assert CATALOG in whole
    for _ in range(4 * FLIPS_PER_FILE):
        rot.restore(whole)
        at = rot.flip(CATALOG)
        locker = rot.open()
        rebuilt = bytes(rot.disk.files[CATALOG].live[:64]) != whole[CATALOG][:64]
        assert rebuilt or _names_the_catalog(locker) or _is_free(locker, at), f"byte {at}"
        locker.rebuild()
        rot.ledger.head = 0  # opening and rebuilding wrote links in an earlier round, on a disk that is gone
        assert rot.ledger.check(locker) is None, f"byte {at}"
        assert _verified(locker).problems == ()
        locker.close()


def _is_free(locker: Locker, at: int) -> bool:
    """Whether byte ``at`` of the catalog lies on a page that holds nothing: SQLite writes it before it reads it."""
    catalog = locker.catalog
    assert isinstance(catalog, SimCatalog)
    used = {page for (page,) in catalog._sql.execute("SELECT pageno FROM dbstat")}
    return at // PAGE_BYTES + 1 not in used


def _names_the_catalog(locker: Locker) -> bool:
    try:
        return any(problem.code == "catalog" for problem in _verified(locker).problems)
    except BoxError as error:
        return "catalog" in str(error)


def test_a_flipped_bit_in_the_key_file_never_gives_other_keys() -> None:
    rng = random.Random(5)
    entropy = Seeded(rng)
    key_file, keys = new_key_file(entropy)
    phrase, words = Secret(b"violet tractor humming nineteen"), new_words(entropy)
    cheap = Argon2Params(64 * 1024, 3, 1)
    key_file = add_passphrase_slot(key_file, keys, phrase, cheap, entropy)
    key_file = add_kit_slot(key_file, keys, words, entropy)
    whole = key_file.to_bytes()
    noticed = 0
    for _ in range(60):
        rotten = bytearray(whole)
        rotten[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        try:
            assert open_with_words(KeyFile.parse(bytes(rotten)), words) == keys
        except BoxError:
            noticed += 1
    assert noticed > 30
    assert open_with_passphrase(KeyFile.parse(whole), phrase) == keys
