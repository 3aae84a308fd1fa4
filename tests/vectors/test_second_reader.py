"""The second reader, written from docs/formats alone, opens everything the product writes, bit for bit."""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import asdict
from pathlib import Path

import pytest

from firmware.locker import Home, Locker
from firmware.locker.annotating import annotate
from firmware.model import Analysis, Collide, Facts, Preview, RecordState, SafeName
from firmware.seal import KeyFile, LockerSecrets, Suite, add_kit_slot, new_epoch, new_key_file, new_words
from tests.homes import DAY_MS, HandClock, folder_home, put, whole
from tests.vectors import second_reader
from tests.vectors.counted_entropy import CountedEntropy


def noise(seed: str, size: int) -> bytes:
    """Bytes that no codec makes smaller."""
    return hashlib.shake_256(seed.encode()).digest(size)


class Made:
    """A locker in a folder with a kit's words, reopened as often as a test likes."""

    def __init__(self, folder: Path, suite: Suite) -> None:
        """Make an empty locker."""
        self.folder, self.suite, self.clock, self._homes = folder, suite, HandClock(), 0
        entropy = CountedEntropy(b"second reader")
        key_file, self.secrets = new_key_file(entropy)
        self.words = new_words(entropy)
        self.save(add_kit_slot(key_file, self.secrets, self.words, entropy))
        self.locker = Locker.create(self.home(), self.secrets, self.key_file.locker_id)

    def home(self) -> Home:
        """A fresh Home on the same folder, as another process run has it."""
        self._homes += 1
        return folder_home(self.folder, clock=self.clock, entropy=b"home %d" % self._homes, suite=self.suite)

    def save(self, key_file: KeyFile) -> None:
        """Write the key file."""
        self.key_file = key_file
        self.folder.mkdir(exist_ok=True)
        (self.folder / "key").write_bytes(key_file.to_bytes())

    def reopen(self) -> None:
        """End this process run without cutting anything, and begin another."""
        self.locker.close()
        self.locker = Locker.open(self.home(), self.secrets)

    def begin_epoch(self) -> LockerSecrets:
        """Begin a new epoch in the key file."""
        key_file, secrets = new_epoch(self.key_file, self.secrets, CountedEntropy(b"epoch"))
        self.save(key_file)
        self.secrets = secrets
        return secrets

    def compare(self) -> second_reader.Opened:
        """Every record of the product's catalog is in the second reader's answer, and the other way round."""
        opened = second_reader.read_locker(self.folder, words=self.words)
        standing = {id: record for id, record in opened.records.items() if record.state != second_reader.GONE}
        states = ((RecordState.LIVE, second_reader.LIVE), (RecordState.BIN, second_reader.BIN))
        seen = set()
        for state, word in states:
            for record in self.locker.list(state=state, limit=200).records:
                theirs = standing[record.id]
                assert (theirs.name, theirs.state, theirs.deleted_ms) == (record.name.raw, word, record.deleted_ms)
                assert (theirs.tags, theirs.note) == (record.tags, record.note)
                self._compare_versions(record.id, theirs)
                newest = theirs.versions[record.version]
                found = {**asdict(Facts()), "mime": newest.mime, **newest.facts, "text": None}
                assert found == asdict(record.facts)
                seen.add(record.id)
        assert seen == set(standing)
        assert opened.links == self.locker.stats()["head_seq"]
        return opened

    def _compare_versions(self, id: str, theirs: second_reader.Record) -> None:
        ours = self.locker.versions(id)
        assert {version.number for version in ours} == set(theirs.versions)
        for version in ours:
            other = theirs.versions[version.number]
            assert (other.size, other.mtime_ns, other.stored_ms) == (version.size, version.mtime_ns, version.stored_ms)
            assert other.data == whole(self.locker, id, version.number)
        newest = theirs.versions[ours[0].number]
        for edge, (mime, data) in newest.previews.items():
            assert self.locker.preview(id, edge) == Preview(edge, mime, data)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """An empty locker."""
    return Made(tmp_path / "locker", Suite.AES_256_GCM)


