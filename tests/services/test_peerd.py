"""peerd answers for the box's name, as phones really ask: over a wire between two network namespaces.

Without root there are no namespaces; then the same questions go over loopback.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[2]
QUERY = Path(__file__).with_name("mdns_query.py")
A, AAAA = "1", "28"


@dataclass
class Wire:
    """Two ends of one network: where boxes stand, and where a phone asks from."""

    box: list[str]
    phone: list[str]
    box_address: str
    phone_address: str
    other: list[str] = field(default_factory=list)

    def ask(self, mode: str, name: str, kind: str = A, seconds: float = 15, via: str = "") -> dict[str, object] | None:
        """Ask as the phone and return what was answered."""
        command = [*self.phone, sys.executable, str(QUERY), mode, name, kind, via or self.phone_address, str(seconds)]
        done = subprocess.run(command, capture_output=True, check=True, timeout=seconds + 20)
        answer = json.loads(done.stdout)
        assert answer is None or isinstance(answer, dict)
        return answer


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A bridge with three namespaces (box, another box, phone) for root; loopback otherwise."""
    if os.geteuid() != 0:
        yield Wire([], [], "127.0.0.1", "127.0.0.1")
        return
    tag = uuid.uuid4().hex[:6]
    names = [f"lb{tag}{each}" for each in ("b", "o", "p")]
    hub = f"lb{tag}h"
    try:
        for name in (hub, *names):
            _ip("netns", "add", name)
        _ip("-n", hub, "link", "add", "hub", "type", "bridge", "mcast_snooping", "0")
        _ip("-n", hub, "link", "set", "hub", "up")
        for at, name in enumerate(names, 1):
            _ip("-n", hub, "link", "add", f"port{at}", "type", "veth", "peer", "name", "eth0", "netns", name)
            _ip("-n", hub, "link", "set", f"port{at}", "master", "hub", "up")
            _ip("-n", name, "address", "add", f"10.77.0.{at}/24", "dev", "eth0")
            _ip("-n", name, "address", "add", f"fd77::{at}/64", "dev", "eth0", "nodad")
            _ip("-n", name, "link", "set", "lo", "up")
            _ip("-n", name, "link", "set", "eth0", "up")
        box, other, phone = (["ip", "netns", "exec", name] for name in names)
        yield Wire(box, phone, "10.77.0.1", "10.77.0.3", other)
    finally:
        for name in (hub, *names):
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False, timeout=20)


