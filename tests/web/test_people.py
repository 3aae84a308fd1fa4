"""People and their ways in: inviting, joining, roles, leaving, recovery, log-ins, app passwords, taking home."""

from __future__ import annotations

import io
import re
import threading
import zipfile

import pytest

from tests.services.running import Running
from tests.web.front import PASSPHRASE, Visitor, hidden

Guest = tuple[Visitor, list[str]]
_OTHER = "harvest violin salad meadow bridge"
_WALK = "a new walk by the cold river"
_THIRD = "timber pencil island orbit ribbon"


def _invite(owner: Visitor, role: str = "adult", until: str = "") -> str:
    made = owner.post("/members/invite", role=role, until=until)
    if made.leads_to.startswith("/sure"):
        made = owner.be_sure(made)
    assert made.leads_to == "/members/invite"
    found = re.search(r'class="secret">([0-9A-Z-]{19})<', owner.get("/members/invite").text)
    assert found
    return found[1]


def _join(box: Running, code: str, name: str, passphrase: str) -> Guest:
    guest = Visitor(box)
    assert guest.post("/join", code=code.lower(), name=name).leads_to == "/join/passphrase"
    form = guest.get("/join/passphrase").text
    made = guest.post("/join/passphrase", once=hidden(form, "once"), offered="", passphrase=passphrase)
    assert made.leads_to == "/kit", made.text
    return guest, re.findall(r"<li>([a-z]{3,8})</li>", guest.get("/kit").text)


def _id_of(owner: Visitor, name: str) -> str:
    found = re.search(rf'href="/members/([0-9a-f]{{16}})".*?<bdi class="name">{name}</bdi>', owner.get("/members").text)
    assert found
    return found[1]


@pytest.fixture(scope="module")
def elias(box: Running, member: Visitor) -> Guest:
    """A second member, who joined on a phone of his own."""
    return _join(box, _invite(member), "Elias", _OTHER)


def test_a_member_joins_on_a_phone_of_their_own(box: Running, member: Visitor, elias: Guest) -> None:
    guest, words = elias
    assert len(words) == 24
    guest.prove_kit(words)
    assert guest.put("mine.txt", b"for my eyes only").status == 201
    assert "mine.txt" not in member.get("/files?all=1").text
    assert member.get("/members/invite").leads_to == f"/members?joined={_id_of(member, 'Elias')}"
    assert "Elias has moved in" in member.get(f"/members?joined={_id_of(member, 'Elias')}").text
    assert "Add someone" not in guest.get("/members").text
    assert guest.post("/members/invite", role="owner", until="").status == 403


def test_an_invitation_is_for_one_person(box: Running, member: Visitor, elias: Guest) -> None:
    code = _invite(member)
    _join(box, code, "Ilse", _THIRD)
    late = Visitor(box)
    assert "This invitation is over" in late.post("/join", code=code, name="Late").text
    assert late.get("/join/passphrase").leads_to == "/join"
    assert "Elias" in Visitor(box).get("/open").text
    assert late.post("/join", code=_invite(member), name="elias").leads_to == "/join/passphrase"
    form = late.get("/join/passphrase").text
    taken = late.post("/join/passphrase", once=hidden(form, "once"), offered="", passphrase=_THIRD)
    assert taken.status == 409 and "lives here already" in taken.text


def test_roles_a_guardian_and_letting_go(box: Running, member: Visitor) -> None:
    child, _ = _join(box, _invite(member, "child", "2038-01-02"), "Mia", _THIRD)
    mia = _id_of(member, "Mia")
    child.put("drawing.txt", b"a house and a sun")
    drawing = re.search('data-record="([0-9a-f]{32})"', child.get("/files?all=1").text)
    assert drawing
    assert "Nobody else can see it but Marta" in child.get(f"/record/{drawing[1]}").text
    assert "looks after this locker" in member.get(f"/members/{mia}").text
    assert member.post(f"/members/{mia}/open").leads_to == "/home"
    assert "You are in the locker of Mia" in member.get("/home").text
    assert "drawing.txt" in member.get("/files?all=1").text
    assert "/box/passphrase" not in member.get("/box").text
    assert member.get("/box/activity").status == 403
    assert member.post("/back").leads_to == "/members"
    assert "drawing.txt" not in member.get("/files?all=1").text
    assert "looked after your locker" in child.get("/box/activity").text
    assert child.post(f"/members/{mia}/leave", passphrase=_THIRD).status == 403
    assert member.post(f"/members/{mia}/leave", passphrase="not it").status == 403
    assert member.post(f"/members/{mia}/leave", passphrase=PASSPHRASE).leads_to == "/members"
    assert "Mia" not in Visitor(box).get("/open").text
    assert child.get("/home").leads_to.startswith("/open")


def test_the_last_owner_stays_an_owner(member: Visitor) -> None:
    me = _id_of(member, "Marta")
    refused = member.post(f"/members/{me}", role="adult")
    assert refused.status == 409
    assert "Owner" in member.get(f"/members/{me}").text


