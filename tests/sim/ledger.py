"""What a locker has promised: every acknowledged record with all its versions, and what was under way at a cut.

An operation that was not acknowledged may or may not have happened; one that was acknowledged has. So after a
restart each record must be in its acknowledged state or in one it was given since, byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from firmware.errors import BoxError, Missing
from firmware.locker import Locker
from firmware.model import PutResult, PutState, RecordState


@dataclass(frozen=True, slots=True)
class Known:
    """One record as its owner knows it; ``versions`` are the contents from version 1 on."""

    name: str
    state: RecordState
    versions: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """An upload as its sender knows it; ``promised`` bytes were called durable."""

    name: str
    content: bytes
    promised: int


class Ledger:
    """The owner's memory of one locker."""

    def __init__(self, *, uploads_promised: bool = True) -> None:
        """Begin with nothing promised. Open uploads are promised by the catalog alone: a control that weakens it may
        take their promise away."""
        self.uploads: dict[bytes, Sent] = {}
        self._uploads_promised = uploads_promised
        self.acked: dict[str, Known] = {}
        self._since: dict[str, list[Known | None]] = {}
        self.head = 0
        self.acked_puts = 0
        self.acked_bytes = 0
        self._puts: list[tuple[str, bytes]] = []
        self.unsure: list[tuple[str, bytes]] = []
        """Puts (name, content) that were under way when the last life ended."""

    def now(self, state: RecordState | None = None) -> dict[str, Known]:
        """Every record as of now, acknowledged or not, in ``state`` if given."""
        latest: dict[str, Known | None] = {**self.acked, **{id: states[-1] for id, states in self._since.items()}}
        return {id: known for id, known in latest.items() if known and (state is None or known.state is state)}

    def settled(self, state: RecordState) -> list[str]:
        """Ids in ``state`` to which nothing happened since the last acknowledgement."""
        return sorted(id for id, known in self.acked.items() if known.state is state and id not in self._since)

    def put(self, result: PutResult, name: str, content: bytes) -> None:
        """A put was finished (not yet acknowledged)."""
        known = self.now().get(result.id)
        if result.state is PutState.STORED:
            before = known.versions if known else ()
            if result.version != len(before) + 1:
                raise AssertionError(f"version {result.version} after {len(before)}")
            self.change(result.id, Known(name, RecordState.LIVE, (*before, content)))
        elif known is None or known.versions[-1] != content:
            raise AssertionError("a put was called the same as something else")
        self._puts.append((name, content))

    def state(self, id: str, state: RecordState) -> None:
        """A record moved into or out of the bin."""
        self.change(id, replace(self.now()[id], state=state))

    def rename(self, id: str, name: str) -> None:
        """A record got another name."""
        self.change(id, replace(self.now()[id], name=name))

    def check_upload(self, kept: bool, what: str) -> None:
        """An upload goes on; ``kept``: at or behind the promised place."""
        if self._uploads_promised and not kept:
            raise AssertionError(f"an upload lost what was durable: {what}")

    def change(self, id: str, known: Known | None) -> None:
        """Something was done that is not acknowledged yet; None: the record is gone."""
        self._since.setdefault(id, []).append(known)

    def acknowledge(self, head: int) -> None:
        """``commit`` returned: everything up to chain head ``head`` is promised now."""
        self._settle({id: states[-1] for id, states in self._since.items()})
        self.head = head
        self.acked_puts += len(self._puts)
        self.acked_bytes += sum(len(content) for _, content in self._puts)
        self._puts = []

    def check(self, locker: Locker) -> str | None:
        """Compare the reopened ``locker`` with every promise and take over what it shows; return what is wrong."""
        self.unsure, self._puts = self._puts, []
        head = locker.stats()["head_seq"]
        if head < self.head:
            return f"the chain ends at {head}, acknowledged was {self.head}"
        found: dict[str, Known | None] = {}
        for id in {**self.acked, **self._since}:
            try:
                found[id] = _seen(locker, id)
            except BoxError as trouble:
                return f"{id}: {trouble!r} {trouble}"
            if found[id] not in (self.acked.get(id), *self._since.get(id, ())):
                return f"{id}: {_told(found[id])}, promised {_told(self.acked.get(id))}"
        self._settle(found)
        self.head = head
        return None

    def _settle(self, found: dict[str, Known | None]) -> None:
        self.acked |= {id: known for id, known in found.items() if known}
        for id, known in found.items():
            if known is None:
                self.acked.pop(id, None)
        self._since.clear()


def _seen(locker: Locker, id: str) -> Known | None:
    try:
        record = locker.get(id)
    except Missing:
        return None
    contents = tuple(b"".join(locker.read(id, version=number)) for number in range(1, record.version + 1))
    return Known(str(record.name), record.state, contents)


def _told(known: Known | None) -> str:
    if known is None:
        return "nothing"
    return f"{known.name!r} {known.state.name} with versions of {[len(content) for content in known.versions]} bytes"
