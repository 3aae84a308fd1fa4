"""A home comes back from a disk: which one, who she is, how much is here, and what a disk without a shelf gets."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from html import unescape
from typing import Any

import pytest

from firmware.errors import BoxError, OtherKit, WeakPassphrase
from services.api.shelf_types import DiskIs, MountedDisk, ShelfDisks
from services.api.types import Passphrase
from tests.web import restores_made_up as made
from tests.web.circle_made_up import MEMBER, MadeUpFront, front

DISK = MountedDisk("/media/stick", DiskIs.OTHER, "ext4", 64 << 30, 1 << 30, is_read_only=False, label="Novak home")
FORM = {"disk": DISK.at, "household": "Novak home", "name": "Marta"}
HALF = {"packs": 1, "bytes": 50, "left": 0, "of": 2, "of_bytes": 100}
DONE = {"done": True, "member": MEMBER, "token": "t", "packs": 2, "bytes": 100, "left": 0, "records": 3}


class Answer:
    """Lines as lockerd sends them; an error is raised in its place."""

    def __init__(self, lines: list[dict[str, Any] | BoxError]) -> None:
        self._lines = lines

    async def lines(self) -> AsyncIterator[dict[str, Any]]:
        for each in self._lines:
            if isinstance(each, BoxError):
                raise each
            yield each


@pytest.fixture(scope="module")
def served() -> Iterator[MadeUpFront]:
    with front() as found:
        yield found


@pytest.fixture
def new(served: MadeUpFront, monkeypatch: pytest.MonkeyPatch) -> MadeUpFront:
    """Whoever typed the claim code of a new box, and the words of her kit."""
    served.box.__init__()  # type: ignore[misc]
    served.be_newcomer()
    served.box.answers |= {"shelf_disks": ShelfDisks((DISK,)), "offer": Passphrase("one two three four five")}

    @contextlib.asynccontextmanager
    async def stream(operation: str, **asked: Any) -> AsyncIterator[Answer]:
        served.box.asked.append((operation, asked))
        yield Answer(served.box.answers["lines"])

    monkeypatch.setattr(served.box, "stream", stream, raising=False)
    assert served.ask("POST", "/restore", words=made.WORDS)[2] == "/restore/friends"
    return served


def ended(new: MadeUpFront) -> tuple[int, str, str]:
    """The page about how far it is, once it ended."""
    deadline = time.monotonic() + 60
    while "Leave the disk" in (found := new.ask("GET", "/restore/shelf/progress"))[1]:
        assert time.monotonic() < deadline
    return found


def test_a_disk_and_the_words_bring_a_locker_home(new: MadeUpFront) -> None:
    page = unescape(new.page("/restore/shelf"))
    assert "Bring it home from a disk." in page and "Novak home" in page and "69" in page
    status, page, _ = new.ask("POST", "/restore/shelf", disk=DISK.at, household="", name="Marta")
    assert status == 400 and "a name for your home" in page
    assert new.ask("POST", "/restore/shelf", **FORM)[2] == "/restore/passphrase"
    assert 'href="/restore/shelf"' in new.page("/restore/passphrase")
    new.box.answers["lines"] = [WeakPassphrase(why="it is short")]
    assert new.ask("POST", "/restore/passphrase", once="a", offered="", passphrase="12")[0] == 400
    new.box.answers["lines"] = [HALF, DONE]
    assert new.ask("POST", "/restore/passphrase", once="b", offered="", passphrase="x y z")[2] == (
        "/restore/shelf/progress"
    )
    assert new.box.asked[-1][1] | {"device": ""} == {
        "code": "CODE", "at": DISK.at, "words": made.WORDS, "passphrase": "x y z", "device": "",
        "name": "Marta", "household": "Novak home",
    }  # fmt: skip
    assert ended(new)[2] == "/home"


def test_what_the_disk_did_not_give_is_said_at_the_end(new: MadeUpFront) -> None:
    new.ask("POST", "/restore/shelf", **FORM)
    new.box.answers["lines"] = [HALF, {**DONE, "left": 3}]
    new.ask("POST", "/restore/passphrase", once="c", offered="", passphrase="x y z")
    page = unescape(ended(new)[1])
    assert "Your locker is home." in page and "3 pieces had changed" in page
    assert new.ask("GET", "/restore/shelf/progress")[2] == "/home"


def test_other_words_and_no_disk_are_said_calmly(new: MadeUpFront) -> None:
    new.ask("POST", "/restore/shelf", **FORM)
    new.box.answers["lines"] = [OtherKit()]
    status, page, _ = new.ask("POST", "/restore/passphrase", once="d", offered="", passphrase="x y z")
    assert status >= 400 and "other-kit" in page and "Bring it home from a disk." in page
    new.box.answers["shelf_disks"] = ShelfDisks()
    assert "No disk with a shelf is plugged in." in new.page("/restore/shelf")
    assert "Keine Platte mit einem Regal" in new.page("/restore/shelf", "de")
