"""Asks peers to prove what they keep, renews leases, tells heads and capsules; ``firmware.backup`` judges."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import Final

from firmware import events
from firmware.backup import (
    Answer,
    AskDelete,
    Audit,
    AuditWhole,
    CancelDelete,
    Capsule,
    Head,
    OldShard,
    PickedShard,
    Renew,
    Vouch,
)
from firmware.errors import BoxError, ShardMissing
from firmware.limits import PEER_LOCKERS
from firmware.linux.hosted import HostedShards
from firmware.peer import Call
from firmware.peer import messages as m
from firmware.peer.cbor import loads
from firmware.shard import Layout
from services.peerd import packs
from services.peerd.shipping import Outside

_GOOD: Final = {True: Answer.GOOD, False: Answer.WRONG}


class Auditing:
    """One method for each action; errors of the line are raised to the caller, who tells the view of them."""

    def __init__(self, outside: Outside, hosted: HostedShards, say: Callable[..., None]) -> None:
        """``hosted`` knows which boxes were heard lately; ``say`` tells the journal."""
        self._out, self._hosted, self._say = outside, hosted, say

    async def audit(self, action: Audit) -> None:
        """Ask for leaves, compare with the packs."""
        out, view = self._out, self._out.rows.view
        leaves: list[bytes] = []
        picks: list[m.Pick] = []
        for pick in action.picks:
            shard = await out.shard_id(pick.pack, pick.k, pick.n, pick.index)
            leaves += await out.with_pack(pick.pack, lambda of, pick=pick: packs.picked(of, pick))  # type: ignore[misc]
            picks.append(m.Pick(shard, pick.leaves))
        try:
            heard = await out.talker.ask(
                out.link(action.peer), Call(m.Audit(action.locker, action.nonce, tuple(picks)))
            )
        except ShardMissing:
            view.audited(action, Answer.MISSING, await self._missing(action, [each.shard for each in picks]))
            return
        except BoxError:
            view.audited(action, Answer.SILENT)
            return
        right = heard.answer.proof == packs.expected(action, leaves)
        if not right and not await self._are_sound(each.pack for each in action.picks):
            view.gave_up(action)
            return
        view.audited(action, _GOOD[right])

    async def _are_sound(self, compared: Iterable[bytes]) -> bool:
        """Are the packs a peer was compared with what they were? The journal hears when one is not."""
        for pack in set(compared):
            if not await self._out.with_pack(pack, packs.is_sound):
                self._say(events.PACK_ROTTEN)
                return False
        return True

    async def _missing(self, action: Audit, shards: list[bytes]) -> list[PickedShard]:
        """Ask which of them; none named means that the peer did not say."""
        out = self._out
        try:
            asked = tuple(dict.fromkeys(shards))
            heard = await out.talker.ask(out.link(action.peer), Call(m.Status(action.locker, asked)))
        except BoxError:
            return []
        gone = {shard for shard, (how, _) in zip(asked, heard.answer.each(), strict=False) if how is not m.Keeping.HELD}
        return [pick for pick, shard in zip(action.picks, shards, strict=True) if shard in gone]

    async def whole(self, action: AuditWhole) -> None:
        """Ask every holder for its whole shard; one reading of the pack serves all."""
        out, view = self._out, self._out.rows.view
        layout = Layout(action.k, action.n)
        numbers = tuple(index for index, _ in action.shards)
        wanted = await out.with_pack(action.pack, lambda of: packs.whole_answers(of, layout, numbers, action.nonce))
        for (index, peer), right in zip(action.shards, wanted, strict=True):
            try:
                shard = await out.shard_id(action.pack, action.k, action.n, index)
                call = Call(m.AuditWhole(action.locker, shard, action.nonce))
                heard = await out.talker.ask(out.link(peer), call)
            except ShardMissing:
                view.audited_whole(action, index, peer, Answer.MISSING)
            except BoxError:
                view.audited_whole(action, index, peer, Answer.SILENT)
            else:
                if heard.answer.proof == right:
                    view.audited_whole(action, index, peer, Answer.GOOD)
                elif await self._are_sound([action.pack]):
                    view.audited_whole(action, index, peer, Answer.WRONG)
                    await self._let_look(action, shard, peer)
                else:
                    view.audited_whole(action, index, peer, Answer.SILENT)

    async def _let_look(self, action: AuditWhole, shard: bytes, peer: bytes) -> None:
        """A host asked for its word again reads what it has: what is rotten goes, and takes no room any more."""
        pack = self._out.rows.view.packs.get(action.pack)
        if pack is not None:
            whole = Layout(action.k, action.n).shard_size(pack.size)
            with contextlib.suppress(BoxError):
                await self._out.talker.ask(self._out.link(peer), Call(m.Put(action.locker, shard, whole, whole)))

    async def renew(self, action: Renew) -> None:
        """Leases run on."""
        await self._out.talker.ask(self._out.link(action.peer), Call(m.Renew(action.lockers)))
        self._out.rows.view.renewed(action)

    async def vouch(self, action: Vouch) -> None:
        """Say which boxes of others were heard here."""
        seen = [m.Seen(each.locker, each.alive_ms) for each in self._hosted.lockers() if each.box != action.peer]
        if seen:
            call = Call(m.Vouch(tuple(sorted(seen, key=lambda each: -each.seen_ms)[:PEER_LOCKERS])))
            await self._out.talker.ask(self._out.link(action.peer), call)
        self._out.rows.view.renewed(action)

    async def head(self, action: Head) -> None:
        """The newest head; the peer tells the highest one it knows."""
        data = self._out.rows.paper("head", action.locker)
        found = loads(data) if data is not None else None
        if not isinstance(found, list) or len(found) != 3:
            self._out.rows.view.gave_up(action)
            return
        header, signature, public = (bytes(each) for each in found if isinstance(each, bytes))
        call = Call(m.HeadSet(action.locker, m.Head(header, signature, public)))
        await self._out.talker.ask(self._out.link(action.peer), call)
        self._out.rows.view.told(action)

    async def capsule(self, action: Capsule) -> None:
        """The newest capsule, as it lies here."""
        data, locker = self._out.rows.paper("capsule", action.locker), self._out.rows.view.lockers.get(action.locker)
        if data is None or locker is None or locker.capsule != action.number:  # there is a newer one already
            self._out.rows.view.gave_up(action)
            return
        call = Call.with_body(m.CapsulePut(action.locker, action.number), data)
        await self._out.talker.ask(self._out.link(action.peer), call)
        self._out.rows.view.told(action)

    async def ask_delete(self, action: AskDelete) -> None:
        """These shards are not needed there any more."""
        if ids := self._ids(action.shards):
            await self._out.talker.ask(self._out.link(action.peer), Call(m.DeleteAsk(action.locker, ids, 0)))
        self._out.rows.view.deleted(action)

    async def cancel_delete(self, action: CancelDelete) -> None:
        """They are needed after all."""
        if ids := self._ids(action.shards):
            await self._out.talker.ask(self._out.link(action.peer), Call(m.DeleteCancel(action.locker, ids)))
        self._out.rows.view.kept(action)

    def _ids(self, shards: tuple[OldShard, ...]) -> tuple[bytes, ...]:
        found = (self._out.rows.shard_id(each.pack, each.k, each.index) for each in shards)
        return tuple(each for each in found if each is not None)
