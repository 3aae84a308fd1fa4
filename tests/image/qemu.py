"""One virtual machine without KVM: a copy of an image on a bigger card, its ports on loopback, its words in files."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from tests.image.monitor import Monitor, MonitorTrouble

INSIDE: Final = Path(__file__).with_name("inside")
_CARD_MIB: Final = 4096
_SCRIPTS_KIB: Final = 256
_GO: Final = _SCRIPTS_KIB * 2 - 1
"""The sector of the disk with the scripts that says whether a held start goes on."""
_UNIT: Final = """\
[Unit]
Description=the test looks around from inside
After=lockerd.service webd.service peerd.service
[Service]
Type=exec
StandardOutput=journal
ExecStartPre=/usr/bin/mkdir /run/inside
ExecStartPre=/usr/bin/tar -C /run/inside -xf /dev/vdb
ExecStart=/bin/sh -c 'exec /usr/lib/locker-box/.venv/bin/python /run/inside/{script}.py >/dev/{line} 2>&1'
WorkingDirectory=/usr/lib/locker-box
"""
_HOLD: Final = """\
[Unit]
Description=the test holds the start before any file system that is written is looked at
DefaultDependencies=no
Before=local-fs-pre.target shutdown.target
Conflicts=shutdown.target
[Service]
Type=oneshot
ExecStartPre=/bin/sh -c 'echo HELD >/dev/{line}'
ExecStart=/bin/sh -c 'until dd if=/dev/vdb bs=512 skip={sector} count=1 iflag=direct | grep -q GO; do sleep 0.2; done'
"""
_WANT_HOLD: Final = "[Unit]\nWants=hold.service\n"
_WANT: Final = "[Unit]\nWants=inside.service\n"
TALK: Final = "systemd.journald.forward_to_console=1 systemd.show_status=true loglevel=6"
BUSY: Final = "systemd.service_watchdogs=no"
"""For a host that is so busy that a machine may stand still for minutes."""
SOFT: Final = "mitigations=off"
"""A processor made of software has none of the flaws that a kernel works around, and what it does is slow."""
_FIRMWARE: Final = {
    "x86-64": ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    "virt-arm64": ("/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd"),
}
_MACHINE: Final = {
    "x86-64": ("qemu-system-x86_64", "-machine", "q35", "-cpu", "max", "-device", "i6300esb"),
    "virt-arm64": ("qemu-system-aarch64", "-machine", "virt", "-cpu", "cortex-a72", "-device", "i6300esb"),
}
_LINE: Final = {"x86-64": "ttyS1", "virt-arm64": "ttyS0"}
"""How the machine calls the serial line on which the script inside speaks."""


class Card:
    """A disk image on a card of 4 GiB, as if somebody had flashed it; and what the machine's firmware remembers."""

    def __init__(self, image: Path, folder: Path, board: str) -> None:
        """Copy ``image`` into ``folder``."""
        self.board, self.path, self.vars = board, folder / "card.img", folder / "firmware.fd"
        self.served: Path | None = None
        """A socket at which the card is to be had, and lies (``LyingCard``)."""
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", str(image), str(self.path)], check=True)
        os.truncate(self.path, _CARD_MIB << 20)
        shutil.copyfile(_FIRMWARE[board][1], self.vars)

    def copied(self, folder: Path) -> Card:
        """Return a copy of this card and of what the firmware remembers, in a new folder."""
        folder.mkdir(parents=True)
        copy = Card(self.path, folder, self.board)
        shutil.copyfile(self.vars, copy.vars)
        return copy

    def drive(self, log: Path | None) -> list[str]:
        """QEMU's words for it; with every write and flush also in ``log``."""
        if self.served is not None:
            at = f"driver=nbd,server.type=unix,server.path={self.served}"
            return ["-blockdev", f"{at},node-name=card", "-device", "virtio-blk-pci,drive=card"]
        if log is None:
            return ["-drive", f"if=virtio,format=raw,cache=writeback,file={self.path}"]
        log.touch()
        parts = f"file.driver=file,file.filename={self.path},log.driver=file,log.filename={log}"
        return ["-blockdev", f"driver=blklogwrites,node-name=card,{parts}", "-device", "virtio-blk-pci,drive=card"]


