"""A real box under test: started with the supervisor as a user would, asked over its sockets, ended at the end."""

from __future__ import annotations

import http.client
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[2]
DEADLINE_SECONDS = 60.0
"""Generous: the machine that runs the tests may be busy. No test depends on how long anything takes."""


class Running:
    """One `./box run --headless --port 0` on loopback."""

    def __init__(self, data: Path, *words: str, python: str = sys.executable) -> None:
        """Start it and wait for its line; fails with what it said on stderr when it ends before that."""
        self.data = data
        self.log = data.parent / f"{data.name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        words = words or ("--port", "0")
        command = [python, "-m", "services.supervisor", "--data", str(data), "--headless", *words]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=HOUSE, stdout=subprocess.PIPE, stderr=log)
        self.hello = json.loads(self._line())

    def _line(self) -> str:
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], DEADLINE_SECONDS)
        line = self.process.stdout.readline() if ready else b""
        if not line:
            self.kill()
            raise AssertionError(f"the box did not come up:\n{self.log.read_text()[-4000:]}")
        return line.decode()

    def children(self) -> dict[str, int]:
        """Process ids by name (lockerd, webd, peerd)."""
        found = {}
        for pid in children_of(self.process.pid):
            words = _command(pid)
            if "-m" in words:
                found[words[words.index("-m") + 1].removeprefix("services.")] = pid
        return found

    def descendants(self) -> set[int]:
        """Every process below the supervisor."""
        every, todo = set(), [self.process.pid]
        while todo:
            below = children_of(todo.pop())
            every |= set(below)
            todo += below
        return every

    def status(self) -> dict[str, object] | None:
        """What lockerd says at /v1/status, or None while it does not answer with 2xx."""
        try:
            answer = over_unix((self.data / "run").resolve() / "lockerd.sock", "/v1/status")
        except OSError:
            return None
        return json.loads(answer) if answer else None

    def web_answers(self) -> bool:
        """Whether the web front answers plain HTTP at all."""
        address = str(self.hello["http"]).removeprefix("http://")
        connection = http.client.HTTPConnection(address, timeout=5)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status < 500
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(DEADLINE_SECONDS)
        assert self.process.stdout is not None
        self.rest = self.process.stdout.read()
        self.process.stdout.close()
        return code

    def kill(self) -> None:
        """Kill the supervisor and wait until everything below it is gone too; leaves nothing in memory either."""
        below = self.descendants()
        self.process.kill()
        self.process.wait(DEADLINE_SECONDS)
        if self.process.stdout is not None:
            self.process.stdout.close()
        until(lambda: not any(alive(pid) for pid in below))
        run = self.data / "run"
        if run.is_symlink():
            shutil.rmtree(run.resolve(), ignore_errors=True)


def until(true: Callable[[], object], seconds: float = DEADLINE_SECONDS) -> None:
    """Ask again and again until ``true()``; fails after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "this did not become true in time"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def over_unix(path: Path, target: str) -> bytes:
    """GET ``target`` over a unix socket; the body of a 2xx answer, empty for anything else."""
    connection = http.client.HTTPConnection("box", timeout=10)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.sock.settimeout(10)
        connection.sock.connect(os.fspath(path))
        connection.request("GET", target)
        answer = connection.getresponse()
        body = answer.read()
    except http.client.HTTPException:
        return b""
    else:
        return body if 200 <= answer.status < 300 else b""
    finally:
        connection.close()


def children_of(pid: int) -> list[int]:
    """Process ids of the children of ``pid``; none when it is gone."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(word) for word in task.read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def _command(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []
