"""How a device learns to trust this one box: its system is recognised, its steps stand open, the others a tap away."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

from services.api.kit_words import six_words
from webui.pages.page import Page

_PROFILE = ("/ca.mobileconfig", "guide.profile")
_DER = ("/ca.crt", "guide.certificate")
_PEM = ("/ca.pem", "guide.certificate")


@dataclass(frozen=True, slots=True)
class System:
    """One kind of device: key in the catalogues, icon, number of steps, downloads, its signs in the agent."""

    key: str
    icon: str
    steps: int
    files: tuple[tuple[str, str], ...]
    signs: tuple[str, ...]


SYSTEMS = (
    System("ios", "smartphone", 4, (_PROFILE,), ("iPhone", "iPad")),
    System("android", "smartphone", 3, (_DER,), ("Android",)),
    System("mac", "laptop", 3, (_DER,), ("Macintosh",)),
    System("windows", "laptop", 3, (_DER,), ("Windows",)),
    System("firefox", "globe", 3, (_PEM,), ("Firefox/",)),
    System("linux", "laptop", 2, (_PEM,), ("Linux", "X11")),
)
_FIRST_LOOK = ("ios", "android", "firefox", "mac", "windows", "linux")
"""Firefox keeps certificates of its own on every system but phones, and an Android also says that it is a Linux."""


def guide(page: Page) -> dict[str, Any]:
    """Return what ``guide.html`` shows to the browser that asks."""
    authority = page.front.authority()
    agent = page.request.headers.get("User-Agent", "")
    signs = {system.key: system.signs for system in SYSTEMS}
    detected = next((key for key in _FIRST_LOOK if any(sign in agent for sign in signs[key])), "")
    return {
        "systems": [
            (one.key, one.icon, [f"guide.{one.key}.{step}" for step in range(1, one.steps + 1)], one.files)
            for one in SYSTEMS
        ],
        "detected": detected,
        "six": six_words(der(authority)).split(),
        "fingerprint": fingerprint(authority),
    }


class GuidePage(Page):
    """``/guide``: the last step of the set-up, and a page of its own later."""

    async def get(self) -> None:
        """Show the guide."""
        first = self.get_query_argument("first", "") == "1"
        self.show("guide-page.html", step=5 if first else 0, **guide(self))


def der(pem: bytes) -> bytes:
    """Return the bytes inside the first PEM block."""
    inside = pem.partition(b"-----BEGIN CERTIFICATE-----")[2].partition(b"-----END CERTIFICATE-----")[0]
    return base64.b64decode(b"".join(inside.split()))


def fingerprint(pem: bytes) -> str:
    """Return the SHA-256 of the certificate as browsers print it: pairs of digits."""
    return hashlib.sha256(der(pem)).digest().hex(":").upper()
