"""Looks at a data partition that could not be mounted, by reading alone."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Final

from provisioning.rescue.words import Looked, Trouble

_BOX: Final = "/lib/private/locker-box/box.json"
"""Where the data partition keeps the name of the box (StateDirectory of lockerd.service)."""
_HOST: Final = re.compile(r"[a-z0-9-]{1,63}")
_WAYS: Final = ((), ("-n", "-c"), ("-n", "-c", "-b", "4096", "-s", "32768"))
"""As it stands; without checksums and bitmaps; by the copy of the superblock in the second group, which mke2fs makes of
blocks of 4 KiB (debugfs(8), mke2fs(8)): what a more and more damaged file system can be read with."""
_SECONDS: Final = 30
_LINES: Final = "20"


def look(device: Path, card: Path) -> Looked:
    """Return what can be told of the partition ``device``; whatever cannot be read is left out.

    ``card``: what prove-card found out, if it found anything.
    """
    if (refused := _card(card)) is not None:
        return refused
    # no -b: the journal is volatile, and the name of this start is out of reach within the unit's walls
    said = _said("journalctl", "-q", "-o", "cat", "-n", _LINES, "-t", "check-data", "-t", "mount")
    if not device.exists():
        return Looked(Trouble.MISSING, said=said)
    return Looked(Trouble.DAMAGED, _host(device), said)


def _card(told: Path) -> Looked | None:
    try:
        found = json.loads(told.read_text())
        return Looked(Trouble(found["trouble"]), says=int(found["says"]), keeps=int(found["keeps"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _host(device: Path) -> str:
    """The box's name, where the file system still leads to it; debugfs mounts nothing and writes nothing."""
    for way in _WAYS:
        try:
            found = json.loads(_said("debugfs", *way, "-R", f"cat {_BOX}", str(device)) or "{}")
        except ValueError:
            continue
        host = str(found.get("host", "")) if isinstance(found, dict) else ""
        if _HOST.fullmatch(host):
            return host
    return ""


def _said(*words: str) -> str:
    try:
        done = subprocess.run(words, capture_output=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace")
