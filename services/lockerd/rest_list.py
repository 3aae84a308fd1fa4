"""What is still to come of a locker that comes back, for whoever has no keys: lists of packs, counts of what came.

All in ``restore/`` of the locker's folder. ``going`` lies there until everything is here. ``rest-<n>`` are pages of the
book (docs/formats/book.md, not sealed) about packs of which the signed chain says the digest, so that a pack can be
checked and laid down while the locker is closed; ``rest-u<n>`` are about those of which the book alone says it: each
that is laid down has an ``unsure-<pack>`` beside it until the open locker looked at its seal. They say no more than
peerd keeps of every pack that friends have.
``came`` says how much came so, from whom; the next opening counts it.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from firmware.backup.book import PackPlace, Page, page_bytes, read_page
from firmware.errors import Damaged, Missing, NewerFormat
from firmware.limits import BOOK_PACKS
from firmware.ports import Disk

FOLDER: Final = "restore"
_GOING, _CAME = f"{FOLDER}/going", f"{FOLDER}/came"
_REST, _UNCLOSED, _UNSURE = "rest-", "rest-u", "unsure-"
_MOST: Final = 32 << 20


@dataclass
class From:
    """What came from one friend so far."""

    label: str
    shards: int = 0
    bytes: int = 0
    wrong: int = 0


@dataclass
class Came:
    """What came while the locker was closed; ``run`` tells one such account from the next."""

    run: str = field(default_factory=lambda: secrets.token_hex(8))
    sources: dict[str, From] = field(default_factory=dict)


def begin(disk: Disk) -> None:
    """From now on this locker is under way; raises Full."""
    disk.replace(_GOING, b"")


def is_going(disk: Disk) -> bool:
    """Whether something of the locker is still to come."""
    return "going" in disk.names(FOLDER)


def write_rest(disk: Disk, sure: Sequence[PackPlace], unsure: Sequence[PackPlace] = ()) -> None:
    """Write down which packs are still to come, in this order; raises Full."""
    pages = {}
    for places, kind in ((sure, _REST), (unsure, _UNCLOSED)):
        for at in range(0, len(places), BOOK_PACKS):
            pages[f"{kind}{at // BOOK_PACKS:06}"] = Page(at // BOOK_PACKS, 0, tuple(places[at : at + BOOK_PACKS]))
    for name, page in pages.items():
        disk.replace(f"{FOLDER}/{name}", page_bytes(page))
    for name in set(rest_pages(disk)) - pages.keys():
        disk.remove(f"{FOLDER}/{name}")


def is_sure(name: str) -> bool:
    """Whether the chain vouches for the packs of a list."""
    return not name.startswith(_UNCLOSED)


def doubt(disk: Disk, pack: bytes) -> None:
    """A pack is about to be laid down of which the book alone says the digest."""
    disk.replace(f"{FOLDER}/{_UNSURE}{pack.hex()}", b"")


def doubted(disk: Disk) -> list[bytes]:
    """Return packs whose seals the open locker must look at."""
    return [bytes.fromhex(name.removeprefix(_UNSURE)) for name in disk.names(FOLDER) if name.startswith(_UNSURE)]


def settled(disk: Disk, pack: bytes) -> None:
    """It did."""
    disk.remove(f"{FOLDER}/{_UNSURE}{pack.hex()}")


def rest_pages(disk: Disk) -> list[str]:
    """Return the names of the lists, the first first."""
    return [name for name in disk.names(FOLDER) if name.startswith(_REST)]


def read_rest(disk: Disk, name: str) -> tuple[PackPlace, ...]:
    """Return the packs of one list; none of a list that is not whole, for the open locker writes it anew."""
    with contextlib.suppress(Missing, Damaged, NewerFormat):
        return read_page(disk.read(f"{FOLDER}/{name}", 0, _MOST)).packs
    return ()


def end(disk: Disk) -> None:
    """Everything is here."""
    for name in disk.names(FOLDER):
        if name != "order":
            disk.remove(f"{FOLDER}/{name}")
    disk.sync_folder(FOLDER)


# ---------------------------------------------------------------- counts


def write_came(disk: Disk, came: Came) -> None:
    """Write down what came; raises Full."""
    disk.replace(_CAME, json.dumps(asdict(came)).encode())


def read_came(disk: Disk) -> Came | None:
    """Return what came while the locker was closed; None where nothing was written down."""
    try:
        found: dict[str, Any] = json.loads(disk.read(_CAME, 0, _MOST))
        return Came(str(found["run"]), {peer: From(**each) for peer, each in found["sources"].items()})
    except (Missing, Damaged, ValueError, TypeError, KeyError):
        return None


def forget_came(disk: Disk) -> None:
    """It was counted."""
    disk.remove(_CAME)


def added(one: dict[str, From], other: dict[str, From]) -> dict[str, From]:
    """Return both counts together."""
    found = {peer: From(**vars(each)) for peer, each in one.items()}
    for peer, each in other.items():
        at = found.setdefault(peer, From(each.label))
        at.shards, at.bytes, at.wrong = at.shards + each.shards, at.bytes + each.bytes, at.wrong + each.wrong
    return found
