"""Nothing a member confides to the box reaches its disk or its logs in the clear: contents, names, words, keys."""

from __future__ import annotations

import base64
import io
import os
import secrets
import signal
import string
from pathlib import Path

import pytest
from PIL import Image

from services.api import bulk
from services.api.blocking import Blocking
from tests.services.running import Running, alive, until
from tests.sim.canary import forms, hits


def _word() -> str:
    """A canary that is a word: an index would take it in as it is."""
    return "".join(secrets.choice(string.ascii_lowercase) for _ in range(32))


def _photo(description: str) -> bytes:
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = description
    Image.new("RGB", (640, 480), (200, 90, 30)).save(out, "JPEG", exif=exif)
    return out.getvalue()


def _files(canaries: dict[str, str], raw: bytes) -> list[tuple[str, bytes]]:
    page = f"<html><head><title>{canaries['title']}</title></head><body>{canaries['page']}</body></html>"
    return [
        (f"letters/{canaries['name']}.txt", f"dear diary {canaries['text']} and nothing else".encode()),
        (f"{canaries['folder']}/page.html", page.encode()),
        ("photos/sunset.jpg", _photo(canaries["exif"])),
        ("blobs/key.bin", raw + secrets.token_bytes(3000)),
        ("blobs/long.bin", secrets.token_bytes(700_000) + raw + secrets.token_bytes(700_000)),
    ]


def _put(client: Blocking, files: list[tuple[str, bytes]]) -> list[str]:
    frames = []
    for name, content in files:
        frames += [bulk.encode_start(name.encode(), 1, len(content)), bulk.encode_data(content), bulk.END]
    return [line["id"] for line in client.bulk_put(frames) if "id" in line]


def _open(box: Running, passphrase: str) -> tuple[Blocking, str]:
    free = Blocking((box.data / "run").resolve())
    opened = free.call("open", member="Ada", passphrase=passphrase, device="test")
    return free.as_session(opened.token, opened.member), opened.token


def _analysed(client: Blocking) -> bool:
    state = client.call("analysis")
    return bool(state.pending_text == 0 and state.pending_previews == 0)


def _kill_lockerd(box: Running) -> None:
    pid = box.children()["lockerd"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: not alive(pid))
    until(box.status)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_secret_is_written_in_the_clear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    kinds = ("name", "folder", "text", "title", "page", "exif", "renamed", "passphrase", "second", "household")
    canaries = {kind: _word() for kind in kinds}
    raw = secrets.token_bytes(32)
    known = {kind: word.encode() for kind, word in canaries.items() if kind != "household"} | {"content": raw}
    box = Running(tmp_path / "data")
    places = [box.data, (box.data / "run").resolve(), box.log, scratch]
    try:
        free = Blocking(places[1])
        code = str(box.hello["claim_code"])
        phrase, second = f"{canaries['passphrase']} tractor humming", f"{canaries['second']} humming tractor"
        new = free.call("claim", code=code, household=canaries["household"], name="Ada", passphrase=phrase)
        known["token"] = new.token.encode()
        words = new.words.split()
        known |= {f"kit words {at}": " ".join(words[at : at + 4]).encode() for at in range(0, 24, 4)}
        client = free.as_session(new.token, new.member)
        ids = _put(client, _files(canaries, raw))
        until(lambda: _analysed(client))
        for word in ("text", "page", "name"):
            assert client.call("search", q=canaries[word]).records, f"the {word} canary was not indexed"
        client.call("rename", id=ids[3], name=f"renamed/{canaries['renamed']}")
        _kill_lockerd(box)
        assert hits(places, known)[0] == []
        client, token = _open(box, phrase)
        known["second token"] = token.encode()
        client.call("passwd", passphrase=phrase, new=second)
        client.call("delete", id=ids[0])
        client.call("cut")
        client.call("rebuild")
        found, scanned = hits(places, known)
        assert found == []
        assert scanned > 1_500_000
        household, _ = hits([box.data], {"household": canaries["household"].encode()})
        assert household, "control: what household.json holds for the lock page is found, so the scan sees this box"
    finally:
        box.kill()
    assert hits([box.data, box.log, scratch], known)[0] == []


@pytest.mark.parametrize("form", sorted(forms(b"the quick brown fox jumps over")))
def test_the_scan_finds_a_canary_in_every_form(tmp_path: Path, form: str) -> None:
    secret = b"the quick brown fox jumps over"
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(bytes(1 << 20) + b"x" + forms(secret)[form] + b"tail")
    found, scanned = hits([tmp_path], {"secret": secret})
    assert any(f"({form})" in sentence for sentence in found)
    assert scanned > 1 << 20


def test_the_scan_finds_what_base64_makes_of_a_whole_message(tmp_path: Path) -> None:
    secret = secrets.token_bytes(32)
    for lead in range(5):
        (tmp_path / f"{lead}").write_bytes(base64.b64encode(b"h" * lead + secret + b"and more"))
    found, _ = hits([tmp_path], {"secret": secret})
    assert {sentence[-1] for sentence in found} == set("01234")
