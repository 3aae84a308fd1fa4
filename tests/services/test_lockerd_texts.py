"""What stands inside records through real sockets: excerpts, lines, near words, an old version brought back."""

from __future__ import annotations

import pytest

from firmware.errors import Misused, NoSuchRecord
from services.api.blocking import Blocking
from tests.services.lockerd_box import LockerdBox


@pytest.fixture(scope="module")
def ada(shared_lockerd: LockerdBox) -> Blocking:
    ada = shared_lockerd.claim()[0]
    for text in (b"The lantern hangs at the harbour", b"The lantern fell into the sea"):
        ada.call("put", body=[text], name="tale.txt")
    return ada


def test_text_lines_and_near_words(ada: Blocking) -> None:
    id = ada.call("find", path="tale.txt").id
    assert ada.call("excerpt", id=id).text == "The lantern fell into the sea"
    assert [line.line for line in ada.call("lines", ids=(id, "0" * 32), q="SEA").lines] == [
        "…lantern fell into the sea"
    ]
    assert ada.call("lines", ids=(id,), q="harbour").lines == ()
    assert ada.call("near", word="lantren").words == ("lantern",)
    with pytest.raises(Misused):
        ada.call("lines", ids=(id,) * 25, q="sea")


def test_an_old_version_comes_back(ada: Blocking) -> None:
    id = ada.call("find", path="tale.txt").id
    ada.call("revert", id=id, version=1)
    assert ada.call("get", id=id).version == 3
    assert ada.call("excerpt", id=id).text == "The lantern hangs at the harbour"
    assert [record.id for record in ada.call("search", q="harbour").records] == [id]
    with pytest.raises(NoSuchRecord):
        ada.call("revert", id=id, version=9)
