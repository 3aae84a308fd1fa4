"""The owner's side of the circle, decided without clock, socket or disk: what ships when and where, audits, repair.

``CircleView`` is what is known; it is told what happened and kept by ``firmware.linux.circle_rows``. ``plan`` says what
to do next. Nothing here knows a key of a locker or a byte of a pack: a locked box goes on shipping and repairing.
Names are loaded when the first one is asked for: lockerd reads a page of the book and has no planner in its memory.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from firmware.backup.actions import (
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
        OldShard,
        PickedShard,
        Renew,
        Reserve,
        Ship,
        Trouble,
        Vouch,
    )
    from firmware.backup.book import Needed
    from firmware.backup.caps import UNLIMITED, Bucket, Caps, HourWindow, Way
    from firmware.backup.delegates import Care, HostSeen, Proof
    from firmware.backup.delegating import Around, Rebuilding, delegate_work
    from firmware.backup.facts import Changes
    from firmware.backup.health import Sum, happiness
    from firmware.backup.placing import network_of
    from firmware.backup.planning import plan
    from firmware.backup.states import (
        RULES,
        Former,
        Lay,
        Locker,
        Mark,
        Pack,
        Peer,
        PeerState,
        Rules,
        Safety,
        SafetyState,
        Standing,
    )
    from firmware.backup.view import CircleView

__all__ = [
    "RULES",
    "UNLIMITED",
    "Action",
    "Alarm",
    "AlarmKind",
    "Answer",
    "Around",
    "AskDelete",
    "Audit",
    "AuditWhole",
    "Bucket",
    "CancelDelete",
    "Caps",
    "Capsule",
    "Care",
    "Changes",
    "CircleView",
    "Former",
    "Head",
    "HostSeen",
    "HourWindow",
    "Lay",
    "Locker",
    "Manifest",
    "Mark",
    "Needed",
    "OldShard",
    "Pack",
    "Peer",
    "PeerState",
    "PickedShard",
    "Proof",
    "Rebuilding",
    "Renew",
    "Reserve",
    "Rules",
    "Safety",
    "SafetyState",
    "Ship",
    "Standing",
    "Sum",
    "Trouble",
    "Vouch",
    "Way",
    "delegate_work",
    "happiness",
    "network_of",
    "plan",
]


def __getattr__(name: str) -> Any:
    """Load the owner's side and return one of its names; raises AttributeError."""
    if name not in __all__:
        raise AttributeError(name)
    from firmware.backup import (
        actions,
        book,
        caps,
        delegates,
        delegating,
        facts,
        health,
        placing,
        planning,
        states,
        view,
    )

    own = globals()
    for module in (actions, book, caps, delegates, delegating, facts, health, placing, planning, states, view):
        own.update((each, vars(module)[each]) for each in __all__ if each in vars(module) and each not in own)
    return own[name]
