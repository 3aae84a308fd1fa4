"""What two boxes say to each other, without socket, clock or disk: messages, frames, pairing, both ends of a request.

docs/formats/peer.md is the protocol. ``Answering`` serves one stream and calls a ``Host``; ``Asking`` makes one attempt
at a ``Call``; conversations (``greet``, ``put_shard``, ``get_shard`` ...) are generators of calls. The messages are in
``firmware.peer.messages``. Names are loaded when the first one is asked for: a process that signs a paper or reads a
head, and talks to nobody, imports the module it needs and has no protocol in its memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from firmware.peer.answering import Answering
    from firmware.peer.asking import (
        Asking,
        Call,
        Conversation,
        Heard,
        Met,
        Piece,
        ask,
        get_shard,
        greet,
        put_shard,
        reserve,
        talk,
    )
    from firmware.peer.host import Arriving, Authority, Caller, Host, Introduction, OwnBox
    from firmware.peer.invitations import Ticket, Way, read_ticket
    from firmware.peer.listing import ShardList, check_listed
    from firmware.peer.manifests import ManifestPack, manifest_parts, read_manifest
    from firmware.peer.pairing import Invitation, Invitations, InvitationState, Joining, OwnersSay
    from firmware.peer.signed import (
        MAY_PLACE,
        MAY_READ,
        Card,
        Custody,
        Handover,
        HeadOrder,
        HeldCustody,
        HeldHandover,
        Permit,
        Receipt,
        Verdict,
        check_permit,
        custody_verdict,
        head_order,
        plain_label,
        read_card,
        read_custody,
        read_handover,
        read_head,
        read_receipt,
    )

__all__ = [
    "MAY_PLACE",
    "MAY_READ",
    "Answering",
    "Arriving",
    "Asking",
    "Authority",
    "Call",
    "Caller",
    "Card",
    "Conversation",
    "Custody",
    "Handover",
    "HeadOrder",
    "Heard",
    "HeldCustody",
    "HeldHandover",
    "Host",
    "Introduction",
    "Invitation",
    "InvitationState",
    "Invitations",
    "Joining",
    "ManifestPack",
    "Met",
    "OwnBox",
    "OwnersSay",
    "Permit",
    "Piece",
    "Receipt",
    "ShardList",
    "Ticket",
    "Verdict",
    "Way",
    "ask",
    "check_listed",
    "check_permit",
    "custody_verdict",
    "get_shard",
    "greet",
    "head_order",
    "manifest_parts",
    "plain_label",
    "put_shard",
    "read_card",
    "read_custody",
    "read_handover",
    "read_head",
    "read_manifest",
    "read_receipt",
    "read_ticket",
    "reserve",
    "talk",
]


def __getattr__(name: str) -> Any:
    """Load the protocol and return one of its names; raises AttributeError."""
    if name not in __all__:
        raise AttributeError(name)
    from firmware.peer import answering, asking, host, invitations, listing, manifests, pairing, signed

    own = globals()
    for module in (answering, asking, host, invitations, listing, manifests, pairing, signed):
        own.update((each, vars(module)[each]) for each in __all__ if each in vars(module) and each not in own)
    return own[name]
