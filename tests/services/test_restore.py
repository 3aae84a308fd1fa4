"""A home burns down: a new box, 24 words and one friend's code bring everything back, whatever is killed meanwhile."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware.errors import (
    BoxError,
    Conflict,
    ContactMistyped,
    NoContact,
    NoFriendReached,
    NothingForKit,
    OtherKit,
    StillAtFriends,
    WordsDoNotMatch,
    WrongWordCount,
)
from firmware.limits import MIB
from firmware.peer.capsules import open_capsule
from firmware.peer.kits import CirclePart, open_circle
from firmware.seal import KeyFile, open_with_words
from services.api.blocking import Blocking
from services.api.restore_types import RestoreIs
from services.api.types import ComingBack
from services.cli.__main__ import main
from services.cli.secrets_io import Tokens
from tests.services.circle_peerds import HOUR
from tests.services.hasty import python
from tests.services.running import Running, until
from tests.services.test_circle import Box, pair
from tests.services.test_lockerd_feed import Home

pytestmark = pytest.mark.timeout(400)
NEW_PASSPHRASE = "eleven calm badgers hum 42 tunes"
OTHER_KIT = "abandon " * 23 + "art"
PATIENT = 240.0


def noise(seed: str, size: int) -> bytes:
    return hashlib.shake_256(seed.encode()).digest(size)


FILES = {
    **{f"letters/{number}.txt": f"dear friend number {number}".encode() for number in range(12)},
    **{f"photos/{number}.bin": noise(f"photo {number}", 300_000 + number) for number in range(10)},
    **{f"films/{number}.bin": noise(f"film {number}", 3 * MIB) for number in range(2)},
}


def later(box: Box, days: int = 2) -> None:
    """Days pass there, in which nothing is heard."""
    box.running.stop()
    for path in box.data.glob("hosted/*/waiting"):
        path.unlink()
    for path in (*box.data.glob("hosted/peers/*"), *box.data.glob("hosted/*/custody")):
        when = time.time() - days * 24 * HOUR
        os.utime(path, (when, when))
    box.running = Running(box.data, python=python())


def capsule(box: Box, words: str) -> CirclePart | None:
    """What a friend's box has of a circle, as the words open it."""
    found = sorted(box.data.glob("hosted/*/capsules/*"))
    if not found:
        return None
    data = found[-1].read_bytes()
    filling, _ = open_capsule(data, words)
    return open_circle(data, filling, open_with_words(KeyFile.parse(filling.key_file), words).inbox_seed)


def has_book(box: Box, words: str, packs: int) -> bool:
    """Whether a friend's box has the pages that its capsule names, and as many shards as there are packs."""
    part = capsule(box, words)
    shards = {path.name for path in box.data.glob("hosted/*/shards/*")}
    pages = {page.shard.hex() for page in part.pages} if part is not None else set()
    return bool(pages) and pages <= shards and len(shards - pages) >= packs


@dataclasses.dataclass
class Burnt:
    """What is left: friends, words, what they keep."""

    friends: tuple[Box, Box]
    words: str
    digests: dict[str, str]
    old_box: str

    @property
    def contact(self) -> str:
        return str(self.friends[0].ask("at_peerd_contact").text)


@pytest.fixture(scope="module")
def burnt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Burnt]:
    folder = tmp_path_factory.mktemp("street")
    friends = Box(folder / "ben"), Box(folder / "cleo")
    ada = Home(folder / "ada")
    old = ada.show().box
    for each in friends:
        pair(ada, each)
    for name, content in FILES.items():
        ada.mine.call("put", body=[content], name=name, size=len(content))
        if name.startswith("films/"):
            ada.mine.call("cut")
    until(lambda: not ada.mine.call("analysis").pending_text)
    ada.mine.call("circle_now")
    until(lambda: ada.lockers()[0].safe_bytes and not ada.lockers()[0].going_bytes, PATIENT)
    packs = len(list(ada.data.glob("lockers/*/packs/*"))) - 1
    until(lambda: all(has_book(each, ada.words, packs) for each in friends), PATIENT)
    ada.running.kill()
    shutil.rmtree(ada.data)
    later(friends[0])
    yield Burnt(friends, ada.words, {name: hashlib.sha256(each).hexdigest() for name, each in FILES.items()}, old)
    for each in friends:
        each.running.kill()


