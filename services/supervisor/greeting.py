"""What a start prints: a page for people, or one JSON line for programs."""

from __future__ import annotations

import json
import ssl
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import segno

from firmware.linux.netlink import IpAddress
from services.api.kit_words import six_words


@dataclass(frozen=True, slots=True)
class Greeting:
    """Everything a newcomer must know: where, with which code, and whether the name can be found."""

    host: str
    addresses: Sequence[IpAddress]
    http_port: int
    https_port: int
    claim_code: str
    ca_pem: Path
    data: Path

    def url(self, scheme: str, host: str) -> str:
        """The address of the start page at ``host`` (a name or an IP address)."""
        port, usual = (self.http_port, 80) if scheme == "http" else (self.https_port, 443)
        shown = f"[{host}]" if ":" in host else host
        return f"{scheme}://{shown}" + ("" if port == usual else f":{port}")

    def claim_url(self) -> str:
        """The address in the QR code; the code stands in the fragment, which browsers never send."""
        return f"{self.url('https', self.host + '.local')}/claim#{self.claim_code}"

    def six_words(self) -> str:
        """The words of the box's own authority, shown on its pages too."""
        return six_words(ssl.PEM_cert_to_DER_cert(self.ca_pem.read_text("ascii")))

    def as_json(self) -> str:
        """The one line of a headless start."""
        host = str(self.addresses[0]) if self.addresses else f"{self.host}.local"
        return json.dumps(
            {
                "ready": True,
                "http": self.url("http", host),
                "https": self.url("https", host),
                "claim_code": self.claim_code,
                "ca_pem": str(self.ca_pem),
            }
        )

    def write(self, out: TextIO) -> None:
        """Print the page for people."""
        lines = [
            "",
            f"Locker Box is running. Its data is in {self.data}",
            "",
            f"  {self.url('https', self.host + '.local')}",
        ]
        lines += [f"  {self.url('https', str(address))}" for address in self.addresses]
        lines += ["", f"  Without a certificate yet, start at {self.url('http', self.host + '.local')}"]
        lines += ["", f"  Compare before you trust the connection:  {self.six_words()}"]
        if not any(not address.is_loopback for address in self.addresses):
            lines += ["  This machine has no network: only it can reach these addresses."]
        out.write("\n".join(lines) + "\n")
        if self.claim_code:
            out.write(f"\n  Nobody owns this box yet. Claim code:  {self.claim_code}\n\n")
            if (out.encoding or "").lower().replace("-", "") == "utf8":
                segno.make(self.claim_url(), micro=False).terminal(out, compact=True, border=2)
        out.write("\n  Ctrl-C stops the box.\n\n")
        out.flush()


def say(line: str) -> None:
    """Write one line of what happens to standard error."""
    print(f"supervisor: {line}", file=sys.stderr, flush=True)
