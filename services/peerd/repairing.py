"""Repairs for friends who are away: a delegate's rounds over a manifest (docs/formats/peer.md, *Delegates*).

``firmware.backup.Care`` decides; here are links, requests and bytes. All of it is sealed, none of it is this box's own:
pieces go from hosts through one unnamed file to another host, and nothing of them stays.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from firmware import events
from firmware.backup import Care, HostSeen, PeerState, Proof, Rebuilding, Way
from firmware.backup.chance import Chance
from firmware.backup.states import RULES, Rules
from firmware.errors import BadShard, BoxError, Damaged, Misused, PeerBusy, ShardMissing
from firmware.hosting import HostedLocker
from firmware.limits import PEER_CARDS, PEER_SHARDS_ASKED
from firmware.linux.circle_rows import CircleRows
from firmware.linux.hosted import HostedShards
from firmware.linux.journal import Journal
from firmware.peer import (
    Call,
    Heard,
    ManifestPack,
    OwnBox,
    Piece,
    ShardList,
    read_card,
    read_manifest,
)
from firmware.peer import messages as m
from firmware.ports import Clock, Entropy
from firmware.shard import check_leaf
from services.peerd.guests import Guests
from services.peerd.naming import say
from services.peerd.remaking import Papers, Remaking
from services.peerd.shipping import Outside

T = TypeVar("T")
_ROUND_MS: Final = 3_600_000
_AWAY_MS: Final = 24 * _ROUND_MS
"""Quiet for so long, a friend counts as away: the boxes it introduced keep links to each other."""
_AGAIN_MS: Final = 600_000
"""Between two rounds while something is lacking: somebody may be at it, or come back."""
_ORDERS: Final = 64
_CARE, _REPAIR = "care", "repair"
_ID: Final = 16


@dataclass
class _Charge:
    """One locker this box is a delegate for."""

    place: bytes
    locker: bytes
    owner: bytes
    number: int
    care: Care
    packs: int = 0
    lacking: int = 0
    round_at: int = -1
    lost: frozenset[bytes] = frozenset()
    silent_ms: int = 0
    running: bool = False
    saved_at: int = -1
    repairs: list[m.Repair] = field(default_factory=list)

    @property
    def acting(self) -> bool:
        """Whether the owner was silent for so long that delegates act."""
        return self.silent_ms >= self.care.rules.delegate_silent_ms


@dataclass(frozen=True, slots=True)
class Looked:
    """How a locker in this box's care stands, for its page."""

    owner: bytes
    locker: bytes
    packs: int
    silent_ms: int
    acting: bool
    away: int
    lacking: int
    made: int


