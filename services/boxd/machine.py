"""What boxd does to Linux: RAUC, restart, one look at each check. Implements ``services.boxd.updating.Machine``."""

from __future__ import annotations

import contextlib
import http.client
import os
import ssl
import subprocess
from pathlib import Path
from typing import Final

from firmware.errors import BoxError, BundleWrong, Unreachable
from firmware.linux.disk import LinuxDisk
from services.api.blocking import Blocking
from services.api.place import ASLEEP

_INSTALL_SECONDS: Final = 3600
_LOOK_SECONDS: Final = 20
_SERVER_FAULT: Final = 500
_PROBE: Final = "probe"


class LinuxMachine:
    """The machine boxd runs on."""

    def __init__(self, run: Path, own: LinuxDisk, name: Path, ask: Path, https_port: int = 443) -> None:
        """``run`` is the folder of the sockets, ``name`` the file peerd writes the name into, ``ask`` the file whose
        change starts the fetcher."""
        self._run, self._own, self._name, self._ask, self._port = run, own, name, ask, https_port

    def install(self, bundle: Path) -> None:
        """``rauc install``: RAUC checks the bundle's own signature and every block. Raises BundleWrong, Unreachable."""
        try:
            done = subprocess.run(
                ["rauc", "install", str(bundle)], capture_output=True, timeout=_INSTALL_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unreachable(what="RAUC") from error
        if done.returncode:
            last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["no word"]
            raise BundleWrong(why=f"RAUC says: {last[0][:200]}")
        os.sync()

    def restart(self, words: str) -> None:
        """Restart in good order; raises Unreachable."""
        self._systemctl("reboot", *([f"--reboot-argument={words}"] if words else []))

    def power_off(self) -> None:
        """Switch off in good order; raises Unreachable."""
        self._systemctl("poweroff")

    def fetch(self) -> None:
        """Touch the file that fetcher.path watches."""
        with contextlib.suppress(OSError):
            self._ask.write_text("now\n")

    def checks(self) -> dict[str, bool]:
        """Make every check once; none of them raises."""
        return {
            "disk": self._disk(),
            "lockers": self._lockers(),
            "pages": self._pages(),
            "name": self._named(),
            "peers": self._peers(),
        }

    def _systemctl(self, *words: str) -> None:
        try:
            subprocess.run(["systemctl", "--no-block", *words], check=True, capture_output=True, timeout=_LOOK_SECONDS)
        except (OSError, subprocess.SubprocessError) as error:
            raise Unreachable(what="systemd") from error

    def _disk(self) -> bool:
        with contextlib.suppress(BoxError):
            self._own.replace(_PROBE, b"here\n")
            return self._own.read(_PROBE, 0, 8) == b"here\n"
        return False

    def _lockers(self) -> bool:
        with contextlib.suppress(BoxError):
            Blocking(self._run).call("status")
            return True
        return False

    def _pages(self) -> bool:
        """Whether the pages answer at all; who they are was proven to browsers, not to us."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        link = http.client.HTTPSConnection("127.0.0.1", self._port, timeout=_LOOK_SECONDS, context=context)
        try:
            link.request("GET", "/")
            return link.getresponse().status < _SERVER_FAULT
        except (OSError, http.client.HTTPException):
            return False
        finally:
            link.close()

    def _named(self) -> bool:
        with contextlib.suppress(OSError):
            return bool(self._name.read_text().strip())
        return False

    def _peers(self) -> bool:
        """Whether a friend's box is there now; a peerd without a circle is not woken for that."""
        if (self._run / ASLEEP).exists():
            return False
        with contextlib.suppress(BoxError):
            found = Blocking(self._run).call("at_peerd_circle")
            return any(each.rtt_ms is not None for each in found.peers)
        return False
