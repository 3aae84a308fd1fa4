"""The plug is pulled while files come in; every copy of the card must start, and hold all that was acknowledged.

One machine writes; at moments chosen by a seed it is frozen and its card copied as it is: what lay only in the guest's
memory is lost, as with a pulled plug. Each copy is then started for itself. Not modelled: a drive that lies about its
own cache.
"""

from __future__ import annotations

import random
import re
import time
from pathlib import Path
from typing import Any

from tests.image.qemu import Card, Machine

_START_S, _LOOK_S = 900.0, 900.0


def pull(board: str, image: Path, folder: Path, cuts: int, seed: int = 1) -> dict[str, Any]:
    """Return the figures of ``cuts`` power cuts."""
    dice, copies = random.Random(seed), []
    folder.mkdir()
    card = Card(image, folder, board)
    with Machine(board, card, folder, script="writer") as machine:
        if not machine.wait_for_line("READY", _START_S):
            return {"power_cuts_during_write": 0, "why": "the writing box did not come up"}
        for number in range(cuts):
            time.sleep(dice.uniform(1.0, 6.0))
            acked = acknowledged(machine.said())
            copies.append((machine.frozen(card, folder / f"cut-{number}"), acked))
    lost, up, most = 0, 0, 0
    for copy, acked in copies:
        with Machine(board, copy, copy.path.parent, script="reader") as machine:
            found = machine.wait_for_findings(_LOOK_S)
        up += found is not None
        kept = (found or {}).get("files", {})
        lost += sum(kept.get(name) != digest for name, digest in acked.items())
        most = max(most, len(acked))
        copy.path.unlink()
    return {
        "power_cuts_during_write": len(copies),
        "acked_uploads": most,
        "acked_uploads_lost": lost,
        "bootable_after_every_cut": up == len(copies),
    }


def acknowledged(said: str) -> dict[str, str]:
    """Return names and digests of the files that the writer said were acknowledged; whole lines only."""
    return dict(re.findall(r"^ACK (file-\d+) ([0-9a-f]{64})\r?\n", said, re.MULTILINE))
