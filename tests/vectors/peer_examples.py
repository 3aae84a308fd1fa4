"""One example of every request and every answer between boxes, with its body: vectors, seeds of the fuzzer."""

from __future__ import annotations

from typing import Any

import cbor2
from blake3 import blake3

from firmware.errors import BoxError, KitUnknown, PeerOffersLess, PeerVersion, TooManyTries, WrongOffset
from firmware.peer import Card, Custody, Handover, ManifestPack, Permit, Receipt, ShardList, manifest_parts
from firmware.peer import messages as m
from firmware.peer.fields import write_part
from firmware.peer.frames import frame
from firmware.peer.kit_asking import kit_question
from firmware.peer.parts import signed_part_key
from firmware.peer.saying_no import refusal
from firmware.peer.signed import Report
from firmware.seal import Secret, SigningKey

NOW = 1_800_000_000_000
LOCKER = bytes(range(16))
SHARD, OTHER, NONCE = (blake3(word).digest() for word in (b"shard", b"other", b"nonce"))


def key(seed: str) -> SigningKey:
    """A key that is the same every time."""
    return SigningKey.from_seed(Secret(blake3(seed.encode()).digest()))


def card(name: str, number: int = 1) -> Card:
    """The card of the box ``name``."""
    at = ("192.0.2.7:4433", "[2001:db8::7]:4433")
    return Card(key(f"{name} endpoint").public, key(name).public, name, NOW + 31_536_000_000, at, None, number)


OWNER, HOST = key("owner"), key("host")
OWNER_CARD, HOST_CARD = card("owner").signed(OWNER), card("host", 2).signed(HOST)
CUSTODY = Custody(LOCKER, 1, OWNER.public, NOW).signed(key("custody"))
HANDED = Custody(LOCKER, 2, OWNER.public, NOW).signed(key("custody of another kit"))
HANDOVER = Handover(HANDED).signed(key("custody"))
MOVED = Custody(LOCKER, 2, HOST.public, NOW).signed(key("custody"))
LISTED = ShardList([SHARD, OTHER])
PERMIT = Permit(LOCKER, 1, HOST.public, 3, NOW + 86_400_000, LISTED.count, LISTED.root).signed(OWNER)
RECEIPT = Receipt(LOCKER, SHARD, 100_000, OWNER.public, HOST.public, NOW).signed(HOST)
HEADER = cbor2.dumps([1, 7, OTHER, NOW, SHARD, 3])
HEAD = m.Head(HEADER, key("head").sign(b"lockerbox link v1\n" + HEADER), key("head").public)
PLACED = (m.Placed(SHARD, (HOST.public,)), m.Placed(OTHER, ()))
MANIFEST = manifest_parts([ManifestPack(NONCE, 200_000, True, 1, PLACED)])[0]
BODY = bytes(range(256)) * 4
CAPSULE = bytes(65_536)
KIT_GET = kit_question(NONCE, key("request"), OWNER_CARD, card("host").endpoint, NOW, number=3)

PUBLIC = bytes(range(256)) * 4 + bytes(192)
REPORT = Report(LOCKER, OWNER.public, 1, NOW).signed(key("custody"))
PART_KEY = signed_part_key(PUBLIC, HOST)

