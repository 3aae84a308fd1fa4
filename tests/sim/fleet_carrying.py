"""Carries out what the real ``plan`` asks for in the simulated fleet, and tells the view how it ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from firmware.backup import (
    Action,
    Alarm,
    AlarmKind,
    Answer,
    AskDelete,
    Audit,
    AuditWhole,
    CancelDelete,
    Capsule,
    Head,
    Manifest,
    PeerState,
    Renew,
    Reserve,
    Ship,
    Trouble,
    Vouch,
    auditing,
    plan,
)
from firmware.backup.chance import Chance
from firmware.hosting import check_end
from tests.sim.fleet_boxes import Box
from tests.sim.fleet_delegates import Charge, is_willing, manifest
from tests.sim.fleet_owners import Owner
from tests.sim.fleet_spec import DAY, Conduct, Control
from tests.sim.fleet_tally import Tally

if TYPE_CHECKING:
    from tests.sim.fleet_world import World

_AT_ONCE_MS: Final = 60_000
_STEPS: Final = 60
_REPAIR_AFTER: Final = 10 * DAY


class Carrying:
    """One method for each action; all of them know the fleet."""

    def __init__(self, world: World, tally: Tally) -> None:
        """``tally`` counts what happens."""
        self._world, self._tally = world, tally
        self._ways: dict[type, Callable[[Owner, object], bool]] = {
            Ship: self._ship,
            Reserve: self._reserve,
            Audit: self._audit,
            AuditWhole: self._whole,
            AskDelete: self._delete,
            CancelDelete: self._cancel,
            Head: self._head,
            Capsule: self._head,
            Manifest: self._manifest,
            Renew: self._renew,
            Vouch: self._renew,
            Alarm: self._alarm,
        }

    def step(self, owner: Owner) -> None:
        """Plan and carry out until nothing more follows at once."""
        view, entropy = owner.view, self._world.entropy
        view.rules = owner.rules[not owner.slept]
        owner.slept = False
        for _ in range(_STEPS):
            more = self._all(owner, plan(view, owner.now_ms(), entropy))
            while len(asked := auditing.audits(view, Chance(entropy))):
                more = self._all(owner, asked) or more
            if not more and not view.doubts:
                break

    def _all(self, owner: Owner, actions: list[Action]) -> bool:
        more = False
        for action in actions:
            more = self._ways[type(action)](owner, action) or more
        return more

    # Shards

    def _ship(self, owner: Owner, ship: object) -> bool:
        assert isinstance(ship, Ship)
        host = owner.host(ship.peer)
        item = owner.items.get(ship.pack)
        if ship.peer not in owner.linked:
            owner.view.refused(ship, Trouble.AWAY)
            return False
        late = item is not None and owner.t - item.cut > _REPAIR_AFTER
        if item is None or item.home_since < 0 or (owner.control is Control.NO_REPAIR and late):
            owner.view.refused(ship, Trouble.OURS)
            return False
        took = ship.size * 1000 // min(owner.rate, host.rate)
        if took <= _AT_ONCE_MS:
            return self.arrives(owner, ship, host)
        self._world.at(owner.t + took, self._arrives_later, owner, owner.view, ship, host)
        return False

    def _arrives_later(self, owner: Owner, view: object, ship: Ship, host: Box) -> None:
        if view is not owner.view or not owner.running:
            return
        if host.key in owner.linked:
            self.arrives(owner, ship, host)
        else:
            owner.view.refused(ship, Trouble.AWAY)
        self._world.soon(owner)

    def arrives(self, owner: Owner, ship: Ship, host: Box) -> bool:
        """The bytes are there: a receipt, or a no."""
        trouble = host.take((ship.pack, ship.k, ship.index), ship.size, owner.t)
        if trouble is not None:
            owner.view.refused(ship, trouble)
            return False
        self._tally.shards_shipped += 1
        self._tally.shards_repaired += ship.repair
        owner.first_shard.setdefault(host.key, owner.t)
        owner.view.shipped(ship)
        return True

    def _reserve(self, owner: Owner, ask: object) -> bool:
        assert isinstance(ask, Reserve)
        if ask.peer not in owner.linked:
            owner.view.gave_up(ask)
            return False
        granted, quota, used = owner.host(ask.peer).reserve(owner.home, ask.room, owner.t)
        owner.view.reserved(ask, granted, quota, used)
        return True

    def _delete(self, owner: Owner, ask: object) -> bool:
        assert isinstance(ask, AskDelete)
        if ask.peer not in owner.linked:
            owner.view.gave_up(ask)
            return False
        host = owner.host(ask.peer)
        when = host.ask_away(owner.home, [(each.pack, each.k, each.index) for each in ask.shards], owner.t)
        owner.view.deleted(ask)
        self._world.at(when + DAY, self._world.tidy, host)
        return False

    def _cancel(self, owner: Owner, cancel: object) -> bool:
        assert isinstance(cancel, CancelDelete)
        if cancel.peer not in owner.linked:
            owner.view.gave_up(cancel)
            return False
        owner.host(cancel.peer).keep_on((each.pack, each.k, each.index) for each in cancel.shards)
        owner.view.kept(cancel)
        return False

    # Audits

    def _audit(self, owner: Owner, audit: object) -> bool:
        assert isinstance(audit, Audit)
        if audit.peer not in owner.linked:
            owner.view.gave_up(audit)
            return False
        host = owner.host(audit.peer)
        if owner.control is Control.NO_AUDIT:
            owner.view.audited(audit, Answer.GOOD)
            return False
        answer, missing = host.proves(owner.home, audit.picks, owner.t)
        self._tally.audits += 1
        owner.view.audited(audit, answer, missing)
        self._told(owner, host, answer)
        return answer is not Answer.GOOD

    def _whole(self, owner: Owner, action: object) -> bool:
        assert isinstance(action, AuditWhole)
        more = False
        for index, key in action.shards:
            host = owner.host(key)
            if key not in owner.linked:
                answer = Answer.SILENT
            elif owner.control is Control.NO_AUDIT:
                answer = Answer.GOOD
            else:
                answer = host.proves_whole((action.pack, action.k, index), owner.t)
            owner.view.audited_whole(action, index, key, answer)
            self._told(owner, host, answer)
            more = more or answer in (Answer.WRONG, Answer.MISSING)
        return more

    def _told(self, owner: Owner, host: Box, answer: Answer) -> None:
        if answer is Answer.WRONG:
            self._tally.wrong_answers += 1
            self._world.note(b"wrong", owner.home, host.number)
            if host.conduct is Conduct.DROPS:
                self._world.caught(owner, host)

    # News

    def _head(self, owner: Owner, news: object) -> bool:
        assert isinstance(news, Head | Capsule)
        if news.peer not in owner.linked:
            owner.view.gave_up(news)
            return False
        host = owner.host(news.peer)
        if isinstance(news, Head) and not (host.flavour == "stale" and owner.home in host.heads):
            host.heads[owner.home] = (news.number, owner.epoch)
        owner.view.told(news)
        return False

    def _manifest(self, owner: Owner, news: object) -> bool:
        assert isinstance(news, Manifest)
        if news.peer not in owner.linked:
            owner.view.gave_up(news)
            return False
        host = owner.host(news.peer)
        owner.view.told(news)
        if is_willing(host):
            self._world.charges[host.number, owner.home] = Charge(host, owner, manifest(owner))
        return False

    def _renew(self, owner: Owner, action: object) -> bool:
        assert isinstance(action, Renew | Vouch)
        host = owner.host(action.peer)
        host.alive_ms[owner.home] = host.now_ms(owner.t)
        owner.view.renewed(action)
        return False

    # Alarms

    def _alarm(self, owner: Owner, alarm: object) -> bool:
        assert isinstance(alarm, Alarm)
        if alarm.kind not in (AlarmKind.LOST, AlarmKind.SUSPENDED):
            return False
        host, peer = owner.host(alarm.peer), owner.view.peers[alarm.peer]
        self._world.note(alarm.kind.value.encode(), owner.home, host.number)
        honest = host.conduct is Conduct.HONEST and host.alive
        there = alarm.peer in owner.linked and peer.state in (PeerState.SUSPENDED, PeerState.LOST)
        if alarm.kind is AlarmKind.SUSPENDED:
            self._tally.false_suspensions += honest and there
        elif honest and there:
            self._tally.false_evictions.add(host.number)
        if alarm.kind is AlarmKind.LOST and peer.strikes and peer.state is PeerState.LOST:
            self._world.evicted(owner, host)
        return False


def may_end(host: Box, owner: Owner, t: int) -> bool:
    """Whether the host could already let the shards of an owner go; raises LeaseRuns while it may not."""
    check_end(None, host.alive_ms.get(owner.home, host.now_ms(t)), host.now_ms(t), host.patience.lived_ms)
    return True
