"""A locker as peerd sees it: sealed packs in a folder, a custody record, a head; what lockerd would tell of them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blake3 import blake3

from firmware.peer import Custody
from firmware.peer.cbor import dumps
from firmware.peer.signed import LINK
from firmware.seal import Secret, SigningKey

PRELUDE = 16


@dataclass
class FakeLocker:
    """Random bytes are as good as sealed ones: nobody but lockerd could tell."""

    data: Path
    id: bytes = field(default_factory=lambda: os.urandom(16))
    custody: SigningKey = field(default_factory=lambda: SigningKey.from_seed(Secret(os.urandom(32))))
    heads: SigningKey = field(default_factory=lambda: SigningKey.from_seed(Secret(os.urandom(32))))
    packs: list[dict[str, Any]] = field(default_factory=list)
    seq: int = 0

    @property
    def folder(self) -> str:
        """Its name below lockers/."""
        return self.id.hex()[:16]

    def cut(self, size: int, kind: str = "data", *, precious: bool = False) -> dict[str, Any]:
        """Lay a pack of ``size`` bytes behind its prelude into the folder."""
        where = self.data / "lockers" / self.folder / "packs"
        where.mkdir(parents=True, exist_ok=True)
        id, payload = os.urandom(32), os.urandom(size)
        name = f"{id.hex()}.{kind}"
        (where / name).write_bytes(bytes(PRELUDE) + payload)
        digest = blake3(payload).hexdigest()
        told = {"id": id.hex(), "file": name, "kind": kind, "size": size, "digest": digest}
        self.packs.append(told | {"prelude": bytes(PRELUDE).hex(), "precious": precious})
        return self.packs[-1]

    def feed(self, box: str) -> dict[str, Any]:
        """What lockerd tells, for the box with this key."""
        self.seq += 1
        header = dumps([1, self.seq, bytes(32), 1_700_000_000_000, bytes(32), 1])
        head = {"number": self.seq, "header": header.hex(), "signature": self.heads.sign(LINK + header).hex()}
        record = Custody(self.id, 1, bytes.fromhex(box), 0).signed(self.custody)
        return {
            "locker": self.id.hex(),
            "folder": self.folder,
            "packs": self.packs,
            "custody": record.hex(),
            "head": head | {"public": self.heads.public.hex()},
        }