class NewBox(Box):
    """A box nobody owns yet."""

    @property
    def box(self) -> Blocking:
        return Blocking((self.data / "run").resolve())

    @property
    def code(self) -> str:
        return str(json.loads((self.data / "box" / "claim").read_bytes())["code"])

    def look(self, words: str, *contacts: str) -> Any:
        return self.box.call("restore_look", code=self.code, words=words, contacts=contacts)

    def shell(self, *words: str | Path) -> int:
        return main(["--data", str(self.data), *map(str, words)])

    def restore(self, words: str, contact: str) -> None:
        """As somebody does who has the kit on paper and a friend on the phone."""
        folder = self.data.parent
        (folder / "words").write_text(words)
        (folder / "passphrase").write_text(NEW_PASSPHRASE)
        (folder / "contact").write_text(contact)
        given: list[str | Path] = [
            "--words-file",
            folder / "words",
            "--passphrase-file",
            folder / "passphrase",
            "--name",
            "Ada",
        ]
        assert self.shell("restore", "look", *given, "--contact", contact, "--json") == 0
        assert self.shell("restore", *given, "--contact", f"@{folder / 'contact'}") == 0
        (one,) = self.box.call("status").members
        self.member = one.id
        token = Tokens((self.data / "run").resolve()).of(one.id)
        assert token is not None
        self.mine = self.box.as_session(token, one.id)

    def open(self) -> None:
        opened = self.box.call("open", member=self.member, passphrase=NEW_PASSPHRASE)
        self.mine = self.box.as_session(opened.token, opened.member)

    def status(self) -> Any:
        return self.mine.call("restore_status")

    def kill(self, name: str) -> None:
        os.kill(self.running.children()[name], signal.SIGKILL)

    def coming_back(self) -> ComingBack:
        (one,) = self.box.call("status").members
        return ComingBack(one.coming_back)

    def answers(self) -> bool:
        try:
            self.box.call("status")
        except BoxError:
            return False
        return True

    def digests(self) -> dict[str, str]:
        listed = self.mine.call("list", limit=200).records
        return {each.name: hashlib.sha256(self.read(each.id)).hexdigest() for each in listed}

    def read(self, id: str) -> bytes:
        with self.mine.stream("content", id=id) as answer:
            return b"".join(answer)


@pytest.fixture
def new(tmp_path: Path) -> Iterator[NewBox]:
    found = NewBox(tmp_path / "new")
    yield found
    found.running.kill()


def test_words_that_open_nothing_say_why(burnt: Burnt, new: NewBox) -> None:
    words = burnt.words.split()
    with pytest.raises(WrongWordCount):
        new.look(" ".join(words[:23]), burnt.contact)
    with pytest.raises(WordsDoNotMatch):
        new.look(" ".join([words[1], words[0], *words[2:]]), burnt.contact)
    with pytest.raises((NoContact, NothingForKit, NoFriendReached)):  # boxes of this machine may help somebody just now
        new.look(OTHER_KIT)
    with pytest.raises(ContactMistyped):
        new.look(burnt.words, burnt.contact[:-3])
    with pytest.raises(NothingForKit):
        new.look(OTHER_KIT, burnt.contact)
    nobody = new.ask("at_peerd_contact").text
    with pytest.raises(NoFriendReached):
        new.look(burnt.words, nobody)
    assert not list(new.data.glob("lockers/*"))
    with pytest.raises(BoxError) as weak:
        new.box.call("restore", code=new.code, words=burnt.words, contacts=(burnt.contact,), passphrase="12345",
                     name="Ada", household="Elm")  # fmt: skip
    assert weak.value.code == "weak-passphrase"
    assert not new.box.call("status").claimed


