"""A circle in memory: an owner's view, a clock, households that keep, lose, lie, fill up, go and come back.

The world carries out what ``plan`` asks for and checks what must never happen. It keeps books of its own
about receipts and answers, and compares every badge with them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from firmware.backup import (
    RULES,
    Action,
    Alarm,
    AlarmKind,
    Answer,
    AskDelete,
    Audit,
    AuditWhole,
    CancelDelete,
    Capsule,
    CircleView,
    Head,
    Manifest,
    Mark,
    Pack,
    PeerState,
    Renew,
    Reserve,
    Rules,
    SafetyState,
    Ship,
    Trouble,
    Vouch,
    plan,
)
from firmware.pack.format import Kind
from firmware.shard import layout_for
from tests.vectors.counted_entropy import CountedEntropy

HOUR = 3_600_000
DAY = 24 * HOUR
START = 1_780_000_000_000
LOCKER = b"L" * 16

Shard = tuple[bytes, int, int]
"""Pack, k, number."""


@dataclass
class Household:
    """Another household's box: what it keeps, and how it behaves."""

    key: bytes
    quota: int
    there: bool = True
    rotten: set[Shard] = field(default_factory=set)
    kept: dict[Shard, int] = field(default_factory=dict)
    going: dict[Shard, int] = field(default_factory=dict)
    heads: list[int] = field(default_factory=list)

    @property
    def used(self) -> int:
        """Bytes kept."""
        return sum(self.kept.values())


