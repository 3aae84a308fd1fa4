"""Where Debian comes from: the archives that this machine's own apt uses, for the suites the image is made of.

No address stands in this tree. What apt was told about proxies and dates goes along.
"""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from image.packages import SUITE
from image.programs import ImageTrouble, call

_TARGETS: Final = ("apt-get", "indextargets", "--format", "$(REPO_URI)|$(LABEL)|$(COMPONENT)", "Created-By: Packages")
_TOLD: Final = ("Acquire::Check-", "Acquire::http", "Acquire::https", "Acquire::Retries", "Acquire::Proxy")


@dataclass(frozen=True, slots=True)
class Sources:
    """Lines of a sources.list, and options for whatever reads it."""

    lines: tuple[str, ...]
    options: tuple[str, ...]

    def words(self) -> list[str]:
        """The options as apt's programs take them on their command line."""
        return [word for each in self.options for word in ("-o", each.replace(' "', "=").rstrip('";'))]

    def for_system(self) -> Sources:
        """The same without backports: nothing but a kernel comes from there."""
        return Sources(tuple(line for line in self.lines if f"{SUITE}-backports" not in line), self.options)

    def state(self) -> str:
        """A digest of the archives as they are now (some seconds); raises ImageTrouble."""
        digest = hashlib.sha256()
        with tempfile.TemporaryDirectory() as folder:
            for line in self.lines:
                _, uri, suite, *_ = line.split(" ")
                target = Path(folder) / suite
                address = f"{uri.rstrip('/')}/dists/{suite}/InRelease"
                call(
                    [
                        "/usr/lib/apt/apt-helper",
                        "-oAPT::Sandbox::User=root",
                        *self.words(),
                        "download-file",
                        address,
                        str(target),
                    ]
                )
                digest.update(target.read_bytes())
        return digest.hexdigest()


def sources_of(targets: str, config: str, backports: bool) -> Sources:
    """Return the sources for trixie out of what apt says of its targets and of its configuration.

    Raises ImageTrouble when apt knows no archive of Debian's.
    """
    found: dict[str, str] = {}
    for line in targets.splitlines():
        uri, label, component = [*line.split("|"), "", ""][:3]
        if component == "main":
            found.setdefault(label, uri.rstrip("/"))
    if "Debian" not in found:
        raise ImageTrouble("apt on this machine knows no archive of Debian's")
    main = found["Debian"]
    lines = [f"deb {main} {SUITE} main non-free-firmware", f"deb {main} {SUITE}-updates main non-free-firmware"]
    if backports:
        lines.append(f"deb {main} {SUITE}-backports main non-free-firmware")
    if security := found.get("Debian-Security"):
        lines.append(f"deb {security} {SUITE}-security main non-free-firmware")
    options = tuple(line.rstrip(";") for line in config.splitlines() if line.startswith(_TOLD) and '""' not in line)
    return Sources(tuple(lines), options)


def sources(backports: bool) -> Sources:
    """Ask this machine's apt; raises ImageTrouble."""
    return sources_of(call(_TARGETS), call(["apt-config", "dump", "Acquire"]), backports)
