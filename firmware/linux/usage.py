"""What the box's services used: CPU time and bytes written, as the kernel counts them; and the disk below a folder.

On an image every service is a unit with its own control group (``cpu.stat``, ``io.stat``); under ``./box run`` they
are children of one supervisor, and a process's figures include those of its children that ended (``cutime``, and
``write_bytes`` in ``/proc/PID/io``). Bytes count when they are given to the kernel for the disk, not as the disk lays
them down; what the file system's journal adds is in the disk's own figure (``/sys/dev/block/.../stat``) alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

SERVICES: Final = ("lockerd", "webd", "peerd", "supervisor")
_SECTOR: Final = 512
_PROC, _GROUPS = Path("/proc"), Path("/sys/fs/cgroup")


class Used(NamedTuple):
    """Since ``life`` began (it changes when a service starts anew): CPU time (ms) and bytes; None: not to be read."""

    life: str
    cpu_ms: int
    written: int | None


class _Process(NamedTuple):
    pid: int
    parent: int
    start: str
    own: int
    """Clock ticks it took itself."""
    ended: int
    """Clock ticks of its children that ended."""


def used() -> dict[str, Used]:
    """Return what each service used, as far as it can be told."""
    group = _own_group()
    if group.name == "lockerd.service":
        found = {name: _of_unit(group.parent / f"{name}.service") for name in SERVICES}
        return {name: each for name, each in found.items() if each is not None}
    return _below(os.getppid())


def disk_written(folder: Path) -> int | None:
    """Return how many bytes were written to the disk below ``folder`` since it came or the machine started."""
    device = folder.stat().st_dev
    try:
        stat = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat").read_text().split()
        return int(stat[6]) * _SECTOR
    except (OSError, IndexError, ValueError):
        return None  # a file system without a block device of its own


def _own_group() -> Path:
    try:
        line = Path("/proc/self/cgroup").read_text().splitlines()[-1]
    except (OSError, IndexError):
        return _GROUPS
    return _GROUPS / line.rpartition("::")[2].lstrip("/")


def _of_unit(group: Path) -> Used | None:
    try:
        cpu = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
        life, cpu_ms = str(group.stat().st_ctime_ns), int(cpu["usage_usec"]) // 1000
    except (OSError, KeyError, ValueError):
        return None
    try:
        words = (group / "io.stat").read_text().split()
    except OSError:
        return Used(life, cpu_ms, None)
    return Used(life, cpu_ms, sum(int(word[7:]) for word in words if word.startswith("wbytes=")))


def _below(root: int) -> dict[str, Used]:
    """The services that are children of ``root``, each with everything below it, and the supervisor itself."""
    every = {each.pid: each for each in _processes()}
    below: dict[int, list[int]] = {}
    for each in every.values():
        below.setdefault(each.parent, []).append(each.pid)
    found: dict[str, Used] = {}
    if _service(root) == "supervisor" and root in every:
        # what services that ended had used was counted under their names already; it writes next to nothing itself
        found["supervisor"] = _sum([every[root]._replace(ended=0)])._replace(written=None)
        for pid in below.get(root, ()):
            name = _service(pid)
            if name in SERVICES:
                found[name] = _sum([every[one] for one in _tree(pid, below)])
    return found


def _tree(pid: int, below: dict[int, list[int]]) -> Iterator[int]:
    yield pid
    for each in below.get(pid, ()):
        yield from _tree(each, below)


def _sum(processes: list[_Process]) -> Used:
    tick_ms = 1000 // os.sysconf("SC_CLK_TCK")
    written = [_written(each.pid) for each in processes]
    known = [each for each in written if each is not None]
    cpu_ms = sum(each.own + each.ended for each in processes) * tick_ms
    return Used(f"{processes[0].pid}-{processes[0].start}", cpu_ms, sum(known) if known else None)


def _processes() -> Iterator[_Process]:
    for entry in _PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended
        yield _Process(
            int(entry.name), int(stat[1]), stat[19], int(stat[11]) + int(stat[12]), int(stat[13]) + int(stat[14])
        )


def _service(pid: int) -> str:
    try:
        words = (_PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return ""
    names = [word for word in words if word.startswith(b"services.")]
    return names[0].decode().removeprefix("services.") if names else ""


def _written(pid: int) -> int | None:
    try:
        lines = dict(line.split(": ") for line in (_PROC / str(pid) / "io").read_text().splitlines())
        return int(lines["write_bytes"])
    except (OSError, KeyError, ValueError):
        return None  # walled in, or gone
