"""Who may ask what: one method for each request, between a decoded request and the host's answer.

Rules: a paired box may greet, ping, offer, notify and vouch. What touches a locker needs the custody record in force to
name the caller; the highest epoch wins, and an older box hears ``custody-moved``. Reading, auditing and placing are
open to a delegate with a permit too. Nothing here keeps anything between requests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from firmware.errors import (
    BadSeal,
    CustodyMissing,
    CustodyMoved,
    KitUnknown,
    PartRefused,
    PeerGarbled,
    PeerOlder,
    PeerUnpaired,
    PermitWrong,
    ReportedStolen,
    ShardWrong,
)
from firmware.peer import messages as m
from firmware.peer.frames import FrameHead
from firmware.peer.host import Arriving, Authority, Caller, Host, Introduction, OwnBox, PartHost
from firmware.peer.listing import check_listed
from firmware.peer.pairing import Invitations
from firmware.peer.signed import (
    MAY_PLACE,
    MAY_READ,
    Card,
    HeldCustody,
    HeldHandover,
    Permit,
    Receipt,
    check_permit,
    read_card,
    read_custody,
    read_handover,
    read_head,
    read_report,
)
from firmware.peer.versions import Span, agreed

Reply = tuple[Any, bytes]
"""The answer, and its body."""


class Deciding:
    """Decides for one caller."""

    def __init__(self, caller: Caller, host: Host, own: OwnBox, invitations: Invitations, versions: Span) -> None:
        """See ``Answering``."""
        self._caller, self._host, self._own, self._invitations = caller, host, own, invitations
        self._versions = versions

    def reply(self, request: m.Request[Any], body: bytes, now_ms: int) -> Reply:
        """Answer a request whose body (if any) came whole."""
        decide = _HOW.get(type(request))
        if decide is None:
            raise PeerOlder(what=request.OP)
        if self._caller.guest and type(request) not in _GUESTS:
            raise PeerUnpaired
        if self._caller.restoring and type(request) not in _RESTORERS:
            raise PeerUnpaired
        return decide(self, request, body, now_ms)

    # Who asks

    def _box(self) -> bytes:
        if self._caller.box is None:
            raise PeerUnpaired
        if isinstance(self._host, PartHost) and self._host.is_stolen(self._caller.box):
            raise ReportedStolen
        return self._caller.box

    def authority(self, locker: bytes, permit: bytes | None = None, right: int = 0, now_ms: int = 0) -> Authority:
        """Return what lets the caller act for ``locker``; raises CustodyMissing, CustodyMoved or PermitWrong."""
        box = self._box()
        held = self._host.custodies(locker)
        for each in held:
            if each.record.box == box and not self._caller.guest:
                return Authority(box, each)
        if not held:
            raise CustodyMissing
        if permit is None or not right:
            raise CustodyMoved
        by, checked = _permitted(held, permit, box, right, now_ms)
        if box != self._own.key.public and not self._host.introduced(by.record.box, box):
            raise PermitWrong(why="the owner's box did not introduce the one that brings it")
        return Authority(box, by, checked)

    # Meeting

    def hello(self, request: m.Hello, _body: bytes, now_ms: int) -> Reply:
        """Greet: the card must be of the pinned box and of the key that the transport proved."""
        speak = agreed(request.versions, self._versions)  # named in a refusal: what this box speaks
        try:
            card = read_card(request.card)
            shown = [read_custody(each) for each in request.custody]
            handed = [read_handover(each) for each in request.handovers or ()]
        except BadSeal:
            raise PeerGarbled(why="something in the greeting is not signed properly") from None
        if (card.box, card.endpoint) != (self._box(), self._caller.endpoint):
            raise PeerUnpaired
        if self._caller.restoring:
            self._only_proved(shown, handed)
        else:
            self._host.greeted(self._caller, card, request.card, now_ms)
        for each in handed:
            self._host.show_handover(each, now_ms)
        states = tuple(self._shown(each, now_ms) for each in shown)
        newer = tuple(each for each in map(self._host.newer_custody, shown) if each is not None)
        return m.Greeted(self._own.card, self._versions, speak, now_ms, states, newer or None), b""

    def _only_proved(self, shown: Sequence[HeldCustody], handed: Sequence[HeldHandover]) -> None:
        """Who came with a kit speaks for the locker of that kit alone."""
        if handed or any((each.record.locker, each.public) not in self._caller.restoring for each in shown):
            raise PeerUnpaired

    def _shown(self, each: HeldCustody, now_ms: int) -> m.CustodyState:
        """A record may be shown by the box it names alone: nobody moves a locker on behalf of others."""
        if each.record.box != self._caller.box:
            raise PeerGarbled(why="a custody record of another box")
        verdict, until_ms = self._host.show_custody(each, now_ms)
        return m.CustodyState(each.record.locker, each.record.epoch, verdict.value, until_ms)

    def ping(self, request: m.Ping, _body: bytes, now_ms: int) -> Reply:
        """The number back."""
        self._box()
        return m.Pong(request.number, now_ms), b""

    def offer(self, request: m.Offer, _body: bytes, now_ms: int) -> Reply:
        """Both quotas."""
        self._box()
        return m.Offer(*self._host.offer(self._caller, request.quota, request.used, now_ms)), b""

    def notice(self, request: m.Notice, _body: bytes, now_ms: int) -> Reply:
        """Heard."""
        self._box()
        self._host.notice(self._caller, request, now_ms)
        return m.Done(), b""

    def vouch(self, request: m.Vouch, _body: bytes, now_ms: int) -> Reply:
        """Heard; a peer may not vouch for its own lockers, contact does that."""
        self._box()
        self._host.vouch(self._caller, request.seen, now_ms)
        return m.Done(), b""

    # Pairing

    def pair_open(self, request: m.PairOpen, _body: bytes, now_ms: int) -> Reply:
        """See ``Invitations``."""
        return self._invitations.open(self._caller.endpoint, request, now_ms), b""

    def pair_prove(self, request: m.PairProve, _body: bytes, now_ms: int) -> Reply:
        """See ``Invitations``."""
        return self._invitations.prove(self._caller.endpoint, request, now_ms), b""

    def pair_confirm(self, request: m.PairConfirm, _body: bytes, now_ms: int) -> Reply:
        """See ``Invitations``."""
        return self._invitations.confirm(self._caller.endpoint, request, now_ms), b""

    # Keeping

    def reserve(self, request: m.Reserve, _body: bytes, now_ms: int) -> Reply:
        """Room, as much as there is."""
        by = self.authority(request.locker, request.permit, MAY_PLACE, now_ms)
        return self._host.reserve(by, request.room, now_ms), b""

    def status(self, request: m.Status, _body: bytes, now_ms: int) -> Reply:
        """How each shard is kept."""
        by = self.authority(request.locker, request.permit, MAY_READ | MAY_PLACE, now_ms)
        found = self._host.status(by, request.shards)
        states = bytes(how for how, _ in found)
        return m.Statuses(states, tuple(at for how, at in found if how == m.Keeping.PARTIAL)), b""

    def begin_put(self, request: m.Put, size: int, now_ms: int) -> Arriving:
        """Open the way for a body, before its first byte is taken."""
        if request.offset + size > request.whole:
            raise PeerGarbled(why="a put goes beyond the end of its shard")
        by = self._placing(request, now_ms)
        return self._host.begin_put(by, request.shard, request.whole, request.offset, size)

    def _placing(self, request: m.Put, now_ms: int) -> Authority:
        """A delegate puts down what its permit lists: shards of the owner, made again, and nothing else."""
        by = self.authority(request.locker, request.permit, MAY_PLACE, now_ms)
        if by.permit is not None:
            check_listed(by.permit.listed, by.permit.count, request.shard, request.proof or b"")
        return by

    def end_put(self, request: m.Put, arriving: Arriving, head: FrameHead | None, now_ms: int) -> Reply:
        """The body came whole and right."""
        assert head is not None, "a body comes after a head"
        received_ms = arriving.finish(now_ms)
        offset = request.offset + head.size
        if received_ms is None:
            return m.Putted(offset), b""
        return m.Putted(offset, self._receipt(request, request.whole, received_ms)), b""

    def put(self, request: m.Put, _body: bytes, now_ms: int) -> Reply:
        """A put without bytes asks for the receipt of a shard that is held."""
        by = self._placing(request, now_ms)
        whole, received_ms = self._host.received_ms(by, request.shard)
        if whole != request.whole:
            raise ShardWrong
        return m.Putted(whole, self._receipt(request, whole, received_ms)), b""

    def _receipt(self, request: m.Put, whole: int, received_ms: int) -> bytes:
        receipt = Receipt(request.locker, request.shard, whole, self._box(), self._own.key.public, received_ms)
        return receipt.signed(self._own.key)

    def get(self, request: m.Get, _body: bytes, now_ms: int) -> Reply:
        """A piece of a shard."""
        by = self.authority(request.locker, request.permit, MAY_READ, now_ms)
        whole, data = self._host.read(by, request.shard, request.offset, request.count)
        return m.Got(whole), data

    def renew(self, request: m.Renew, _body: bytes, now_ms: int) -> Reply:
        """All leases or none: a locker the caller may not act for is an error."""
        authorities = [self.authority(each) for each in request.lockers]
        return m.Renewed(tuple(self._host.renew(self._caller, authorities, now_ms))), b""

    def delete_ask(self, request: m.DeleteAsk, _body: bytes, now_ms: int) -> Reply:
        """The date."""
        by = self.authority(request.locker)
        return m.DeleteSet(*self._host.delete_ask(by, request.shards, request.when_ms, now_ms)), b""

    def delete_cancel(self, request: m.DeleteCancel, _body: bytes, _now_ms: int) -> Reply:
        """They stay."""
        self._host.delete_cancel(self.authority(request.locker), request.shards)
        return m.Done(), b""

    # Proving

    def audit(self, request: m.Audit, _body: bytes, now_ms: int) -> Reply:
        """32 bytes over the picked leaves."""
        by = self.authority(request.locker, request.permit, MAY_READ, now_ms)
        return m.Audited(self._host.leaves(by, request.nonce, request.picks)), b""

    def audit_whole(self, request: m.AuditWhole, _body: bytes, now_ms: int) -> Reply:
        """32 bytes over the whole shard."""
        by = self.authority(request.locker, request.permit, MAY_READ, now_ms)
        return m.Audited(self._host.whole(by, request.shard, request.nonce)), b""

    def prove(self, request: m.Prove, _body: bytes, now_ms: int) -> Reply:
        """Leaves and their proofs."""
        by = self.authority(request.locker, request.permit, MAY_READ, now_ms)
        whole, leaves, proofs = self._host.prove(by, request.shard, request.leaves)
        return m.Proven(whole, tuple(proofs)), b"".join(leaves)

    # Remembering

    def head(self, request: m.HeadSet, _body: bytes, now_ms: int) -> Reply:
        """The highest head known here."""
        by = self.authority(request.locker)
        if request.head is not None:
            try:
                read_head(request.head)
            except BadSeal:
                raise PeerGarbled(why="the head is not signed properly") from None
        return m.HeadKnown(self._host.head(by, request.head, now_ms)), b""

    def capsule_put(self, request: m.CapsulePut, body: bytes, now_ms: int) -> Reply:
        """Kept."""
        by = self.authority(request.locker)
        if len(body) != request.BODY:
            raise PeerGarbled(why=f"a capsule has {request.BODY} bytes")
        self._host.capsule_put(by, request.number, body, now_ms)
        return m.Done(), b""

    def capsule_get(self, request: m.CapsuleGet, _body: bytes, _now_ms: int) -> Reply:
        """The capsule."""
        return self._host.capsule_get(self.authority(request.locker), request.number)

    def kit_get(self, request: m.KitGet, _body: bytes, now_ms: int) -> Reply:
        """The capsule, to whoever has the words; whatever does not fit sounds the same."""
        try:
            card = read_card(request.card)
        except BadSeal:
            raise KitUnknown from None
        if card.endpoint != self._caller.endpoint:
            raise KitUnknown
        return self._host.kit_get(self._caller, card, request, self._own.endpoint, now_ms)

    def manifest_put(self, request: m.ManifestPut, body: bytes, now_ms: int) -> Reply:
        """Kept; its permit must be for this box."""
        by = self.authority(request.locker)
        check_permit(request.permit, by.record, self._own.key.public, MAY_READ, now_ms)
        if request.part >= request.parts:
            raise PeerGarbled(why="a part beyond the last one")
        at = m.ManifestPart(request.number, request.part, request.parts)
        self._host.manifest_put(by, at, body, request.permit, now_ms)
        return m.Done(), b""

    def manifest_get(self, request: m.ManifestGet, _body: bytes, _now_ms: int) -> Reply:
        """A part."""
        return self._host.manifest_get(self.authority(request.locker), request.part)

    def rebuild(self, request: m.Rebuild, _body: bytes, now_ms: int) -> Reply:
        """Any paired box may bring an order; the owner's permit must name this box."""
        self._box()
        held = self._host.custodies(request.locker)
        if not held:
            raise CustodyMissing
        _permitted(held, request.permit, self._own.key.public, MAY_PLACE, now_ms)
        if request.k > len(request.shards) or any(each.index >= len(request.shards) for each in request.wanted):
            raise PeerGarbled(why="an order to rebuild names shards that do not exist")
        return m.RebuildTaken(self._host.rebuild(self._caller, request, now_ms)), b""

    # Helping

    def introduce(self, request: m.Introduce, _body: bytes, _now_ms: int) -> Reply:
        """Only a peer introduces others; what they may do their permits say."""
        self._box()
        try:
            card = read_card(request.card)
        except BadSeal:
            raise PeerGarbled(why="the card it passes on is not signed by its box") from None
        role = m.Role(request.role)
        self._host.introduce(self._caller, Introduction(card, request.card, role, request.until_ms, request.roof))
        return m.Done(), b""

    def whereabouts(self, request: m.Whereabouts, _body: bytes, _now_ms: int) -> Reply:
        """Cards, to delegates: who asks had the keys from the owner already."""
        self._box()
        return m.Cards(tuple(self._host.whereabouts(self._caller, request.boxes))), b""

    def repaired(self, request: m.Repaired, _body: bytes, _now_ms: int) -> Reply:
        """What was made again here for the locker of the caller."""
        return m.Repairs(tuple(self._host.repaired(self.authority(request.locker), request.after_ms))), b""

    # Parts of keys

    def _parts(self, request: m.Request[Any]) -> PartHost:
        if not isinstance(self._host, PartHost):
            raise PeerOlder(what=request.OP)
        return self._host

    def part_key(self, request: m.PartKey, _body: bytes, _now_ms: int) -> Reply:
        """What to seal to."""
        self._box()
        return self._parts(request).part_key(), b""

    def part_put(self, request: m.PartPut, _body: bytes, _now_ms: int) -> Reply:
        """Kept."""
        self._parts(request).part_put(self.authority(request.locker), request)
        return m.Done(), b""

    def part_ask(self, request: m.PartAsk, _body: bytes, now_ms: int) -> Reply:
        """How far it is. The card must be of the key that the transport proved: nobody asks for another box."""
        card = _card_of(request.card)
        if card.endpoint != self._caller.endpoint:
            raise PartRefused
        return self._parts(request).part_ask(self._caller, request, card, now_ms), b""

    def part_say(self, request: m.PartSay, _body: bytes, now_ms: int) -> Reply:
        """Heard."""
        self._box()
        self._parts(request).part_say(self._caller, request, now_ms)
        return m.Done(), b""

    def stolen(self, request: m.Stolen, _body: bytes, now_ms: int) -> Reply:
        """Whoever brings it, the signature counts."""
        try:
            report = read_report(request.report)
        except BadSeal:
            raise PeerGarbled(why="the report is not signed properly") from None
        self._parts(request).stolen(report, now_ms)
        return m.Done(), b""


