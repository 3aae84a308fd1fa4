"""Made the folder locker_v1/ once; kept to show how. Packs repeat exactly, the key file's seals are randomised.

Run as ``python -m tests.vectors.make_locker_v1 FOLDER``.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from firmware.locker import Locker
from firmware.model import Analysis, Collide, Facts, Preview, RecordState, SafeName
from firmware.seal import (
    Argon2Params,
    Secret,
    Suite,
    add_kit_slot,
    add_passphrase_slot,
    destroy_epoch,
    new_epoch,
    new_key_file,
    new_words,
)
from tests.homes import DAY_MS, HandClock, folder_home, put, whole
from tests.vectors.counted_entropy import CountedEntropy

PASSPHRASE = "sieben Laternen über dem Hafen"

README = """# A frozen locker, format 1

Made once by `tests/vectors/make_locker_v1.py`; every later version of the product and the second reader must open it.

Passphrase: {passphrase}

Words: {words}

`expected.json` says what is in it: per record id the name (hex), the state, and per version size, times, mime, SHA-256.
It holds two epochs of which the first is destroyed, both suites, recovered and cut packs, a file of more than 1,024
chunks, an erased body, previews, facts, versions, and a name that is not UTF-8.
"""


def noise(seed: str, size: int) -> bytes:
    """Bytes that no codec makes smaller."""
    return hashlib.shake_256(seed.encode()).digest(size)


def many_pages() -> bytes:
    """A file that is cut into 4 KiB pages, 1,030 of them all different, and packs into little."""
    pages = [b"%08d" % number * 512 for number in range(1_030)]
    return b"SQLite format 3\0" + b"".join(pages)[16:]


def describe(locker: Locker) -> dict[str, Any]:
    """Say everything a reader must find, as JSON values."""
    found: dict[str, Any] = {}
    for state in RecordState:
        for record in locker.list(state=state, limit=200).records:
            versions = {
                str(version.number): {
                    "size": version.size,
                    "mtime_ns": version.mtime_ns,
                    "stored_ms": version.stored_ms,
                    "sha256": hashlib.sha256(whole(locker, record.id, version.number)).hexdigest(),
                }
                for version in locker.versions(record.id)
            }
            found[record.id] = {
                "name": record.name.raw.hex(),
                "state": state.name.lower(),
                "mime": record.mime,
                "taken_ms": record.facts.taken_ms,
                "title": record.facts.title,
                "previews": {
                    str(preview.edge): hashlib.sha256(preview.data).hexdigest()
                    for edge in (1, 1024)
                    if (preview := locker.preview(record.id, edge)) is not None
                },
                "versions": versions,
            }
    return found


def _first_life(locker: Locker, clock: HandClock) -> list[str]:
    names = {
        "empty": b"",
        "letters/dear.txt": "Liebe Großmutter, viele Grüße aus der Küche".encode(),
        "photo.jpg": b"\xff\xd8\xff\xe0" + noise("photo", 20_000),
        "secret.txt": b"never to be read again",
        "old.bin": noise("old", 5_000),
        "undecodable-\udcff.txt": b"a name that is not UTF-8",
        "emoji-😀-\u202egnp.exe": b"a name that runs from right to left",
        "pages.sqlite": many_pages(),
    }
    ids = [put(locker, name, content).id for name, content in names.items()]
    locker.commit()
    clock.ms += DAY_MS
    put(locker, "letters/dear.txt", b"second letter", mtime_ns=123_456_789)
    put(locker, "photo.jpg", b"another phone, the same name", collide=Collide.BESIDE)
    locker.commit()
    facts = Facts(mime="image/jpeg", taken_ms=1_000, width=4, height=3, title="Lantern")
    previews = (Preview(256, "image/jpeg", noise("small", 900)), Preview(1024, "image/jpeg", noise("large", 2_000)))
    locker.analyse(ids[2], Analysis(facts, previews))
    locker.rename(ids[4], SafeName("older.bin"))
    locker.delete([ids[4]])
    locker.commit()
    return ids


def make(folder: Path) -> None:
    """Make the golden folder; ``folder`` must not exist."""
    entropy = CountedEntropy(b"locker v1")
    key_file, secrets = new_key_file(entropy)
    words = new_words(entropy)
    key_file = add_kit_slot(key_file, secrets, words, entropy)
    key_file = add_passphrase_slot(key_file, secrets, Secret(PASSPHRASE.encode()), Argon2Params(65536, 3, 4), entropy)
    clock = HandClock()
    locker = Locker.create(folder_home(folder, clock=clock, entropy=b"first"), secrets, key_file.locker_id)
    ids = _first_life(locker, clock)
    key_file, secrets = new_epoch(key_file, secrets, entropy)
    locker.gone_for_good([ids[3]], secrets)
    key_file, secrets = destroy_epoch(key_file, secrets, 1, entropy)
    locker.close()
    home = folder_home(folder, clock=clock, entropy=b"second", suite=Suite.CHACHA20_POLY1305)
    shutil.rmtree(folder / "catalog")
    (folder / "catalog").mkdir()
    locker = Locker.open(home, secrets)
    put(locker, "after.md", b"# written by the second process, under the other suite\n" * 40)
    locker.commit()
    locker.cut()
    put(locker, "last.bin", noise("last", 3_000))
    locker.commit()
    expected = describe(locker)
    locker.close()
    shutil.rmtree(folder / "catalog")
    (folder / "key").write_bytes(key_file.to_bytes())
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    (folder / "README.md").write_text(README.format(passphrase=PASSPHRASE, words=words))


if __name__ == "__main__":
    make(Path(sys.argv[1]))
