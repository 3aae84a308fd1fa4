"""Kill a running box's processes in the middle of uploads, again and again; no acknowledged byte may be lost.

    python -m tests.sim.kill --kills 200 --json [--data FOLDER] [--keep DIR] [--seed N] [--via browser]

Real processes through the supervisor, production key derivation. While files stream in (many in one bulk put, or one
upload after the other) SIGKILL hits the locker's worker, lockerd's main process, or everything there is; then the box
is asked for its status until it answers, the locker is opened with its passphrase, and it goes on. At the end every
acknowledged version is fetched and compared byte for byte. ``--data`` sends the files of a folder instead of made-up
ones; ``--keep`` leaves data folder, passphrase, the list of acknowledgements and the originals in DIR.
``--via browser`` lets the official tus client send instead (``tests.sim.kill_browser``, without --data and --keep).

JSON: ``restart_p99_s`` from SIGKILL to the first 2xx of /v1/status, ``open_after_restart_p99_s`` for opening after that
(Argon2id and recovery), ``kills_during_write`` kills that hit while a sent file waited for its acknowledgement.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from firmware.errors import BoxError, Locked, Unreachable
from firmware.limits import KIB, MIB
from services.api import bulk
from services.api.blocking import Blocking
from tests.folders import files_below
from tests.services.running import Running, alive, over_unix, until

TARGETS = ("worker", "main", "all")
_BLOCK = 256 * KIB
_MOST_BEFORE_KILL = 10 * MIB
_PASSPHRASE = "violet tractor humming nineteen pillows"
_NEVER_ANSWERED_SECONDS = 60.0


class Source:
    """The files that are sent: number -> (name, content). The same number always gives the same bytes."""

    def __init__(self, seed: int, folder: Path | None) -> None:
        """Make them up from ``seed``, or take those below ``folder`` round and round."""
        self._seed = seed
        self._files = files_below(folder) if folder else []
        self._folder = folder

    def name(self, number: int) -> str:
        """Every fifth file is a new version of an earlier name."""
        if self._folder is not None:
            path = self._files[number % len(self._files)]
            return f"round-{number // len(self._files)}/{os.fspath(path.relative_to(self._folder))}"
        rng = random.Random(f"{self._seed}/{number}/name")
        which = rng.randrange(number) if number and rng.random() < 0.2 else number
        return f"album-{which % 7}/file-{which}.{('jpg', 'txt', 'bin')[which % 3]}"

    def content(self, number: int) -> bytes:
        """The bytes of file ``number``."""
        if self._folder is not None:
            return self._files[number % len(self._files)].read_bytes()
        rng = random.Random(f"{self._seed}/{number}")
        size = rng.choice((0, 300, 5 * KIB, 40 * KIB, 200 * KIB, 900 * KIB, 3 * MIB))
        return rng.randbytes(size and rng.randint(size // 2, size))


@dataclass(frozen=True, slots=True)
class Ack:
    """The box said this version is safe."""

    number: int
    id: str
    version: int
    size: int


@dataclass(slots=True)
class Figures:
    """What is measured."""

    during_write: int = 0
    opens_repeated: int = 0
    restarts: list[tuple[str, float]] = field(default_factory=list)
    opens: list[float] = field(default_factory=list)


class Uploads(threading.Thread):
    """Sends files until the box dies under it; ``sent`` is set once ``enough`` bytes are on their way."""

    def __init__(self, client: Blocking, source: Source, first: int, enough: int, *, one_by_one: bool) -> None:
        """Send from file number ``first`` on, in one bulk put or one upload after the other."""
        super().__init__(name="uploads", daemon=True)
        self._client, self._source, self._one_by_one = client, source, one_by_one
        self._first, self._enough = first, enough
        self.next = first
        self.sent = threading.Event()
        self.acks: list[Ack] = []
        self.trouble: BoxError | OSError | None = None
        self._bytes = 0

    def run(self) -> None:
        try:
            if self._one_by_one:
                while True:
                    self._upload()
            for line in self._client.bulk_put(self._frames()):
                self._take(line)
        except (BoxError, OSError) as error:  # the connection went with the process behind it
            self.trouble = error
        finally:
            self.sent.set()

    @property
    def waiting(self) -> bool:
        """Whether something was sent that is not acknowledged yet."""
        return self.next - self._first > len(self.acks)

    def _upload(self) -> None:
        number = self.next
        self.next += 1
        content = self._source.content(number)
        name = self._source.name(number)
        stored = self._client.call("put", body=self._blocks(content), name=name, size=len(content))
        self.acks.append(Ack(number, stored.id, stored.version, stored.size))

    def _frames(self) -> Iterator[bytes]:
        while True:
            number = self.next
            self.next += 1
            content = self._source.content(number)
            yield bulk.encode_start(os.fsencode(self._source.name(number)), 1_700_000_000_000_000_000, len(content))
            for block in self._blocks(content):
                yield bulk.encode_data(block)
            yield bulk.encode_end(ok=True)

    def _blocks(self, content: bytes) -> Iterator[bytes]:
        for at in range(0, len(content), _BLOCK):
            block = content[at : at + _BLOCK]
            yield block
            self._bytes += len(block)
            if self._bytes >= self._enough:
                self.sent.set()

    def _take(self, line: dict[str, object]) -> None:
        if "id" in line:
            number = self._first + int(str(line["n"]))
            self.acks.append(Ack(number, str(line["id"]), int(str(line["version"])), int(str(line["size"]))))


class Loop:
    """One box that is killed again and again."""

    def __init__(self, place: Path, source: Source, seed: int) -> None:
        """Start a box with its data in ``place``/box, claim it and open its locker."""
        self._place, self._source = place, source
        self._rng = random.Random(f"kill/{seed}")
        self.figures = Figures()
        self.acks: list[Ack] = []
        self._next = 0
        self._box = Running(place / "box")
        code = str(self._box.hello["claim_code"])
        new = self._free().call("claim", code=code, household="Simulated", name="Ada", passphrase=_PASSPHRASE)
        self.client = self._free().as_session(new.token, new.member)

    def _run(self) -> Path:
        return (self._place / "box" / "run").resolve()

    def _free(self) -> Blocking:
        return Blocking(self._run())

    def kill_once(self) -> None:
        """Send files, kill, wait for the box, open the locker again."""
        enough = self._rng.randint(1, _MOST_BEFORE_KILL)
        uploads = Uploads(self.client, self._source, self._next, enough, one_by_one=self._rng.random() < 0.3)
        uploads.start()
        uploads.sent.wait()
        time.sleep(self._rng.random() * 0.03)
        target = self._rng.choice(TARGETS)
        waiting = uploads.waiting and uploads.is_alive()
        started = time.monotonic()
        again = self._kill(target)
        self.figures.during_write += waiting
        self._until_status(target, started)
        if again is not None:
            again.join()
        uploads.join()
        self._next = uploads.next
        self._note(uploads.acks)
        self._reopen()

    def _kill(self, target: str) -> threading.Thread | None:
        if target == "all":
            for pid in self._box.descendants():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._box.kill()
            again = threading.Thread(target=self._start_again)
            again.start()
            return again
        main = self._box.children()["lockerd"]
        pid = main if target == "main" else self._worker(main)
        os.kill(pid, signal.SIGKILL)
        until(lambda: not alive(pid))
        return None

    def _start_again(self) -> None:
        self._box = Running(self._place / "box")

    def _worker(self, main: int) -> int:
        """lockerd's only child is the spawner, whose only child is the worker of the open locker."""
        (spawner,) = _children(main)
        (worker,) = [pid for pid in _children(spawner) if alive(pid)]
        return worker

    def _until_status(self, target: str, started: float) -> None:
        deadline = started + _NEVER_ANSWERED_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if over_unix(self._run() / "lockerd.sock", "/v1/status"):
                    self.figures.restarts.append((target, time.monotonic() - started))
                    return
            time.sleep(0.005)
        raise SystemExit("the box did not come back")

    def _reopen(self) -> None:
        started = time.monotonic()
        while not self._opened():
            self.figures.opens_repeated += 1
            if time.monotonic() - started > _NEVER_ANSWERED_SECONDS:
                raise SystemExit("the locker did not open again")
            time.sleep(0.01)
        self.figures.opens.append(time.monotonic() - started)

    def _opened(self) -> bool:
        try:
            opened = self._free().call("open", member="Ada", passphrase=_PASSPHRASE, device="simulation")
        except (Locked, Unreachable):  # the box has not noticed yet that something of it died
            return False
        self.client = self._free().as_session(opened.token, opened.member)
        return True

    def _note(self, acks: list[Ack]) -> None:
        self.acks += acks
        with (self._place / "acks.jsonl").open("a") as log:
            for ack in acks:
                known = {"name": self._source.name(ack.number), "id": ack.id, "version": ack.version, "size": ack.size}
                log.write(json.dumps({**known, "number": ack.number}) + "\n")

    def compare(self, originals: Path | None) -> dict[str, int]:
        """Fetch everything acknowledged and compare it; leave the expected bytes in ``originals`` if given."""
        lost = compared = files = 0
        for ack in self.acks:
            expected = self._source.content(ack.number)
            if originals is not None:
                originals.mkdir(exist_ok=True)
                (originals / f"{ack.id}-{ack.version}").write_bytes(expected)
            files += 1
            compared += len(expected)
            if self._fetch(ack) != expected:
                lost += max(1, len(expected))
                print(f"lost: {self._source.name(ack.number)} {ack}", file=sys.stderr)
        versions = len({(ack.id, ack.version) for ack in self.acks})
        return {
            "acked_bytes_lost": lost,
            "files_compared": files,
            "versions_compared": versions,
            "bytes_compared": compared,
        }

    def _fetch(self, ack: Ack) -> bytes | None:
        try:
            with self.client.stream("content", id=ack.id, version=ack.version) as answer:
                return b"".join(answer)
        except BoxError as error:
            print(f"{ack.id}: {error}", file=sys.stderr)
            return None

    def verify_problems(self) -> int:
        """What ``verify`` finds at the end."""
        with self.client.stream("verify") as answer:
            *_, last = answer.lines()
        return len(last.get("problems", ()))

    def stop(self) -> None:
        """End the box."""
        self._box.kill()


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def kill(kills: int, seed: int, folder: Path | None, keep: Path | None) -> dict[str, int | float | bool]:
    """Run the loop; return the figures (see the module)."""
    started = time.monotonic()
    place = keep if keep is not None else Path(tempfile.mkdtemp(prefix="locker-kill-"))
    place.mkdir(parents=True, exist_ok=True)
    loop = Loop(place, Source(seed, folder), seed)
    try:
        for _ in range(kills):
            loop.kill_once()
        compared = loop.compare(keep / "originals" if keep else None)
        problems = loop.verify_problems()
    finally:
        loop.stop()
        if keep is None:
            shutil.rmtree(place)
        else:
            (keep / "passphrase").write_text(_PASSPHRASE + "\n")
    figures = loop.figures
    by_target = {target: [seconds for hit, seconds in figures.restarts if hit == target] for target in TARGETS}
    return {
        "kills": kills,
        "kills_during_write": figures.during_write,
        **{f"kills_of_{target}": len(times) for target, times in by_target.items()},
        **compared,
        "acked_files": len(loop.acks),
        "acked_mib": round(sum(ack.size for ack in loop.acks) / MIB, 1),
        "verify_problems": problems,
        "restart_p99_s": _percentile([seconds for _, seconds in figures.restarts], 0.99),
        **{f"restart_of_{target}_p50_s": _percentile(times, 0.5) for target, times in by_target.items()},
        "open_after_restart_p50_s": _percentile(figures.opens, 0.5),
        "open_after_restart_p99_s": _percentile(figures.opens, 0.99),
        "opens_repeated": figures.opens_repeated,
        "seed": seed,
        "seconds": round(time.monotonic() - started, 1),
    }


def _percentile(values: list[float], share: float) -> float:
    """Nearest-rank percentile in seconds."""
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3) if ordered else 0.0


def main() -> None:
    """Parse the command line, run, print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, help="how often (default: 200, via a browser 50)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--via", choices=("sockets", "browser"), default="sockets", help="who sends (default: sockets)")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="send the files below FOLDER")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave everything in DIR, which must be empty")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    options = parser.parse_args()
    if options.via == "browser":
        from tests.sim.kill_browser import kill_via_browser

        figures: Mapping[str, object] = kill_via_browser(options.kills or 50, options.seed)
    else:
        figures = kill(options.kills or 200, options.seed, options.data, options.keep)
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:28} {value}")


if __name__ == "__main__":
    main()
