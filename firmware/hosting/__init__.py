"""What a box decides about the shards it keeps for others: room, time, custody, what goes and when. No I/O."""

from firmware.hosting.custody import Judgement, Waiting, agreed, judge
from firmware.hosting.going import DELETE_MS, CapsuleKept, capsules_going, delete_date, is_wave
from firmware.hosting.kits import KitTries
from firmware.hosting.leases import (
    DAY,
    LEASE_MS,
    Ending,
    EndingKind,
    away_since,
    check_end,
    ending_after_contact,
    ending_after_leaving,
    ending_after_notice,
    lease_until,
)
from firmware.hosting.patience import Patience
from firmware.hosting.room import Account, HostLimits, House, charge
from firmware.hosting.shown import HostedLocker, HostedPeer, PendingDelete, Tidied

__all__ = [
    "DAY",
    "DELETE_MS",
    "LEASE_MS",
    "Account",
    "CapsuleKept",
    "Ending",
    "EndingKind",
    "HostLimits",
    "HostedLocker",
    "HostedPeer",
    "House",
    "Judgement",
    "KitTries",
    "Patience",
    "PendingDelete",
    "Tidied",
    "Waiting",
    "agreed",
    "away_since",
    "capsules_going",
    "charge",
    "check_end",
    "delete_date",
    "ending_after_contact",
    "ending_after_leaving",
    "ending_after_notice",
    "is_wave",
    "judge",
    "lease_until",
]
