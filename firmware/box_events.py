"""Events about the box's own system: new versions, restarts, reset; part of the catalogue ``firmware.events``."""

from __future__ import annotations

from firmware.event import Event, Severity

UPDATE_REFUSED = Event(
    "update_refused",
    "5c1c3f0b8a5b4f0aa1f8c0d3b7f4a961",
    Severity.WARNING,
    "A new version was offered and refused: {why}.",
    ("why",),
)
UPDATE_WRITTEN = Event(
    "update_written",
    "0a3f6d1e95c54a2c8f2b7d40c1e86a53",
    Severity.NOTICE,
    "Version {version} is written beside the running one; it is tried at the next restart.",
    ("version",),
)
UPDATE_COMMITTED = Event(
    "update_committed",
    "e7b90a4d2c6f4d17b3a58d16f0c2954e",
    Severity.NOTICE,
    "Version {version} is healthy; the box stays with it.",
    ("version",),
)
UPDATE_RETURNED = Event(
    "update_returned",
    "b4d28f7a1e0c4c639a7d5f3e8b612c90",
    Severity.WARNING,
    "The box came back from version {version}: {why} {check}",
    ("version", "why", "check"),
)
BOX_RESET = Event(
    "box_reset",
    "93f1e5c70b2d4e8ab6c4d8a2f7013e65",
    Severity.WARNING,
    "The box begins a reset, step {step} of 4.",
    ("step",),
)
CLOCK_MOVED = Event(
    "clock_moved",
    "2d7c4b9e6a1f4037958ce3b0d4f2a817",
    Severity.NOTICE,
    "The clock stood {seconds} seconds before a time this box knows to be past; it was put there.",
    ("seconds",),
)
