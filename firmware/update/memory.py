"""What the box remembers about updates (docs/formats/slots.md): the file ``update.json`` on the data partition.

Losing it costs a repeated download or one more try, never safety: what runs and what the firmware says come first.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from firmware import limits
from firmware.errors import BoxError
from firmware.update.release import Version
from firmware.update.slots import Slot

_FORMAT: Final = 1
_NONE: Final = Version(0, 0, 0)


class Stage(StrEnum):
    """How far a new version is."""

    WRITING = "writing"
    """Its slot holds anything."""
    WRITTEN = "written"
    """Every byte of it is on the medium."""
    ARMED = "armed"
    """The firmware was, or is about to be, asked to try it."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A version on its way. ``boot`` is the id of the start in which it was armed, ``starts`` how often that was."""

    version: Version
    slot: Slot
    stage: Stage
    starts: int = 0
    boot: str = ""


@dataclass(frozen=True, slots=True)
class Returned:
    """Why the box came back to what it had: a word for the page (``unhealthy``, ``silent``) and the check it missed."""

    version: Version
    why: str
    check: str = ""


@dataclass(frozen=True, slots=True)
class Memory:
    """``highest`` is the newest version ever committed, ``number`` that of the newest index ever seen."""

    highest: Version = _NONE
    number: int = 0
    trial: Trial | None = None
    returned: Returned | None = None
    passed: frozenset[str] = field(default_factory=frozenset)
    """The checks that were fine in the committed system: what a new one has to do as well."""

    def to_bytes(self) -> bytes:
        """Return the file."""
        trial, returned = self.trial, self.returned
        return json.dumps(
            {
                "format": _FORMAT,
                "highest": str(self.highest),
                "number": self.number,
                "passed": sorted(self.passed),
                "trial": trial
                and {
                    "version": str(trial.version),
                    "slot": trial.slot.value,
                    "stage": trial.stage.value,
                    "starts": trial.starts,
                    "boot": trial.boot,
                },
                "returned": returned
                and {"version": str(returned.version), "why": returned.why, "check": returned.check},
            },
            sort_keys=True,
        ).encode()

    @classmethod
    def parse(cls, data: bytes) -> Memory:
        """Read it; anything that is not whole counts as nothing remembered."""
        if len(data) > limits.UPDATE_MEMORY_BYTES:
            return cls()
        try:
            found = json.loads(data)
            return _memory(found)
        except (BoxError, ValueError, KeyError, TypeError, RecursionError):
            return cls()


def _memory(found: dict[str, Any]) -> Memory:
    if found["format"] != _FORMAT:
        return Memory()
    trial, returned = found["trial"], found["returned"]
    return Memory(
        Version.parse(found["highest"]),
        int(found["number"]),
        trial
        and Trial(
            Version.parse(trial["version"]),
            Slot(trial["slot"]),
            Stage(trial["stage"]),
            int(trial["starts"]),
            str(trial["boot"]),
        ),
        returned and Returned(Version.parse(returned["version"]), str(returned["why"]), str(returned["check"])),
        frozenset(str(each) for each in found["passed"]),
    )