EXAMPLES: list[tuple[m.Request[Any], bytes, Any, bytes]] = [
    (
        m.Hello(OWNER_CARD, (1, 2), (CUSTODY,)),
        b"",
        m.Greeted(HOST_CARD, (1, 1), 1, NOW, (m.CustodyState(LOCKER, 1, "taken", 0),)),
        b"",
    ),
    (m.Ping(7), b"", m.Pong(7, NOW), b""),
    (m.Offer(1 << 38, 1 << 30), b"", m.Offer(1 << 37, 0), b""),
    (m.Notice("leaving", NOW + 1, "We move to the sea."), b"", m.Done(), b""),
    (m.Vouch((m.Seen(LOCKER, NOW),)), b"", m.Done(), b""),
    (m.PairOpen("ticket", (1, 1), NONCE, bytes(8), None), b"", m.PairOpened(SHARD, OTHER, 1, None), b""),
    (m.PairOpen("words", (1, 1), NONCE, None, OTHER), b"", m.PairOpened(SHARD, OTHER, 1, NONCE), b""),
    (m.PairProve(NONCE, OTHER, bytes(40)), b"", m.PairProved(SHARD, bytes(41)), b""),
    (m.PairConfirm(yes=True), b"", m.PairAnswered("waiting"), b""),
    (m.Reserve(LOCKER, 1 << 30), b"", m.Reserved(1 << 29, 1 << 38, 5), b""),
    (m.Status(LOCKER, (SHARD, OTHER), PERMIT), b"", m.Statuses(b"\2\1", (64,)), b""),
    (m.Put(LOCKER, SHARD, 100_000, 98_976, PERMIT, LISTED.proof(SHARD)), BODY, m.Putted(100_000, RECEIPT), b""),
    (m.Get(LOCKER, SHARD, 0, 1024), b"", m.Got(100_000), BODY),
    (m.Renew((LOCKER,)), b"", m.Renewed((m.Lease(LOCKER, NOW + 1),)), b""),
    (m.DeleteAsk(LOCKER, (SHARD,), NOW), b"", m.DeleteSet(NOW + 2_592_000_000, 1), b""),
    (m.DeleteCancel(LOCKER, (SHARD,)), b"", m.Done(), b""),
    (m.Audit(LOCKER, NONCE, (m.Pick(SHARD, (0, 6)), m.Pick(OTHER, (1,)))), b"", m.Audited(OTHER), b""),
    (m.AuditWhole(LOCKER, SHARD, NONCE), b"", m.Audited(OTHER), b""),
    (m.Prove(LOCKER, SHARD, (1,)), b"", m.Proven(100_000, (OTHER + NONCE,)), BODY),
    (m.HeadSet(LOCKER, HEAD), b"", m.HeadKnown(HEAD), b""),
    (m.HeadSet(LOCKER), b"", m.HeadKnown(), b""),
    (m.CapsulePut(LOCKER, 3), CAPSULE, m.Done(), b""),
    (m.CapsuleGet(LOCKER, 3), b"", m.Capsule(3, (2, 3)), CAPSULE),
    (m.ManifestPut(LOCKER, 5, 0, 1, PERMIT), MANIFEST, m.Done(), b""),
    (m.ManifestGet(LOCKER, 0), b"", m.ManifestPart(5, 0, 1), MANIFEST),
    (
        m.Rebuild(LOCKER, NONCE, 200_000, 1, PLACED, (m.Wanted(1, HOST.public),), PERMIT),
        b"",
        m.RebuildTaken(9),
        b"",
    ),
    (m.Introduce(HOST_CARD, m.Role.DELEGATE, NOW + 86_400_000), b"", m.Done(), b""),
    (m.Whereabouts((HOST.public, OTHER)), b"", m.Cards((HOST_CARD,)), b""),
    (m.Repaired(LOCKER, NOW), b"", m.Repairs((m.Repair(SHARD, HOST.public, NOW + 1),)), b""),
    (
        m.Hello(OWNER_CARD, (1, 1), (HANDED,), (HANDOVER,)),
        b"",
        m.Greeted(HOST_CARD, (1, 1), 1, NOW, (m.CustodyState(LOCKER, 2, "same", 0),)),
        b"",
    ),
    (
        m.Hello(OWNER_CARD, (1, 1), (CUSTODY,)),
        b"",
        m.Greeted(
            HOST_CARD,
            (1, 1),
            1,
            NOW,
            (m.CustodyState(LOCKER, 1, "older", 0),),
            (m.NewerCustody(MOVED, waits=False, until_ms=0),),
        ),
        b"",
    ),
    (m.Notice("moved", NOW, "", LOCKER), b"", m.Done(), b""),
    (KIT_GET, b"", m.KitGiven(1, 3, (2, 3), CUSTODY, NOW - 1, NOW), CAPSULE),
    (m.PartKey(), b"", PART_KEY, b""),
    (
        m.PartPut(LOCKER, 7, 2, 3, "Ada", SHARD, (HOST.public,), (HOST_CARD,), part=OTHER, heir=HOST.public),
        b"",
        m.Done(),
        b"",
    ),
    (m.PartPut(LOCKER, 8, 2, 3, "Ada", SHARD, (), ()), b"", m.Done(), b""),
    (
        m.PartAsk(LOCKER, OWNER_CARD, PUBLIC, NONCE),
        b"",
        m.PartAsked("open", NOW, NOW, 2, 3, "Ada", part=OTHER, note=SHARD),
        b"",
    ),
    (m.PartAsk(LOCKER, OWNER_CARD, PUBLIC), b"", m.PartAsked("waiting", NOW + 1, NOW, 2, 3, "Ada"), b""),
    (m.PartSay(LOCKER, NONCE, "waiting", "the box that asks", NOW + 1, 0), b"", m.Done(), b""),
    (m.Stolen(REPORT), b"", m.Done(), b""),
]

REFUSALS: list[BoxError] = [
    PeerVersion(low=1, high=1),
    WrongOffset(offset=64),
    PeerOffersLess(offered_mib=1, asked_mib=2),
    KitUnknown(),
    TooManyTries(seconds=3000),
]


def request_frame(request: m.Request[Any], body: bytes = b"") -> bytes:
    """The bytes a caller sends."""
    return frame({"v": 1, "op": request.OP, **write_part(request)}, body)


def answer_frame(answer: Any, body: bytes = b"") -> bytes:
    """The bytes a host sends."""
    return frame({"v": 1, "ok": True, **write_part(answer)}, body)


def frames() -> list[tuple[str, bytes]]:
    """Every example as (name, bytes of the whole frame)."""
    found: list[tuple[str, bytes]] = []
    for number, (request, body, answer, answer_body) in enumerate(EXAMPLES):
        found.append((f"{number:02d} {request.OP}", request_frame(request, body)))
        found.append((f"{number:02d} {request.OP} answered", answer_frame(answer, answer_body)))
    return found + [(f"refusal {error.code}", frame(refusal(error))) for error in REFUSALS]
