"""The supervisor with its real children: one line, one owner of the data, restarts, an orderly end."""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import fields
from ipaddress import ip_address
from pathlib import Path

import pytest

from firmware.errors import BadSetting, Damaged, Misused, NewerFormat, PortTaken
from firmware.limits import LEAF_DAYS
from firmware.linux.netlink import Addresses, addresses
from services.supervisor import children as children_module
from services.supervisor.authority import Authority
from services.supervisor.box_folder import prepare
from services.supervisor.children import Child, Children
from services.supervisor.claim import claim_code, crockford
from services.supervisor.leaf import LeafCare, LeafKnown
from services.supervisor.listening import Listen
from services.supervisor.ports import choose
from services.supervisor.prepared import BoxFolder
from services.supervisor.settings import Settings, read_settings
from tests.services.running import DEADLINE_SECONDS, HOUSE, Running, alive, until


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path / "box")
    yield running
    if running.process.poll() is None:
        running.kill()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[BoxFolder]:
    made = prepare(tmp_path / "box")
    yield made
    made.leave()


def start(data: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Start a box that is expected not to come up."""
    command = [sys.executable, "-m", "services.supervisor", "--data", str(data), "--headless", "--port", "0", *words]
    return subprocess.run(command, cwd=HOUSE, capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False)


def snapshot(folder: Path) -> dict[str, bytes | None]:
    """Every path below ``folder`` with its bytes."""
    return {str(each.relative_to(folder)): each.read_bytes() if each.is_file() else None for each in folder.rglob("*")}


def test_a_headless_start_says_one_line_and_ends_with_0_on_sigterm(box: Running) -> None:
    assert set(box.hello) == {"ready", "http", "https", "claim_code", "ca_pem"}
    assert box.hello["ready"] is True
    assert Path(box.hello["ca_pem"]).read_bytes().startswith(b"-----BEGIN CERTIFICATE")
    assert [len(part) for part in box.hello["claim_code"].split("-")] == [4, 4, 4, 4]
    assert box.status() is not None
    assert box.web_answers()
    below = box.descendants()
    assert box.stop() == 0
    assert box.rest == b""
    assert not any(alive(pid) for pid in below)
    assert not (box.data / "run").exists()


def test_https_shows_a_leaf_of_this_box(box: Running) -> None:
    context = ssl.create_default_context(cafile=box.hello["ca_pem"])
    port = int(box.hello["https"].rsplit(":", 1)[1])
    host = json.loads((box.data / "box.json").read_bytes())["host"] + ".local"
    for name in (host, "127.0.0.1"):
        with (
            socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
            context.wrap_socket(plain, server_hostname=name) as secure,
        ):
            assert secure.version() == "TLSv1.3"


def test_a_second_start_on_the_same_data_is_refused(box: Running) -> None:
    refused = start(box.data)
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr.startswith(f"A box is already running on {box.data}.")
    assert box.status() is not None


def test_a_restart_goes_on_with_the_same_box(tmp_path: Path) -> None:
    first = Running(tmp_path / "box")
    kept = {name: (first.data / name).read_bytes() for name in ("box.json", "box/ca.pem", "box/ca.key", "box/box.key")}
    assert first.stop() == 0
    second = Running(tmp_path / "box")
    try:
        assert second.hello["claim_code"] == first.hello["claim_code"]
        assert kept == {name: (second.data / name).read_bytes() for name in kept}
    finally:
        second.kill()


@pytest.mark.parametrize("name", ["lockerd", "webd", "peerd"])
def test_a_killed_child_comes_back(box: Running, name: str) -> None:
    for _ in range(3):
        before = box.children()
        os.kill(before[name], signal.SIGKILL)
        until(lambda before=before: box.children().get(name, before[name]) != before[name])  # type: ignore[misc]
        until(lambda: box.status() is not None and box.web_answers())
        after = box.children()
        assert {each: pid for each, pid in after.items() if each != name} == {
            each: pid for each, pid in before.items() if each != name
        }
    assert box.stop() == 0


def test_nothing_outlives_a_killed_supervisor_and_the_next_start_works(tmp_path: Path) -> None:
    first = Running(tmp_path / "box")
    below = first.descendants()
    first.process.kill()
    first.process.wait()
    second = Running(tmp_path / "box")  # waits for the last breath of the orphans, which still hold the lock
    assert not any(alive(pid) for pid in below)
    assert first.process.stdout is not None
    first.process.stdout.close()
    try:
        assert second.status() is not None
        assert second.hello["claim_code"] == first.hello["claim_code"]
    finally:
        second.kill()


def test_children_get_no_secret_by_command_line_or_environment(box: Running) -> None:
    code = box.hello["claim_code"]
    allowed = {"HOME", "PATH", "TZ", "LANG", "MALLOC_ARENA_MAX"}
    for pid in box.descendants():
        environment = Path(f"/proc/{pid}/environ").read_bytes().decode()
        assert {entry.split("=")[0] for entry in environment.split("\0") if entry} <= allowed
        assert code not in environment + Path(f"/proc/{pid}/cmdline").read_bytes().decode()


def test_a_data_folder_with_a_very_long_path_works(tmp_path: Path) -> None:
    data = tmp_path.joinpath(*["a rather long name of a folder ☂"] * 6, "box")
    running = Running(data)
    try:
        assert running.status() is not None
        assert len(os.readlink(data / "run")) < 60
    finally:
        assert running.stop() == 0


def test_only_the_owner_may_look_into_the_data_folder(box: Running) -> None:
    for each in (box.data, *box.data.rglob("*"), *(box.data / "run").resolve().rglob("*")):
        if not each.is_symlink():
            assert each.stat().st_mode & 0o077 == 0, each


def test_data_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    data = tmp_path / "box"
    data.mkdir()
    (data / "box.json").write_text('{"format": 2, "box_id": "00", "host": "locker-0000", "more": true}')
    before = snapshot(data)
    refused = start(data)
    assert refused.returncode == 1
    assert "newer version of Locker Box (format 2, this one reads up to 1)" in refused.stderr
    assert snapshot(data) == before
    with pytest.raises(NewerFormat):
        prepare(data)


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    data = tmp_path / "Documents"
    data.mkdir()
    (data / "letter.txt").write_text("dear")
    before = snapshot(data)
    refused = start(data)
    assert refused.returncode == 1
    assert "letter.txt" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert snapshot(data) == before


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "x"}', '{"format": 1}'])
def test_a_damaged_identity_is_named_not_replaced(tmp_path: Path, text: str) -> None:
    (tmp_path / "box.json").write_text(text)
    with pytest.raises(Damaged):
        prepare(tmp_path)
    assert (tmp_path / "box.json").read_text() == text


def test_a_file_is_no_data_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(Misused):
        prepare(tmp_path / "file")


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        if port > 65535 - 363:
            port -= 363
        with pytest.raises(PortTaken) as refused:
            choose(Settings(), taken.getsockname()[1], "127.0.0.1", headless=False)
        assert refused.value.fields["port"] == taken.getsockname()[1]


def test_port_0_of_a_headless_box_stays_on_loopback() -> None:
    assert choose(Settings(), 0, None, headless=True) == Listen(("127.0.0.1", "::1"), 0, 0)
    assert choose(Settings(), 0, None, headless=False) == Listen((), 0, 0)
    assert choose(Settings(), 0, "127.0.0.2", headless=True) == Listen(("127.0.0.2",), 0, 0)
    with pytest.raises(Misused):
        choose(Settings(), 65535, None, headless=False)


@pytest.mark.parametrize("port", [0, 8080])
@pytest.mark.parametrize(("host", "said"), [("foo bar", "no IP address"), ("192.0.2.1", "has no address 192.0.2.1")])
def test_an_address_that_is_none_of_this_machine_is_named(port: int, host: str, said: str) -> None:
    with pytest.raises(Misused, match=said):
        choose(Settings(), port, host, headless=True)


def test_of_several_addresses_one_is_enough() -> None:
    several = Settings(addresses=("192.0.2.1", "127.0.0.1"))
    assert choose(several, None, None, headless=True).addresses == several.addresses


def test_the_claim_code_is_crockford_base_32() -> None:
    assert crockford(bytes(10)) == "0000-0000-0000-0000"
    assert crockford(b"\xff" * 10) == "ZZZZ-ZZZZ-ZZZZ-ZZZZ"
    assert crockford(bytes.fromhex("00443214c74254b635cf")) == "0123-4567-89AB-CDEF"


def test_the_claim_code_stays_until_its_window_ends_or_the_box_is_claimed(folder: BoxFolder) -> None:
    code = claim_code(folder)
    assert claim_code(folder) == code
    kept = json.loads((folder.keys / "claim").read_bytes())
    assert kept["until_ms"] - kept["made_ms"] == 72 * 3_600_000
    (folder.keys / "claim").write_text(json.dumps(kept | {"until_ms": kept["made_ms"] - 1}))
    fresh = claim_code(folder)
    assert fresh not in ("", code)
    (folder.data / "household.json").write_text('{"format": 1, "members": [{"id": "00"}]}')
    assert claim_code(folder) == ""


def test_the_leaf_is_issued_again_when_addresses_or_names_change(folder: BoxFolder) -> None:
    here = Addresses((ip_address("192.168.1.5"),), (ip_address("127.0.0.1"),))
    moved = Addresses((ip_address("192.168.7.5"),), (ip_address("127.0.0.1"),))
    authority = Authority(folder.keys, folder.host)
    ca = (folder.keys / "ca.pem").read_bytes()
    assert authority.renew((folder.host,), here)
    assert not Authority(folder.keys, folder.host).renew((folder.host,), here)
    assert Authority(folder.keys, folder.host).renew((folder.host,), moved)
    assert authority.renew((folder.host, f"{folder.host}-2"), moved)
    assert json.loads((folder.keys / "leaf.covers").read_bytes())["names"][1] == f"{folder.host}-2.local"
    assert (folder.keys / "ca.pem").read_bytes() == ca


def test_the_leaf_is_issued_again_before_it_ends_and_when_the_clock_was_wrong(folder: BoxFolder) -> None:
    here = Addresses((), (ip_address("127.0.0.1"),))
    day, now = 86_400_000, [time.time_ns() // 1_000_000]
    authority = Authority(folder.keys, folder.host, lambda: now[0])
    assert authority.renew((folder.host,), here)
    until = authority.until_ms()
    care = LeafCare(folder.keys, LeafKnown(((folder.host,), (), ("127.0.0.1",)), until), lambda: now[0])
    for days, due in ((0, False), (LEAF_DAYS - 31, False), (LEAF_DAYS - 29, True), (2 * LEAF_DAYS, True), (-3, True)):
        now[0] = until - (LEAF_DAYS - days) * day
        assert care.due((folder.host,), here) is due, days
    now[0] = until - 29 * day
    assert authority.renew((folder.host,), here)
    assert authority.until_ms() == pytest.approx(until + (LEAF_DAYS - 29) * day, abs=1000)


def test_the_running_box_has_its_leaf_made_by_a_short_lived_child(folder: BoxFolder) -> None:
    here = Addresses((ip_address("10.1.2.3"),), (ip_address("127.0.0.1"),))
    Authority(folder.keys, folder.host)
    care = LeafCare(folder.keys)
    assert care.renew((folder.host, f"{folder.host}-3"), here)
    assert not care.due((folder.host, f"{folder.host}-3"), here)
    assert not care.renew((folder.host, f"{folder.host}-3"), here)
    assert care.due((folder.host,), here)
    (folder.keys / "ca.pem").write_text("x")
    assert not care.renew((folder.host,), here)


def test_settings_are_read_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    assert read_settings(path) == Settings()
    path.write_text('http_port = 8000\nannounce = false\naddresses = ["192.0.2.1", "::1"]\n')
    assert read_settings(path) == Settings(http_port=8000, announce=False, addresses=("192.0.2.1", "::1"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("htpp_port = 1", "the nearest one is “http_port”"),
        ("http_port = 70000", "0 to 65535"),
        ("http_port = '80'", "a whole number"),
        ("announce = 1", "true or false"),
        ("addresses = 'x'", "a list of texts"),
        ("addresses = ['x']", "“x” is no IP address"),
        ("http_port = ", "not valid TOML"),
        ("\xff", "not valid TOML"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(BadSetting, match=said):
        read_settings(path)


def test_every_setting_is_documented_with_its_default() -> None:
    page = (HOUSE / "docs" / "settings.md").read_text()
    for each in fields(Settings):
        shown = {(): "[]", True: "true", False: "false"}.get(each.default, str(each.default))
        assert f"| `{each.name}` | `{shown}` |" in page


def test_the_addresses_are_those_the_ip_command_lists() -> None:
    shown = subprocess.run(["ip", "-j", "address"], capture_output=True, check=True, timeout=DEADLINE_SECONDS).stdout
    listed = {
        ip_address(each["local"])
        for link in json.loads(shown)
        if "UP" in link["flags"] and not link["ifname"].startswith(("docker", "br-", "virbr", "cni"))
        for each in link["addr_info"]
        if each["family"] == "inet" or (each["scope"] != "link" and not each.get("temporary"))
    }
    found = addresses()
    assert {*found.lan, *found.loopback} == listed


def test_the_machine_has_loopback_addresses() -> None:
    found = addresses()
    assert ip_address("127.0.0.1") in found.loopback
    assert all(not each.is_loopback for each in found.lan)


class TestChildren:
    """Restart and back-off, with a child that does what the test says."""

    @pytest.fixture
    def house(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        part = tmp_path / "services" / "part"
        part.mkdir(parents=True)
        (part.parent / "__init__.py").touch()  # else the real package of an installed clone is found first
        monkeypatch.setattr(children_module, "HOUSE", tmp_path)
        return part / "__main__.py"

    def drive(self, many: Children, selector: selectors.BaseSelector, seconds: float) -> None:
        many.start_due()
        for key, _ in selector.select(seconds):
            many.hear(key.data)
        many.reap()

    def test_a_child_that_dies_before_it_is_ready_waits_longer_every_time(self, house: Path) -> None:
        house.write_text("raise SystemExit(7)")
        lines: list[str] = []
        selector = selectors.DefaultSelector()
        many = Children(selector, (), lines.append)
        child = Child("part", lambda: ())
        many.add(child)
        waits: list[float | None] = []
        deadline = time.monotonic() + DEADLINE_SECONDS
        while len(waits) < 3 and time.monotonic() < deadline:
            self.drive(many, selector, 0.05)
            if child.restarts > len(waits):
                waits.append(many.next_due())
        many.stop([["part"]], 5)
        selector.close()
        assert len(waits) == 3
        assert child.early_deaths >= 3
        assert waits == sorted(waits, key=lambda wait: wait or 0.0)
        assert "part ended (exit 7)" in lines[0]

    def test_a_child_that_will_not_stop_is_killed(self, house: Path) -> None:
        house.write_text(
            "import os, signal, sys\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "os.write(int(sys.argv[2]), b'{\"x\": 1}\\n')\nsignal.pause()\n"
        )
        lines: list[str] = []
        selector = selectors.DefaultSelector()
        many = Children(selector, (), lines.append)
        many.add(Child("part", lambda: ()))
        deadline = time.monotonic() + DEADLINE_SECONDS
        while many.report("part") is None and time.monotonic() < deadline:
            self.drive(many, selector, 0.05)
        assert many.report("part") == {"x": 1}
        pid = many["part"].pid
        many.stop([["part"]], 0.1)
        selector.close()
        assert pid is not None
        assert not alive(pid)
        assert "killed" in lines[-1]
