"""The doors: sockets handed over by systemd, keys from a flat credentials folder, a leaf renewed while running."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.services.running import HOUSE, Running, until
from tests.web.front import Visitor

_HAND_OVER = """
import fcntl, os, sys
spare = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 60) for number in sys.argv[1:3]]
for at, number in enumerate(spare):
    os.dup2(number, 3 + at)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="2")
os.execv(sys.argv[3], sys.argv[3:])
"""


def _serial(port: int) -> int:
    pem = ssl.get_server_certificate(("127.0.0.1", port))
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


def _new_leaf(folder: Path) -> int:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "renewed")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number()).not_valid_before(now)
    leaf = made.not_valid_after(now + datetime.timedelta(days=1)).sign(key, hashes.SHA256())
    kind = serialization.PrivateFormat.PKCS8
    plain = key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption())
    for file, data in (("leaf.key", plain), ("leaf.pem", leaf.public_bytes(serialization.Encoding.PEM))):
        (folder / f"{file}.new").write_bytes(data)
        (folder / f"{file}.new").replace(folder / file)
    return leaf.serial_number


@contextlib.contextmanager
def _like_systemd(box: Running, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int, int]]:
    """Start webd as its unit does: flat credentials, two listening sockets as descriptors 3 and 4."""
    shutil.copy(box.data / "box.json", folder)
    for name in ("ca.pem", "leaf.pem", "leaf.key"):
        shutil.copy(box.data / "box" / name, folder)
    doors = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    http, https = (door.getsockname()[1] for door in doors)
    command = [sys.executable, "-m", "services.webd", "--data", str(folder), "--keys", str(folder)]
    command += ["--run", str((box.data / "run").resolve()), "--http-port", str(http), "--https-port", str(https)]
    numbers = [door.fileno() for door in doors]
    process = subprocess.Popen(
        [sys.executable, "-c", _HAND_OVER, *map(str, numbers), *command, "--ready-fd", "1"],
        cwd=HOUSE,
        stdout=subprocess.PIPE,
        pass_fds=numbers,
    )
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == {"http": http, "https": https}
        yield process, http, https
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert process.stdout is not None
        process.stdout.close()
        for door in doors:
            door.close()


def _opened(pid: int) -> list[str]:
    """What the process has open; a connection may close while one looks."""
    found = []
    for one in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(f"/proc/{pid}/fd/{one}"))
    return found


def test_sockets_of_systemd_and_flat_credentials(new_box: Running, tmp_path: Path) -> None:
    folder = tmp_path / "credentials"
    folder.mkdir()
    with _like_systemd(new_box, folder) as (process, http, https):
        there = f"http://127.0.0.1:{http}"
        visitor = Visitor(new_box, private=False)
        visitor.box.hello = {**new_box.hello, "http": there}
        assert visitor.get("/days").leads_to == f"https://127.0.0.1:{https}/days"
        assert b'"ready": true' in visitor.get("/status").body
        opened = _opened(process.pid)
        assert not any(str(new_box.data / "box") in path for path in opened)


def test_a_renewed_leaf_is_taken_without_a_restart(new_box: Running, tmp_path: Path) -> None:
    folder = tmp_path / "credentials"
    folder.mkdir()
    with _like_systemd(new_box, folder) as (process, _, https):
        before = _serial(https)
        (folder / "leaf.key").write_bytes(b"torn")
        process.send_signal(signal.SIGHUP)
        assert _serial(https) == before, "a leaf that cannot be used is left for the next look"
        renewed = _new_leaf(folder)
        process.send_signal(signal.SIGHUP)
        until(lambda: _serial(https) == renewed)
