"""The data set of the locker bench: one household's gigabyte from a seed. A caller's own folder is only read."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import random
import shutil
import sqlite3
import struct
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.measure import folder_bytes
from tests.bench.photos import photos
from tests.bench.words import Prose
from tests.folders import plain_files

FORMAT: Final = 3
"""Raised whenever the generator changes, so that an old cache is never taken for a new data set."""
MIB: Final = 1 << 20
GIB: Final = 1 << 30
BACKGROUNDS: Final = Path("/usr/share/backgrounds")
_PICTURE_ENDS: Final = {".jpg", ".jpeg", ".png", ".webp", ".svg"}
PDF_PAGE_CHARACTERS: Final = 6000
_EPOCH: Final = 1_700_000_000


@dataclass(frozen=True)
class DataSet:
    """A folder to put and what it holds: ``counts`` in files by kind, ``fingerprint`` over names and contents."""

    folder: Path
    files: int
    size: int
    counts: dict[str, int]
    fingerprint: str


def default_cache() -> Path:
    """Return the folder data sets and peers' programs are kept in between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))) / "locker-box-bench"


def generate(cache: Path, seed: int, gib: float, *, photo_divide: int = 1) -> DataSet:
    """Return the seeded data set of about ``gib`` GiB, made once and kept in ``cache``."""
    key = hashlib.sha256(f"{FORMAT} {seed} {gib} {photo_divide} {sysconfig.get_python_version()}".encode()).hexdigest()[
        :16
    ]
    final, note = cache / f"set-{key}", cache / f"set-{key}.json"
    if not note.exists():
        shutil.rmtree(final, ignore_errors=True)
        making = cache / f"set-{key}.making"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        counts = _make(making, seed, gib, photo_divide)
        making.rename(final)
        files, size, fingerprint = survey(final)
        note.write_text(json.dumps({"files": files, "size": size, "counts": counts, "fingerprint": fingerprint}))
    told = json.loads(note.read_text())
    return DataSet(final, told["files"], told["size"], told["counts"], told["fingerprint"])


def own(folder: Path) -> DataSet:
    """Describe a folder the caller brought; it is only read."""
    files, size, fingerprint = survey(folder)
    return DataSet(folder, files, size, {"files": files}, fingerprint)


def survey(folder: Path) -> tuple[int, int, str]:
    """Return (plain files, bytes, fingerprint over sorted names and contents)."""
    whole, count, size = hashlib.blake2b(digest_size=16), 0, 0
    for path in plain_files(folder):
        with path.open("rb") as source:
            digest = hashlib.file_digest(source, "blake2b").digest()
        whole.update(os.fsencode(path.relative_to(folder)) + b"\0" + digest)
        count, size = count + 1, size + path.stat().st_size
    return count, size, whole.hexdigest()


