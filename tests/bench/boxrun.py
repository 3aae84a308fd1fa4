"""A real box for the benches: started as `./box run` starts it, spoken to through its API and its command line."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from services.api.client import Client
from tests.bench.measure import Cost, Process, run, tree, tree_cpu

ROOT: Final = Path(__file__).resolve().parents[2]
_ENV: Final = {"PYTHONPATH": str(ROOT)}
_START_PATIENCE_S: Final = 60.0
_POLL_S: Final = 0.1


def is_reader_child(process: Process, parents: dict[int, Process]) -> bool:
    """Tell a throw-away parser (or the ffmpeg it ran) from the reader's own mother process and from lockerd."""
    parent = parents.get(process.parent)
    return parent is not None and "services/reader" in parent.command


def is_reader_mother(process: Process, parents: dict[int, Process]) -> bool:
    """Tell the reader's mother process, which holds no parser's memory but does count as a part of the box."""
    return "services/reader" in process.command and not is_reader_child(process, parents)


class BoxRun:
    """One box over ``data`` with one member, whose locker is open; previews are off until asked for."""

    def __init__(self, data: Path) -> None:
        """Only remember the folder; ``start`` starts."""
        self.data = data
        self._log = data.with_suffix(".log")
        self._child: subprocess.Popen[str] | None = None
        self._passphrase = data.with_suffix(".passphrase")
        self._session: Client | None = None
        self.member = ""

    def start(self) -> dict[str, Any]:
        """Start (or start again) the processes and return their ready line; raises RuntimeError when none comes."""
        command = [sys.executable, "-m", "services.supervisor", "--data", str(self.data), "--port", "0", "--headless"]
        with self._log.open("a") as log:
            self._child = subprocess.Popen(
                [*command, "--host", "127.0.0.1"],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=ROOT,
                env=os.environ | _ENV,
            )
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise RuntimeError(f"the box did not start: {self._log.read_text()[-2000:]}")
        ready: dict[str, Any] = json.loads(line)
        return ready

    def init(self) -> None:
        """Claim the box and make its member, then open a session for the bench's own questions."""
        self._passphrase.write_text(" ".join(secrets.token_hex(4) for _ in range(5)) + "\n")
        self._passphrase.chmod(0o600)
        words = self._passphrase.with_suffix(".words")
        self.cli("init", "--passphrase-file", self._passphrase, "--words-out", words)
        self.open()

    def open(self) -> None:
        """Open the locker (again) and take a session."""
        status = self._ask(Client(self.run_folder), "status")
        self.member = status.members[0].id
        opened = self._ask(
            Client(self.run_folder),
            "open",
            member=self.member,
            passphrase=self._passphrase.read_text().strip(),
            device="bench",
        )
        self._session = Client(self.run_folder, opened.token, opened.member)

    def reopen(self) -> None:
        """Open a locked locker for the command line, whose session died with the lock, and for the bench."""
        self.cli("open", "--passphrase-file", self._passphrase)
        self.open()

    @property
    def run_folder(self) -> Path:
        """The folder of the sockets; a link leads out of data folders whose path is too long for a socket."""
        return (self.data / "run").resolve()

    @property
    def session(self) -> Client:
        """The bench's own session."""
        assert self._session is not None
        return self._session

    def cli(self, *words: str | Path) -> Cost:
        """Run `./box locker` with ``words``; raises RuntimeError with what it said when it fails."""
        return run([sys.executable, "-m", "services.cli", "--data", self.data, *words], env=_ENV, cwd=ROOT)

    def call(self, name: str, /, **arguments: Any) -> Any:
        """Call one operation of the API as the bench's session."""
        return self._ask(self.session, name, **arguments)

    @staticmethod
    def _ask(client: Client, name: str, /, **arguments: Any) -> Any:
        return asyncio.run(client.call(name, **arguments))

    def pid_of(self, service: str) -> int:
        """The process id of a service's main process."""
        assert self._child is not None
        for process in tree(self._child.pid):
            if f"services.{service}" in process.command:
                return process.pid
        raise RuntimeError(f"{service} does not run: {self._log.read_text()[-2000:]}")

    @property
    def lockerd(self) -> int:
        """The process id of lockerd's main process."""
        return self.pid_of("lockerd")

    def cpu(self) -> float:
        """CPU seconds so far of lockerd, its spawner, workers and readers, ended ones included."""
        return tree_cpu(self.lockerd)

    def wait_for(self, *names: str, patience_s: float = 3600.0) -> None:
        """Wait until the reader owes nothing of ``names`` (fields of `GET /v1/analysis`)."""
        deadline = time.monotonic() + patience_s
        while any(getattr(self.call("analysis"), name) for name in names):
            if time.monotonic() > deadline:
                raise RuntimeError(f"the reader did not get done: {self.call('analysis')}")
            time.sleep(_POLL_S)

    def stop(self) -> None:
        """End the box as a person would (SIGTERM) and wait for it."""
        if self._child is not None:
            self._child.terminate()
            try:
                self._child.wait(15)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
            if self._child.stdout is not None:
                self._child.stdout.close()
            self._child = None


def packs_folder(data: Path, member: str) -> Path:
    """The packs of one member's locker: what is kept and shipped."""
    return data / "lockers" / member / "packs"
