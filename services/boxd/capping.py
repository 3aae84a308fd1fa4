"""Caps of guest work: written into the control group of ``donor.slice``, then read back. What is not there is not said.

The files are those of the kernel (Documentation/admin-guide/cgroup-v2.rst): ``cpu.max``, ``memory.max``, ``pids.max``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from firmware.errors import Unreachable
from firmware.limits import MIB
from services.api.box_types import GuestCaps

SLICE: Final = Path("/sys/fs/cgroup/donor.slice")
_PERIOD_US: Final = 100_000
_LEAST_US: Final = 1000


def lines(caps: GuestCaps, processors: int) -> dict[str, str]:
    """Return what is written into which file. The kernel takes no quota below 1 ms in 100."""
    quota = max(_LEAST_US, caps.cpu_percent * processors * _PERIOD_US // 100)
    return {
        "cpu.max": f"{quota} {_PERIOD_US}",
        "memory.max": str(caps.memory_mib * MIB),
        "pids.max": str(caps.tasks),
    }


def cap(caps: GuestCaps, processors: int, folder: Path = SLICE) -> GuestCaps:
    """Write ``caps`` and return them; raises Unreachable when one of them does not read back as it was written."""
    for name, line in lines(caps, processors).items():
        path = folder / name
        try:
            path.write_text(line)
            found = path.read_text().strip()
        except OSError as error:
            raise Unreachable(what=f"the caps of guest work ({name}: {error.strerror})") from error
        if found != line:
            raise Unreachable(what=f"the caps of guest work ({name} is {found[:40]})")
    return caps
