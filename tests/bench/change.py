"""The 1 % change between two puts: photos added, notes edited, rows updated, mail appended, a film shifted."""

from __future__ import annotations

import random
import shutil
import sqlite3
import struct
from pathlib import Path
from typing import Final

from tests.bench.dataset import mail
from tests.bench.photos import photos
from tests.bench.words import Prose
from tests.folders import plain_files

MIB: Final = 1 << 20
NOTE_EDITS, ROW_UPDATES, NEW_PHOTOS = 200, 300, 2
SHIFT: Final = struct.pack(">I4s", 100, b"free") + bytes(92)
"""100 bytes in front of a fragmented MP4: a free box, so that the film still plays."""


def change_generated(tree: Path, seed: int, gib: float, *, photo_divide: int = 1) -> dict[str, int]:
    """Apply the change to a tree made by ``dataset.generate`` (hard links are broken first); return what was done."""
    edits, rows, mail_bytes = (
        max(4, round(NOTE_EDITS * gib)),
        max(6, round(ROW_UPDATES * gib)),
        max(4096, round(MIB * gib)),
    )
    return {
        "new_photo_bytes": _new_photos(tree / "photos", seed, photo_divide),
        "edited_note_bytes": _edit_notes(tree / "notes", seed, edits),
        "updated_rows": _update_rows(tree / "chat.sqlite", seed, rows),
        "appended_mail_bytes": _append_mail(tree / "mail.mbox", seed, mail_bytes),
        "shifted_film_bytes": _shift(tree / "videos" / "swimming.mp4"),
    }


def change_own(tree: Path, seed: int) -> dict[str, int]:
    """Apply a like change to a copy of a caller's folder: 1 % of files get 100 bytes more, two files are new."""
    dice = random.Random(f"own-{seed}")
    files = plain_files(tree)
    chosen = dice.sample(files, max(1, len(files) // 100)) if files else []
    for number, path in enumerate(chosen):
        data, extra = path.read_bytes(), dice.randbytes(100)
        _renew(path, extra + data if number % 2 else data + extra)
    for number in range(NEW_PHOTOS):
        (tree / f"new-{number}.bin").write_bytes(dice.randbytes(3 * MIB))
    return {"changed_files": len(chosen), "new_bytes": NEW_PHOTOS * 3 * MIB}


def _renew(path: Path, data: bytes) -> None:
    """Write ``data`` as a new file under the old name: the cached original behind a hard link stays as it was."""
    path.unlink()
    path.write_bytes(data)


def _new_photos(folder: Path, seed: int, divide: int) -> int:
    total = 0
    for number, (_, _, data) in enumerate(photos(seed + 1_000_003, NEW_PHOTOS, divide=divide)):
        (folder / f"new-{number}.jpg").write_bytes(data)
        total += len(data)
    return total


def _edit_notes(folder: Path, seed: int, count: int) -> int:
    dice, prose, total = random.Random(f"edits-{seed}"), Prose(seed, "edits"), 0
    files = plain_files(folder)
    for path in dice.sample(files, min(count, len(files))):
        data = path.read_bytes().replace(b'"stars"', f'"edited": "{" ".join(prose.draw(6))}",\n "stars"'.encode(), 1)
        _renew(path, data)
        total += len(data)
    return total


def _update_rows(path: Path, seed: int, count: int) -> int:
    dice, prose = random.Random(f"rows-{seed}"), Prose(seed, "rows")
    copy = path.with_suffix(".copy")
    shutil.copyfile(path, copy)
    with sqlite3.connect(copy) as db:
        top = int(db.execute("SELECT max(id) FROM message").fetchone()[0])
        rows = [(prose.text(380).replace("\n", " "), dice.randrange(1, top + 1)) for _ in range(count)]
        db.executemany("UPDATE message SET body = ? WHERE id = ?", rows)
    db.close()
    copy.replace(path)
    return count


def _append_mail(path: Path, seed: int, size: int) -> int:
    extra = mail(Prose(seed, "more"), random.Random(f"more-{seed}"), size)
    _renew(path, path.read_bytes() + extra)
    return len(extra)


def _shift(path: Path) -> int:
    _renew(path, SHIFT + path.read_bytes())
    return len(SHIFT)
