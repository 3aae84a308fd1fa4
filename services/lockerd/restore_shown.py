"""What people and peerd are shown of a locker that comes back; values in, values out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from firmware.backup.book import PackPlace
from firmware.backup.restoring import Outlook, outlook, rank
from firmware.errors import BoxError, CustodyWaits, Full, KitReplaced, NewerFormat, TooFewFriends
from firmware.limits import FREE_RESERVE_BYTES, MIB
from services.api import restore_types as z
from services.api.decode import decode
from services.lockerd.rest_list import From
from services.lockerd.returning import Order

if TYPE_CHECKING:
    from services.lockerd.coming_back import ComingBack


def pack_of(place: PackPlace) -> z.RestorePack:
    """Return a pack of the book as peerd is told."""
    shards = tuple(z.RestoreShard(each.index, each.shard.hex(), each.peer.hex()) for each in place.shards)
    return z.RestorePack(
        place.pack.hex(),
        place.prelude.hex(),
        place.kind,
        place.size,
        place.digest.hex(),
        place.precious,
        place.k,
        place.n,
        shards,
    )


def done(order: Order) -> z.RestoreStatus:
    """Return how a restore ended."""
    friends = tuple(_friend(peer, each) for peer, each in order.sources.items())
    return z.RestoreStatus(
        z.RestoreIs.DONE,
        order.began_ms,
        order.until_ms,
        order.names_ms,
        order.done_ms,
        packs=order.packs,
        packs_here=order.packs,
        needed_bytes=order.size,
        here_bytes=order.size,
        received_bytes=sum(each.bytes for each in order.sources.values()),
        friends=friends,
        asked=_asked(order),
    )


def under_way(back: ComingBack) -> z.RestoreStatus:
    """Return how far a restore is; names and files are counted by whoever has the locker open."""
    order, here = back.order, back.here()
    ahead = outlook(back.needed.values(), here, back.there(), back.wrong())
    waits = [each.friend.waits_until_ms for each in back.sources if each.friend.waits_until_ms]
    trouble = _trouble(back, ahead)
    told = trouble.as_dict() if trouble is not None else {}
    return z.RestoreStatus(
        _state(back, trouble),
        order.began_ms,
        order.until_ms,
        order.names_ms,
        packs=len(back.needed),
        packs_here=len(here),
        needed_bytes=sum(each.size for each in back.needed.values()),
        here_bytes=sum(each.size for id, each in back.needed.items() if id in here),
        received_bytes=sum(each.bytes for each in order.sources.values()),
        now_bytes=ahead.now,
        lost_bytes=ahead.lost,
        friends=tuple(_now(each.friend, order) for each in back.sources),
        asked=_asked(order),
        needs=tuple(_need(each.wanted, each.peers, back) for each in ahead.needed),
        waits_until_ms=max(waits, default=None),
        error=_text(told.get("code")),
        sentence=_text(told.get("sentence")),
        advice=_text(told.get("advice")),
    )


def _state(back: ComingBack, trouble: BoxError | None) -> z.RestoreIs:
    if isinstance(trouble, CustodyWaits):
        return z.RestoreIs.WAITING
    if isinstance(trouble, Full):
        return z.RestoreIs.FULL
    if trouble is not None and not isinstance(trouble, NewerFormat):
        return z.RestoreIs.FRIENDS
    if not back.names_here:
        return z.RestoreIs.NAMES
    return z.RestoreIs.SMALL if any(rank(each) < 2 for each in back.todo) else z.RestoreIs.REST


def _trouble(back: ComingBack, ahead: Outlook) -> BoxError | None:
    """What keeps it from going on; a hiccup that passes by itself is none."""
    if isinstance(back.trouble, Full):
        return _full(back, back.trouble)
    if isinstance(back.trouble, NewerFormat):
        return back.trouble
    if back.there() and (ahead.now or not back.needed):
        return None
    if any(each.friend.waits_until_ms for each in back.sources):
        return CustodyWaits()
    if back.sources and all(each.friend.error == KitReplaced.code for each in back.sources):
        return KitReplaced()
    if ahead.needed:
        need = _need(ahead.needed[0].wanted, ahead.needed[0].peers, back)
        return TooFewFriends(wanted=need.wanted, who=_labels(need.labels)) if back.settled else None
    if back.there() or not back.settled:
        return None
    return TooFewFriends(wanted=1, who=_labels(each.friend.label for each in back.sources))


def _full(back: ComingBack, found: Full) -> Full:
    """How much room all that is still to come takes, beside what must stay free."""
    rest = sum(each.size for each in back.todo) + FREE_RESERVE_BYTES
    return Full(need_mib=max(rest // MIB, int(found.fields["need_mib"])), free_mib=found.fields["free_mib"])


def _labels(names: Iterable[str]) -> str:
    return ", ".join(names) or "-"


def _need(wanted: int, peers: Iterable[bytes], back: ComingBack) -> z.RestoreNeed:
    labels = {each.friend.peer: each.friend.label for each in back.sources}
    return z.RestoreNeed(wanted, tuple(labels.get(peer.hex(), peer.hex()[:8]) for peer in peers))


def _now(friend: z.RestoreFriend, order: Order) -> z.RestoreFriend:
    """With what came from it before a restart."""
    whole = order.sources.get(friend.peer, From(friend.label))
    return replace(friend, shards=whole.shards, bytes=whole.bytes, wrong=whole.wrong)


def _asked(order: Order) -> tuple[z.RestoreAsked, ...]:
    return tuple(decode(z.RestoreAsked, each) for each in order.asked)


def _friend(peer: str, each: From) -> z.RestoreFriend:
    return z.RestoreFriend(peer, each.label, False, each.shards, each.bytes, each.wrong)


def _text(found: object) -> str | None:
    return str(found) if found is not None else None
