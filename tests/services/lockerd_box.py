"""A lockerd of one test: real processes on a folder of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from firmware.errors import Unreachable
from services.api import bulk
from services.api.blocking import Blocking
from services.api.types import NewMember
from tests.services.hasty import python

CODE = "7Q2M-XK4D-9TAB-0W1R"
PASSPHRASE = "violet tractor humming nineteen pillows"
HOUSE = Path(__file__).resolve().parents[2]


class LockerdBox:
    """Starts, kills and restarts lockerd; ``claim`` gives the first member's client."""

    def __init__(self, folder: Path) -> None:
        self.data = folder
        self.run = Path(tempfile.mkdtemp(prefix="lockerd-"))
        (folder / "box").mkdir()
        (folder / "box" / "claim").write_text(json.dumps({"format": 1, "code": CODE}))
        self.log = folder / "lockerd.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.free = Blocking(self.run)
        self.start()

    def start(self, *extra: str) -> None:
        read, write = os.pipe()
        command = [python(), "-m", "services.lockerd", "--data", str(self.data), "--run", str(self.run)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--ready-fd", str(write), *extra], cwd=HOUSE, pass_fds=[write], stderr=log
            )
        os.close(write)
        with os.fdopen(read, "rb") as ready:
            assert json.loads(ready.readline())["ready"]

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def claim(self) -> tuple[Blocking, NewMember]:
        new = self.free.call(
            "claim",
            code=CODE.lower(),
            household="Elm Street",
            name="Ada",
            passphrase=PASSPHRASE,
            device="a first phone",
        )
        return self.free.as_session(new.token, new.member), new

    def open(self, member: str = "Ada", passphrase: str = PASSPHRASE) -> Blocking:
        opened = self.free.call("open", member=member, passphrase=passphrase, device="a test")
        return self.free.as_session(opened.token, opened.member)

    def worker_pid(self) -> int:
        """The process that serves the one open locker: the only child of the spawner."""
        assert self.process is not None
        (spawner,) = _children(self.process.pid)
        (worker,) = _children(spawner)
        return worker

    def wait_for(self, what: str, *, seconds: float = 10.0) -> None:
        """Wait until ``what`` stands in the log."""
        end = time.monotonic() + seconds
        while what not in self.log.read_text():
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.02)


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def frames(files: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """Frame files for a bulk put."""
    for name, content in files:
        yield bulk.encode_start(name.encode("utf-8", "surrogateescape"), 1_700_000_000_000_000_000, len(content))
        for at in range(0, len(content), 1 << 20):
            yield bulk.encode_data(content[at : at + (1 << 20)])
        yield bulk.END


def alive(box: LockerdBox) -> bool:
    """Whether the main socket answers."""
    try:
        return bool(box.free.call("status").ready)
    except Unreachable:
        return False
