"""Two whole boxes and a phone on one network: the same name, a new address, the usual ports. Needs network namespaces.

Without root there are none; then these tests are left out (the parts are tested by themselves).
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.errors import NoContact, NoFriendReached
from firmware.linux.mdns import NEWCOMER_S
from services.api.blocking import Blocking
from tests.services.running import DEADLINE_SECONDS, HOUSE, until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")

OTHER_KIT = "abandon " * 23 + "art"
_QUERY = Path(__file__).with_name("mdns_query.py")
_ASK = """
import http.client, json, socket, ssl, sys
address, name, method, path, cafile, cookie = sys.argv[1:]
port = 443 if cafile else 80
plain = socket.create_connection((address, port), timeout=20)
context = ssl.create_default_context(cafile=cafile) if cafile else None
try:
    sock = context.wrap_socket(plain, server_hostname=name) if context else plain
except ssl.SSLCertVerificationError as error:
    print(json.dumps({"refused": error.verify_message})); sys.exit()
connection = http.client.HTTPConnection(name, port)
connection.sock = sock
headers = {"Content-Type": "application/x-www-form-urlencoded"} if method == "POST" else {}
connection.request(method, path, headers=headers | ({"Cookie": cookie} if cookie else {}))
answer = connection.getresponse()
print(json.dumps({"status": answer.status, **{k.lower(): v for k, v in answer.headers.items()}}))
"""


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)


class Home:
    """A bridge with three machines: ``places`` are their namespaces."""

    def __init__(self, tag: str) -> None:
        self.hub, self.places = f"lh{tag}h", [f"lh{tag}{each}" for each in "abp"]
        for name in (self.hub, *self.places):
            _ip("netns", "add", name)
        _ip("-n", self.hub, "link", "add", "hub", "type", "bridge", "mcast_snooping", "0")
        _ip("-n", self.hub, "link", "set", "hub", "up")
        for at, name in enumerate(self.places, 1):
            _ip("-n", self.hub, "link", "add", f"port{at}", "type", "veth", "peer", "name", "eth0", "netns", name)
            _ip("-n", self.hub, "link", "set", f"port{at}", "master", "hub", "up")
            _ip("-n", name, "address", "add", f"10.77.0.{at}/24", "dev", "eth0")
            _ip("-n", name, "link", "set", "lo", "up")
            _ip("-n", name, "link", "set", "eth0", "up")

    def ask(
        self, address: str, name: str, path: str, *, method: str = "GET", ca: Path | None = None, cookie: str = ""
    ) -> dict[str, object]:
        """One request of the phone; over TLS when ``ca`` is given."""
        words = [address, name, method, path, str(ca or ""), cookie]
        command = ["ip", "netns", "exec", self.places[2], sys.executable, "-c", _ASK, *words]
        done = subprocess.run(command, capture_output=True, check=True, timeout=DEADLINE_SECONDS)
        found: dict[str, object] = json.loads(done.stdout)
        return found

    def resolve(self, name: str) -> list[str]:
        """Ask for a name as Android does: one question from any port."""
        command = ["ip", "netns", "exec", self.places[2], sys.executable, str(_QUERY), "oneshot", name, "1"]
        done = subprocess.run([*command, "10.77.0.3", "15"], capture_output=True, check=True, timeout=60)
        answer = json.loads(done.stdout)
        return list(answer["addresses"]) if answer else []

    def close(self) -> None:
        for name in (self.hub, *self.places):
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False, timeout=20)


class Box:
    """A whole box at one of the places, on ports 80 and 443."""

    def __init__(self, home: Home, at: int, data: Path, host: str) -> None:
        data.mkdir()
        (data / "box.json").write_text(json.dumps({"format": 1, "box_id": f"{at:064x}", "host": host}))
        command = ["ip", "netns", "exec", home.places[at], sys.executable, "-m", "services.supervisor"]
        with (data.parent / f"{data.name}.log").open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "--data", str(data), "--headless"], cwd=HOUSE, stdout=subprocess.PIPE, stderr=log
            )
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], DEADLINE_SECONDS)
        self.hello = json.loads(self.process.stdout.readline() if ready else "null")
        self.data, self.api = data, Blocking((data / "run").resolve())
        self.ca = data / "box" / "ca.pem"
        self.covers = data / "box" / "leaf.covers"

    def is_called(self, name: str) -> bool:
        """Whether its certificate covers ``name``; between two certificates there is none."""
        with contextlib.suppress(FileNotFoundError):
            return name in self.covers.read_text()
        return False

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(DEADLINE_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def home() -> Iterator[Home]:
    made = Home(uuid.uuid4().hex[:6])
    yield made
    made.close()


@pytest.fixture
def first(home: Home, tmp_path: Path) -> Iterator[Box]:
    box = Box(home, 0, tmp_path / "first", "locker-7f3a")
    yield box
    box.stop()


def test_a_box_whose_name_is_taken_is_reached_by_its_next_name_privately(
    home: Home, first: Box, tmp_path: Path
) -> None:
    second = Box(home, 1, tmp_path / "second", "locker-7f3a")
    try:
        until(lambda: second.is_called("locker-7f3a-2.local"))
        assert home.resolve("locker-7f3a.local") == ["10.77.0.1"]
        assert home.resolve("locker-7f3a-2.local") == ["10.77.0.2"]
        name = "locker-7f3a-2.local"
        until(lambda: home.ask("10.77.0.2", name, "/status", ca=second.ca).get("status") == 200)
        assert home.ask("10.77.0.2", name, "/status")["status"] == 200
        assert home.ask("10.77.0.1", "locker-7f3a.local", "/status", ca=first.ca)["status"] == 200
        assert "refused" in home.ask("10.77.0.1", name, "/status", ca=first.ca)
        assert home.ask("10.77.0.1", name, "/status")["status"] == 421
        a_box_near_us_is_found_while_its_owner_helps(first, second)
    finally:
        second.stop()


def test_a_box_that_did_not_hear_a_newcomer_ask_keeps_its_name(home: Home, first: Box, tmp_path: Path) -> None:
    assert home.resolve("locker-7f3a.local") == ["10.77.0.1"]
    time.sleep(NEWCOMER_S)
    asleep = _peerd(first)
    os.kill(asleep, signal.SIGSTOP)
    second = Box(home, 1, tmp_path / "second", "locker-7f3a")
    try:
        until(lambda: second.is_called("locker-7f3a.local"))
        os.kill(asleep, signal.SIGCONT)
        until(lambda: second.is_called("locker-7f3a-2.local"))
        assert home.resolve("locker-7f3a.local") == ["10.77.0.1"]
        assert home.resolve("locker-7f3a-2.local") == ["10.77.0.2"]
        assert not first.is_called("locker-7f3a-2.local")
    finally:
        os.kill(asleep, signal.SIGCONT)
        second.stop()


def _peerd(box: Box) -> int:
    found = subprocess.run(["pgrep", "-f", f"services.peerd .*{box.data}"], capture_output=True, text=True, check=True)
    (pid,) = found.stdout.split()
    return int(pid)


def a_box_near_us_is_found_while_its_owner_helps(friend: Box, new: Box) -> None:
    """A box that comes back with a kit needs no code of a friend's box that is at home with it."""
    code = json.loads((new.data / "box" / "claim").read_bytes())["code"]
    assert new.api.call("restore_near", code=code).boxes == ()
    with pytest.raises(NoContact):
        new.api.call("restore_look", code=code, words=OTHER_KIT, contacts=())
    label = friend.api.call("at_peerd_contact").label
    until(lambda: [each.label for each in new.api.call("restore_near", code=code).boxes] == [label])
    with pytest.raises(NoFriendReached):  # it was asked, and opens to no stranger while it keeps nothing for anybody
        new.api.call("restore_look", code=code, words=OTHER_KIT, contacts=())


