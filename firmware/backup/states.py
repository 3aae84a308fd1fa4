"""What the owner's side knows of peers, lockers and packs, and the bounds it decides by. Only values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Final, NamedTuple

from firmware.limits import MIB
from firmware.pack.format import Kind
from firmware.shard import LAYOUTS, Layout
from firmware.shard.layout import ALIGN_BYTES

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR


class PeerState(StrEnum):
    """How a peer stands with this box; ``CircleView.peers`` has it, pages show it."""

    ACTIVE = "active"
    """Takes shards, counts for Safety while its last audit is good and recent."""
    PROBATION = "probation"
    """Gave a wrong answer once, or comes back from suspension: takes no new shards until it has proved itself."""
    SUSPENDED = "suspended"
    """Silent for days, or wrong again: does not count for Safety."""
    LEAVING = "leaving"
    """Gave notice: its shards move first, it takes no new ones."""
    LOST = "lost"
    """Suspended too long: what it kept is made again elsewhere. Comes back by answering well."""
    LEFT = "left"
    """No longer in the circle."""


TAKES: Final = frozenset({PeerState.ACTIVE})
"""States in which a peer gets new shards."""

IN_CIRCLE: Final = frozenset({PeerState.ACTIVE, PeerState.PROBATION, PeerState.SUSPENDED})
"""States in which a peer counts as a household of the ladder."""


class SafetyState(StrEnum):
    """The badge of a pack or a record."""

    HERE = "here"
    """On this box only: no household has receipted a shard of it."""
    GOING = "going"
    """On its way, or not as safe as it should be."""
    SAFE = "safe"
    """With friends: enough receipted, lately audited shards on distinct households."""


class Safety(NamedTuple):
    """How safe something is with friends: any ``may_fail`` of ``of`` households may fail (both 0 unless SAFE).

    Counted are only shards with a receipt, one for each household, whose peer's last audit is good and recent.
    """

    state: SafetyState
    may_fail: int = 0
    of: int = 0


class Mark(IntEnum):
    """State of one shard."""

    NONE = 0
    """Nobody has it or is to have it."""
    PLANNED = 1
    """Chosen for this peer; nothing or a part is there."""
    HELD = 2
    """The peer gave a receipt for it."""


class Lay(NamedTuple):
    """Where the shards of a pack are: ``hosts[i]`` is the peer's number (0 nobody), ``marks[i]`` the Mark of shard i.

    Equal ones are one object in a ``CircleView``, so that 100,000 packs cost little memory.
    """

    k: int
    hosts: bytes
    marks: bytes

    @property
    def n(self) -> int:
        """How many shards the layout has."""
        return len(self.hosts)

    @property
    def layout(self) -> Layout:
        """The layout as the shard floor knows it; raises Misused for one that does not exist."""
        return Layout(self.k, self.n)

    def shard_size(self, size: int) -> int:
        """Return how many bytes each shard of a pack with ``size`` bytes has."""
        return -(-size // (self.k * ALIGN_BYTES)) * ALIGN_BYTES

    def held(self) -> int:
        """How many shards have a receipt."""
        return self.marks.count(Mark.HELD)

    def put(self, index: int, peer: int, mark: Mark) -> Lay:
        """Return it with shard ``index`` at ``peer``."""
        hosts, marks = bytearray(self.hosts), bytearray(self.marks)
        hosts[index], marks[index] = (peer, mark) if mark else (0, 0)
        return Lay(self.k, bytes(hosts), bytes(marks))

    def grown(self, n: int) -> Lay:
        """Return it with room for ``n`` shards; never smaller."""
        more = bytes(max(0, n - self.n))
        return Lay(self.k, self.hosts + more, self.marks + more)


NO_LAY: Final = Lay(0, b"", b"")
"""Not laid out yet."""


class Former(NamedTuple):
    """A shard at a household that is not its place any more: its peer came back, or the pack was laid out anew."""

    k: int
    shard: int
    peer: int


@dataclass(slots=True)
class Pack:
    """One cut pack. ``lay`` is what counts; ``next`` is built beside it when k changes and then takes its place."""

    id: bytes
    locker: bytes
    kind: Kind
    size: int
    precious: bool
    cut_ms: int
    lay: Lay = NO_LAY
    next: Lay | None = None
    formers: tuple[Former, ...] = ()
    dropped_at: int = -1
    """Awake time (ms) when the locker dropped it; -1 while it is part of the locker."""
    dropped_head: int = -1
    """Number of the locker's newest head then: whoever restores from that head on does not need the pack."""
    asked_at: int = -1
    """Awake time when its shards were first asked away."""


