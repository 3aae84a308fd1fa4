"""What a box cannot keep anything on: it says so on a page, and not one byte of what there was changes.

A data partition that is damaged in a way nothing mends; a new card that is a sixteenth of what it says.
"""

from __future__ import annotations

import hashlib
import http.client
import re
import subprocess
import time
from pathlib import Path
from typing import Any, Final

from tests.image.nbd import LyingCard
from tests.image.qemu import Card, Machine
from tests.image.writelog import data_begins

_PAGE_S: Final = 900.0
_QUIET_S: Final = 20.0
_HARM: Final = ("sif /lib/systemd mode 0100644", "ssv state 2")
"""A folder says that it is a file, and the file system knows of an error (debugfs(8))."""
_STEP: Final = 1 << 22
_LIE: Final = 16
"""So many times what it has a lying card says it had."""


def rescued(settled: Card, folder: Path, words: str) -> dict[str, Any]:
    """Return ``rescue_page_ok`` and ``rescue_bytes_changed`` of a copy of ``settled`` that was damaged."""
    card = settled.copied(folder)
    begins = data_begins(card.path)
    harm(card.path, begins)
    before = pieces(card.path, begins)
    with Machine(card.board, card, folder, words=words) as machine:
        said = _page(machine)
        time.sleep(_QUIET_S)  # whoever would write does so now
        again = _page(machine)
    after = pieces(card.path, begins)
    changed = sum(one != other for one, other in zip(before, after, strict=True))
    ok = is_rescue(said) and said == again
    return {"rescue_page_ok": ok, "rescue_bytes_changed": changed * _STEP, "rescue_bytes_compared": len(before) * _STEP}


def lied_to(image: Path, board: str, folder: Path, words: str) -> dict[str, Any]:
    """Return ``fake_card_page_ok`` and ``fake_card_bytes_changed`` of the first start of ``image`` on a lying card."""
    folder.mkdir()
    card, size = Card(image, folder, board), image.stat().st_size
    before, card.served = pieces(card.path, 0, size), folder / "card"
    with (
        LyingCard(card.path, card.served, card.path.stat().st_size * _LIE),
        Machine(board, card, folder, words=words) as machine,
    ):
        status, text = _page(machine)
    says = f"It says {card.path.stat().st_size * _LIE / 1e9:.0f} GB"
    wanted = ("This card is not as large as it says.", says)
    changed = sum(one != other for one, other in zip(before, pieces(card.path, 0, size), strict=True))
    ok = status == http.HTTPStatus.SERVICE_UNAVAILABLE and all(each in text for each in wanted)
    return {"fake_card_page_ok": ok, "fake_card_bytes_changed": changed * _STEP}


def harm(path: Path, begins: int) -> None:
    """Damage the file system in ``path`` from ``begins`` on; its journal is emptied first, or would undo the harm."""
    looped = ["losetup", "--find", "--show", f"--offset={begins}", str(path)]
    device = subprocess.run(looped, check=True, capture_output=True, text=True).stdout.strip()
    try:
        subprocess.run(["e2fsck", "-p", device], check=False, capture_output=True)
        for order in _HARM:
            subprocess.run(["debugfs", "-w", "-R", order, device], check=True, capture_output=True)
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


def pieces(path: Path, begins: int, size: int | None = None) -> list[bytes]:
    """Digests of a card from ``begins`` on, 4 MiB each; ``size``: of so many bytes."""
    found, left = [], path.stat().st_size - begins if size is None else size
    with path.open("rb") as file:
        file.seek(begins)
        while piece := file.read(min(_STEP, left)):
            found.append(hashlib.sha256(piece).digest())
            left -= len(piece)
    return found


def is_rescue(said: tuple[int, str]) -> bool:
    """Whether it is the page, with the box's name and what the check said."""
    status, text = said
    wanted = ("Nothing was formatted", "<span>locker-", "UNEXPECTED INCONSISTENCY")
    return status == http.HTTPStatus.SERVICE_UNAVAILABLE and all(each in text for each in wanted)


def _page(machine: Machine) -> tuple[int, str]:
    """Status and text of the first answer to a request, without the dates of the check."""
    end = time.monotonic() + _PAGE_S
    while machine.running() and time.monotonic() < end:
        link = http.client.HTTPConnection("127.0.0.1", machine.http, timeout=10)
        try:
            link.request("GET", "/", headers={"Host": "10.0.2.15"})
            answer = link.getresponse()
            return answer.status, re.sub(r"\s+", " ", answer.read().decode())
        except (OSError, http.client.HTTPException):
            time.sleep(1)
        finally:
            link.close()
    return 0, ""
