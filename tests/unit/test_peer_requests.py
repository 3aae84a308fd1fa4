"""Both ends of a request: who may ask, what arrives, what a broken line costs, what a lie gets."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from blake3 import blake3

from firmware import errors
from firmware.errors import BoxError
from firmware.limits import PEER_PUTS, PEER_REQUESTS
from firmware.peer import (
    MAY_PLACE,
    MAY_READ,
    Answering,
    Asking,
    Call,
    Caller,
    Handover,
    Permit,
    Piece,
    ShardList,
    ask,
    check_listed,
    get_shard,
    greet,
    manifest_parts,
    put_shard,
    read_manifest,
    reserve,
    talk,
)
from firmware.peer import messages as m
from firmware.peer.cbor import Value
from firmware.peer.frames import frame
from firmware.peer.saying_no import FAMILIES, KNOWN, family_of, refusal, refused
from tests.sim.peer_world import DAY_MS, Line, MemoryBox, MemoryHost, custody
from tests.vectors.peer_examples import EXAMPLES, HEAD, LOCKER, MANIFEST, NOW, SHARD, key, request_frame

CONTENT = random.Random(1).randbytes(300_000)
ID = blake3(CONTENT).digest()


class Circle:
    """An owner's box that talks to a host's."""

    def __init__(self, seed: int = 1) -> None:
        self.owner, self.host = MemoryBox("owner"), MemoryBox("host")
        self.line = Line(self.host, self.owner.caller(), random.Random(seed))
        self.piece = Piece(LOCKER, ID, len(CONTENT), self.host.own.key.public, self.owner.own.key.public)

    def greet(self, *records: bytes, line: Line | None = None, box: MemoryBox | None = None) -> m.Greeted:
        who = box or self.owner
        host = self.host.own
        return talk(greet(who.own.card, records, host.key.public, host.endpoint), (line or self.line).perform).greeted

    def put(self) -> None:
        talk(put_shard(self.piece, source), self.line.perform)

    def introduce(self, box: MemoryBox, role: m.Role = m.Role.DELEGATE) -> None:
        self.line.perform(Call(m.Introduce(box.own.card, role, NOW + DAY_MS)))

    def another(self, name: str) -> tuple[MemoryBox, Line]:
        box = MemoryBox(name)
        return box, Line(self.host, box.caller(), random.Random(2))

    def refuses(self, request: m.Request[Any], body: bytes = b"", line: Line | None = None) -> str:
        with pytest.raises(BoxError) as told:
            (line or self.line).perform(Call.with_body(request, body))
        return told.value.code


def test_a_new_kits_key_is_shown_with_the_handover_before_its_record() -> None:
    circle = Circle()
    circle.greet(custody(LOCKER, circle.owner))
    circle.put()
    fresh = custody(LOCKER, circle.owner, 2, "another kit")
    handover = Handover(fresh).signed(key("custody"))
    host, own = circle.host.own, circle.owner.own
    hello = greet(own.card, (fresh,), host.key.public, host.endpoint, (handover,))
    assert [each.state for each in talk(hello, circle.line.perform).greeted.custody] == ["same"]
    circle.put()
    assert len(circle.host.host.records) == 1
    assert circle.refuses(m.Hello(own.card, (1, 1), (fresh,), (fresh,))) == "peer-garbled"


def permit_of(
    owner: MemoryBox, delegate: MemoryBox, rights: int, *, epoch: int = 1, listed: ShardList | None = None
) -> bytes:
    listed = listed or ShardList([])
    to = delegate.own.key.public
    return Permit(LOCKER, epoch, to, rights, NOW + DAY_MS, listed.count, listed.root).signed(owner.own.key)


def source(offset: int, count: int) -> bytes:
    return CONTENT[offset : offset + count]


@pytest.fixture
def circle() -> Circle:
    found = Circle()
    found.greet(custody(LOCKER, found.owner))
    return found


def test_a_greeting_shows_both_sides_who_is_there(circle: Circle) -> None:
    greeted = circle.greet(custody(LOCKER, circle.owner))
    assert [state.state for state in greeted.custody] == ["same"] and greeted.speak == 1 and greeted.now_ms == NOW
    with pytest.raises(errors.PeerUnpaired):  # a card of another box on this link
        circle.line.perform(Call(m.Hello(MemoryBox("thief").own.card, (1, 1), ())))
    with pytest.raises(errors.PeerUnpaired):  # the host is not the box that was pinned
        talk(greet(circle.owner.own.card, (), key("other").public, circle.host.own.endpoint), circle.line.perform)


@pytest.mark.parametrize("seed", range(8))
def test_a_shard_is_put_once_however_often_the_line_breaks(seed: int) -> None:
    circle, rng = Circle(seed), random.Random(seed)
    circle.greet(custody(LOCKER, circle.owner))
    circle.line.cuts = [1 << 40, rng.randrange(300_000), 1 << 40, rng.randrange(300_000), rng.randrange(500)]
    receipt = talk(put_shard(circle.piece, source), circle.line.perform)
    assert (receipt.shard, receipt.size, receipt.received_ms) == (ID, len(CONTENT), NOW)
    assert circle.host.host.held == {(LOCKER, ID): (CONTENT, NOW)}
    assert talk(put_shard(circle.piece, source), circle.line.perform) == receipt  # held: the receipt again
    got = bytearray(len(CONTENT))

    def sink(at: int, data: bytes) -> None:
        got[at : at + len(data)] = data

    circle.line.cuts = [1 << 40, 100]
    assert talk(get_shard(circle.piece, sink), circle.line.perform) == len(CONTENT)
    assert bytes(got) == CONTENT


def test_a_line_that_stays_broken_ends_the_attempt_with_nothing_lost(circle: Circle) -> None:
    circle.line.cuts = [10] * 5
    with pytest.raises(errors.LinkLost):
        circle.put()
    circle.put()
    assert (LOCKER, ID) in circle.host.host.held


def test_spoiled_bytes_are_never_held(circle: Circle) -> None:
    circle.line.spoil = True
    with pytest.raises(BoxError) as told:
        circle.put()
    assert told.value.code in ("peer-wrong-hash", "shard-wrong")
    assert not circle.host.host.held
    circle.line.spoil = False
    circle.host.host.partial.clear()
    circle.put()


def test_a_shard_that_is_not_what_it_is_called_is_dropped(circle: Circle) -> None:
    circle.piece = replace(circle.piece, shard=SHARD)
    with pytest.raises(errors.ShardWrong):
        circle.put()
    assert not circle.host.host.held and not circle.host.host.partial


def test_room_is_asked_for_first_and_less_is_said_plainly(circle: Circle) -> None:
    assert talk(reserve(LOCKER, 1000), circle.line.perform).granted == 1000
    circle.host.host.quota = 2 << 20
    with pytest.raises(errors.PeerOffersLess, match="gives 2 MiB; 5 MiB"):
        talk(reserve(LOCKER, 5 << 20), circle.line.perform)
    circle.host.host.quota = 1000
    with pytest.raises(errors.PeerQuota):
        circle.put()


def test_who_was_never_shown_to_have_custody_gets_nothing() -> None:
    circle = Circle()
    assert circle.refuses(m.Status(LOCKER, (ID,))) == "custody-missing"


def test_the_highest_epoch_wins_and_the_older_box_hears_that_the_locker_moved(circle: Circle) -> None:
    new, line = circle.another("new")
    assert circle.greet(custody(LOCKER, new, 2), line=line, box=new).custody[0].state == "taken"
    assert circle.refuses(m.Status(LOCKER, (ID,))) == "custody-moved"
    assert circle.greet(custody(LOCKER, circle.owner)).custody[0].state == "older"
    assert talk(ask(Call(m.Renew((LOCKER,)))), line.perform).answer.leases[0].until_ms > NOW


def test_a_new_epoch_waits_while_the_old_box_is_alive(circle: Circle) -> None:
    new, line = circle.another("new")
    circle.host.host.free_ms = NOW + 3 * DAY_MS
    state = circle.greet(custody(LOCKER, new, 2), line=line, box=new).custody[0]
    assert (state.state, state.until_ms) == ("waiting", NOW + 3 * DAY_MS)
    assert circle.refuses(m.Status(LOCKER, (ID,)), line=line) == "custody-moved"
    line.now_ms = NOW + 3 * DAY_MS
    assert circle.greet(custody(LOCKER, new, 2), line=line, box=new).custody[0].state == "taken"


def test_nobody_takes_over_a_locker_with_another_custody_key_or_somebody_elses_record(circle: Circle) -> None:
    thief, line = circle.another("thief")
    circle.greet(custody(LOCKER, thief, 9, "thief's custody"), line=line, box=thief)
    circle.put()  # the owner still has hers
    with pytest.raises(errors.PeerGarbled):
        circle.greet(custody(LOCKER, circle.owner), line=line, box=thief)
    forked = custody(LOCKER, thief, 1)
    assert circle.greet(forked, line=line, box=thief).custody[0].state == "forked"


def test_a_delegate_with_a_permit_may_read_and_place_and_nothing_else(circle: Circle) -> None:
    circle.put()
    friend, line = circle.another("friend")
    until = NOW + DAY_MS
    permit = permit_of(circle.owner, friend, MAY_READ)
    get = m.Get(LOCKER, ID, 0, 10, permit)
    assert circle.refuses(get, line=line) == "permit-wrong", "nobody introduced it"
    circle.introduce(friend)
    assert talk(ask(Call(get)), line.perform).body == CONTENT[:10]
    assert circle.refuses(m.Reserve(LOCKER, 10, permit), line=line) == "permit-wrong"
    assert circle.refuses(m.DeleteAsk(LOCKER, (ID,), NOW), line=line) == "custody-moved"
    line.now_ms = until + 1
    assert circle.refuses(get, line=line) == "permit-wrong"
    line.now_ms = NOW
    for wrong in (
        permit_of(friend, friend, MAY_READ),
        permit_of(circle.owner, friend, MAY_READ, epoch=2),
        permit_of(circle.owner, MemoryBox("other"), MAY_READ),
        b"\x80",
    ):
        assert circle.refuses(replace(get, permit=wrong), line=line) == "permit-wrong"
    circle.introduce(friend, m.Role.NOBODY)
    assert circle.refuses(get, line=line) == "permit-wrong", "the owner took it back"


def test_an_introduction_may_say_in_which_household_a_box_is(circle: Circle) -> None:
    friend, _ = circle.another("friend")
    at = circle.owner.own.key.public, friend.own.key.public
    circle.introduce(friend)
    assert circle.host.host.roofs[at] is None, "an older box does not say"
    circle.line.perform(Call(m.Introduce(friend.own.card, m.Role.HOST, NOW + DAY_MS, 3)))
    assert circle.host.host.roofs[at] == 3


def test_a_delegate_puts_down_what_its_permit_lists_and_no_other_byte(circle: Circle) -> None:
    friend, line = circle.another("friend")
    circle.introduce(friend)
    listed = ShardList([ID, SHARD])
    permit = permit_of(circle.owner, friend, MAY_PLACE, listed=listed)
    piece = replace(circle.piece, owner=friend.own.key.public, permit=permit, proof=listed.proof(ID))
    garbage = b"not of the owner" * 10
    lie = replace(piece, shard=blake3(garbage).digest(), whole=len(garbage))
    for proof in (None, listed.proof(ID), ShardList([ID, lie.shard]).proof(lie.shard)):
        with pytest.raises(errors.PermitWrong):
            talk(put_shard(replace(lie, proof=proof), lambda at, count: garbage[at : at + count]), line.perform)
    assert not circle.host.host.held and not circle.host.host.partial
    receipt = talk(put_shard(piece, source), line.perform)
    assert (receipt.owner, receipt.shard) == (friend.own.key.public, ID)
    assert talk(put_shard(circle.piece, source), circle.line.perform).owner == circle.owner.own.key.public


def test_a_guest_has_its_permit_and_nothing_else(circle: Circle) -> None:
    circle.put()
    friend = MemoryBox("friend")
    guest = Line(circle.host, Caller(friend.own.endpoint, friend.own.key.public, guest=True), random.Random(3))
    circle.introduce(friend)
    permit = permit_of(circle.owner, friend, MAY_READ | MAY_PLACE)
    assert guest.perform(Call(m.Get(LOCKER, ID, 0, 10, permit))).body == CONTENT[:10]
    assert guest.perform(Call(m.Whereabouts((friend.own.key.public,)))).answer.cards == (friend.own.card,)
    allowed = {m.Ping, m.Reserve, m.Status, m.Put, m.Get, m.Audit, m.AuditWhole, m.Prove, m.Whereabouts}
    for request, body, _, _ in EXAMPLES:
        if type(request) not in allowed and request.OP not in m.PAIRING | m.STRANGERS:
            assert circle.refuses(request, body, line=guest) == "peer-unpaired", request.OP
    assert circle.refuses(m.Get(LOCKER, ID, 0, 10), line=guest) == "custody-moved"


def test_what_was_repaired_is_told_to_whoever_acts_for_the_locker(circle: Circle) -> None:
    circle.host.host.repairs = [m.Repair(SHARD, ID, NOW), m.Repair(ID, SHARD, NOW + 1)]
    told = circle.line.perform(Call(m.Repaired(LOCKER, NOW))).answer
    assert told.repairs == (m.Repair(ID, SHARD, NOW + 1),)
    _, line = circle.another("friend")
    assert circle.refuses(m.Repaired(LOCKER, 0), line=line) == "custody-moved"


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 13])
def test_a_list_shows_its_own_shards_and_no_others(count: int) -> None:
    ids = [blake3(bytes([each])).digest() for each in range(count)]
    listed = ShardList([*ids, *ids])
    assert listed.count == count
    for each in ids:
        check_listed(listed.root, count, each, listed.proof(each))
        for wrong in (listed.proof(each)[:-1], listed.proof(each) + bytes(32), b"", bytes(4)):
            if wrong != listed.proof(each):
                with pytest.raises(errors.PermitWrong):
                    check_listed(listed.root, count, each, wrong)
        with pytest.raises(errors.PermitWrong):
            check_listed(listed.root, count, SHARD, listed.proof(each))
    with pytest.raises(errors.PermitWrong):
        listed.proof(SHARD)
    with pytest.raises(errors.PermitWrong):
        check_listed(ShardList([]).root, 0, SHARD, bytes(4))


def test_a_manifest_and_an_order_to_rebuild_need_a_permit_for_the_box_they_are_given_to(circle: Circle) -> None:
    mine = permit_of(circle.owner, circle.host, MAY_READ | MAY_PLACE)
    other = permit_of(circle.owner, MemoryBox("other"), MAY_READ | MAY_PLACE)
    circle.line.perform(Call.with_body(m.ManifestPut(LOCKER, 1, 0, 1, mine), MANIFEST))
    assert circle.refuses(m.ManifestPut(LOCKER, 1, 0, 1, other), MANIFEST) == "permit-wrong"
    assert circle.refuses(m.ManifestPut(LOCKER, 1, 1, 1, mine), MANIFEST) == "peer-garbled"
    heard = talk(ask(Call(m.ManifestGet(LOCKER, 0))), circle.line.perform)
    assert manifest_parts(read_manifest(heard.body)) == [MANIFEST]
    order = next(each[0] for each in EXAMPLES if isinstance(each[0], m.Rebuild))
    _, friend = circle.another("friend")
    assert talk(ask(Call(replace(order, permit=mine))), friend.perform).answer.job > 0
    assert circle.refuses(replace(order, permit=other), line=friend) == "permit-wrong"
    assert circle.refuses(replace(order, permit=mine, k=9), line=friend) == "peer-garbled"


def test_proofs_heads_capsules_deletes_and_the_rest_reach_the_host(circle: Circle) -> None:
    circle.put()
    nonce = bytes(32)
    perform = circle.line.perform
    audited = perform(Call(m.Audit(LOCKER, nonce, (m.Pick(ID, (2, 0)),)))).answer.proof
    assert audited == blake3(CONTENT[32768:49152] + CONTENT[:16384], key=nonce).digest()
    assert perform(Call(m.AuditWhole(LOCKER, ID, nonce))).answer.proof == blake3(CONTENT, key=nonce).digest()
    proven = perform(Call(m.Prove(LOCKER, ID, (18, 1))))
    assert proven.body == CONTENT[294912:] + CONTENT[16384:32768] and proven.answer.whole == len(CONTENT)
    assert perform(Call(m.HeadSet(LOCKER))).answer.head is None
    assert perform(Call(m.HeadSet(LOCKER, HEAD))).answer.head == HEAD
    assert circle.refuses(m.HeadSet(LOCKER, replace(HEAD, signature=bytes(64)))) == "peer-garbled"
    assert circle.refuses(m.CapsulePut(LOCKER, 1), b"short") == "peer-garbled"
    perform(Call.with_body(m.CapsulePut(LOCKER, 1), bytes(65_536)))
    assert perform(Call(m.CapsuleGet(LOCKER))).answer == m.Capsule(1, (1,))
    gone = perform(Call(m.DeleteAsk(LOCKER, (ID,), 0))).answer
    assert gone == m.DeleteSet(NOW + 30 * DAY_MS, 1)
    perform(Call(m.DeleteCancel(LOCKER, (ID,))))
    assert not circle.host.host.doomed
    assert perform(Call(m.Ping(3))).answer == m.Pong(3, NOW)
    assert perform(Call(m.Offer(5, 4))).answer == m.Offer(1 << 30, len(CONTENT))
    perform(Call(m.Notice("from-the-future", NOW, "A kind nobody knows here.")))
    perform(Call(m.Vouch((m.Seen(LOCKER, NOW),))))


@pytest.mark.parametrize("request_", [each[0] for each in EXAMPLES], ids=lambda request: request.OP)
def test_a_stranger_hears_nothing(request_: m.Request[Any]) -> None:
    host = MemoryBox("host")
    answering = Answering(MemoryBox("stranger").caller(pinned=False), host.host, host.own, host.invitations)
    assert answering.feed(request_frame(request_), NOW) == [] and answering.silent and answering.finished
    host.invitations.words(host.own.card, NOW)
    answering = Answering(MemoryBox("stranger").caller(pinned=False), host.host, host.own, host.invitations)
    told = answering.feed(request_frame(request_), NOW)
    asking = Asking(Call(request_))
    asking.feed(b"".join(told))
    if isinstance(request_, m.PairOpen) and request_.way == "words":
        assert len(asking.heard().answer.message) == 32  # the one thing an invited box may begin with
        return
    with pytest.raises(BoxError) as error:
        asking.heard()
    assert error.value.code == ("invitation-missing" if request_.OP in m.PAIRING else "peer-unpaired")


def test_more_at_once_than_one_peer_is_served_is_busy(circle: Circle) -> None:
    host, caller = circle.host, circle.line.caller
    begun = [Answering(caller, host.host, host.own, host.invitations) for _ in range(PEER_PUTS)]
    for number, each in enumerate(begun):
        put = request_frame(m.Put(LOCKER, bytes([number]) * 32, 1000, 0), bytes(1000))
        assert each.feed(put[:-1], NOW) == []
    assert circle.refuses(m.Put(LOCKER, SHARD, 5, 0), b"12345") == "peer-busy"
    assert circle.line.perform(Call(m.Ping(1))).answer.number == 1
    for each in begun:
        each.close()
        each.close()
    assert (caller.requests, caller.puts) == (0, 0)
    caller.requests = PEER_REQUESTS
    assert circle.refuses(m.Ping(1)) == "peer-busy"


def test_an_answer_longer_than_was_asked_for_is_refused() -> None:
    for head, body in (({"number": 1, "now_ms": 2}, b"surprise"), ({"whole": 5}, bytes((1 << 20) + 1))):
        request: m.Request[Any] = m.Ping(1) if body == b"surprise" else m.Get(LOCKER, ID, 0, 5)
        asking = Asking(Call(request))
        with pytest.raises(errors.PeerGarbled):
            asking.feed(frame({"v": 1, "ok": True, **head}, body))


def test_a_receipt_for_something_else_is_no_receipt(circle: Circle) -> None:
    circle.piece = replace(circle.piece, host=key("another host").public)
    with pytest.raises(errors.PeerGarbled, match="receipt"):
        circle.put()


def test_a_box_that_knows_more_is_understood_and_the_other_way_round() -> None:
    host = MemoryBox("host")
    newer: dict[str, Value] = {"v": 1, "op": "ping", "number": 4, "colour": "blue", "shape": {"corners": [1, 2]}}
    answering = Answering(MemoryBox("owner").caller(), host.host, host.own, host.invitations)
    asking = Asking(Call(m.Ping(4)))
    asking.feed(b"".join(answering.feed(frame(newer), NOW)))
    assert asking.heard().answer == m.Pong(4, NOW)
    asking = Asking(Call(m.Ping(4)))
    asking.feed(frame({"v": 1, "ok": True, "number": 4, "now_ms": 5, "mood": "good"}))
    assert asking.heard().answer == m.Pong(4, 5)


@pytest.mark.parametrize(("mine", "theirs", "spoken"), [((1, 1), (1, 2), 1), ((1, 2), (1, 1), 1), ((2, 3), (1, 2), 2)])
def test_two_versions_agree(mine: tuple[int, int], theirs: tuple[int, int], spoken: int) -> None:
    owner, host = MemoryBox("owner"), MemoryBox("host")
    answering = Answering(owner.caller(), host.host, host.own, host.invitations, versions=mine)
    asking = Asking(Call(m.Hello(owner.own.card, theirs, ())), version=theirs[0])
    asking.feed(b"".join(answering.feed(asking.head(), NOW)))
    assert (asking.heard().answer.speak, asking.heard().answer.versions) == (spoken, mine)


def test_boxes_with_no_version_in_common_say_so_and_an_unknown_operation_is_an_older_box() -> None:
    owner, host = MemoryBox("owner"), MemoryBox("host")

    def told(fields: dict[str, Any]) -> BoxError:
        answering = Answering(owner.caller(), host.host, host.own, host.invitations)
        asking = Asking(Call(m.Ping(1)))
        asking.feed(b"".join(answering.feed(frame(fields), NOW)))
        with pytest.raises(BoxError) as error:
            asking.heard()
        return error.value

    hello = {"v": 2, "op": "hello", "card": owner.own.card, "versions": [2, 3], "custody": []}
    assert "versions 1 to 1" in str(told(hello)) and told(hello).code == "peer-version"
    assert told({"v": 2, "op": "ping", "number": 1}).code == "peer-version"
    assert told({"v": 1, "op": "sing"}).code == "peer-older"


def test_every_refusal_keeps_its_meaning_on_the_way() -> None:
    for code, known in KNOWN.items():
        error = known(why="because", what="it", offset=3, low=1, high=2, left=4, need_mib=5, free_mib=6)
        again = refused(refusal(error))
        assert type(again) is known and again.code == code
    for code, family in FAMILIES.items():
        tomorrow = {"err": "not-invented-yet", "family": code, "say": "A reason of tomorrow."}
        assert isinstance(refused(tomorrow), family)
    assert type(refused({"err": "x", "family": "y"})) is errors.Refused
    inner = refusal(errors.NoSuchRecord(what="secret name"))
    assert "secret" not in str(inner) and inner["family"] == family_of(errors.Missing())


def test_a_host_that_fails_inside_tells_only_the_family() -> None:
    class Broken(MemoryHost):
        def received_ms(self, authority: Any, shard: bytes) -> tuple[int, int]:
            raise errors.Damaged(what="/data/hosted/secret")

    circle = Circle()
    circle.host.host = Broken()
    circle.greet(custody(LOCKER, circle.owner))
    with pytest.raises(errors.Damaged) as told:
        circle.line.perform(Call(m.Put(LOCKER, ID, 5, 5)))
    assert "secret" not in str(told.value)
