"""The ground the boxes stand on: one bridge in a network namespace of its own, a namespace and a cable for each box.

Every box has one address in a /24 of its own on one flat /16, so that friends count as different networks and six words
still find each other by mDNS. Cables are shaped at both ends; partitions are dropped by nft on the bridge. Nothing of
the machine's own network is touched or reachable.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.lab.shell import LabTrouble, run, works

PREFIX = "lbl"
_PLACES = Path("/run/netns")
_TABLE = """table bridge lab {
 set cut { type ifname . ifname; }
 chain forward {
  type filter hook forward priority 0; policy accept;
  iifname . oifname @cut counter drop
 }
}
"""


@dataclass(frozen=True)
class Line:
    """What one household's line carries: Mbit/s each way and ms one way; 0 ms: no delay asked for."""

    up_mbit: int = 200
    down_mbit: int = 200
    delay_ms: int = 5


class Network:
    """A bridge and ``boxes`` cables; ``close`` leaves nothing behind."""

    def __init__(self, boxes: int, line: Line) -> None:
        """Build it; raises LabTrouble (root is needed)."""
        if os.geteuid():
            raise LabTrouble("network namespaces need root")
        tidy()
        self._id = f"{PREFIX}{os.getpid()}"
        self.boxes, self.line = boxes, line
        self.switch = f"{self._id}-sw"
        self._cuts = False
        self.delays = False
        """Whether the kernel can hold packets back (sch_netem); without it links have a rate and no delay."""
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    def _build(self) -> None:
        run("ip", "netns", "add", self.switch)
        run("ip", "-n", self.switch, "link", "add", "br0", "type", "bridge")
        run("ip", "-n", self.switch, "link", "set", "br0", "type", "bridge", "mcast_snooping", "0")
        run("ip", "-n", self.switch, "link", "set", "br0", "up")
        for number in range(1, self.boxes + 1):
            self._lay(number)

    def _lay(self, number: int) -> None:
        name, port = self.namespace(number), f"p{number}"
        run("ip", "netns", "add", name)
        run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "-n", name, "link", "add", "eth0", "type", "veth", "peer", "name", port, "netns", self.switch)
        run("ip", "-n", name, "address", "add", f"{self.address(number)}/16", "brd", "+", "dev", "eth0")
        run("ip", "-n", name, "link", "set", "eth0", "up")
        run("ip", "-n", name, "route", "add", "224.0.0.0/4", "dev", "eth0")
        run("ip", "-n", self.switch, "link", "set", port, "master", "br0", "up")
        self._shape(name, "eth0", self.line.up_mbit)
        self._shape(self.switch, port, self.line.down_mbit)

    def _shape(self, space: str, device: str, mbit: int) -> None:
        rate = ("handle", "1:", "tbf", "rate", f"{mbit}mbit", "burst", "256k", "latency", "300ms")
        run("tc", "-n", space, "qdisc", "add", "dev", device, "root", *rate)
        if self.line.delay_ms:
            delay = ("parent", "1:", "netem", "delay", f"{self.line.delay_ms}ms", "limit", "20000")
            self.delays = works("tc", "-n", space, "qdisc", "add", "dev", device, *delay)

    def namespace(self, number: int) -> str:
        """Name of the namespace of box ``number`` (from 1)."""
        return f"{self._id}-{number}"

    def path(self, number: int) -> Path:
        """Where that namespace stands as a file."""
        return _PLACES / self.namespace(number)

    def address(self, number: int) -> str:
        """The address of box ``number``."""
        return f"10.77.{number}.10"

    # Partitions

    def cut(self, some: Iterable[int], others: Iterable[int]) -> None:
        """Nothing passes between the two sides from now on; both sides see silence, no error."""
        others = list(others)
        if not self._cuts:
            run("ip", "netns", "exec", self.switch, "nft", "-f", "-", text=_TABLE)
            self._cuts = True
        pairs = [(a, b) for one in some for other in others for a, b in ((one, other), (other, one)) if a != b]
        elements = ", ".join(f'"p{a}" . "p{b}"' for a, b in dict.fromkeys(pairs))
        self._nft("add", "element", "bridge", "lab", "cut", f"{{ {elements} }}")

    def mend(self) -> None:
        """Everything passes again."""
        self._nft("flush", "set", "bridge", "lab", "cut")

    def unplug(self, number: int) -> None:
        """The cable of box ``number`` is pulled, for good."""
        run("ip", "-n", self.switch, "link", "set", f"p{number}", "down")

    def dropped(self) -> int:
        """Packets the partitions swallowed until now."""
        told = json.loads(run("ip", "netns", "exec", self.switch, "nft", "-j", "list", "table", "bridge", "lab"))
        rules = [each["rule"]["expr"] for each in told["nftables"] if "rule" in each]
        return sum(int(part["counter"]["packets"]) for rule in rules for part in rule if "counter" in part)

    def _nft(self, *words: str) -> None:
        run("ip", "netns", "exec", self.switch, "nft", *words)

    # Meters

    def sent(self, number: int) -> int:
        """Bytes box ``number`` put on its cable until now, headers and all."""
        return self._counted(number)[0]

    def heard(self, number: int) -> int:
        """Bytes that came to box ``number`` until now."""
        return self._counted(number)[1]

    def _counted(self, number: int) -> tuple[int, int]:
        told = json.loads(run("ip", "-j", "-s", "-n", self.switch, "link", "show", f"p{number}"))[0]["stats64"]
        return int(told["rx"]["bytes"]), int(told["tx"]["bytes"])

    def shape(self) -> dict[str, object]:
        """What the lines carry, for the report."""
        told: dict[str, object] = {"up_mbit": self.line.up_mbit, "down_mbit": self.line.down_mbit}
        return told | {"delay_ms": self.line.delay_ms if self.delays else 0}

    def close(self) -> None:
        """Take everything away; may be called twice."""
        for name in [self.switch, *(self.namespace(number) for number in range(1, self.boxes + 1))]:
            works("ip", "netns", "delete", name)


def tidy() -> None:
    """Remove what a lab that was killed left behind: namespaces named after a process that is gone."""
    for place in _PLACES.glob(f"{PREFIX}[0-9]*-*") if _PLACES.is_dir() else []:
        pid = place.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdecimal() and not Path(f"/proc/{pid}").exists():
            works("ip", "netns", "delete", place.name)
