"""The front without a screen: what is kept, what is refused, what survives, on the real processes."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from firmware import limits
from services.api.blocking import Blocking
from services.api.client import Client
from services.api.kit_words import listed
from services.api.types import Stored
from tests.services.running import Running
from tests.web.front import PASSPHRASE, Visitor, hidden


def _json(reply_text: str, name: str) -> str:
    found = re.search(f'"{name}": "([^"]*)"', reply_text)
    assert found, reply_text
    return found[1]


def _names(member: Visitor) -> list[str]:
    return re.findall(r'<bdi class="name one-line">([^<]*)</bdi>', member.get("/files?all=1").text)


def test_uploads_come_back_bit_for_bit_with_ranges(member: Visitor) -> None:
    for name, data in (("plain.bin", os.urandom(3_000_000)), ("leer.txt", b""), ("🌻 Sonne ä?#%.txt", b"petals" * 99)):
        made = member.put(name, data)
        assert made.status == 201, made.text
        record = _json(made.text, "id")
        whole = member.get(f"/record/{record}/file")
        assert hashlib.sha256(whole.body).digest() == hashlib.sha256(data).digest()
        assert whole.headers["Content-Disposition"].startswith("attachment; ")
        assert "sandbox" in whole.headers["Content-Security-Policy"]
        if len(data) > 100:
            part = member.get(f"/record/{record}/file", Range="bytes=50-99")
            assert (part.status, part.body) == (206, data[50:100])
            assert part.headers["Content-Range"] == f"bytes 50-99/{len(data)}"
            tail = member.get(f"/record/{record}/file", Range="bytes=-7")
            assert tail.body == data[-7:]
        head = member.ask("HEAD", f"/record/{record}/file")
        assert (head.body, int(head.headers["Content-Length"])) == (b"", len(data))


def test_two_files_of_one_name_are_both_kept_and_equal_ones_once(member: Visitor) -> None:
    one, two = member.put("IMG_0001.JPG", b"first" * 100), member.put("IMG_0001.JPG", b"second" * 100)
    again = member.put("IMG_0001.JPG", b"first" * 100)
    assert _json(one.text, "id") != _json(two.text, "id")
    assert _json(again.text, "state") == "same"
    assert member.get(f"/record/{_json(one.text, 'id')}/file").body == b"first" * 100


def test_a_slow_upload_may_take_longer_than_a_call(
    box: Running, monkeypatch: pytest.MonkeyPatch, member: Visitor
) -> None:
    async def trickle() -> AsyncIterator[bytes]:
        for _ in range(10):
            await asyncio.sleep(0.3)
            yield b"drop"

    async def put() -> Stored:
        client = Client((box.data / "run").resolve())
        household = await client.call("status")
        opened = await client.call("open", member=household.members[0].id, passphrase=PASSPHRASE)
        mine = client.as_session(opened.token, opened.member)
        monkeypatch.setattr(limits, "CALL_SECONDS", 2)
        stored: Stored = await mine.call("put", body=trickle(), name="slow.txt", size=40)
        return stored

    assert asyncio.run(put()).size == 40
    assert "slow.txt" in _names(member)


def test_a_form_larger_than_its_bound_is_refused(member: Visitor) -> None:
    reply = member.post("/claim", code="x" * 100_000)
    assert reply.status == 413


def test_find_bin_and_back(member: Visitor) -> None:
    record = _json(member.put("Segelboot Rechnung.txt", b"Wind und Wellen am Bodensee").text, "id")
    assert "<mark>Segel</mark>boot" in member.get("/find?q=Segel").text
    gone = member.post(f"/record/{record}/delete")
    assert gone.leads_to == f"/files?deleted={record}"
    assert "Segelboot" not in member.get("/find?q=segelboot").text.replace('value="segelboot"', "")
    assert "Segelboot Rechnung.txt" in member.get("/bin").text
    assert member.post("/bin/undelete", id=record).leads_to == "/bin"
    assert member.get(f"/record/{record}/file").body == b"Wind und Wellen am Bodensee"
    assert member.post(f"/record/{record}/name", name="Boot.txt").leads_to == f"/record/{record}"
    assert "Boot.txt" in member.get(f"/record/{record}").text


def test_names_are_data_not_markup(member: Visitor) -> None:
    record = _json(member.put('<script>alert(1)</script>".html', b"<script>alert(1)</script>").text, "id")
    for path in ("/home", "/days", f"/record/{record}", "/find?q=script"):
        assert "<script>alert" not in member.get(path).text
    assert "html" not in member.get(f"/record/{record}/file").headers["Content-Type"]


def test_a_session_that_ended_in_the_middle_of_a_form_keeps_what_was_typed(member: Visitor, box: Running) -> None:
    record = _json(member.put("old name.txt", b"text to rename").text, "id")
    late = Visitor(box)
    reply = late.post(f"/record/{record}/name", name="A name I thought about for long")
    assert reply.leads_to == f"/open?then=/record/{record}/name"
    assert "kept and waits" in late.get(reply.leads_to).text
    opened = late.open(then=f"/record/{record}/name")
    assert opened.leads_to == f"/record/{record}/name"
    back = late.get(late.get(opened.leads_to).leads_to)
    assert 'value="A name I thought about for long"' in back.text
    assert "old name.txt" in back.text, "nothing was renamed yet"


def test_locking_ends_every_browser_of_the_member(member: Visitor, box: Running) -> None:
    other = Visitor(box)
    other.open()
    assert other.get("/home").status == 200
    locked = other.post("/lock")
    assert locked.leads_to == "/open"
    assert locked.headers["Clear-Site-Data"] == '"cache"'
    assert member.get("/home").leads_to.startswith("/open")
    assert other.put("late.txt", b"x").status == 423
    assert "Locked, and still on watch." in other.get("/open").text
    wrong = member.open("not the passphrase at all")
    assert (wrong.status, "does not open" in wrong.text) == (403, True)
    assert member.open().leads_to == "/home?lit=1"


def test_leaving_ends_this_browser_alone(member: Visitor, box: Running) -> None:
    other = Visitor(box)
    other.open()
    assert other.post("/leave").leads_to == "/open"
    assert other.get("/home").leads_to.startswith("/open")
    assert member.get("/home").status == 200


def test_the_24_words_are_shown_until_three_of_them_are_typed_back(member: Visitor) -> None:
    assert "keeps the 24 words nowhere" in member.get("/kit").text
    assert member.post("/kit", once="k1").leads_to == "/kit", "who just came in need not prove it again"
    page = member.get("/kit")
    words = re.findall(r"<li>([a-z]{3,8})</li>", page.text)
    assert len(words) == 24
    assert page.headers["Cache-Control"] == "no-store"
    assert words == re.findall(r"<li>([a-z]{3,8})</li>", member.get("/kit/paper").text)
    (asked,) = re.findall(r'id="word-(\d+)" name="word"', member.get("/kit/check").text)
    assert "is not in the word list" in member.post("/kit/check", word="medow").text
    other = next(word for word in words if word != words[int(asked) - 1])
    assert f"is word {words.index(other) + 1} of your page" in member.post("/kit/check", word=other).text
    assert "not on your page" in member.post("/kit/check", word=_not_in(words)).text
    assert "Is your spare key on paper?" in member.get("/home").text
    member.prove_kit(words)
    assert "Is your spare key on paper?" not in member.get("/home").text
    assert member.get("/kit/paper").leads_to == "/kit"
    assert "Your spare key is in order." in member.get("/kit").text
    said = member.post("/kit/prove", words=" ".join(reversed(words))).text
    assert 'role="alert"' in said and words[-1] in said, "what was typed stays"
    assert member.post("/kit/prove", words=f"{' '.join(words).upper()} LBH1ABC").leads_to == "/kit?done=proven"
    assert "words of your newest kit" in member.get("/kit?done=proven").text
    assert member.get("/kit/friends").leads_to == "/kit", "there is no friend to print"
    assert not any(f"<li>{word}</li>" in member.get("/kit").text for word in words)


def _not_in(words: list[str]) -> str:
    return next(word for word in listed() if word not in words)


def test_the_front_writes_neither_names_nor_secrets_into_its_log(member: Visitor, box: Running) -> None:
    member.get("/find?q=bodensee-secret-word")
    log = box.log.read_text()
    for secret in (PASSPHRASE, "bodensee-secret-word", "half.bin", *member.cookies.values()):
        assert secret not in log


class TestSetUp:
    """A new box each."""

    def test_wrong_codes_are_throttled_and_stay_in_the_field(self, new_box: Running) -> None:
        visitor = Visitor(new_box)
        replies = [visitor.post("/claim", code=f"wrong-{number}") for number in range(8)]
        assert [reply.status for reply in replies[:4]] == [403] * 4
        assert replies[-1].status == 429
        assert 'value="wrong-7"' in replies[-1].text
        assert "Wait" in replies[-1].text
        assert visitor.get("/household").leads_to == "/claim"

    def test_sending_the_last_form_twice_makes_one_member(self, new_box: Running) -> None:
        visitor = Visitor(new_box)
        visitor.post("/claim", code=str(new_box.hello["claim_code"]))
        visitor.post("/household", household="Zuhause", name="Ada")
        form = visitor.get("/passphrase").text
        replies = []

        def send() -> None:
            twin = Visitor(new_box, cookies=dict(visitor.cookies))
            replies.append(twin.post("/passphrase", once=hidden(form, "once"), offered="", passphrase=PASSPHRASE))

        threads = [threading.Thread(target=send) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [reply.leads_to for reply in replies] == ["/kit", "/kit"]
        members = Blocking((new_box.data / "run").resolve()).call("status").members
        assert [one.name for one in members] == ["Ada"]
        assert len(re.findall(r"<li>([a-z]{3,8})</li>", visitor.get("/kit").text)) == 24

    def test_weak_passphrases_are_explained_and_names_survive_a_lost_session(self, new_box: Running) -> None:
        visitor = Visitor(new_box)
        code = str(new_box.hello["claim_code"])
        visitor.post("/claim", code=code)
        assert visitor.post("/household", household="  ", name="Ada").status == 400
        visitor.post("/household", household="Haus am See", name="Ada & <Bo>")
        form = visitor.get("/passphrase")
        assert "Ada &amp; &lt;Bo&gt;" in form.text
        offered = hidden(form.text, "offered")
        assert len(offered.split()) == 5
        weak = visitor.post("/passphrase", once="a", offered=offered, passphrase="password1")
        assert weak.status == 400
        assert "too easy to guess" in weak.text
        assert hidden(weak.text, "offered") == offered
        visitor.cookies.clear()
        names = {"household": hidden(weak.text, "household"), "name": "Ada"}
        assert (
            visitor.post("/passphrase", once="b", offered=offered, passphrase=PASSPHRASE, **names).leads_to == "/claim"
        )
        assert visitor.post("/claim", code=code).leads_to == "/household"
        assert 'value="Haus am See"' in visitor.get("/household").text
        visitor.post("/household", **names)
        done = visitor.post("/passphrase", once="c", offered=offered, passphrase=offered)
        assert done.leads_to == "/kit"
        assert Visitor(new_box).get("/claim").leads_to == "/"
        assert Visitor(new_box).post("/claim", code=code).leads_to == "/"


@pytest.fixture(autouse=True)
def _opened(request: pytest.FixtureRequest) -> Iterator[None]:
    """Tests of the shared box begin with an open locker, whatever the one before did."""
    yield
    if "member" in request.fixturenames and not isinstance(request.instance, TestSetUp):
        member = request.getfixturevalue("member")
        if member.get("/home").status != 200:
            member.open()


def test_the_front_opens_no_file_of_the_locker(box: Running, member: Visitor) -> None:
    pid = box.children()["webd"]
    opened = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    lockers = str((box.data / "lockers").resolve())
    assert not any(path.startswith(lockers) for path in opened)
    assert Path(lockers).is_dir()
    assert member.get("/home").status == 200
