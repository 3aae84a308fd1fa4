"""A box with an owner, and the peerd processes of six other households, all real, on loopback."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Final

from blake3 import blake3

from firmware.pack.format import PRELUDE_BYTES
from firmware.shard import Layout, join
from services.api.blocking import Blocking
from services.api.circle_types import PairingIs, Reach
from tests.bench.boxrun import ROOT, BoxRun
from tests.bench.measure import folder_bytes, tree_cpu

PEERS: Final = 6
LAYOUT: Final = Layout(4, 6)
_ROOM: Final = 64 << 30
_PATIENCE_S: Final = 1800.0
_POLL_S: Final = 0.05


def wait(true: Callable[[], object], what: str) -> None:
    """Ask every 50 ms until ``true()``; raises RuntimeError after half an hour."""
    deadline = time.monotonic() + _PATIENCE_S
    while not true():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: it did not come to that")
        time.sleep(_POLL_S)


class Friend:
    """Another household's peerd, as its supervisor would start it, without the rest of its box."""

    def __init__(self, folder: Path, number: int) -> None:
        """Start it over ``folder``, which is made."""
        self.folder = folder
        (folder / "box").mkdir(parents=True)
        (folder / "box.json").write_text(json.dumps({"host": f"locker-{number:04d}.local", "format": 1}))
        self._run = Path(tempfile.mkdtemp(prefix="lb-"))  # a socket's path has to be short
        command = [sys.executable, "-m", "services.peerd", "--data", str(folder), "--run", str(self._run)]
        command += ["--http-port", "80", "--https-port", "443", "--bind", "127.0.0.1", "--quiet"]
        with (folder / "log").open("w") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        self.pid = self._process.pid
        wait((self._run / "peerd.sock").exists, "a friend's peerd")

    def ask(self, name: str, **arguments: Any) -> Any:
        """Ask it as its lockerd would."""
        return Blocking(self._run).call(name, **arguments)

    def stop(self) -> None:
        """End it as its supervisor would."""
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._run, ignore_errors=True)


class Boxes:
    """One owner's box, running with an open locker, in a circle with ``PEERS`` others."""

    def __init__(self, folder: Path, box: BoxRun, friends: list[Friend]) -> None:
        """Use ``circle_of``."""
        self.box, self.friends, self._folder = box, friends, folder

    @property
    def peerd(self) -> int:
        """The process id of the owner's peerd."""
        return self.box.pid_of("peerd")

    def cpu(self) -> float:
        """CPU seconds so far of lockerd with everything below it, and of all seven peerds."""
        pids = (self.box.lockerd, self.peerd, *(each.pid for each in self.friends))
        return sum(map(tree_cpu, pids))

    def ask(self, name: str, **arguments: Any) -> Any:
        """Ask the owner's peerd as lockerd does."""
        return Blocking(self.box.run_folder).call(name, **arguments)

    def pair_all(self) -> None:
        """Become friends with everybody; returns when all links live and the locker may ship."""
        for friend in self.friends:
            invited = self.ask("at_peerd_invite")
            joined = friend.ask("at_peerd_join", invitation=invited.text)
            self.ask("at_peerd_pairing_confirm", id=invited.id, yes=True, gets=1 << 30)
            friend.ask("at_peerd_pairing_confirm", id=joined.id, yes=True, gets=_ROOM)
            wait(lambda: self.ask("at_peerd_pairing").pairings[-1].state is PairingIs.PAIRED, "a pairing")
        wait(self._ready, "the circle")

    def _ready(self) -> bool:
        found = self.ask("at_peerd_circle")
        there = [each for each in found.peers if each.reach not in (Reach.AWAY, Reach.REFUSED) and each.gives == _ROOM]
        return len(there) == PEERS and bool(found.lockers) and all(each.custody for each in found.lockers)

    def ship(self) -> None:
        """Close the open packs, let everything go, and return when every shard is receipted and written down."""
        self.box.call("circle_now")
        wait(self._placed, "shipping")

    def _placed(self) -> bool:
        with self._rows() as rows:
            packs = rows.execute("SELECT count(*) FROM pack WHERE dropped_at<0").fetchone()[0]
            held = rows.execute("SELECT count(*) FROM shard WHERE k=? AND receipt IS NOT NULL", (LAYOUT.k,)).fetchone()
        return bool(packs) and held[0] >= packs * LAYOUT.n

    @contextmanager
    def _rows(self) -> Iterator[sqlite3.Connection]:
        path = self.box.data / "circle" / "circle.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as rows:
            yield rows

    @property
    def packs(self) -> Path:
        """The owner's packs."""
        return self.box.data / "lockers" / self.box.member / "packs"

    def pack_bytes(self) -> int:
        """Bytes of the packs that are with friends, as files on the owner's disk."""
        with self._rows() as rows:
            names = rows.execute("SELECT file FROM source JOIN pack ON source.pack=pack.id WHERE dropped_at<0")
            return sum((self.packs / name).stat().st_size for (name,) in names)

    def hosted_bytes(self) -> int:
        """Everything friends keep for it: shards, and what they note about them."""
        return sum(folder_bytes(friend.folder / "hosted") for friend in self.friends)

    def joined(self) -> int:
        """Put every pack together from the files of the last four of its six shards; returns how many were equal.

        Raises RuntimeError when one is not what lies here.
        """
        files = {path.name: path for friend in self.friends for path in friend.folder.glob("hosted/*/shards/*")}
        with self._rows() as rows:
            packs = rows.execute(
                "SELECT id, file, size, digest FROM pack JOIN source ON source.pack=pack.id"
            ).fetchall()
            names = {
                (pack, index): bytes(id).hex() for pack, index, id in rows.execute("SELECT pack, shard, id FROM shard")
            }
        for pack, file, size, digest in packs:
            held = {at: files[names[pack, at]].read_bytes() for at in range(LAYOUT.spare, LAYOUT.n)}
            payload = (self.packs / file).read_bytes()[PRELUDE_BYTES:]
            if join(LAYOUT, size, digest, held) != payload or blake3(payload).digest() != digest:
                raise RuntimeError(f"the pack {file} does not come back from its shards")
        return len(packs)


@contextmanager
def circle_of(folder: Path) -> Iterator[Boxes]:
    """A circle that is ready to ship; everything is ended afterwards."""
    folder.mkdir(parents=True)
    with ExitStack() as ending:
        box = BoxRun(folder / "owner")
        ending.callback(box.stop)
        box.start()
        box.init()
        box.call("set_analysis", previews="off")
        friends: list[Friend] = []
        for number in range(PEERS):
            friends.append(Friend(folder / f"friend-{number}", number))
            ending.callback(friends[-1].stop)
        boxes = Boxes(folder, box, friends)
        boxes.pair_all()
        yield boxes
