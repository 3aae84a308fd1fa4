"""Made release_v1.json once; kept to show how. Prints the JSON. Its keys are made of fixed seeds and guard nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from firmware.seal import Secret, SigningKey
from firmware.update.release import SIGNED, Bundle, Keys, Release, Version, signature_line

SIGNERS = tuple(
    sorted(
        (SigningKey.from_seed(Secret(hashlib.sha256(b"release vector %d" % n).digest())) for n in range(3)),
        key=lambda key: key.public,
    )
)
STRANGER = SigningKey.from_seed(Secret(hashlib.sha256(b"release vector stranger").digest()))
KEYS = Keys(2, tuple(key.public for key in SIGNERS))
NOW = 1_800_000_000
PAYLOAD = b"lockerbox bundle vector"


def release_of(version: str, number: int, **changed: Any) -> Release:
    """A release of the golden kind; ``changed`` fields are as given."""
    fields: dict[str, Any] = {
        "number": number,
        "board": "virt",
        "version": Version.parse(version),
        "minimum": Version(1, 0, 0),
        "made": NOW - 86_400,
        "expires": NOW + 30 * 86_400,
        "urgent": False,
        "supported_until": "2032-01-31",
        "bundle": Bundle(f"locker-box-virt-{version}.raucb", len(PAYLOAD), hashlib.sha256(PAYLOAD).hexdigest()),
        "notes": {"en": "Photos open faster.", "de": "Fotos öffnen sich schneller."},
        "risk": {},
    }
    return Release(**(fields | changed))


def signed(release: Release, signers: Sequence[SigningKey]) -> bytes:
    """The index as it is published."""
    text = release.to_bytes()
    return text + b"".join(
        signature_line(key.public, key.sign(SIGNED + text)) for key in sorted(signers, key=lambda key: key.public)
    )


def describe() -> dict[str, Any]:
    """The golden file's contents."""
    return {
        "format": "docs/formats/release.md, format 1",
        "keys": KEYS.to_bytes().decode(),
        "indexes": {
            name: signed(release, signers).decode()
            for name, release, signers in (
                ("two of three", release_of("1.4.2", 7), SIGNERS[:2]),
                ("all three", release_of("2.0.0", 8, urgent=True, risk={"en": "A guest could read names."}), SIGNERS),
                ("two of three and a stranger", release_of("2.0.1", 9), (*SIGNERS[1:], STRANGER)),
                ("one of three", release_of("9.0.0", 10), SIGNERS[:1]),
            )
        },
    }


if __name__ == "__main__":
    print(json.dumps(describe(), indent=1, ensure_ascii=False))
