"""Tahoe-LAFS as it comes from PyPI: introducer, six storage servers, a client that wants 4 of 6; all on loopback."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from tests.bench.measure import Cost, folder_bytes, run, tree_cpu

SERVERS: Final = 6
VERSION: Final = "1.20.0"
LOCK: Final = Path(__file__).resolve().parents[2] / "locks" / "tahoe.txt"
_PYTHONS: Final = (sys.executable, "python3.11", "python3.12", "python3.13")
_TOGETHER: Final = 4
"""Small files put at the same time: more gives no more files a second, its client is one busy process."""
_PATIENCE_S: Final = 120.0


def get_tahoe(cache: Path) -> Path:
    """Return the program, installed from PyPI (hashes checked) into an environment of its own in ``cache``; or raise.

    It does not support every new Python, so those that are here are tried one after the other.
    """
    home = cache / f"tahoe-{VERSION}"
    program = home / "bin" / "tahoe"
    trouble: Exception = RuntimeError("no Python that can run it")
    for python in _PYTHONS if not program.exists() else ():
        found = shutil.which(python)
        if found is None:
            continue
        try:
            run([found, "-m", "venv", "--clear", home])
            run([home / "bin" / "python", "-m", "pip", "install", "-q", "--no-deps", "--require-hashes", "-r", LOCK])
            break
        except RuntimeError as error:
            trouble = error
            shutil.rmtree(home, ignore_errors=True)
    if not program.exists():
        raise RuntimeError(f"no Tahoe-LAFS {VERSION}: {trouble}")
    return program


class Grid:
    """The running grid; everything it does is counted: command line, client, introducer, servers."""

    def __init__(self, program: Path, folder: Path, pids: list[int], port: int) -> None:
        """Use ``grid``."""
        self._program, self.folder, self._pids, self._port = program, folder, pids, port

    def cpu(self) -> float:
        """CPU seconds so far of all processes that stay."""
        return sum(map(tree_cpu, self._pids))

    def put(self, file: Path) -> Cost:
        """``tahoe put``; wall seconds, and CPU of the command and of the grid."""
        before = self.cpu()
        told = run([self._program, "-d", self.folder / "client", "put", file])
        if not told.output.strip().splitlines()[-1].startswith("URI:CHK:"):
            raise RuntimeError(f"tahoe put said: {told.output[-500:]}")
        return Cost(told.cpu + self.cpu() - before, told.wall)

    def put_small(self, files: Sequence[bytes]) -> float:
        """Put every one of ``files`` over the web API, as ``tahoe put`` does without its start-up; files a second."""
        started = time.perf_counter()
        with ThreadPoolExecutor(_TOGETHER) as pool:
            list(pool.map(self._put_all, [files[at::_TOGETHER] for at in range(_TOGETHER)]))
        return len(files) / (time.perf_counter() - started)

    def _put_all(self, files: Sequence[bytes]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port)
        for each in files:
            connection.request("PUT", "/uri", each)
            answer = connection.getresponse()
            said = answer.read()
            if answer.status not in (200, 201) or not said.startswith(b"URI:CHK:"):
                raise RuntimeError(f"Tahoe's client said {answer.status}: {said[:200]!r}")
        connection.close()

    def stored_bytes(self) -> int:
        """What the six servers keep, in bytes of files."""
        return sum(folder_bytes(self.folder / f"server-{at}" / "storage" / "shares") for at in range(SERVERS))


@contextmanager
def grid(program: Path, folder: Path) -> Iterator[Grid]:
    """Make and run a grid in ``folder``; everything is ended afterwards."""
    folder.mkdir(parents=True)
    ports = _free_ports(SERVERS + 2)
    near = [f"--port=tcp:{port}:interface=127.0.0.1" for port in ports]
    seen = [f"--location=tcp:127.0.0.1:{port}" for port in ports]
    with ExitStack() as ending:
        run([program, "create-introducer", near[0], seen[0], folder / "introducer"])
        pids = [_running(ending, program, folder / "introducer")]
        furl = folder / "introducer" / "private" / "introducer.furl"
        _wait(furl.exists, "its introducer")
        known = f"--introducer={furl.read_text().strip()}"
        for at in range(SERVERS):
            place = folder / f"server-{at}"
            run([program, "create-node", known, near[at + 1], seen[at + 1], "--webport=none", place])
            pids.append(_running(ending, program, place))
        web = f"--webport=tcp:{ports[-1]}:interface=127.0.0.1"
        wanted = ("--shares-needed=4", "--shares-happy=6", "--shares-total=6")
        run([program, "create-client", known, web, *wanted, "--nickname=owner", folder / "client"])
        pids.append(_running(ending, program, folder / "client"))
        _wait(lambda: _connected(ports[-1]) == SERVERS, "six servers")
        yield Grid(program, folder, pids, ports[-1])


def _running(ending: ExitStack, program: Path, place: Path) -> int:
    with (place / "out").open("w") as out:
        child = subprocess.Popen(
            [program, "run", "--allow-stdin-close", place], stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )

    def end() -> None:
        child.terminate()
        try:
            child.wait(15)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    ending.callback(end)
    return child.pid


def _connected(port: int) -> int:
    """How many storage servers the client is connected to, by its own status page."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/?t=json", timeout=5) as page:
            servers = json.load(page)["servers"]
        return sum(each["connection_status"].lower().startswith("connected") for each in servers)
    except OSError:
        return 0


def _wait(true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not true():
        if time.monotonic() > deadline:
            raise RuntimeError(f"Tahoe-LAFS did not come up: {what}")
        time.sleep(0.1)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as open_ones:
        found = [open_ones.enter_context(socket.socket()) for _ in range(count)]
        for each in found:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in found]
