"""The frozen locker of format 1 opens for ever: by the product and by the second reader."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from firmware.linux.home import linux_home
from firmware.locker import Locker
from firmware.seal import KeyFile, LockerSecrets, Secret, Suite, open_with_passphrase, open_with_words
from tests.homes import folder_home
from tests.vectors import second_reader
from tests.vectors.make_locker_v1 import describe

GOLDEN = Path(__file__).parent / "locker_v1"
EXPECTED: dict[str, Any] = json.loads((GOLDEN / "expected.json").read_text())


def written(what: str) -> str:
    """The passphrase or the words, as the README has them."""
    found = re.search(rf"^{what}: (.+)$", (GOLDEN / "README.md").read_text(), re.MULTILINE)
    assert found
    return found.group(1)


def by_passphrase(key_file: KeyFile) -> LockerSecrets:
    """Open as a member does every day."""
    return open_with_passphrase(key_file, Secret(written("Passphrase").encode()))


def by_words(key_file: KeyFile) -> LockerSecrets:
    """Open as a member does after forgetting."""
    return open_with_words(key_file, written("Words"))


@pytest.mark.parametrize("way", [by_passphrase, by_words])
def test_the_product_opens_it_and_goes_on_writing(way: Any, tmp_path: Path) -> None:
    folder = tmp_path / "locker"
    shutil.copytree(GOLDEN, folder)
    secrets = way(KeyFile.parse((folder / "key").read_bytes()))
    locker = Locker.open(linux_home(folder), secrets)
    assert describe(locker) == EXPECTED
    assert [record.name for record in locker.search("lant").records] == ["photo.jpg"]
    assert [record.name for record in locker.search("second ha").records] == []
    assert [record.name for record in locker.search("second letter").records] == ["letters/dear.txt"]
    receiver = locker.begin(next(iter(locker.list().records)).name, mtime_ns=1)
    receiver.write(b"a later version")
    receiver.finish()
    locker.commit()
    locker.cut()
    assert [report.problems for report in locker.verify()][-1] == ()
    locker.close()


@pytest.mark.parametrize("way", ["Passphrase", "Words"])
def test_the_second_reader_opens_it(way: str) -> None:
    opened = second_reader.read_locker(GOLDEN, **{way.lower(): written(way)})
    standing = {id: record for id, record in opened.records.items() if record.state != second_reader.GONE}
    assert set(standing) == set(EXPECTED)
    for id, record in standing.items():
        expected = EXPECTED[id]
        assert (record.name.hex(), record.state) == (expected["name"], expected["state"])
        newest = record.versions[max(record.versions)]
        assert (newest.facts.get("mime") or newest.mime) == expected["mime"]
        assert (newest.facts.get("taken_ms"), newest.facts.get("title")) == (expected["taken_ms"], expected["title"])
        previews = {str(edge): hashlib.sha256(data).hexdigest() for edge, (_, data) in newest.previews.items()}
        assert previews == expected["previews"]
        versions = {
            str(number): {
                "size": version.size,
                "mtime_ns": version.mtime_ns,
                "stored_ms": version.stored_ms,
                "sha256": hashlib.sha256(version.data or b"").hexdigest(),
            }
            for number, version in record.versions.items()
        }
        assert versions == expected["versions"]


def test_it_holds_what_its_readme_says() -> None:
    opened = second_reader.read_locker(GOLDEN, words=written("Words"))
    assert opened.erased
    assert opened.epochs == 2
    assert sum(not pack.is_cut for pack in opened.packs.values()) >= 3
    assert {path.read_bytes()[9] for path in (GOLDEN / "packs").iterdir()} == set(Suite)
    sizes = [path.stat().st_size for path in GOLDEN.rglob("*")]
    assert sum(sizes) < 600 * 1024
    long = [record for record in opened.records.values() if len(record.versions[1].data or b"") > 1024 * 4096]
    assert [record.name for record in long] == [b"pages.sqlite"]


def test_the_product_reads_it_without_a_catalog_of_its_time(tmp_path: Path) -> None:
    folder = tmp_path / "locker"
    shutil.copytree(GOLDEN, folder)
    secrets = by_words(KeyFile.parse((folder / "key").read_bytes()))
    home = folder_home(folder, entropy=b"garbage catalog")
    (folder / "catalog" / "catalog.db").write_bytes(b"of another schema" * 1000)
    locker = Locker.open(home, secrets)
    assert describe(locker) == EXPECTED
    locker.close()