def copy_tree(source: DataSet, target: Path, *, ours: bool) -> None:
    """Make a tree that may be changed: hard links into our cached set, or a real copy of a caller's folder."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(
        source.folder, target, copy_function=os.link if ours else shutil.copy2, symlinks=True, ignore=_odd_files
    )


def _odd_files(folder: str, names: list[str]) -> set[str]:
    paths = ((name, os.path.join(folder, name)) for name in names)
    return {
        name
        for name, path in paths
        if not os.path.islink(path) and not os.path.isfile(path) and not os.path.isdir(path)
    }


def _make(folder: Path, seed: int, gib: float, photo_divide: int) -> dict[str, int]:
    counts = {
        "photos": _photos(folder / "photos", seed, max(8, round(250 * gib)), photo_divide),
        "videos": _videos(folder / "videos", seed, gib),
        "notes": _notes(folder / "notes", seed, max(60, round(20_000 * gib))),
        "databases": _database(folder / "chat.sqlite", seed, max(1, round(64 * gib))),
        "mailboxes": _mailbox(folder / "mail.mbox", seed, max(1, round(40 * gib))),
        "documents": _documents(folder / "documents", seed, max(12, round(400 * gib))),
        "sources": _sources(folder / "sources", round(80 * gib * MIB)),
        "real_pictures": _real_pictures(folder / "backgrounds", round(64 * gib * MIB)),
    }
    if photo_divide == 1:
        counts["photos"] += _fill(folder, seed, round(gib * GIB))
    for number, path in enumerate(plain_files(folder)):
        if "photos" not in path.parts:
            os.utime(path, (_EPOCH + number * 60, _EPOCH + number * 60))
    return counts


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _photos(folder: Path, seed: int, count: int, divide: int) -> int:
    for name, taken, data in photos(seed, count, divide=divide):
        _write(folder / name, data)
        os.utime(folder / name, (taken.timestamp(), taken.timestamp()))
    return count


def _fill(folder: Path, seed: int, size: int) -> int:
    """Add photographs up to ``size`` bytes: the machine's Python and packages decide how much the rest has."""
    missing, count = size - folder_bytes(folder), 0
    for name, _, data in photos(seed + 2_000_003, 1 << 16):
        if missing <= 0:
            break
        _write(folder / "photos" / "more" / name, data)
        missing, count = missing - len(data), count + 1
    return count


def _videos(folder: Path, seed: int, gib: float) -> int:
    for name, share, offset in (("swimming.mp4", 128, 0), ("birthday.mp4", 128, 1)):
        film(folder / name, seed + offset, max(1, round(share * gib * MIB)))
    return 2