def test_everything_comes_back_whatever_is_killed(
    burnt: Burnt, new: NewBox, capsys: pytest.CaptureFixture[str]
) -> None:
    ben, cleo = burnt.friends
    spoil(ben)
    found = new.look(burnt.words, burnt.contact)
    assert found.friends == 2 and [each.error for each in found.asked] == [None, None] and found.waits
    new.ask("at_peerd_set_circle_caps", down_kib_s=64)
    new.restore(burnt.words, burnt.contact)
    assert found.locker in capsys.readouterr().out
    until(lambda: new.status().names_ms, PATIENT)
    seen = new.status()
    assert seen.names_listed == len(FILES) and seen.state is not RestoreIs.DONE
    film = new.mine.call("find", path="films/1.bin")
    with pytest.raises(StillAtFriends):
        new.read(film.id)
    new.kill("peerd")
    until(lambda: new.status().received_bytes > seen.received_bytes, PATIENT)
    new.kill("lockerd")
    until(new.answers)
    with pytest.raises(BoxError):
        new.mine.call("list")
    goes_on_while_closed(new)
    new.open()
    until(lambda: new.status().received_bytes >= seen.received_bytes, PATIENT)
    new.ask("at_peerd_set_circle_caps")
    until(lambda: new.status().state is RestoreIs.WAITING, PATIENT)
    waits = new.status()
    assert waits.waits_until_ms > (time.time() + 70 * HOUR) * 1000 and waits.error == "custody-waits"
    assert [need.labels for need in waits.needs] == [(cleo.show().label,)]
    later(cleo)
    until(lambda: new.status().state is RestoreIs.DONE, PATIENT)
    assert new.digests() == burnt.digests
    done = new.status()
    assert done.files == done.names_listed == len(FILES) and done.bytes == sum(map(len, FILES.values()))
    assert [each.label for each in done.friends if each.wrong] == [ben.show().label]
    assert {each.label for each in done.friends if each.bytes} == {ben.show().label, cleo.show().label}
    assert new.shell("restore", "status", "--json") == 1
    assert new.shell("open", "--passphrase-file", new.data.parent / "passphrase") == 0
    capsys.readouterr()
    assert new.shell("restore", "status", "--json") == 0
    assert json.loads(capsys.readouterr().out)["state"] == "done"
    with new.mine.stream("verify") as answer:
        *_, last = answer.lines()
    assert last["problems"] == []
    goes_on(burnt, new)


def goes_on_while_closed(new: NewBox) -> None:
    """Nobody opens the locker; what needs no key comes all the same, and whatever is killed, once."""
    until(lambda: new.coming_back() is ComingBack.GOES_ON, PATIENT)
    new.kill("lockerd")
    until(new.answers)
    new.ask("at_peerd_set_circle_caps")
    until(lambda: any(new.data.glob("lockers/*/restore/came")), PATIENT)  # from a friend, whole or rotten
    new.kill("lockerd")
    until(new.answers)


def spoil(friend: Box) -> None:
    """A friend's disk flips one bit of a film."""
    path = next(path for path in friend.data.glob("hosted/*/shards/*") if path.stat().st_size > 2 * MIB)
    with path.open("r+b") as file:
        file.seek(70_000)
        byte = file.read(1)[0]
        file.seek(70_000)
        file.write(bytes([byte ^ 1]))


def goes_on(burnt: Burnt, new: NewBox) -> None:
    """The new box is the owner's box: its friends keep giving, new things ship, and the kit still opens."""
    assert {each.peer for each in new.show().peers} == {each.show().box for each in burnt.friends}
    new.mine.call("put", body=[b"after the fire"], name="after.txt", size=14)
    new.mine.call("circle_now")
    until(lambda: new.show().lockers[0].safe_bytes and not new.show().lockers[0].here_bytes, PATIENT)
    until(lambda: all(each.audited_ms for each in new.show().peers), PATIENT)
    with pytest.raises(Conflict, match="lives here already"):
        new.mine.call(
            "restore_member", words=burnt.words, contacts=(burnt.contact,), passphrase=NEW_PASSPHRASE, name="Bea"
        )
    assert [each.name for each in new.data.glob("lockers/*")] == [new.member]
    with pytest.raises(OtherKit):
        new.box.call("recover", member=new.member, words=OTHER_KIT, passphrase=NEW_PASSPHRASE)