@dataclass(slots=True)
class Peer:
    """One other household's box, as this side sees it; only ``CircleView`` changes it. -1 is never.

    Names in ``_at`` are awake time: ms this box was on and planning, so that a clock that jumps suspends nobody. Names
    in ``_ms`` are wall time, except ``silent_ms``: awake time without hearing the peer while others were heard.
    """

    number: int
    key: bytes
    label: str = ""
    household: str = ""
    """Boxes with the same words here are one household; empty: a household of its own."""
    place: str = ""
    network: str = ""
    """Where it was seen last: a /24 of IPv4 or a /48 of IPv6."""
    delegate: bool = False
    state: PeerState = PeerState.ACTIVE
    online: bool = False
    since_ms: int = 0
    seen_ms: int = 0
    silent_ms: int = 0
    quota: int = 0
    """Bytes it gives, as it said last."""
    used: int = 0
    """Bytes of that in use, as it said last and with what was shipped since."""
    room: int = 0
    """Bytes of shards that are planned for it."""
    strikes: int = 0
    strike_at: int = -1
    proofs: int = 0
    """Deep audits answered well in a row since the last strike."""
    suspended_at: int = -1
    probation_at: int = -1
    renewed_at: int = -1
    full_until: int = 0
    """Awake time before which nothing is shipped to it, because it said full or no."""

    @property
    def home(self) -> str:
        """What tells its household from others."""
        return self.household or self.key.hex()

    @property
    def free(self) -> int:
        """Bytes that may still be planned for it."""
        return self.quota - self.used - self.room


@dataclass(slots=True)
class Standing:
    """How one peer stands with one locker: what it proved and what it was told."""

    number: int
    locker: bytes
    next_at: int = 0
    """Awake time from when on an audit is due."""
    good_at: int = -1
    good_ms: int = -1
    """When it last answered well, by awake and by wall time."""
    good: bool = False
    """Whether its last answer was right."""
    deep: bool = False
    """A deep audit is wanted next."""
    head: int = -1
    capsule: int = -1
    manifest: int = -1


@dataclass(slots=True)
class Locker:
    """One locker this box acts for. ``head``, ``capsule``, ``manifest`` are the newest numbers; -1 there is none."""

    id: bytes
    custody: bool = False
    head: int = -1
    capsule: int = -1
    manifest: int = -1
    size: int = 0
    """Bytes of its packs that were not dropped."""
    waiting: int = 0
    """Bytes of dropped packs that were not asked away yet."""
    halted: bool = False
    """Too much was dropped: nothing is asked away until a person says yes."""
    allowed_until: int = -1
    """A person said yes: until this awake time more than a fifth may be asked away."""
    asked: dict[int, int] = field(default_factory=dict)
    cut: dict[int, int] = field(default_factory=dict)
    """Bytes asked away, and cut, by day of awake time; days older than the window are forgotten."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The bounds the owner's side decides by; ms of awake time unless said. The defaults are the product's."""

    silent_ms: int = 3 * DAY
    """Silence after which a peer is suspended."""
    lost_ms: int = 7 * DAY
    """Suspension after which a peer is lost."""
    recent_ms: int = 3 * DAY
    """An audit older than this no longer counts for Safety."""
    audit_leaves: int = 64
    """A day and peer: finds 1 % of missing leaves within 8 days (p99)."""
    deep_leaves: int = 459
    """Finds 1 % of missing leaves at once with 99 %."""
    audit_every_ms: int = DAY
    audit_again_ms: int = HOUR
    """Between two deep audits of a suspect: wrong answers within this window are one strike."""
    strike_forget_ms: int = 30 * DAY
    strikes_suspend: int = 2
    step_ms: int = HOUR
    """Longest time between two planning steps that counts as awake; the rest was sleep, or the clock jumped."""
    proofs_return: int = 3
    """Deep audits answered well in a row that end a suspension."""
    probation_ms: int = 7 * DAY
    whole_days: int = 28
    """Every shard is read whole once in so many days."""
    settle_ms: int = HOUR
    """How long a larger circle must have its size before packs are laid out anew for it."""
    grace_ms: int = 30 * DAY
    """How long a circle that lost a household too many, and has one spare shard left, waits for another household."""
    drop_wait_ms: int = 7 * DAY
    """From a pack being dropped to its shards being asked away (the hosts wait 30 days more)."""
    delete_days: int = 30
    delete_percent: int = 20
    """At most so much of a locker is asked away in so many days without a person."""
    change_percent: int = 50
    change_least: int = 256 * MIB
    """So much written in a day, compared with what was there before, is an alarm; small lockers are spared."""
    flights: int = 2
    """Shards on their way to one peer at a time."""
    flights_all: int = 8
    reserve_bytes: int = 256 * MIB
    """Room asked for at once; less when less waits."""
    night_minute: int = 60
    night_jitter_minutes: int = 180
    """Packs that can wait ship from this minute of the local day on, plus a jitter drawn every night."""
    later_ms: int = 10 * MINUTE
    """Pause after a peer said full or no."""
    keep_free_percent: int = 2
    """Left of a peer's quota to meta packs and what is precious, so that a flood of data cannot crowd them out."""
    stale_ms: int = DAY
    """Silence after which shards that are only planned for a peer go to another one."""
    flight_ms: int = 6 * HOUR
    """After so long something under way that nobody told the end of is asked again."""
    delegate_silent_ms: int = 14 * DAY
    """Silence of an owner (by a delegate's wall clock) after which delegates repair for it."""


RULES: Final = Rules()


def layout_of(k: int, n: int) -> Layout:
    """Return the smallest layout with ``k`` that has room for ``n`` shards; raises ValueError when there is none."""
    found = [each for each in LAYOUTS if each.k == k and each.n >= n]
    if not found:
        raise ValueError(f"no layout keeps {n} shards of {k}")
    return found[0]
