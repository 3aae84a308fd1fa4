"""Rehearsals of a restore: when one is due, which packs it asks friends for, whose shards it takes, how it ended.

A rehearsal takes packs back from friends alone, as a new box would: shards of k of them, joined, compared with the
pack's digest; while the locker is open also opened by its keys, and files compared. Nothing of it touches what lies
here. Times are wall time in ms; packs are named by id, friends by box key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from firmware.backup.chance import Chance
from firmware.backup.facts import Facts
from firmware.backup.states import DAY, MINUTE, Mark, Pack, PeerState
from firmware.limits import DRILL_BYTES, DRILL_PACKS
from firmware.pack.format import Kind

EVERY_MS: Final = 90 * DAY
FIRST_MS: Final = DAY
"""From the first pack that could be had back to the first rehearsal."""
AGAIN_MS: Final = DAY
"""From one that failed, or found too few friends, to the next."""
CLOSED_MS: Final = 7 * DAY
"""So long a rehearsal that is due waits for its locker to be open; then it takes place with sealed packs alone."""
OPEN_MS: Final = DAY
"""So long packs that came back wait for the locker to be open again."""
TRY_MS: Final = DAY
"""So long friends that are away are waited for, unless a person asked: she hears at once."""
RETRY_MS: Final = 10 * MINUTE


class DrillStage(StrEnum):
    """How far a rehearsal is."""

    FETCHING = "fetching"
    OPENING = "opening"
    """Everything that can be had came back; it waits for lockerd to open and compare it."""
    ENDED = "ended"


class DrillEnd(StrEnum):
    """How it ended; the worst that holds."""

    PASSED = "passed"
    MENDED = "mended"
    """All came back, though a friend's shard was missing or wrong; it is made again."""
    SHORT = "short"
    """Too few friends were there to say."""
    FAILED = "failed"
    """Something could not be had back, or was not what it should be."""


@dataclass
class Helped:
    """What one friend gave in a rehearsal."""

    shards: int = 0
    size: int = 0
    wrong: int = 0
    """Shards that were not what they should be."""
    missing: int = 0
    """Shards it said it does not have."""