def _card_of(data: bytes) -> Card:
    try:
        return read_card(data)
    except BadSeal:
        raise PeerGarbled(why="the card is not signed by its box") from None


def _permitted(held: Any, permit: bytes, box: bytes, right: int, now_ms: int) -> tuple[HeldCustody, Permit]:
    """The custody record whose box signed the permit, and what it says."""
    problem = PermitWrong(why="the owner's box did not sign it")
    for each in held:
        assert isinstance(each, HeldCustody)
        try:
            return each, check_permit(permit, each.record, box, right, now_ms)
        except PermitWrong as error:
            problem = error
    raise problem


_Decide = Callable[[Deciding, Any, bytes, int], Reply]

_HOW: Final[Mapping[type[m.Request[Any]], _Decide]] = {
    m.Hello: Deciding.hello,
    m.Ping: Deciding.ping,
    m.Offer: Deciding.offer,
    m.Notice: Deciding.notice,
    m.Vouch: Deciding.vouch,
    m.PairOpen: Deciding.pair_open,
    m.PairProve: Deciding.pair_prove,
    m.PairConfirm: Deciding.pair_confirm,
    m.Reserve: Deciding.reserve,
    m.Status: Deciding.status,
    m.Put: Deciding.put,
    m.Get: Deciding.get,
    m.Renew: Deciding.renew,
    m.DeleteAsk: Deciding.delete_ask,
    m.DeleteCancel: Deciding.delete_cancel,
    m.Audit: Deciding.audit,
    m.AuditWhole: Deciding.audit_whole,
    m.Prove: Deciding.prove,
    m.HeadSet: Deciding.head,
    m.CapsulePut: Deciding.capsule_put,
    m.CapsuleGet: Deciding.capsule_get,
    m.ManifestPut: Deciding.manifest_put,
    m.ManifestGet: Deciding.manifest_get,
    m.Rebuild: Deciding.rebuild,
    m.Introduce: Deciding.introduce,
    m.Whereabouts: Deciding.whereabouts,
    m.Repaired: Deciding.repaired,
    m.KitGet: Deciding.kit_get,
    m.PartKey: Deciding.part_key,
    m.PartPut: Deciding.part_put,
    m.PartAsk: Deciding.part_ask,
    m.PartSay: Deciding.part_say,
    m.Stolen: Deciding.stolen,
}
_GUESTS: Final = frozenset(
    {m.Ping, m.Reserve, m.Status, m.Put, m.Get, m.Audit, m.AuditWhole, m.Prove, m.Whereabouts, m.PartAsk, m.Stolen},
)
"""What a box may ask that only somebody else knows; all but ping and whereabouts with a permit."""
_RESTORERS: Final = frozenset({m.Hello, m.Ping, m.KitGet, m.PartAsk, m.Stolen})
"""What a box may ask that came with a kit, until custody is its own."""
