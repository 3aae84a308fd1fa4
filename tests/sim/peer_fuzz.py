"""Throw random and mutated bytes at both ends of the peer protocol: no unhandled exception, bounded memory.

    ./box sim peer_fuzz --inputs 1000000 --json

Seeds are one frame of every message. Each input is a mutation of one (bits, bytes, lengths, splices, CBOR values that
are wrong in kind or size) or plain noise; it goes into the answering side (as a peer, as an invited stranger) and into
the asking side, in random pieces. A BoxError is an answer; any other exception is a finding.

JSON: ``inputs``, ``unhandled``, ``peak_memory_bytes`` (largest growth of Python's memory over one input, measured
on every 64th), ``answered``, ``seconds``.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from firmware.errors import BoxError
from firmware.peer import Answering, Asking, Call
from firmware.peer.cbor import Value, dumps, loads
from firmware.peer.frames import LENGTH_BYTES, frame
from tests.sim.peer_world import MemoryBox, custody
from tests.vectors.peer_examples import EXAMPLES, LOCKER, NOW, frames

MEMORY_BOUND = 24 << 20
"""No input may make the protocol hold more: a head of 64 KiB full of the smallest values is the worst."""
_EVERY = 64
_ODD: tuple[Value, ...] = (
    0,
    1,
    23,
    255,
    65_536,
    (1 << 63) - 1,
    b"",
    bytes(32),
    "",
    "\u202e",
    True,
    False,
    None,
    [],
    {},
)


@dataclass
class Tally:
    """What happened so far."""

    inputs: int = 0
    answered: int = 0
    unhandled: int = 0
    peak: int = 0
    first: list[str] = field(default_factory=list)


class Fuzzer:
    """Makes inputs from one seed and feeds them to both ends."""

    def __init__(self, seed: int) -> None:
        """The same seed gives the same inputs."""
        self.rng = random.Random(seed)
        self.seeds = [data for _, data in frames() if len(data) < 9000]
        self.calls = [each[0] for each in EXAMPLES]
        self.tally = Tally()
        self._fresh()

    def _fresh(self) -> None:
        """A new host now and then: what was put in must not pile up over a million inputs."""
        self.box, self.peer = MemoryBox("host"), MemoryBox("owner")
        self.peer_caller, self.stranger = self.peer.caller(), self.peer.caller(pinned=False)
        for each in (self.peer, MemoryBox("other")):
            self.box.host.show_custody(_held(custody(LOCKER, each, 1, each.name)), NOW)
        self.box.invitations.ticket(self.box.own.card, NOW)

    def run(self, count: int) -> Tally:
        """Feed ``count`` inputs; memory is measured on some of them, the first of every message among them."""
        for number in range(count):
            if number % 4096 == 4095:
                self._fresh()
            data = self._input()
            watched, before = number % _EVERY == 0, 0
            if watched:
                tracemalloc.start()
                before = tracemalloc.get_traced_memory()[0]
            self._guarded(data, self._answer if number % 4 else self._ask)
            if watched:
                self.tally.peak = max(self.tally.peak, tracemalloc.get_traced_memory()[1] - before)
                tracemalloc.stop()
        return self.tally

    def _guarded(self, data: bytes, end: Callable[[bytes], None]) -> None:
        self.tally.inputs += 1
        try:
            end(data)
        except BoxError:
            pass
        except Exception as error:  # noqa: BLE001 every other exception is what is looked for
            self.tally.unhandled += 1
            if len(self.tally.first) < 5:
                self.tally.first.append(f"{error!r} from {data[:200].hex()}")

    def _answer(self, data: bytes) -> None:
        caller = self.stranger if self.rng.random() < 0.1 else self.peer_caller
        answering = Answering(caller, self.box.host, self.box.own, self.box.invitations)
        for piece in self._pieces(data):
            self.tally.answered += bool(answering.feed(piece, NOW))
        answering.close()
        assert caller.requests == caller.puts == 0, "a request was not counted out"

    def _ask(self, data: bytes) -> None:
        asking: Asking[Any] = Asking(Call(self.rng.choice(self.calls)))
        for piece in self._pieces(data):
            asking.feed(piece)
        asking.heard()

    def _pieces(self, data: bytes) -> list[bytes]:
        cut = self.rng.randint(0, len(data))
        return [piece for piece in (data[:cut], data[cut:]) if piece]

    def _input(self) -> bytes:
        choice = self.rng.random()
        if choice < 0.1:
            return self.rng.randbytes(self.rng.choice((1, 4, 5, 40, 3000)))
        base = self.rng.choice(self.seeds)
        if choice < 0.105:
            return self._packed()
        if choice < 0.55:
            return self._reshaped(base)
        return self._bitten(bytearray(base))

    def _bitten(self, data: bytearray) -> bytes:
        for _ in range(self.rng.choice((0, 1, 1, 2, 8))):
            at = self.rng.randrange(len(data)) if data else 0
            match self.rng.randrange(5):
                case 0:
                    data[at : at + 1] = bytes([self.rng.getrandbits(8)])
                case 1:
                    data[at : at + 1] = bytes([(data[at] if data else 0) ^ (1 << self.rng.randrange(8))])
                case 2:
                    del data[at : at + self.rng.choice((1, 4, 100))]
                case 3:
                    data[at:at] = self.rng.randbytes(self.rng.choice((1, 4, 100)))
                case _:
                    other = self.rng.choice(self.seeds)
                    data[at:] = other[self.rng.randrange(len(other)) :]
        return bytes(data)

    def _reshaped(self, data: bytes) -> bytes:
        """A right frame whose values are wrong somewhere."""
        length = int.from_bytes(data[:LENGTH_BYTES], "big")
        head = loads(data[LENGTH_BYTES : LENGTH_BYTES + length])
        assert isinstance(head, dict), "seeds are frames"
        body = data[LENGTH_BYTES + length :]
        for _ in range(self.rng.choice((1, 1, 2))):
            name = self.rng.choice(list(head))
            head[name] = self._odd(head[name])
        if "size" in head and self.rng.random() < 0.5:
            return frame({name: value for name, value in head.items() if name not in ("size", "hash")}, body)
        packed = dumps(head)
        return len(packed).to_bytes(LENGTH_BYTES, "big") + packed + body

    def _odd(self, value: Value) -> Value:
        if isinstance(value, list) and value and self.rng.random() < 0.5:
            return [self._odd(each) for each in value] * self.rng.choice((1, 1, 2, 40))
        if isinstance(value, bytes) and value and self.rng.random() < 0.5:
            return value[:-1] if self.rng.random() < 0.5 else self._bitten(bytearray(value))
        if type(value) is int and self.rng.random() < 0.5:
            return max(0, min((1 << 63) - 1, value + self.rng.choice((-1, 1, 1000, 1 << 40))))
        return self.rng.choice(_ODD)

    def _packed(self) -> bytes:
        """As many small values as fit, as deep as they go: what costs most memory for its length."""
        kind = self.rng.choice((b"\x80", b"\xa0", b"\x40", b"\x00", b"\x81\x81\x80", b"\xa1\x60\x80"))
        count = self.rng.choice((10, 8_000, 65_000 // len(kind)))
        head = b"\xa1\x61a\x9a" + count.to_bytes(4, "big") + kind * count
        if self.rng.random() < 0.5:
            head = b"\xa1\x61a\x99" + count.to_bytes(2, "big") + kind * count
        return len(head).to_bytes(LENGTH_BYTES, "big") + head


def _held(data: bytes) -> Any:
    from firmware.peer import read_custody

    return read_custody(data)


def main(words: list[str]) -> int:
    """Run; returns 1 when something was found."""
    parser = argparse.ArgumentParser(prog="peer-fuzz")
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(words)
    began = time.monotonic()
    tally = Fuzzer(args.seed).run(args.inputs)
    for finding in tally.first:
        print(finding, file=sys.stderr)
    print(
        json.dumps(
            {
                "inputs": tally.inputs,
                "unhandled": tally.unhandled,
                "peak_memory_bytes": tally.peak,
                "answered": tally.answered,
                "seconds": round(time.monotonic() - began, 1),
            }
        )
    )
    return int(tally.unhandled > 0 or tally.peak > MEMORY_BOUND)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
