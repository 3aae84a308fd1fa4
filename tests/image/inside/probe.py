"""Runs inside a box within the walls of one unit, and says which of the things it must not do it could do."""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_STATE = {
    "lockerd": "/var/lib/private/locker-box/household.json",
    "peerd": "/var/lib/private/locker-box-circle/peer.seed",
    "certifier": "/var/lib/private/locker-box-authority/ca.key",
}
_NETWORKLESS = ("lockerd", "webd", "certifier")


def _call(name: str, *arguments: object) -> None:
    """Call the C library; raises OSError when it says no."""
    if getattr(_libc, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), name)


def _socket(family: int, kind: int = socket.SOCK_DGRAM, protocol: int = 0) -> None:
    socket.socket(family, kind, protocol).close()


def _listen() -> None:
    with socket.socket(socket.AF_INET) as found:
        found.bind(("0.0.0.0", 0))
        found.listen()


def _raise_a_file() -> None:
    path = Path("/tmp/raised")
    path.write_bytes(b"")
    path.chmod(0o4755)


def _write_and_run_memory() -> None:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()


def attempts(unit: str) -> dict[str, Callable[[], object]]:
    """Return what ``unit`` must not be able to do; each raises OSError when it cannot."""
    found: dict[str, Callable[[], object]] = {
        "write /usr": lambda: Path("/usr/x").write_bytes(b""),
        "write /etc": lambda: Path("/etc/x").write_bytes(b""),
        "write /var": lambda: Path("/var/x").write_bytes(b""),
        "write /run": lambda: Path("/run/x").write_bytes(b""),
        "write a kernel setting": lambda: Path("/proc/sys/kernel/panic").write_text("6"),
        "write a cap": lambda: Path(f"/sys/fs/cgroup/system.slice/{unit}.service/memory.max").write_text("max"),
        "write a device setting": lambda: os.open("/sys/power/state", os.O_WRONLY),
        "read the disk": lambda: os.open("/dev/vda", os.O_RDONLY),
        "read memory": lambda: os.open("/dev/mem", os.O_RDONLY),
        "read the kernel's log": lambda: os.open("/dev/kmsg", os.O_RDONLY),
        "read the first process": lambda: Path("/proc/1/environ").read_bytes(),
        "read passwords": lambda: Path("/etc/shadow").read_bytes(),
        "become root": lambda: os.setuid(0),
        "trace a process": lambda: _call("ptrace", 16, os.getppid() or 1, None, None),
        "mount": lambda: _call("mount", b"tmpfs", b"/tmp", b"tmpfs", 0, None),
        "make a name space": lambda: _call("unshare", 0x10000000),
        "change the root": lambda: os.chroot("/tmp"),
        "make a device": lambda: os.mknod("/tmp/device", 0o020600, os.makedev(1, 1)),
        "load a module": lambda: (
            _call("syscall", 313, -1, b"", 0) if os.uname().machine == "x86_64" else _call("syscall", 273, -1, b"", 0)
        ),
        "load another kernel": lambda: (
            _call("syscall", 246, 0, 0, None, 0)
            if os.uname().machine == "x86_64"
            else _call("syscall", 104, 0, 0, None, 0)
        ),
        "set the clock": lambda: _call("settimeofday", (ctypes.c_long * 2)(0, 0), None),
        "name the machine": lambda: _call("sethostname", b"x", 1),
        "start again": lambda: _call("reboot", 0),
        "open a raw line": lambda: _socket(socket.AF_INET, socket.SOCK_RAW, 1),
        "listen to the cable": lambda: _socket(socket.AF_PACKET, socket.SOCK_RAW),
        "keep a key in the kernel": lambda: (
            _call("syscall", 248, b"user", b"x", b"y", 1, -3)
            if os.uname().machine == "x86_64"
            else _call("syscall", 217, b"user", b"x", b"y", 1, -3)
        ),
        "go before others": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
        "raise a file": _raise_a_file,
        "write and run memory": _write_and_run_memory,
        "listen on TCP": _listen,
    }
    for other, path in _STATE.items():
        if other != unit:
            found[f"read what {other} keeps"] = lambda path=path: Path(path).read_bytes()  # type: ignore[misc]
    if unit in _NETWORKLESS:
        found["speak to the network"] = lambda: _socket(socket.AF_INET)
        found["speak to the network (6)"] = lambda: _socket(socket.AF_INET6)
    return found


def main(unit: str) -> None:
    """Try everything; print what was tried and what was not denied."""
    allowed = []
    tried = attempts(unit)
    for name, attempt in tried.items():
        try:
            attempt()
        except (OSError, ValueError):
            continue
        allowed.append(name)
    print(json.dumps({"denied": len(tried) - len(allowed), "allowed": allowed}))


if __name__ == "__main__":
    main(sys.argv[1])