class Peerd:
    """A running peerd; its ready line is read from a pipe."""

    def __init__(self, data: Path, place: list[str], host: str) -> None:
        data.mkdir(exist_ok=True)
        (data / "box.json").write_text(json.dumps({"format": 1, "box_id": "00", "host": host}))
        read_fd, write_fd = os.pipe()
        command = [
            *place,
            sys.executable,
            "-m",
            "services.peerd",
            "--data",
            str(data),
            "--run",
            str(data),
            "--http-port",
            "8080",
            "--https-port",
            "8443",
            "--ready-fd",
            str(write_fd),
        ]
        self.process = subprocess.Popen(command, cwd=HOUSE, pass_fds=(write_fd,), stderr=subprocess.PIPE)
        os.close(write_fd)
        with os.fdopen(read_fd) as reports:
            self.host = json.loads(reports.readline())["host"]

    def stop(self) -> str:
        """Stop it in order; returns what it logged."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=30)
        return errors.decode()


@pytest.fixture
def peerd(wire: Wire, tmp_path: Path) -> Iterator[Peerd]:
    running = Peerd(tmp_path / "box", wire.box, "locker-7f3a")
    yield running
    running.stop()


@pytest.mark.usefixtures("peerd")
@pytest.mark.parametrize("mode", ["multicast", "oneshot", "qu"])
def test_the_name_resolves_from_another_machine(wire: Wire, mode: str) -> None:
    if not wire.phone and mode == "qu":
        mode = "oneshot"  # one machine, one port 5353: a unicast answer may reach the asked one itself
    answer = wire.ask(mode, "locker-7f3a.local")
    assert answer is not None
    assert wire.box_address in answer["addresses"]  # type: ignore[operator]
    assert answer["port"] == 5353


@pytest.mark.usefixtures("peerd")
def test_a_one_shot_question_gets_its_own_id_and_question_back(wire: Wire) -> None:
    answer = wire.ask("oneshot", "LOCKER-7f3a.local")
    assert answer is not None
    assert (answer["id"], answer["questions"]) == (0x1234, 1)


@pytest.mark.usefixtures("peerd")
def test_ipv6_addresses_are_answered_too(wire: Wire) -> None:
    answer = wire.ask("oneshot", "locker-7f3a.local", AAAA if wire.phone else A)
    assert answer is not None
    assert ("fd77::1" if wire.phone else "127.0.0.1") in answer["addresses"]  # type: ignore[operator]


@pytest.mark.usefixtures("peerd")
@pytest.mark.parametrize("kind", [A, AAAA])
def test_a_one_shot_question_over_ipv6_is_answered_straight_back(wire: Wire, kind: str) -> None:
    if not wire.phone:
        pytest.skip("needs network namespaces")
    answer = wire.ask("oneshot6", "locker-7f3a.local", kind, via="eth0")
    assert answer is not None
    assert ({A: "10.77.0.1", AAAA: "fd77::1"}[kind]) in answer["addresses"]  # type: ignore[operator]
    assert (answer["id"], answer["port"]) == (0x1234, 5353)


@pytest.mark.usefixtures("peerd")
def test_nobody_answers_for_another_name(wire: Wire) -> None:
    assert wire.ask("oneshot", "locker-0000.local", seconds=1.5) is None


def test_a_taken_name_is_not_taken_twice(wire: Wire, tmp_path: Path, peerd: Peerd) -> None:
    if not wire.other:
        assert peerd.host == "locker-7f3a"
        return
    assert wire.ask("oneshot", "locker-7f3a.local") is not None
    second = Peerd(tmp_path / "second", wire.other, "locker-7f3a")
    try:
        assert second.host == "locker-7f3a-2"
        first, later = wire.ask("oneshot", "locker-7f3a.local"), wire.ask("oneshot", "locker-7f3a-2.local")
        assert first is not None
        assert later is not None
        assert (first["from"], later["from"]) == ("10.77.0.1", "10.77.0.2")
    finally:
        log = second.stop()
    assert "locker-7f3a-2.local" in log


def test_two_boxes_that_start_together_end_with_two_names(wire: Wire, tmp_path: Path, peerd: Peerd) -> None:
    if not wire.other:
        assert peerd.host == "locker-7f3a"
        return
    second = Peerd(tmp_path / "second", wire.other, "locker-7f3a")
    try:
        later = wire.ask("oneshot", "locker-7f3a-2.local", seconds=30)
        first = wire.ask("oneshot", "locker-7f3a.local", seconds=30)
        assert first is not None
        assert later is not None
        assert {first["from"], later["from"]} == {"10.77.0.1", "10.77.0.2"}
    finally:
        second.stop()


def test_a_new_address_is_answered_without_a_restart(wire: Wire, peerd: Peerd) -> None:
    if not wire.box:
        assert peerd.process.poll() is None
        return
    assert wire.ask("oneshot", "locker-7f3a.local") is not None
    _ip("-n", wire.box[-1], "address", "add", "10.77.0.9/24", "dev", "eth0")
    answer = None
    for _ in range(20):
        answer = wire.ask("oneshot", "locker-7f3a.local")
        if answer and "10.77.0.9" in answer["addresses"]:  # type: ignore[operator]
            return
    pytest.fail(f"the new address was never answered: {answer}")


def test_it_stops_on_sigterm_and_the_name_is_gone(wire: Wire, peerd: Peerd) -> None:
    assert wire.ask("oneshot", "locker-7f3a.local") is not None
    log = peerd.stop()
    assert peerd.process.returncode == 0, log
    assert wire.ask("oneshot", "locker-7f3a.local", seconds=1.5) is None