def test_a_new_address_is_in_the_certificate_and_no_connection_is_dropped(home: Home, first: Box) -> None:
    assert home.ask("10.77.0.1", "10.77.0.1", "/status", ca=first.ca)["status"] == 200
    held = subprocess.Popen(
        ["ip", "netns", "exec", home.places[2], sys.executable, "-c", _HOLD, str(first.ca)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert held.stdin is not None and held.stdout is not None
    assert held.stdout.readline() == b"200\n"
    _ip("-n", home.places[0], "address", "add", "10.77.0.9/24", "dev", "eth0")
    until(lambda: home.ask("10.77.0.9", "10.77.0.9", "/status", ca=first.ca).get("status") == 200)
    answer, _ = held.communicate(b"\n", timeout=DEADLINE_SECONDS)
    assert answer == b"200\n", "the connection from before the change still answers"


_HOLD = """
import http.client, socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1])
connection = http.client.HTTPSConnection("10.77.0.1", 443, context=context, timeout=60)
for _ in range(2):
    connection.request("GET", "/status")
    answer = connection.getresponse()
    answer.read()
    print(answer.status, flush=True)
    sys.stdin.readline() if _ == 0 else None
"""


def test_a_browser_that_trusts_the_box_is_asked_to_stay_private(home: Home, first: Box) -> None:
    name, header = "locker-7f3a.local", "strict-transport-security"
    assert header not in home.ask("10.77.0.1", name, "/open", ca=first.ca)
    told = home.ask("10.77.0.1", name, "/trusted", method="POST", ca=first.ca)
    assert told["status"] == 204
    assert str(told["set-cookie"]).startswith("__Host-trusted=1;")
    for page in ("/open", "/static/style.css"):
        answer = home.ask("10.77.0.1", name, page, ca=first.ca, cookie="__Host-trusted=1")
        assert answer[header] == "max-age=31536000"
    assert header not in home.ask("10.77.0.1", "10.77.0.1", "/open", ca=first.ca, cookie="__Host-trusted=1")
    assert header not in home.ask("10.77.0.1", name, "/", cookie="__Host-trusted=1")