class Machine:
    """A running machine; ended with ``with``."""

    def __init__(
        self,
        board: str,
        card: Card,
        folder: Path,
        script: str = "",
        words: str = "",
        *,
        log: Path | None = None,
        again: bool = False,
        hold: bool = False,
        held: Path | None = None,
        cores: int = 1,
    ) -> None:
        """Start it; ``script``: a file of ``tests/image/inside`` that runs when the system is up.

        ``words``: what its kernel is told beside its own; ``log``: keeps every write; ``again``: it may start again.
        ``hold``: its start waits before it looks at what is written, and says HELD; ``held``: where ``keep`` put the
        memory of such a machine, which goes on here, with a card that differs in nothing it has looked at.
        """
        self.console, self.told, self._asked = folder / "console.log", folder / "told.log", folder / "monitor"
        self.http, self.https = free_port(), free_port()
        self.began = time.monotonic()
        forward = ",".join(
            f"hostfwd=tcp:127.0.0.1:{ours}-:{port}" for ours, port in ((self.http, 80), (self.https, 443))
        )
        flash = [
            f"if=pflash,format=raw,readonly=on,file={_FIRMWARE[board][0]}",
            f"if=pflash,format=raw,file={card.vars}",
        ]
        line = [
            *_MACHINE[board], "-accel", "tcg,thread=multi", "-smp", str(cores), "-m", "1024", "-display", "none",
            "-monitor", "none", "-qmp", f"unix:{self._asked},server=on,wait=off", "-device", "qemu-xhci",
            "-drive", flash[0], "-drive", flash[1], *card.drive(log), "-nic", f"user,model=virtio-net-pci,{forward}",
            "-serial", f"file:{self.console}", *_second_line(board, self.told), *([] if again else ["-no-reboot"]),
        ]  # fmt: skip
        if script:
            scripts = packed(folder, go=not hold)
            line += ["-drive", f"if=virtio,format=raw,readonly=on,file={scripts}"]
            line += _injected(board, script, hold or held is not None)
        if held is not None:
            line += ["-incoming", f"exec:cat {held}"]
        if words:
            line += ["-smbios", f"type=11,value=io.systemd.stub.kernel-cmdline-extra={words}"]
        if BUSY in words:
            line += ["-action", "watchdog=none"]
        self._process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def __enter__(self) -> Machine:
        """Return the machine."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Pull the plug."""
        self.pull()

    def pull(self) -> None:
        """End it at once, as if the plug were pulled."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def keep(self, target: Path) -> None:
        """Write its memory to ``target`` and end it; raises MonitorTrouble."""
        monitor = self.monitor()
        monitor.ask("migrate-set-parameters", max_bandwidth=1 << 33)
        monitor.ask("migrate", uri=f"exec:cat >{target}")
        while (now := monitor.ask("query-migrate").get("status")) != "completed":
            if now in ("failed", "cancelled"):
                raise MonitorTrouble("its memory could not be kept")
            time.sleep(0.2)
        self.pull()

    def wait(self) -> None:
        """Wait until it ended by itself."""
        self._process.wait(60)

    def wait_for_line(self, line: str, limit_s: float) -> bool:
        """Whether the script inside said ``line`` in time."""
        while self.running() and time.monotonic() - self.began < limit_s:
            if line in self.said().splitlines():
                return True
            time.sleep(0.5)
        return False

    def monitor(self) -> Monitor:
        """A line to QEMU itself; one at a time."""
        return Monitor(self._asked)

    def said(self) -> str:
        """All that the script inside has said."""
        return self.told.read_text(errors="replace") if self.told.exists() else ""

    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def wait_for_pages(self, limit_s: float) -> float | None:
        """Return the seconds from the start until the claim page answers over HTTP and HTTPS, or None."""
        while self.running() and time.monotonic() - self.began < limit_s:
            if self.answers(self.http, tls=False) and self.answers(self.https, tls=True):
                return round(time.monotonic() - self.began, 1)
            time.sleep(0.5)
        return None

    def answers(self, port: int, tls: bool) -> bool:
        """Whether a page comes, or another address, asked by the address QEMU gives to its first machine."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with context.wrap_socket(plain) if tls else plain as line:
                line.sendall(b"GET / HTTP/1.1\r\nHost: 10.0.2.15\r\nConnection: close\r\n\r\n")
                return line.recv(12).startswith((b"HTTP/1.1 2", b"HTTP/1.1 3"))
        return False

    def wait_for_findings(self, limit_s: float) -> dict[str, Any] | None:
        """Return what the script inside said at its end, or None."""
        while self.running() and time.monotonic() - self.began < limit_s:
            for line in self.said().splitlines():
                if line.startswith("FOUND {") and line.endswith("}"):
                    found: dict[str, Any] = json.loads(line.removeprefix("FOUND "))
                    return found
            time.sleep(1)
        return None


def packed(folder: Path, go: bool = True) -> Path:
    """Return the scripts, as a disk that holds a tar archive, its last sector says whether a held start goes on."""
    path = folder / "inside.tar"
    with tarfile.open(path, "w") as out:
        for each in sorted(INSIDE.glob("*.py")):
            out.add(each, each.name)
    if path.stat().st_size > _GO * 512:
        raise ValueError("the scripts need a larger disk")
    os.truncate(path, _SCRIPTS_KIB << 10)
    with path.open("r+b") as file:
        file.seek(_GO * 512)
        file.write(b"GO" if go else b"")
    return path


def _second_line(board: str, told: Path) -> list[str]:
    """The serial line of the script: this machine's own second one, or one on a card where it has but one."""
    if board == "x86-64":
        return ["-serial", f"file:{told}"]
    return ["-chardev", f"file,id=told,path={told}", "-device", "pci-serial,chardev=told"]


def _injected(board: str, script: str, hold: bool) -> list[str]:
    """Have systemd run the script, without a change to the image: units as credentials of the (virtual) firmware."""
    units = {
        "extra-unit.inside.service": _UNIT.format(script=script, line=_LINE[board]),
        "unit-dropin.multi-user.target": _WANT,
    }
    if hold:
        units["extra-unit.hold.service"] = _HOLD.format(line=_LINE[board], sector=_GO)
        units["unit-dropin.local-fs-pre.target"] = _WANT_HOLD
    words = []
    for name, text in units.items():
        value = base64.b64encode(text.encode()).decode()
        words += ["-smbios", f"type=11,value=io.systemd.credential.binary:systemd.{name}={value}"]
    return words


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder for one machine."""
    return tempfile.TemporaryDirectory(prefix="box-image-test-")


def keep(folder: Path, target: Path) -> None:
    """Copy what machines said from ``folder`` to ``target``, without disks."""
    left_out = shutil.ignore_patterns("*.img", "*.vfat", "*.raucb", "monitor", "writes.log")
    try:
        shutil.copytree(folder, target, dirs_exist_ok=True, ignore=left_out)
    except OSError as error:  # shutil.Error is one: what was found counts for more than what is kept of it
        print(f"image-test: not everything is kept: {error}", file=sys.stderr)
