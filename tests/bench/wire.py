"""The wire between boxes: the same bytes over iroh and over Tornado's TLS 1.3, two processes on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from firmware.linux.iroh_copy import MODE
from firmware.seal.certificates import make_ca, make_leaf
from tests.bench.measure import MIB, median, memory
from tests.bench.options import Figures, Options, main, workplace

GIB: Final = 1 << 30
BLOCK_BYTES: Final = 16 * MIB
UNPATCHED_SHARE: Final = 64
"""Without the copy patch a transfer is this many times smaller: it would take minutes otherwise."""
IDLE_SECONDS: Final = 3.0
_ENDS: Final = "import sys; from tests.bench.wire_ends import main; main(*sys.argv[1:])"


@dataclass(frozen=True)
class Transfer:
    """What one transfer cost: wall seconds at the sender, CPU seconds of both processes, bytes found equal."""

    seconds: float
    cpu: float
    size: int

    @property
    def mib_s(self) -> float:
        """Throughput."""
        return self.size / MIB / self.seconds

    @property
    def cpu_s_per_gib(self) -> float:
        """CPU of both ends."""
        return self.cpu * GIB / self.size


def bench(options: Options) -> Figures:
    """Transfer ``--gib`` by each way in every round, one way after the other."""
    size = round(options.gib * GIB)
    sizes = {"iroh": size, "bare": size, "tls": size, "unpatched": max(1, size // UNPATCHED_SHARE)}
    found: dict[str, list[Transfer]] = {kind: [] for kind in sizes}
    with workplace(options) as folder:
        prepare(folder)
        idle = idle_pss()
        for number in range(options.rounds):
            for kind, each in sizes.items():
                found[kind].append(transfer(folder, kind, each))
                options.say(f"round {number + 1}: {kind} {found[kind][-1].mib_s:.0f} MiB/s …")
    speed = {kind: median([each.mib_s for each in done]) for kind, done in found.items()}
    cpu = {kind: median([each.cpu_s_per_gib for each in done]) for kind, done in found.items()}
    return {
        "iroh_mib_s": round(speed["iroh"], 1),
        "iroh_cpu_s_per_gib": round(cpu["iroh"], 2),
        "floor_mib_s": round(speed["bare"], 1),
        "floor_cpu_s_per_gib": round(cpu["bare"], 2),
        "iroh_cpu_vs_floor": round(cpu["iroh"] / cpu["bare"], 3),
        "tls_mib_s": round(speed["tls"], 1),
        "tls_cpu_s_per_gib": round(cpu["tls"], 2),
        "iroh_vs_tls_throughput": round(speed["iroh"] / speed["tls"], 3),
        "unpatched_mib_s": round(speed["unpatched"], 1),
        "idle_endpoint_pss_mib": round(idle / MIB, 1),
        "copy": MODE,
        "bytes_compared": sum(each.size for done in found.values() for each in done),
    }


def transfer(folder: Path, kind: str, size: int) -> Transfer:
    """Send ``size`` bytes from one new process to another; raises RuntimeError when they came out different."""
    with _end("take", kind, str(folder)) as taker:
        where = _line(taker)["where"]
        with _end("send", kind, str(folder), str(size), str(where)) as sender:
            sent = _line(sender)
        took = _line(taker)
    if not sent["equal"] or sent["bytes"] != size:
        raise RuntimeError(f"{kind}: the bytes that came are not those that were sent")
    return Transfer(sent["seconds"], sent["cpu"] + took["cpu"], size)


def idle_pss() -> int:
    """Bytes (PSS) of a process that holds an endpoint and nothing else, after it has come to rest."""
    with _end("idle") as process:
        _line(process)
        time.sleep(IDLE_SECONDS)
        return memory(process.pid)


@contextmanager
def _end(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run one end; afterwards it is told to stop and must end well."""
    command = [sys.executable, "-c", _ENDS, *words]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield process
        process.communicate(b"\n", timeout=60)
    finally:
        process.kill()
        process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(words)} ended with {process.returncode}")


def _line(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("an end of the transfer stopped without a word")
    told: dict[str, Any] = json.loads(line)
    return told


def prepare(folder: Path) -> None:
    """Make the block of random bytes and the certificate the ends use."""
    (folder / "block").write_bytes(os.urandom(BLOCK_BYTES))
    now_ms = time.time_ns() // 1_000_000
    authority, authority_key = make_ca("locker-0000.local", now_ms)
    leaf, leaf_key = make_leaf(authority, authority_key, "locker-0000.local", ["127.0.0.1"], now_ms)
    for name, pem in (("ca.pem", authority), ("cert.pem", leaf), ("key.pem", leaf_key)):
        (folder / name).write_bytes(pem)


if __name__ == "__main__":
    sys.exit(main(bench, __doc__ or ""))