def film(path: Path, seed: int, size: int) -> None:
    """Write a fragmented MP4 of about ``size`` bytes of noise; without ffmpeg, random bytes after an ftyp box."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if shutil.which("ffmpeg") is None:
        path.write_bytes(
            struct.pack(">I4s4sI4s", 20, b"ftyp", b"isom", 512, b"isom") + random.Random(seed).randbytes(size)
        )
        return
    small = size < 16 * MIB
    shape, rate = ("320x180", 30 / 16) if small else ("1280x720", 30)
    seconds = max(0.5, size / (rate * MIB))
    noise = f"nullsrc=s={shape}:r=30,format=yuv420p,noise=all_seed={seed}:alls=60:allf=t"
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-y",
        "-f",
        "lavfi",
        "-i",
        noise,
        "-t",
        f"{seconds:.2f}",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
    ]
    tail = [
        "-qp",
        "16",
        "-threads",
        "2",
        "-bitexact",
        "-movflags",
        "frag_keyframe+empty_moov+default_base_moof",
        str(path),
    ]
    subprocess.run(command + tail, check=True, stdin=subprocess.DEVNULL)


def _notes(folder: Path, seed: int, count: int) -> int:
    prose, dice = Prose(seed, "notes"), random.Random(f"notes-{seed}")
    for number in range(count):
        _write(folder / f"{number // 200:03d}" / f"note-{number:05d}.json", note(prose, dice, number))
    return count


def note(prose: Prose, dice: random.Random, number: int) -> bytes:
    """Return one JSON note of 0.3 to 4 kB."""
    title = " ".join(prose.draw(4))
    told = {
        "id": number,
        "title": title,
        "tags": prose.draw(3),
        "stars": dice.randrange(6),
        "text": prose.text(dice.randrange(220, 3900)),
    }
    return json.dumps(told, indent=1).encode()


def _database(path: Path, seed: int, mib: int) -> int:
    prose, dice = Prose(seed, "database"), random.Random(f"database-{seed}")
    lines = prose.text(2 * MIB).replace("\n", " ")
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA page_size=4096")
        db.execute("CREATE TABLE message (id INTEGER PRIMARY KEY, at INTEGER, sender TEXT, body TEXT, thumb BLOB)")
        for _ in range(mib):
            starts = [dice.randrange(len(lines) - 400) for _ in range(1600)]
            rows = [
                (dice.randrange(1 << 31), lines[at : at + 8], lines[at : at + 380], dice.randbytes(220))
                for at in starts
            ]
            db.executemany("INSERT INTO message (at, sender, body, thumb) VALUES (?, ?, ?, ?)", rows)
    db.close()
    return 1


def mail(prose: Prose, dice: random.Random, size: int) -> bytes:
    """Return about ``size`` bytes of mbox: letters, a third of them with an attachment in base64."""
    letters: list[bytes] = []
    total = 0
    while total < size:
        attachment = base64.encodebytes(dice.randbytes(dice.randrange(2000, 60_000))) if dice.random() < 0.34 else b""
        told = f"Subject: {' '.join(prose.draw(5))}\nMessage-ID: <{dice.randrange(1 << 60):x}@example.org>\n\n"
        head = f"From bench@example.org Sat Jan  6 09:00:00 2024\n{told}"
        letters.append(head.encode() + prose.text(dice.randrange(400, 6000)).encode() + b"\n\n" + attachment + b"\n")
        total += len(letters[-1])
    return b"".join(letters)


def _mailbox(path: Path, seed: int, mib: int) -> int:
    prose, dice = Prose(seed, "mail"), random.Random(f"mail-{seed}")
    with path.open("wb") as target:
        for _ in range(mib):
            target.write(mail(prose, dice, MIB))
    return 1


def _documents(folder: Path, seed: int, count: int) -> int:
    prose, dice = Prose(seed, "documents"), random.Random(f"documents-{seed}")
    makers = (("txt", _plain), ("md", _markdown), ("csv", _table), ("html", _page), ("pdf", pdf))
    for number in range(count):
        end, maker = makers[number % len(makers)]
        _write(
            folder / f"{'-'.join(prose.draw(2))}-{number:04d}.{end}", maker(prose.text(dice.randrange(1000, 40_000)))
        )
    return count


def _plain(text: str) -> bytes:
    return text.encode()


def _markdown(text: str) -> bytes:
    return f"# {text[:40]}\n\n{text}\n".encode()


def _table(text: str) -> bytes:
    return text.replace(" ", ",").encode()


def _page(text: str) -> bytes:
    return f"<!doctype html><title>{text[:30]}</title><p>{text}</p>\n".encode()


def pdf(text: str) -> bytes:
    """Return a PDF 1.4 of one page that shows ``text`` (ASCII without brackets or backslashes) as far as it fits."""
    lines = "".join(f"({line}) Tj T*\n" for line in text[:PDF_PAGE_CHARACTERS].splitlines())
    stream = f"BT /F1 9 Tf 40 800 Td 11 TL\n{lines}ET".encode()
    bodies = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type/Page/Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources <</Font <</F1 5 0 R>>>>>>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(bodies, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = len(out)
    return (
        bytes(out)
        + b"xref\n0 6\n0000000000 65535 f \n"
        + table
        + b"trailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % start
    )


def _sources(folder: Path, limit: int) -> int:
    """Copy this Python's own standard library, in one order, up to ``limit`` bytes."""
    root, taken, count = Path(sysconfig.get_path("stdlib")), 0, 0
    for path in sorted(root.rglob("*.py")):
        inside = path.relative_to(root)
        if "site-packages" in inside.parts or taken > limit or not path.is_file():
            continue
        _write(folder / inside, path.read_bytes())
        taken, count = taken + path.stat().st_size, count + 1
    return count


def _real_pictures(folder: Path, limit: int) -> int:
    """Copy photographs and drawings that Debian packages carry, where installed, up to ``limit`` bytes."""
    taken, count = 0, 0
    for path in plain_files(BACKGROUNDS) if BACKGROUNDS.is_dir() else []:
        if path.suffix.lower() in _PICTURE_ENDS and taken + path.stat().st_size <= limit:
            _write(folder / path.name, path.read_bytes())
            taken, count = taken + path.stat().st_size, count + 1
    return count
