"""One real box of the lab: the clone's own supervisor with all its processes, driven as its owner would drive it."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from firmware.errors import Locked, Refused
from services.api.blocking import Blocking
from services.cli.secrets_io import Tokens
from tests.lab.isolation import Isolation
from tests.lab.shell import LabTrouble

PATIENCE_S: Final = 180.0
"""Generous everywhere: no scenario depends on how busy the machine is."""
PASSPHRASE: Final = "seven brave otters ate 91 pickles"
_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None)


class LabBox:
    """Box ``number``; paths are the same inside and outside."""

    def __init__(self, isolation: Isolation, folder: Path, number: int, interpreter: str) -> None:
        """Nothing runs before ``start``."""
        self.number, self.name = number, f"box{number}"
        self.folder = folder / self.name
        self.data = self.folder / "data"
        self.folder.mkdir()
        self.passphrase = self.folder / "passphrase"
        self.passphrase.write_text(PASSPHRASE + "\n")
        self.words = self.folder / "words"
        self.key = ""
        """Its box key in hex, known once it is owned."""
        self.member = ""
        self._isolation, self.interpreter = isolation, interpreter
        self._log = self.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._pid = 0

    # Its life

    def start(self) -> None:
        """Begin to start it; ``ready`` waits."""
        words = [self.interpreter, "-m", "services.supervisor", "--data", str(self.data), "--headless"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._isolation.command(self.number, words),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._isolation.environment | {"PATH": os.environ["PATH"]},
                start_new_session=True,
                preexec_fn=_dies_with_us,  # noqa: PLW1509 - the lab has one thread
            )

    def ready(self) -> None:
        """Wait for its line; raises LabTrouble with the end of its log."""
        assert self._process is not None
        assert self._process.stdout is not None
        there, _, _ = select.select([self._process.stdout], [], [], PATIENCE_S)
        line = self._process.stdout.readline() if there else b""
        try:
            assert json.loads(line)["ready"]
        except ValueError:
            raise LabTrouble(f"{self.name} did not come up: {line!r} {self.log()[-1500:]}") from None
        self._pid = self._supervisor()

    def _supervisor(self) -> int:
        assert self._process is not None
        todo = [self._process.pid]
        while todo:
            pid = todo.pop(0)
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                if b"services.supervisor" in words and b"--live" in words:
                    return pid
                for task in Path(f"/proc/{pid}/task").glob("*/children"):
                    todo += [int(each) for each in task.read_text().split()]
        raise LabTrouble(f"{self.name} has no supervisor")

    @property
    def running(self) -> bool:
        """Whether its processes are there."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """As its owner would: SIGTERM, everything is written down."""
        if self.running:
            os.kill(self._pid, signal.SIGTERM)
        self._ended()

    def kill(self) -> None:
        """The plug is pulled."""
        if self.running:
            assert self._process is not None
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid or self._process.pid, signal.SIGKILL)
                self._process.kill()
        self._ended()

    def _ended(self) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(30)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None
        if self._pid:
            until(lambda: not Path(f"/proc/{self._pid}").exists(), f"{self.name} to end", 30)
        self._pid = 0

    def log(self) -> str:
        """What its processes said."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def rss_mib(self) -> dict[str, float]:
        """Resident memory of its processes by name, MiB."""
        found: dict[str, float] = {}
        for task in Path(f"/proc/{self._pid}/task").glob("*/children"):
            for pid in task.read_text().split():
                with contextlib.suppress(OSError, IndexError, ValueError):
                    words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
                    status = Path(f"/proc/{pid}/status").read_text()
                    kib = int(status.split("VmHWM:")[1].split()[0])
                    found[words[words.index("-m") + 1].removeprefix("services.")] = kib / 1024
        return found

    # Its owner

    def shell(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Run `./box locker ...` at the box, as its first member unless ``words`` begin with another."""
        enter = ["nsenter", f"--target={self._pid}", "--mount", "--net", "--pid", "--uts", "--ipc", "--root"]
        who = ["--member", self.member] if self.member and words[0] != "--member" else []
        command = [self.interpreter, "-m", "services.cli", "--data", str(self.data), *who, *map(str, words)]
        return subprocess.run(
            [*enter, "env", "-C", self._isolation.house, *command],
            env=self._isolation.environment | {"TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=1800,
        )

    def ok(self, *words: str | Path) -> str:
        """Run a command that has to succeed, opening the locker first if days have closed it; raises LabTrouble."""
        done = self.shell(*words)
        if done.returncode and "Open the locker first" in done.stderr and words[0] != "open":
            self.open()
            done = self.shell(*words)
        if done.returncode:
            raise LabTrouble(f"{self.name}: {' '.join(map(str, words[:3]))}: {done.stderr.strip()[-600:]}")
        return done.stdout

    def said(self, *words: str | Path) -> Any:
        """The last JSON line a command printed."""
        return json.loads(self.ok(*words, "--json").strip().splitlines()[-1])

    def own(self) -> None:
        """Claim it and make the first member, whose kit makes it able to have friends."""
        self.ok("init", "--passphrase-file", self.passphrase, "--words-out", self.words)
        self.know()

    def know(self) -> None:
        """Learn who lives there: its first member, and the key it has among friends."""
        self.member = self._client().call("status").members[0].id
        self.key = self.circle().box

    def open(self) -> None:
        """Open the locker again after a restart."""
        self.ok("open", "--passphrase-file", self.passphrase)

    def _run(self) -> Path:
        return Path(f"/proc/{self._pid}/root{os.readlink(self.data / 'run')}")

    def _client(self) -> Blocking:
        return Blocking(self._run())

    def mine(self) -> Blocking:
        """A client in the owner's session."""
        run = self._run()
        return Blocking(run, Tokens(run).of(self.member) or "none", self.member)

    def circle(self) -> Any:
        """Everything about its circle, open or locked; raises BoxError."""
        return self._client().call("at_peerd_circle")

    def poke(self) -> None:
        """Make it plan now: what the button *Ship now* does."""
        self._client().call("at_peerd_circle_now")

    def sessions(self) -> list[Blocking]:
        """A client in the session of every member whose locker was opened here; one of them may be closed again."""
        run = self._run()
        tokens = {each.id: Tokens(run).of(each.id) for each in self._client().call("status").members}
        return [Blocking(run, token, member) for member, token in tokens.items() if token is not None]

    def idle(self) -> bool:
        """Whether readers have read everything and made every preview; opens again what days have closed."""
        try:
            self.mine().call("analysis")
        except (Locked, Refused):
            self.open()
            return False
        for each in self.sessions():
            with contextlib.suppress(Locked, Refused):
                found = each.call("analysis")
                if found.pending_text or found.pending_previews:
                    return False
        return True

    def hosted(self) -> Path:
        """Where it keeps what is others'."""
        return self.data / "hosted"

    def locker(self) -> Path:
        """The folder of its one locker."""
        (found,) = (each for each in (self.data / "lockers").iterdir() if (each / "packs").is_dir())
        return found


def until(true: Callable[[], object], what: str, seconds: float = PATIENCE_S, every: float = 0.2) -> None:
    """Ask again and again until ``true()``; raises LabTrouble after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise LabTrouble(f"waited {seconds:.0f} s for {what}")
        time.sleep(every)


def _dies_with_us() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