@dataclass
class Drill:
    """One rehearsal of one locker, as it is kept."""

    began_ms: int
    asked: bool = False
    """A person asked for it."""
    opens: bool = False
    """lockerd chose the packs and opens them."""
    todo: list[bytes] = field(default_factory=list)
    got: list[bytes] = field(default_factory=list)
    bad: list[bytes] = field(default_factory=list)
    """Packs of which k right shards do not give what was sealed, or nobody has k right shards any more."""
    friends: dict[bytes, Helped] = field(default_factory=dict)
    away: list[bytes] = field(default_factory=list)
    """Friends who would have been needed and were not there."""
    stage: DrillStage = DrillStage.FETCHING
    ended_ms: int = 0
    end: DrillEnd | None = None
    size: int = 0
    """Bytes of the packs that came back."""
    opened: bool = False
    files: int = 0
    file_bytes: int = 0
    wrong_files: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can have it."""
        found: dict[str, Any] = {name: getattr(self, name) for name in _PLAIN}
        found |= {name: [each.hex() for each in getattr(self, name)] for name in _LISTS}
        found["friends"] = [
            [key.hex(), one.shards, one.size, one.wrong, one.missing] for key, one in self.friends.items()
        ]
        return found | {"stage": self.stage.value, "end": self.end.value if self.end else None}

    @classmethod
    def read(cls, found: Mapping[str, Any]) -> Drill:
        """Return what ``as_dict`` wrote; raises KeyError, TypeError or ValueError for anything else."""
        drill = cls(**{name: found[name] for name in _PLAIN})
        for name in _LISTS:
            setattr(drill, name, [bytes.fromhex(each) for each in found[name]])
        drill.friends = {bytes.fromhex(key): Helped(*numbers) for key, *numbers in found["friends"]}
        drill.stage = DrillStage(found["stage"])
        drill.end = DrillEnd(found["end"]) if found["end"] else None
        return drill

    def helped(self, peer: bytes) -> Helped:
        """What this friend gave so far."""
        return self.friends.setdefault(peer, Helped())


_PLAIN: Final = ("began_ms", "asked", "opens", "ended_ms", "size", "opened", "files", "file_bytes", "wrong_files")
_LISTS: Final = ("todo", "got", "bad", "away")


def due_ms(facts: Facts, locker: bytes, last: Drill | None) -> int | None:
    """Return from when on the next rehearsal is due; None while nothing of the locker could be had back."""
    if last is not None and last.end is not None:
        good = last.end in (DrillEnd.PASSED, DrillEnd.MENDED)
        return last.ended_ms + (EVERY_MS if good else AGAIN_MS)
    first = min((pack.cut_ms for pack in _whole(facts, locker)), default=None)
    return None if first is None else first + FIRST_MS


def starts_alone(due: int | None, now_ms: int) -> bool:
    """Whether a rehearsal waited for its locker to be opened long enough."""
    return due is not None and now_ms >= due + CLOSED_MS


def draw(facts: Facts, locker: bytes, wanted: Iterable[bytes], chance: Chance) -> list[bytes]:
    """Return the packs to take back: the ``wanted`` ones first, names always among them, others drawn, as far as the
    bound for traffic goes. Packs that friends do not have yet are no part of it.
    """
    whole = {pack.id: pack for pack in _whole(facts, locker)}
    asked = [whole[each] for each in dict.fromkeys(wanted) if each in whole]
    rest = [pack for pack in whole.values() if pack not in asked]
    others = [rest.pop(chance.below(len(rest))) for _ in range(min(len(rest), DRILL_PACKS))]
    names = [each for each in (*asked, *others) if each.kind is Kind.META][:1]
    chosen: dict[bytes, int] = {}
    for pack in (*names, *asked, *(() if asked else others)):
        fits = sum(chosen.values()) + pack.size <= DRILL_BYTES and len(chosen) < DRILL_PACKS
        if pack.id not in chosen and (fits or not chosen):
            chosen[pack.id] = pack.size
    return list(chosen)


def _whole(facts: Facts, locker: bytes) -> list[Pack]:
    """Packs that friends have enough of."""
    return [
        pack
        for pack in facts.packs.values()
        if pack.locker == locker and pack.dropped_at < 0 and pack.lay.k and pack.lay.held() >= pack.lay.k
    ]


def order(facts: Facts, chance: Chance) -> list[int]:
    """Return the friends in an order drawn for one rehearsal: the first k who can do it bring everything back."""
    left = [each.number for each in facts.by_number.values() if each.state is not PeerState.LEFT]
    return [left.pop(chance.below(len(left))) for _ in range(len(left))]


def sources(facts: Facts, pack: Pack, friends: Iterable[int]) -> list[tuple[int, bytes]]:
    """Return (shard number, friend) of all shards that have a receipt, in the order of ``friends``."""
    lay = pack.lay
    at: dict[int, list[int]] = {}
    for index, host in enumerate(lay.hosts):
        if lay.marks[index] == Mark.HELD:
            at.setdefault(host, []).append(index)
    return [(index, facts.by_number[host].key) for host in friends for index in at.get(host, ())]


def out_of_patience(drill: Drill, now_ms: int) -> bool:
    """Whether friends who are away were waited for long enough."""
    return drill.asked or now_ms - drill.began_ms >= TRY_MS


def fetched(drill: Drill, now_ms: int) -> None:
    """Nothing more is to be had: go on to opening, or end."""
    if drill.opens and drill.got:
        drill.stage, drill.ended_ms = DrillStage.OPENING, now_ms
    else:
        end(drill, now_ms)


def end(drill: Drill, now_ms: int) -> None:
    """Say how it ended."""
    helped = drill.friends.values()
    if drill.bad or drill.wrong_files:
        drill.end = DrillEnd.FAILED
    elif drill.todo or not drill.got:
        drill.end = DrillEnd.SHORT
    elif any(each.wrong or each.missing for each in helped):
        drill.end = DrillEnd.MENDED
    else:
        drill.end = DrillEnd.PASSED
    drill.stage, drill.ended_ms = DrillStage.ENDED, now_ms


def waits_too_long(drill: Drill, now_ms: int) -> bool:
    """Whether packs that came back were not opened in time (the locker was locked)."""
    return drill.stage is DrillStage.OPENING and now_ms - drill.ended_ms >= OPEN_MS
