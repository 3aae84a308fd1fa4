"""What every peer is told: newest heads, capsules, manifests for delegates, renewals, who was heard."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from firmware.backup.actions import Action, Capsule, Head, Manifest, Renew, Vouch
from firmware.backup.facts import Facts
from firmware.backup.states import Locker, Peer, PeerState, Standing
from firmware.limits import PEER_LOCKERS, PEER_MANIFEST_ROWS

_NEWS: Final[dict[str, type[Head | Capsule | Manifest]]] = {
    "head": Head,
    "capsule": Capsule,
    "manifest": Manifest,
}


def news(facts: Facts) -> list[Action]:
    """Return what peers that are there do not know yet: every head and capsule goes to every peer."""
    out: list[Action] = []
    lockers = [each for each in facts.lockers.values() if each.custody]
    standings, renewed = facts.standings, facts.awake_ms - facts.rules.audit_every_ms
    for peer in facts.by_number.values():
        if not peer.online or peer.state is PeerState.LEFT:
            continue
        for locker in lockers:
            known = standings.get((peer.number, locker.id))
            if known is None or not _is_told(known, peer, locker):
                out += _to(facts, peer, locker, known)
        if peer.renewed_at < 0 or peer.renewed_at <= renewed:
            out += _renewals(facts, peer)
    return out


def _to(facts: Facts, peer: Peer, locker: Locker, known: Standing | None) -> list[Action]:
    out: list[Action] = []
    for kind in _NEWS:
        number = int(getattr(locker, kind))
        if number <= (int(getattr(known, kind)) if known else -1) or (kind == "manifest" and not peer.delegate):
            continue
        if (kind, locker.id, peer.key) in facts.untold and facts.awake_ms < facts.untold[kind, locker.id, peer.key]:
            continue
        action = _NEWS[kind](locker.id, peer.key, number)
        if facts.fly((kind, locker.id, peer.key, 0, 0), action):
            out.append(action)
    return out


def _is_told(known: Standing, peer: Peer, locker: Locker) -> bool:
    """Whether there is nothing new for this peer: so it is nearly always."""
    told = known.head >= locker.head and known.capsule >= locker.capsule
    return told and (not peer.delegate or known.manifest >= locker.manifest)


def told(facts: Facts, action: Head | Capsule | Manifest) -> None:
    """The peer knows it now."""
    kind = _kind(action)
    facts.landed((kind, action.locker, action.peer, 0, 0))
    peer = facts.peers.get(action.peer)
    if peer is not None:
        standing = facts.standing(peer.number, action.locker)
        setattr(standing, kind, max(int(getattr(standing, kind)), action.number))


def not_told(facts: Facts, action: Head | Capsule | Manifest) -> None:
    """It came to nothing; the next try comes later."""
    kind = _kind(action)
    facts.landed((kind, action.locker, action.peer, 0, 0))
    facts.untold[kind, action.locker, action.peer] = facts.awake_ms + facts.rules.later_ms


def line_is_back(facts: Facts, peer: bytes) -> None:
    """What did not come through because the line broke is told at once."""
    for each in [each for each in facts.untold if each[2] == peer]:
        del facts.untold[each]


def _kind(action: Head | Capsule | Manifest) -> str:
    return next(kind for kind, of in _NEWS.items() if of is type(action))


def _renewals(facts: Facts, peer: Peer) -> list[Action]:
    mine = [each.id for each in facts.lockers.values() if each.custody and facts.held[peer.number, each.id] > 0]
    out: list[Action] = [
        Renew(peer.key, tuple(mine[at : at + PEER_LOCKERS])) for at in range(0, len(mine), PEER_LOCKERS)
    ]
    out.append(Vouch(peer.key))
    peer.renewed_at = facts.awake_ms
    facts.touched(peer)
    return out


def renewed_not(facts: Facts, action: Renew | Vouch) -> None:
    """A renewal came to nothing; it is asked again in an hour."""
    peer = facts.peers.get(action.peer)
    if peer is not None:
        peer.renewed_at = facts.awake_ms - facts.rules.audit_every_ms + facts.rules.audit_again_ms


def new_manifests(facts: Facts, hour: bool, day: bool) -> None:
    """Give lockers whose packs moved a new manifest number, if any delegate is to hear it.

    ``hour``, ``day``: one has passed. Small lockers are told hourly, large ones (many requests) once a day.
    """
    if not facts.relaid or not any(each.delegate and each.state is not PeerState.LEFT for each in _all(facts)):
        return
    for each in facts.relaid & facts.lockers.keys():
        locker = facts.lockers[each]
        if day or locker.manifest < 0 or (hour and _packs(facts, each) <= PEER_MANIFEST_ROWS):
            locker.manifest += 1
            facts.changes.lockers.add(each)
            facts.relaid.discard(each)


def _all(facts: Facts) -> Collection[Peer]:
    return facts.by_number.values()


def _packs(facts: Facts, locker: bytes) -> int:
    return sum(group.packs for (of, _), group in facts.groups.items() if of == locker)
