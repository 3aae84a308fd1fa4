"""What systemd starts instead of the supervisor: the identity of a new box, and the certificate that follows it."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from firmware.linux.netlink import Addresses
from services.supervisor import first
from services.supervisor.certifier import Certifier
from tests.services.running import HOUSE, until

_LOOPBACK = (ip_address("127.0.0.1"),)


def test_a_new_box_gets_its_identity_and_a_claim_code_once(tmp_path: Path) -> None:
    assert first.main(["--data", str(tmp_path)]) == 0
    made = {name: (tmp_path / name).read_bytes() for name in ("box.json", "box/box.key", "box/claim")}
    assert first.main(["--data", str(tmp_path)]) == 0
    assert {name: (tmp_path / name).read_bytes() for name in made} == made
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in made} == {0o600}
    assert len(json.loads(made["box/claim"])["code"]) == 19


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    assert first.main(["--data", str(tmp_path)]) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["holiday.jpg"]
    assert "holds other things" in capsys.readouterr().err


def _folders(home: Path) -> tuple[Path, Path]:
    for name in ("keys", "shown"):
        (home / name).mkdir(mode=0o700)
    return home / "keys", home / "shown"


def _covers(shown: Path) -> Any:
    return json.loads((shown / "leaf.covers").read_bytes())


def test_the_leaf_follows_names_and_addresses_and_only_what_is_ours(tmp_path: Path) -> None:
    keys, shown = _folders(tmp_path)
    told, at = tmp_path / "name", [Addresses((ip_address("192.168.1.9"),), _LOOPBACK)]
    certifier = Certifier("locker-ab12", keys, shown, told, lambda: at[0])
    assert certifier.look()
    before = (shown / "leaf.pem").read_bytes()
    assert certifier.look()
    assert (shown / "leaf.pem").read_bytes() == before
    told.write_text("mail.example\n")
    assert certifier.look()
    assert _covers(shown)["names"] == ["locker-ab12.local"]
    told.write_text("locker-ab12-2")
    at[0] = Addresses((ip_address("192.168.7.7"),), _LOOPBACK)
    assert certifier.look()
    assert _covers(shown) == {
        "names": ["locker-ab12.local", "locker-ab12-2.local"],
        "addresses": ["127.0.0.1", "192.168.7.7"],
    }
    assert (shown / "leaf.pem").read_bytes() != before


def test_as_a_process_it_lays_out_what_webd_reads_and_keeps_the_authority(tmp_path: Path) -> None:
    keys, shown = _folders(tmp_path)
    (tmp_path / "box.json").write_text(json.dumps({"format": 1, "box_id": "00", "host": "locker-cd34"}))
    words = ("--data", tmp_path, "--keys", keys, "--shown", shown, "--name", tmp_path / "name")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(60)
        process = subprocess.Popen(
            [sys.executable, "-m", "services.supervisor.certifier", *map(str, words)],
            cwd=HOUSE,
            env={"PATH": "/usr/bin:/bin", "NOTIFY_SOCKET": str(tmp_path / "notify")},
        )
        try:
            assert listener.recv(64) == b"READY=1"
            assert {each.name for each in shown.iterdir()} == {"ca.pem", "leaf.pem", "leaf.key", "leaf.covers"}
            assert {each.stat().st_mode & 0o777 for each in shown.iterdir()} == {0o640}
            assert (keys / "ca.key").stat().st_mode & 0o777 == 0o600
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(shown / "leaf.pem", shown / "leaf.key")
        finally:
            process.send_signal(signal.SIGTERM)
            until(lambda: process.poll() is not None)
    assert process.returncode == 0
