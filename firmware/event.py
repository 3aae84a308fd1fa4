"""What an event is: a journal MESSAGE_ID, a severity, a sentence, its fields. They are in ``firmware.events``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Severity(IntEnum):
    """The journal's PRIORITY numbers (RFC 5424 section 6.2.1), as far as the box uses them."""

    ERROR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6


@dataclass(frozen=True, slots=True)
class Event:
    """Something that can happen. ``sentence`` names every one of ``fields`` as a ``{placeholder}`` or not at all."""

    name: str
    message_id: str
    severity: Severity
    sentence: str
    fields: tuple[str, ...] = ()

    def entry(self, **values: str | int) -> dict[str, str]:
        """Return the journal fields of one occurrence; ``values`` must be exactly ``fields`` (else TypeError)."""
        if set(values) != set(self.fields):
            raise TypeError(f"{self.name} has the fields {self.fields}, not {tuple(values)}")
        entry = {
            "MESSAGE": self.sentence.format_map(values),
            "MESSAGE_ID": self.message_id,
            "PRIORITY": str(int(self.severity)),
            "LOCKER_BOX_EVENT": self.name,
        }
        return entry | {f"LOCKER_BOX_{field.upper()}": str(value) for field, value in values.items()}
