"""What a start prints for people: ``python -m services.supervisor.greeting`` with the facts as JSON on its input."""

from __future__ import annotations

import json
import ssl
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TextIO

import segno

from services.api.kit_words import six_words


@dataclass(frozen=True, slots=True)
class Greeting:
    """Everything a newcomer must know: where, with which code, and whether the name can be found."""

    host: str
    addresses: Sequence[str]
    http_port: int
    https_port: int
    claim_code: str
    ca_pem: str
    data: str

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
        return six_words(ssl.PEM_cert_to_DER_cert(Path(self.ca_pem).read_text("ascii")))

    def write(self, out: TextIO) -> None:
        """Print the page for people."""
        lines = [
            "",
            f"Locker Box is running. Its data is in {self.data}",
            "",
            f"  {self.url('https', self.host + '.local')}",
        ]
        lines += [f"  {self.url('https', address)}" for address in self.addresses]
        lines += ["", f"  Without a certificate yet, start at {self.url('http', self.host + '.local')}"]
        lines += ["", f"  Compare before you trust the connection:  {self.six_words()}"]
        if not any(not ip_address(address).is_loopback for address in self.addresses):
            lines += ["  This machine has no network: only it can reach these addresses."]
        out.write("\n".join(lines) + "\n")
        if self.claim_code:
            out.write(f"\n  Nobody owns this box yet. Claim code:  {self.claim_code}\n\n")
            if (out.encoding or "").lower().replace("-", "") == "utf8":
                segno.make(self.claim_url(), micro=False).terminal(out, compact=True, border=2)
        out.write("\n  Ctrl-C stops the box.\n\n")
        out.flush()


if __name__ == "__main__":
    Greeting(**json.load(sys.stdin)).write(sys.stdout)