class World:
    """An owner's box and its circle; ``hour`` lets time pass."""

    def __init__(self, households: int = 0, *, quota: int = 1 << 30, rules: Rules = RULES, seed: int = 1) -> None:
        """Begin with so many households of so much room, and one locker with custody."""
        self.view = CircleView(rules)
        self.chance = random.Random(seed)
        self.entropy = CountedEntropy(b"circle%d" % seed)
        self.now_ms = START
        self.hosts: dict[bytes, Household] = {}
        self.receipts: dict[tuple[Shard, bytes], int] = {}
        self.answers: dict[bytes, tuple[bool, int]] = {}
        self.alarms: list[Alarm] = []
        self.ships: list[Ship] = []
        self.asked: list[tuple[int, AskDelete]] = []
        self.packs = 0
        self.lived = 0
        self.view.add_locker(LOCKER)
        self.view.set_custody(LOCKER, held=True)
        for _ in range(households):
            self.join(quota)

    # What people do

    def join(self, quota: int = 1 << 30) -> bytes:
        """Another household joins."""
        key = bytes([len(self.hosts) + 1]) * 32
        self.hosts[key] = Household(key, quota)
        self.view.add_peer(key, self.now_ms, label=f"household {len(self.hosts)}")
        self.view.heard(key, self.now_ms)
        self.view.offered(key, quota, 0)
        return key

    def cut(self, size: int = 1 << 20, *, kind: Kind = Kind.DATA, precious: bool = False) -> bytes:
        """The locker cuts a pack."""
        self.packs += 1
        identity = self.packs.to_bytes(32, "big")
        self.view.cut(identity, LOCKER, kind, size, precious=precious, now_ms=self.now_ms)
        return identity

    # Time

    def hours(self, count: int) -> None:
        """Let so many hours pass."""
        for _ in range(count):
            self.hour()

    def hour(self) -> None:
        """One hour: plan and carry out until nothing more is asked."""
        self.now_ms += HOUR
        for host in self.hosts.values():
            for shard in [each for each, when in host.going.items() if when <= self.now_ms]:
                del host.going[shard]
                host.kept.pop(shard, None)
            if host.there:
                self.view.heard(host.key, self.now_ms)
            else:
                self.view.gone(host.key)
        for _ in range(200):
            if not self.step():
                break
        self.lived += 1
        if self.lived % 7 == 0:
            self.check()

    def step(self) -> int:
        """Plan once and carry everything out; return how much was asked."""
        actions = plan(self.view, self.now_ms, self.entropy)
        self.chance.shuffle(actions)
        for action in actions:
            self.carry_out(action)
        return len(actions)

    # What peers do

    def carry_out(self, action: Action) -> None:
        """Do it as the household would, and tell the view."""
        match action:
            case Alarm():
                self.alarms.append(action)
            case Ship():
                self._ship(action)
            case AuditWhole():
                for index, key in action.shards:
                    host = self.hosts[key]
                    shard = (action.pack, action.k, index)
                    answer = self._answer(host, [shard])
                    self.view.audited_whole(action, index, key, answer)
                    self._book(key, answer, [shard])
            case _ if not self.hosts[action.peer].there:
                self.view.gave_up(action)
            case Reserve():
                host = self.hosts[action.peer]
                granted = max(0, min(action.room, host.quota - host.used))
                self.view.reserved(action, granted, host.quota, host.used)
            case Audit():
                shards = [(pick.pack, pick.k, pick.index) for pick in action.picks]
                assert all(self.view.packs[each].dropped_at < 0 for each, _, _ in shards), "that file is gone here"
                host = self.hosts[action.peer]
                answer = self._answer(host, shards)
                lacking = [pick for pick in action.picks if (pick.pack, pick.k, pick.index) not in host.kept]
                self.view.audited(action, answer, lacking if answer is Answer.MISSING else ())
                self._book(action.peer, answer, [each for each in shards if each not in host.kept])
            case _:
                self._others(action)

    def _others(self, action: Action) -> None:
        match action:
            case AskDelete():
                self.asked.append((self.now_ms, action))
                host = self.hosts[action.peer]
                for old in action.shards:
                    host.going[old.pack, old.k, old.index] = self.now_ms + 30 * DAY
                self.view.deleted(action)
            case CancelDelete():
                host = self.hosts[action.peer]
                for old in action.shards:
                    host.going.pop((old.pack, old.k, old.index), None)
                self.view.kept(action)
            case Head() | Capsule() | Manifest():
                self.hosts[action.peer].heads.append(action.number)
                self.view.told(action)
            case Renew() | Vouch():
                self.view.renewed(action)
            case _:
                raise AssertionError(action)

    def _ship(self, ship: Ship) -> None:
        host = self.hosts[ship.peer]
        shard = (ship.pack, ship.k, ship.index)
        if not host.there:
            self.view.refused(ship, Trouble.AWAY)
        elif shard not in host.kept and host.used + ship.size > host.quota:
            self.view.refused(ship, Trouble.FULL)
        else:
            self.ships.append(ship)
            host.kept[shard] = ship.size
            host.rotten.discard(shard)  # a host reads what it keeps before it gives a receipt again
            host.going.pop(shard, None)
            self.receipts[shard, ship.peer] = ship.size
            self.view.shipped(ship)

    def _answer(self, host: Household, shards: list[Shard]) -> Answer:
        if not host.there:
            return Answer.SILENT
        if any(each in host.rotten for each in shards):
            return Answer.WRONG
        return Answer.MISSING if any(each not in host.kept for each in shards) else Answer.GOOD

    def _book(self, key: bytes, answer: Answer, gone: list[Shard]) -> None:
        """The world's own books about what this box was told."""
        if answer is Answer.GOOD:
            self.answers[key] = (True, self.view.awake_ms)
        elif answer is not Answer.SILENT:
            self.answers[key] = (False, self.view.awake_ms)
            for shard in gone:
                self.receipts.pop((shard, key), None)

    # What must never happen

    def check(self) -> None:
        """No household has receipts for two shards of a layout, no quota is passed, no badge says more than is so."""
        for host in self.hosts.values():
            assert host.used <= host.quota
            held: dict[tuple[bytes, int], int] = {}
            for shard in host.kept:
                if shard not in host.going and (shard, host.key) in self.receipts:
                    held[shard[:2]] = held.get(shard[:2], 0) + 1
            assert all(count == 1 for count in held.values()), "two shards of a pack in one household"
        for peer in self.view.by_number.values():
            assert peer.room >= 0
        for pack in self.view.packs.values():
            self._check_badge(pack)

    def _check_badge(self, pack: Pack) -> None:
        safety = self.view.safety(pack.id)
        if safety.state is not SafetyState.SAFE:
            assert safety.of == 0
            return
        oldest = self.view.awake_ms - self.view.rules.recent_ms
        k = pack.lay.k
        proven = set()
        for shard, key in self.receipts:
            good, when = self.answers.get(key, (False, -1))
            if shard[:2] == (pack.id, k) and good and when >= oldest:
                proven.add(key)
        assert safety.of <= len(proven)
        assert safety.may_fail == safety.of - k >= 0
        promised = layout_for(self.view.ladder)
        waits = self.view.short_until() is not None and safety.may_fail == 1
        assert waits or safety.may_fail >= min(2, pack.lay.n - k, promised.spare if promised else 2)

    def safe(self) -> bool:
        """Whether every pack of the locker is SAFE."""
        live = [each for each in self.view.packs.values() if each.dropped_at < 0]
        return all(self.view.safety(each.id).state is SafetyState.SAFE for each in live)

    def held_by(self, key: bytes) -> list[Shard]:
        """What the view believes a household keeps, as the place of the shard."""
        number = self.view.peers[key].number
        return [
            (pack.id, lay.k, index)
            for pack in self.view.packs.values()
            for lay in (pack.lay, pack.next)
            if lay is not None
            for index in range(lay.n)
            if lay.hosts[index] == number and lay.marks[index] == Mark.HELD
        ]

    def state(self, key: bytes) -> PeerState:
        """How a household stands."""
        return self.view.peers[key].state

    def told(self, kind: AlarmKind) -> list[Alarm]:
        """Alarms of a kind."""
        return [each for each in self.alarms if each.kind is kind]
