"""When the running box needs a new leaf, and the short-lived child that makes it (``authority.py``)."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from firmware.limits import LEAF_DAYS, LEAF_RENEW_DAYS
from firmware.linux.netlink import Addresses
from services.supervisor.children import HOUSE, environment

LOOK_SECONDS = 3600.0
"""How often the clock is compared with the leaf."""
_CHILD_SECONDS = 60.0
_DAY_MS = 86_400_000


_Covers = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class LeafKnown:
    """What the leaf in use covers (names, LAN addresses, loopback addresses) and when it ends (ms since 1970)."""

    covers: _Covers
    until_ms: int


class LeafCare:
    """Knows what the leaf covers and until when; asks the authority only when that is not enough any more."""

    def __init__(
        self,
        keys: Path,
        known: LeafKnown | None = None,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """``known``: the leaf that is there; ``now_ms`` is wall time."""
        self._keys, self._now_ms = keys, now_ms
        self._known = known

    def due(self, hosts: Sequence[str], heard_at: Addresses) -> bool:
        """Whether the leaf is for other names or addresses, ends soon, or is not valid yet by the clock."""
        if self._known is None or self._known.covers != _covers(hosts, heard_at):
            return True
        return not LEAF_RENEW_DAYS < (self._known.until_ms - self._now_ms()) / _DAY_MS <= LEAF_DAYS + 1

    def renew(self, hosts: Sequence[str], heard_at: Addresses) -> bool:
        """Have the leaf issued again if it has to be; True when there is a new one. Never raises: it is tried again."""
        if not self.due(hosts, heard_at):
            return False
        names, lan, loopback = covers = _covers(hosts, heard_at)
        asked = {
            "keys": str(self._keys),
            "hosts": names,
            "lan": lan,
            "loopback": loopback,
        }
        try:
            done = subprocess.run(
                [sys.executable, "-m", "services.supervisor.authority"],
                input=json.dumps(asked).encode(),
                stdout=subprocess.PIPE,
                cwd=HOUSE,
                env=environment(),
                timeout=_CHILD_SECONDS,
                check=True,
            )
            said = json.loads(done.stdout)
        except (subprocess.SubprocessError, OSError, ValueError):
            return False
        self._known = LeafKnown(covers, int(said["until_ms"]))
        return bool(said["renewed"])


def _covers(hosts: Sequence[str], heard_at: Addresses) -> _Covers:
    lan, loopback = (tuple(str(each) for each in kind) for kind in (heard_at.lan, heard_at.loopback))
    return tuple(hosts), lan, loopback