def test_back_in_with_the_kit(box: Running, elias: Guest) -> None:
    guest, words = elias
    found = re.search(
        r'name="member" value="([0-9a-f]{16})"[^>]*>(?=[^~]{0,200}Elias)', Visitor(box).get("/recover").text
    )
    assert found
    lost = Visitor(box)
    wrong = lost.post("/recover", member=found[1], words=" ".join(["medow", *words[1:]]), passphrase=_OTHER)
    assert wrong.status == 400 and "“medow”, is not on the list" in wrong.text
    assert f'data-value="meadow {words[1]}' in wrong.text, "the nearest word is one press away"
    assert (
        "24 words; these are 3" in lost.post("/recover", member=found[1], words="one two six", passphrase=_OTHER).text
    )
    weak = lost.post("/recover", member=found[1], words=" ".join(words), passphrase="password1")
    assert "too easy to guess" in weak.text and words[5] in weak.text, "the words stay typed"
    numbered = "\n".join(f"{at}. {word.upper()}" for at, word in enumerate(words, 1))
    assert lost.post("/recover", member=found[1], words=numbered, passphrase=_WALK).leads_to == "/home?lit=1"
    assert guest.get("/home").leads_to.startswith("/open"), "every other browser is logged out"
    assert "with the recovery kit" in lost.get("/box/activity").text
    changed = lost.post("/box/passphrase", passphrase="wrong", new=_OTHER, offered="")
    assert changed.status == 403 and _OTHER in changed.text
    done = lost.post("/box/passphrase", passphrase=_WALK, new=_OTHER, offered="")
    assert done.leads_to == "/box?done=passphrase"
    assert guest.post("/open", member=found[1], passphrase=_OTHER).leads_to == "/home?lit=1"


def test_log_ins_end_with_one_tap(box: Running, member: Visitor) -> None:
    other = Visitor(box)
    other.open()
    session = re.search(r'name="session" value="([0-9a-f]{16})"', member.get("/box/log-ins").text)
    assert session
    while session is not None:
        member.post("/box/log-ins", session=session[1])
        session = re.search(r'name="session" value="([0-9a-f]{16})"', member.get("/box/log-ins").text)
    assert other.get("/home").leads_to.startswith("/open")
    other.open()
    member.post("/box/log-ins", others="yes")
    assert other.get("/home").leads_to.startswith("/open")
    assert member.get("/home").status == 200


def test_a_program_gets_a_password_of_its_own_shown_once(member: Visitor) -> None:
    form = member.get("/box/apps").text
    assert member.post("/box/apps", once=hidden(form, "once"), device="PhotoSync").leads_to == "/box/apps"
    shown = re.search(r'class="secret">([^<]+)<', member.get("/box/apps").text)
    assert shown
    again = member.get("/box/apps").text
    assert shown[1] not in again and "PhotoSync" in again
    found = re.search(r'name="drop" value="([0-9a-f]{16})"', again)
    assert found
    member.post("/box/apps", drop=found[1])
    assert 'name="drop"' not in member.get("/box/apps").text


def test_everything_can_be_taken_home(member: Visitor) -> None:
    member.put("Papiere/Brief.txt", b"Liebe Oma")
    archive = member.get("/take-home/file")
    assert archive.headers["Content-Disposition"].startswith("attachment")
    with zipfile.ZipFile(io.BytesIO(archive.body)) as found:
        (name,) = [one for one in found.namelist() if one.endswith("Brief.txt")]
        assert found.read(name) == b"Liebe Oma"


def test_day_night_and_language_are_kept_by_the_browser(box: Running) -> None:
    visitor = Visitor(box)
    assert "data-theme" not in visitor.get("/open").text
    assert visitor.post("/look", look="dark", back="/open").leads_to == "/open"
    assert 'data-theme="dark"' in visitor.get("/open").text
    assert visitor.post("/look", look="auto", back="//evil.example").leads_to == "/"
    assert visitor.post("/language", language="de", back="/open").leads_to == "/open"
    assert 'lang="de"' in visitor.get("/open").text


def test_two_phones_claim_at_once_and_one_is_told_who_was_faster(new_box: Running) -> None:
    phones, leads = [Visitor(new_box), Visitor(new_box)], []
    forms = []
    for number, phone in enumerate(phones):
        phone.post("/claim", code=str(new_box.hello["claim_code"]))
        phone.post("/household", household=f"Home {number}", name=f"Ada {number}")
        forms.append(hidden(phone.get("/passphrase").text, "once"))

    def send(number: int) -> None:
        leads.append(phones[number].post("/passphrase", once=forms[number], offered="", passphrase=PASSPHRASE))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won = next(one for one in leads if one.status == 303)
    lost = next(one for one in leads if one.status == 409)
    assert won.leads_to == "/kit"
    assert "Someone was a moment faster" in lost.text and "Home " in lost.text