def fill(made: Made) -> dict[str, str]:
    """Put one of every kind; returns record ids by name."""
    locker, ids = made.locker, {}
    kinds = {
        "empty": b"",
        "letters/dear.txt": "Liebe Großmutter, viele Grüße".encode(),
        "notes.md": b"# Lantern\n" * 9_000,
        "photo.jpg": b"\xff\xd8\xff\xe0" + noise("photo", 300_000),
        "film.bin": noise("film", 5_000_000),
        "undecodable-\udcff\udcfe.txt": b"plain",
        "emoji-😀-\u202egnp.exe": noise("emoji", 10),
        "same.txt": "Liebe Großmutter, viele Grüße".encode(),
    }
    for name, content in kinds.items():
        ids[name] = put(locker, name, content).id
        locker.commit()
    return ids


@pytest.mark.parametrize("suite", list(Suite))
def test_everything_a_member_does(tmp_path: Path, suite: Suite) -> None:
    made = Made(tmp_path / "locker", suite)
    ids = fill(made)
    locker = made.locker
    for number in range(3):
        made.clock.ms += DAY_MS
        put(locker, "letters/dear.txt", b"draft %d " % number * 2000, mtime_ns=number)
        put(locker, "film.bin", noise("film", 4_999_999 - number) + b"x" * number)
        locker.commit()
    put(locker, "photo.jpg", b"another phone", collide=Collide.BESIDE)
    locker.rename(ids["notes.md"], SafeName("notes/lantern.md"))
    locker.delete([ids["empty"], ids["same.txt"]])
    facts = Facts(mime="image/jpeg", taken_ms=5, taken_local=True, width=4, height=3, lat_e7=-7, lon_e7=9, title="Café",
                  place="Plön, Holstein")  # fmt: skip
    previews = (Preview(256, "image/jpeg", noise("small", 900)), Preview(1024, "image/webp", noise("large", 9000)))
    locker.analyse(ids["photo.jpg"], Analysis(facts, previews))
    locker.analyse(ids["film.bin"], Analysis(trouble="too-strange"))
    locker.commit()
    annotate(locker, [ids["photo.jpg"], ids["film.bin"]], add_tags=["Zoë", "am Meer"], note="Großmutter filmt")
    annotate(locker, [ids["film.bin"]], remove_tags=["Zoë"])
    locker.undelete([ids["same.txt"]])
    locker.commit()
    made.compare()  # nothing is cut: open packs, recovered by heads alone
    locker.cut()
    opened = made.compare()
    assert [pack.kind for pack in opened.packs.values() if not pack.is_cut] == ["meta"]  # holds the snapshot
    assert opened.records[ids["film.bin"]].versions[4].trouble == "too-strange"


def test_packs_recovered_after_an_unclean_end(made: Made) -> None:
    fill(made)
    torn = next(path for path in (made.folder / "packs").iterdir() if path.name.startswith("data"))
    made.locker.close()
    with torn.open("ab") as file:
        file.write(noise("torn frame", 70_000))
    made.locker = Locker.open(made.home(), made.secrets)
    put(made.locker, "after.txt", b"written after the crash")
    made.locker.commit()
    made.reopen()
    opened = made.compare()
    assert sum(not pack.is_cut for pack in opened.packs.values()) >= 4
    assert len(opened.records) == 9


def test_long_files_are_lists_of_lists(made: Made, tmp_path: Path) -> None:
    path = tmp_path / "pages.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE t(a BLOB)")
        db.executemany("INSERT INTO t VALUES(?)", ((noise(f"row {n}", 900),) for n in range(5_000)))
    db.close()
    content = path.read_bytes()
    result = put(made.locker, "pages.sqlite", content)
    made.locker.commit()
    opened = made.compare()
    assert opened.records[result.id].versions[1].data == content
    assert len(content) > 1024 * 4096


def test_repacked_emptied_and_gone_for_good(made: Made) -> None:
    ids = fill(made)
    locker = made.locker
    locker.cut()
    locker.delete([ids["film.bin"], ids["letters/dear.txt"]])
    locker.commit()
    made.clock.ms += 31 * DAY_MS
    locker.empty_bin()
    locker.commit()
    locker.repack()
    opened = made.compare()
    assert opened.records.get(ids["film.bin"], second_reader.Record(b"", second_reader.GONE)).state == "gone"
    old = set(opened.packs)
    locker.gone_for_good([ids["photo.jpg"]], made.begin_epoch())
    opened = made.compare()
    assert opened.epochs == 2
    assert not old & set(opened.packs)
    assert opened.erased
    made.reopen()
    made.compare()
