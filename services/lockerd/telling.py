"""A worker's journal that also tells the main process, which keeps the activity of the locker's member."""

from __future__ import annotations

from collections.abc import Callable

from firmware.events import Event
from firmware.linux.journal import Journal

Heard = Callable[[str, dict[str, str | int]], None]
"""(event name, its fields without the member); called from any thread."""


class TellingJournal(Journal):
    """The journal, and ``heard`` for everything that concerns the member."""

    def __init__(self, identifier: str, heard: Heard) -> None:
        """``heard`` must not block."""
        super().__init__(identifier)
        self._heard = heard

    def tell(self, event: Event, **values: str | int) -> None:
        """Tell the journal and the activity."""
        super().tell(event, **values)
        self.note(event, **values)

    def note(self, event: Event, **values: str | int) -> None:
        """Tell the activity alone (what happens so often that the journal counts it elsewhere)."""
        if "member" in values:
            self._heard(event.name, {key: value for key, value in values.items() if key != "member"})
