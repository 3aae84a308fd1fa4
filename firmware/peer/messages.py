"""Every request and every answer between two boxes, as frozen values; docs/formats/peer.md explains each.

``REQUESTS`` maps the name of an operation to its class. A class knows the name, its answer, and how long the bodies of
both may be. Sizes are bytes, times ms since 1970 UTC by the clock of the box that says them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from firmware.errors import PeerOlder
from firmware.peer.asked import (
    HASH,
    ID,
    SHARD_BYTES,
    SIGNED,
    VERSION,
    VERSIONS,
    Done,
    Request,
)
from firmware.peer.cbor import Value
from firmware.peer.fields import Text, read_part
from firmware.peer.helping import Cards, Introduce, Repair, Repaired, Repairs, Role, Whereabouts
from firmware.peer.keeping import (
    Audit,
    Audited,
    AuditWhole,
    DeleteAsk,
    DeleteCancel,
    DeleteSet,
    Get,
    Got,
    Keeping,
    Lease,
    Pick,
    Prove,
    Proven,
    Put,
    Putted,
    Renew,
    Renewed,
    Reserve,
    Reserved,
    Status,
    Statuses,
)
from firmware.peer.meeting import (
    CustodyState,
    Greeted,
    Hello,
    NewerCustody,
    Notice,
    NoticeKind,
    Offer,
    PairAnswered,
    PairConfirm,
    PairOpen,
    PairOpened,
    PairProve,
    PairProved,
    Ping,
    Pong,
    Seen,
    Vouch,
)
from firmware.peer.parts import PartAsk, PartAsked, PartKey, PartKeyed, PartPut, PartSay, Stolen
from firmware.peer.remembering import (
    Capsule,
    CapsuleGet,
    CapsulePut,
    Head,
    HeadKnown,
    HeadSet,
    KitGet,
    KitGiven,
    ManifestGet,
    ManifestPart,
    ManifestPut,
    Placed,
    Rebuild,
    RebuildTaken,
    Wanted,
)

__all__ = [
    "ALL",
    "HASH",
    "ID",
    "PAIRING",
    "REQUESTS",
    "SHARD_BYTES",
    "SIGNED",
    "STRANGERS",
    "VERSION",
    "VERSIONS",
    "Audit",
    "AuditWhole",
    "Audited",
    "Capsule",
    "CapsuleGet",
    "CapsulePut",
    "Cards",
    "CustodyState",
    "DeleteAsk",
    "DeleteCancel",
    "DeleteSet",
    "Done",
    "Get",
    "Got",
    "Greeted",
    "Head",
    "HeadKnown",
    "HeadSet",
    "Hello",
    "Introduce",
    "Keeping",
    "KitGet",
    "KitGiven",
    "Lease",
    "ManifestGet",
    "ManifestPart",
    "ManifestPut",
    "NewerCustody",
    "Notice",
    "NoticeKind",
    "Offer",
    "PairAnswered",
    "PairConfirm",
    "PairOpen",
    "PairOpened",
    "PairProve",
    "PairProved",
    "PartAsk",
    "PartAsked",
    "PartKey",
    "PartKeyed",
    "PartPut",
    "PartSay",
    "Pick",
    "Ping",
    "Placed",
    "Pong",
    "Prove",
    "Proven",
    "Put",
    "Putted",
    "Rebuild",
    "RebuildTaken",
    "Renew",
    "Renewed",
    "Repair",
    "Repaired",
    "Repairs",
    "Request",
    "Reserve",
    "Reserved",
    "Role",
    "Seen",
    "Status",
    "Statuses",
    "Stolen",
    "Vouch",
    "Wanted",
    "Whereabouts",
    "read_request",
]

ALL: Final[tuple[type[Request[Any]], ...]] = (
    Hello,
    Ping,
    Offer,
    Notice,
    Vouch,
    PairOpen,
    PairProve,
    PairConfirm,
    Reserve,
    Status,
    Put,
    Get,
    Renew,
    DeleteAsk,
    DeleteCancel,
    Audit,
    AuditWhole,
    Prove,
    HeadSet,
    CapsulePut,
    CapsuleGet,
    ManifestPut,
    ManifestGet,
    Rebuild,
    Introduce,
    Whereabouts,
    Repaired,
    KitGet,
    PartKey,
    PartPut,
    PartAsk,
    PartSay,
    Stolen,
)

REQUESTS: Final[Mapping[str, type[Request[Any]]]] = {each.OP: each for each in ALL}
PAIRING: Final = frozenset({PairOpen.OP, PairProve.OP, PairConfirm.OP})
"""What a stranger may ask while an invitation is open."""
STRANGERS: Final = frozenset({PartAsk.OP, Stolen.OP})
"""What a stranger may ask at any time of a box that keeps something for others; each brings its own proof."""


def read_request(head: Mapping[str, Value]) -> Request[Any]:
    """Return the request a head spells; raises PeerOlder for an unknown operation, PeerGarbled for nonsense."""
    op = Text(32, 1).read(head.get("op"), "op")
    known = REQUESTS.get(op)
    if known is None:
        raise PeerOlder(what=op)
    return read_part(known, head)