class Repairing:
    """Every locker in this box's care; ``step`` after each planning step."""

    def __init__(
        self,
        outside: Outside,
        hosted: HostedShards,
        guests: Guests,
        own: Callable[[], OwnBox],
        *,
        clock: Clock,
        entropy: Entropy,
        journal: Journal,
        folder: Path,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        rules: Rules = RULES,
    ) -> None:
        """``folder`` takes pieces for as long as they are worked on."""
        self._out, self._hosted, self._guests = outside, hosted, guests
        self._clock, self._chance, self._journal = clock, Chance(entropy), journal
        self._spawn, self._rules, self._me = spawn, rules, outside.own
        self._making = Remaking(outside, hosted, own, clock, entropy, folder)
        self._charges: dict[bytes, _Charge] = {}
        self._away: set[bytes] = set()
        self._orders: list[tuple[bytes, m.Rebuild, int]] = []
        self._jobs = 0
        self._awake_ms = self._rows.view.awake_ms

    @property
    def _rows(self) -> CircleRows:
        return self._out.rows

    # Who is away

    def step(self) -> None:
        """Time passed: notice who is silent, and begin rounds that are due."""
        awake = self._rows.view.awake_ms
        passed, self._awake_ms = max(0, awake - self._awake_ms), awake
        places = {each.place: each for each in self._hosted.lockers()}
        self._away = {each.box for each in places.values() if self._quiet_ms(each) >= _AWAY_MS}
        numbers = dict(self._hosted.manifests())
        for gone in self._charges.keys() - numbers.keys():
            del self._charges[gone]
        for place, number in numbers.items():
            if place in places:
                charge = self._charge(places[place], number)
                self._pass_time(charge, passed, self._quiet_ms(places[place]))
                self._look(charge)
        if self._orders and not any(each.running for each in self._charges.values()):
            orders, self._orders = self._orders, []
            self._spawn(self._carry_out(orders))

    def _quiet_ms(self, place: HostedLocker) -> int:
        """How long ago, by the clock, the owner's box was heard here or by anybody who vouches for it."""
        peer = self._rows.view.peers.get(place.box)
        if peer is None or peer.state is PeerState.LEFT or peer.online:
            return 0
        return max(0, self._clock.now_ms() - place.alive_ms)

    def _pass_time(self, charge: _Charge, passed: int, quiet_ms: int) -> None:
        """Silence of the owner, and of the hosts while it is away, is time in which somebody else was heard."""
        care, there = charge.care, self._there(charge)
        care.know(each.card.box for each in self._guests.of(charge.owner))
        if charge.owner not in self._away:
            charge.silent_ms = 0
            for seen in care.hosts.values():
                seen.silent_ms = 0
            return
        friends = {key: peer for key, peer in self._rows.view.peers.items() if peer.state is not PeerState.LEFT}
        if len(there) > 1 or any(peer.online for peer in friends.values()):
            charge.silent_ms += passed
        charge.silent_ms = min(charge.silent_ms, quiet_ms)
        care.pass_time(passed, there, {key: peer.silent_ms for key, peer in friends.items()})

    def company(self) -> set[bytes]:
        """Endpoints of guests to be linked with now: those of friends who are away."""
        return {each.card.endpoint for owner in self._away for each in self._guests.of(owner)}

    def _charge(self, place: HostedLocker, number: int) -> _Charge:
        known = self._charges.get(place.place)
        if known is None:
            known = self._charges[place.place] = _Charge(
                place.place, place.locker, place.box, -1, Care(self._me, self._rules)
            )
            self._load(known)
        known.owner = place.box
        if known.number != number:
            known.number, known.round_at = number, -1
            self._spawn(self._prune(known))
        return known

    def _look(self, charge: _Charge) -> None:
        view, lost = self._rows.view, charge.care.lost()
        pause = _AGAIN_MS if charge.lacking else _ROUND_MS
        due = charge.round_at < 0 or view.awake_ms - charge.round_at >= pause or lost != charge.lost
        if charge.acting and due and not charge.running and not self._paused():
            charge.running, charge.round_at, charge.lost = True, view.awake_ms, lost
            self._spawn(self._round(charge))
        if view.awake_ms - charge.saved_at >= _ROUND_MS:
            charge.saved_at = view.awake_ms
            self._save(charge)

    def _paused(self) -> bool:
        view = self._rows.view
        return view.caps.rate(Way.UP, self._clock.now_ms(), view.zone_minutes) == 0

    def _could_dial(self, box: bytes) -> bool:
        """Whether this box knows where that one is: who was never introduced here is not called lost."""
        return box in self._rows.view.peers or self._guests.card(box) is not None

    def _there(self, charge: _Charge) -> set[bytes]:
        """Hosts that can be asked now; this box always can."""
        return {self._me, *(key for key in charge.care.hosts if self._making.reachable(key))}

    # A round

    async def _round(self, charge: _Charge) -> None:
        """Ask for proofs, look for hosts that moved, make again what is lost."""
        try:
            papers = await self._papers(charge)
            if papers is None:
                return
            charge.packs = len(papers.packs)
            named = {host for pack in papers.packs for shard in pack.shards for host in shard.hosts}
            charge.care.know(each for each in named if self._could_dial(each))
            charge.care.roofs = {self._me: 0, **self._guests.roofs(charge.owner)}
            await self._ask_around(charge)
            await self._prove(charge, papers)
            await self._repair(charge, papers)
            charge.lacking = len(charge.care.lacking(papers.packs))
        except (BoxError, OSError) as error:
            say(f"a round for {charge.owner.hex()[:8]} came to nothing: {error}")
        finally:
            charge.running = False

    async def _papers(self, charge: _Charge) -> Papers | None:
        def read() -> Papers | None:
            found = self._hosted.manifest_of(charge.place)
            if found is None:
                return None
            permit, parts = found
            packs = [pack for part in parts for pack in read_manifest(part)]
            return Papers(permit, ShardList(each.shard for pack in packs for each in pack.shards), packs)

        return await self._out.worked(read)

    async def _ask_around(self, charge: _Charge) -> None:
        """Ask whoever is there where the others are."""
        there = self._there(charge)
        away = [key for key in charge.care.hosts if key not in there][:PEER_CARDS]
        for host in there - {self._me} if away else ():
            with contextlib.suppress(BoxError):
                heard = await self._making.ask(host, Call(m.Whereabouts(tuple(away))))
                for data in heard.answer.cards:
                    self._guests.newer(read_card(data), data)

    async def _prove(self, charge: _Charge, papers: Papers) -> None:
        care = charge.care
        for proof in care.proofs(papers.packs, self._there(charge), self._rows.view.awake_ms, self._chance):
            try:
                call = Call(m.Prove(charge.locker, proof.shard, (proof.leaf,), papers.permit))
                heard = await self._making.ask(proof.host, call)
                _check(proof, heard)
            except (ShardMissing, BadShard, Damaged) as error:
                say(f"{proof.host.hex()[:8]} could not prove a piece: {error}")
                care.missing(proof.shard, proof.host)
            except BoxError:
                continue

    async def _repair(self, charge: _Charge, papers: Papers) -> None:
        """Once over everything this box should do, unless the owner comes back."""
        await self._found_elsewhere(charge, papers)
        room, made = await self._room(charge, papers), 0
        delegates = [each.card.box for each in self._guests.of(charge.owner, m.Role.DELEGATE)]
        for job in charge.care.work(papers.packs, delegates, room, charge.silent_ms):
            await self._found_elsewhere(charge, replace(papers, packs=[job.pack]))  # by another delegate just now
            still = charge.care.lacking([job.pack])
            wanted = tuple(each for each in job.wanted if job.pack.shards[each[0]].shard in still)
            if charge.acting and wanted:
                made += await self._make(charge, papers, replace(job, wanted=wanted), room)
        if made:
            self._journal.tell(events.SHARDS_REBUILT, peer=charge.owner.hex()[:8], count=made)

    async def _room(self, charge: _Charge, papers: Papers) -> list[bytes]:
        """Hosts that are there and take something, those with most room first."""
        free: list[tuple[int, bytes]] = []
        for host in self._there(charge):
            with contextlib.suppress(BoxError):
                heard = await self._making.ask(host, Call(m.Reserve(charge.locker, 0, papers.permit)))
                free.append((heard.answer.quota - heard.answer.used, host))
        return [host for room, host in sorted(free, reverse=True) if room > 0]

    async def _found_elsewhere(self, charge: _Charge, papers: Papers) -> None:
        """Another delegate, or the owner after the manifest, may have placed what is lacking."""
        sizes = charge.care.lacking(papers.packs)
        wanted = list(sizes)
        for host in self._there(charge) if wanted else ():
            for at in range(0, len(wanted), PEER_SHARDS_ASKED):
                asked = tuple(wanted[at : at + PEER_SHARDS_ASKED])
                try:
                    heard = await self._making.ask(host, Call(m.Status(charge.locker, asked, papers.permit)))
                    states = heard.answer.each()
                except BoxError:
                    continue
                for shard, (how, _) in zip(asked, states, strict=False):
                    if how is m.Keeping.HELD and (shard, host) not in charge.care.gone:
                        piece = Piece(charge.locker, shard, sizes[shard], host, self._me, papers.permit)
                        if await self._making.kept(piece, papers.listed):
                            self._note(charge, shard, host)

    def _note(self, charge: _Charge, shard: bytes, host: bytes) -> None:
        """It is there now; the owner will ask."""
        charge.care.place(shard, host)
        last = charge.repairs[-1].time_ms if charge.repairs else 0
        repair = m.Repair(shard, host, max(last + 1, self._clock.now_ms()))
        charge.repairs.append(repair)
        self._rows.set_paper(_REPAIR, charge.place + shard + host, repair.time_ms.to_bytes(8))

    # Making a shard again

    async def _make(self, charge: _Charge, papers: Papers, job: Rebuilding, room: Sequence[bytes]) -> int:
        """Make the wanted shards of one pack again; return how many got to a host."""
        made = 0
        try:
            for index, host in job.wanted:
                others = [each for each in charge.care.others(job.pack, index, room) if each != host]
                at = await self._making.again(charge.locker, papers, job.pack, index, [host, *others], charge.care)
                if at is not None:
                    self._note(charge, job.pack.shards[index].shard, at)
                    made += 1
        except (BoxError, OSError) as error:
            say(f"a pack of {charge.owner.hex()[:8]} could not be made whole: {error}")
        return made

    # Orders

    def order(self, by: bytes, order: m.Rebuild) -> int:
        """Take an order to rebuild; called in any thread. Raises PeerBusy."""
        if len(self._orders) >= _ORDERS:
            raise PeerBusy
        self._jobs += 1
        self._orders.append((by, order, self._jobs))
        return self._jobs

    async def _carry_out(self, orders: list[tuple[bytes, m.Rebuild, int]]) -> None:
        for by, order, _ in orders:
            listed = ShardList(each.shard for each in order.shards)
            pack = ManifestPack(order.pack, order.length, False, order.k, order.shards)
            papers, made = Papers(order.permit, listed, [pack]), 0
            for each in order.wanted:
                try:
                    at = await self._making.again(order.locker, papers, pack, each.index, [each.host])
                    made += at is not None
                except (BoxError, OSError, ValueError) as error:
                    say(f"an order of {by.hex()[:8]} could not be carried out: {error}")
            words = f"{made}/{len(order.wanted)}"
            notice = m.Notice(m.NoticeKind.REBUILT.value, self._clock.now_ms(), words)
            with contextlib.suppress(BoxError):
                await self._out.talker.ask(self._out.link(by), Call(notice))

    # What is told

    def repairs_of(self, locker: bytes, after_ms: int, most: int) -> list[m.Repair]:
        """What was repaired for a locker, the oldest first; called in any thread."""
        found = [each for charge in list(self._charges.values()) if charge.locker == locker for each in charge.repairs]
        return sorted((each for each in found if each.time_ms > after_ms), key=lambda each: each.time_ms)[:most]

    def looked(self) -> list[Looked]:
        """Every locker in this box's care."""
        return [
            Looked(
                each.owner,
                each.locker,
                each.packs,
                each.silent_ms,
                each.acting,
                len(each.care.lost()),
                each.lacking,
                len(each.repairs),
            )
            for each in self._charges.values()
        ]

    # Written down

    def _save(self, charge: _Charge) -> None:
        care = charge.care
        hosts = {key.hex(): [seen.silent_ms, seen.asked_at] for key, seen in care.hosts.items()}
        gone = [[shard.hex(), host.hex()] for shard, host in sorted(care.gone)]
        self._rows.set_paper(_CARE, charge.place, json.dumps([charge.silent_ms, hosts, gone]).encode())

    def _load(self, charge: _Charge) -> None:
        charge.silent_ms, hosts, gone = json.loads(self._rows.paper(_CARE, charge.place) or "[0, {}, []]")
        charge.care.hosts = {bytes.fromhex(key): HostSeen(*seen) for key, seen in hosts.items()}
        charge.care.gone = {(bytes.fromhex(shard), bytes.fromhex(host)) for shard, host in gone}
        for about, data in self._rows.papers(_REPAIR).items():
            if about[:_ID] == charge.place:
                shard, host = about[_ID : _ID + 32], about[_ID + 32 :]
                charge.repairs.append(m.Repair(shard, host, int.from_bytes(data)))
                charge.care.place(shard, host)
        charge.repairs.sort(key=lambda each: each.time_ms)

    async def _prune(self, charge: _Charge) -> None:
        """A newer manifest: the owner knows what stands in it."""
        papers = await self._papers(charge)
        if papers is None:
            return
        known = {(shard.shard, host) for pack in papers.packs for shard in pack.shards for host in shard.hosts}
        for each in [each for each in charge.repairs if (each.shard, each.host) in known]:
            charge.repairs.remove(each)
            charge.care.placed.get(each.shard, set()).discard(each.host)
            self._rows.drop_paper(_REPAIR, charge.place + each.shard + each.host)
        charge.care.gone &= known
        company = {host for _, host in known} | {each.card.box for each in self._guests.of(charge.owner)}
        charge.care.hosts = {key: seen for key, seen in charge.care.hosts.items() if key in company}
        charge.packs = len(papers.packs)


def _check(proof: Proof, heard: Heard[Any]) -> None:
    """Raises BadShard, also for an answer that is none."""
    proofs: Collection[bytes] = heard.answer.proofs
    try:
        (way,) = proofs
        check_leaf(proof.shard, proof.size, proof.leaf, heard.body, way)
    except (ValueError, Misused):
        raise BadShard(what="The answer") from None
