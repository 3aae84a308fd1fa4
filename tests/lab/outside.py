"""The truth of a circle, read from outside: what lies in the hosts' folders, judged by readers that share no code
with the product (``tests/vectors/second_*``). No box is asked, and nothing a box believes is used.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import cbor2
from blake3 import blake3

from tests.lab.dwelling import PASSPHRASE, LabBox
from tests.lab.shell import LabTrouble
from tests.vectors import second_reader
from tests.vectors import second_shard_reader as second_shard
from tests.vectors.second_key_file_reader import read as read_key_file

PRELUDE: Final = 16
LAYOUTS: Final = ((1, 2), (2, 4), (4, 8), (8, 14))
"""Every k with the most shards it may have; a shard depends on k and its number alone."""


@dataclass
class Spread:
    """Where one pack really is: ``hosts[i]`` are the numbers of the boxes that keep shard i of k, byte for byte."""

    size: int
    kind: str
    k: int = 0
    hosts: dict[int, set[int]] = field(default_factory=dict)

    def households(self, but: Collection[int] = ()) -> int:
        """How many boxes keep a shard of their own, each of another number (maximum matching)."""
        taken: dict[int, int] = {}
        for shard in self.hosts:
            self._seat(shard, taken, set(but))
        return len(taken)

    def _seat(self, shard: int, taken: dict[int, int], seen: set[int]) -> bool:
        for box in self.hosts[shard]:
            if box in seen:
                continue
            seen.add(box)
            if box not in taken or self._seat(taken[box], taken, seen):
                taken[box] = shard
                return True
        return False

    def may_fail(self) -> int:
        """Any so many of these boxes may be gone; -1 when the pack cannot be had from them at all."""
        return self.households() - self.k if self.k else -1


class Outside:
    """Hosts' folders read once; whole shards whose bytes do not have their name's id are told in ``rotten``."""

    def __init__(self, owner: LabBox, hosts: Iterable[LabBox]) -> None:
        """Read every shard of ``hosts`` and every closed pack of ``owner``."""
        self.rotten = 0
        self.bytes = 0
        self.held: dict[str, dict[int, Path]] = {}
        self.packs: dict[str, Spread] = {}
        self._files: dict[str, Path] = {}
        self._names: dict[str, list[str]] = {}
        for host in hosts:
            self._read(host)
        for path in sorted((owner.locker() / "packs").iterdir()):
            kind, _, id = path.name.partition("-")
            if len(id) == 64:
                self._files[id] = path
                self.packs[id] = self._spread(path, kind)

    def _read(self, host: LabBox) -> None:
        for path in host.hosted().glob("*/shards/*"):
            data = path.read_bytes()
            self.bytes += len(data)
            if second_shard.shard_id(data).hex() == path.name:
                self.held.setdefault(path.name, {})[host.number] = path
            else:
                self.rotten += 1

    def _spread(self, path: Path, kind: str) -> Spread:
        payload = path.read_bytes()[PRELUDE:]
        spread = Spread(len(payload), kind)
        for k, n in LAYOUTS:
            shards = [payload] * n if k == 1 else second_shard.make(payload, k, n)
            ids = [second_shard.shard_id(shards[0]).hex()] * n if k == 1 else [_id(each) for each in shards]
            found = {i: set(self.held[id]) for i, id in enumerate(ids) if id in self.held}
            if sum(map(len, found.values())) > sum(map(len, spread.hosts.values())):
                spread.k, spread.hosts = k, found
                self._names[path.name.partition("-")[2]] = ids
            if found and k * len(found) >= n:
                break
        return spread

    def shards_of(self, packs: Iterable[str]) -> set[str]:
        """The ids of all shards that may exist of these packs."""
        return {id for pack in packs for id in self._names.get(pack, ())}

    def decode(self, pack: str, hosts: Collection[int]) -> bytes | None:
        """Make the payload of ``pack`` from what ``hosts`` keep, or None when they have too little."""
        spread = self.packs[pack]
        if not spread.k:
            return None
        held: dict[int, bytes] = {}
        for shard, there in spread.hosts.items():
            if len(held) < spread.k and (at := there & set(hosts)):
                held[shard] = self.held[self._names[pack][shard]][min(at)].read_bytes()
        if len(held) < spread.k:
            return None
        if spread.k == 1:
            return next(iter(held.values()))[: spread.size]
        return second_shard.join(spread.size, spread.k, held)

    def same(self, pack: str, hosts: Collection[int]) -> bool:
        """Whether what ``hosts`` keep gives the owner's pack bit for bit."""
        made = self.decode(pack, hosts)
        return made is not None and made == self._files[pack].read_bytes()[PRELUDE:]

    def restore(self, owner: LabBox, hosts: Collection[int], folder: Path) -> Mapping[bytes, bytes]:
        """Build a locker from the owner's key file and the shards of ``hosts`` alone; returns its live files.

        Packs nobody has a shard of are left out (those still open); the reader notices any closed one that is missing.
        """
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "packs").mkdir(parents=True)
        shutil.copy(owner.locker() / "key", folder / "key")
        for pack, spread in self.packs.items():
            payload = self.decode(pack, hosts)
            if not spread.k:
                continue
            if payload is None:
                raise LabTrouble(f"a {spread.kind} pack cannot be had from {len(hosts)} boxes")
            prelude = self._files[pack].read_bytes()[:PRELUDE]
            (folder / "packs" / f"{spread.kind}-{pack}").write_bytes(prelude + payload)
        opened = second_reader.read_locker(folder, passphrase=PASSPHRASE)
        found = {}
        for record in opened.records.values():
            if record.state == second_reader.LIVE:
                found[record.name] = record.versions[max(record.versions)].data or b""
        return found


def _id(shard: bytes) -> str:
    return second_shard.shard_id(shard).hex()


def needed_packs(owner: LabBox) -> dict[bytes, set[str]]:
    """Which packs the bytes of every live file are in, by name: told by the second reader from the folder alone."""
    key_file = (owner.locker() / "key").read_bytes()
    secrets = read_key_file(key_file, "passphrase", passphrase=PASSPHRASE)
    packs = {}
    for path in sorted((owner.locker() / "packs").iterdir()):
        packs[bytes.fromhex(path.name.partition("-")[2])] = second_reader.read_pack(path, secrets["epochs"])
    size = int.from_bytes(key_file[10:12], "big")
    chain: Any = second_reader._Chain(packs, secrets, cbor2.loads(key_file[12 : 12 + size])["locker"])
    lists = {id(version): (chunks, depth) for version, chunks, depth, _ in chain._puts}
    found: dict[bytes, set[str]] = {}
    for record in chain.records.values():
        if record.state == second_reader.LIVE:
            chunks, depth = lists[id(record.versions[max(record.versions)])]
            found[record.name] = _packs(chain, chunks, depth)
    return found


def _packs(chain: Any, chunks: bytes, depth: int) -> set[str]:
    found: set[str] = set()
    for left in range(depth, -1, -1):
        ids = second_reader._split(chunks)
        found.update(chain._where[each][0].hex() for each in ids)
        chunks = b"".join(chain._chunk(each) or b"" for each in ids) if left else b""
    return found


def digest(data: bytes) -> str:
    """For comparing without keeping."""
    return blake3(data).hexdigest()
