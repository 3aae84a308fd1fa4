"""A friend's box is lost for good and the owner makes its shards again; then, without the owner, delegates do."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Collection, Iterable, Sequence

from firmware.errors import BoxError
from services.api.circle_types import PeerIs
from tests.lab import circles, phones
from tests.lab.dwelling import LabBox, until
from tests.lab.lab import Findings, Lab, Wish, say
from tests.lab.outside import Outside
from tests.lab.returning import missed

NEEDS = 7
MINUTES = 20
MIB = 64
SPARE = 2
"""Layout 2/4 keeps this many shards more than are needed."""
_GONE = (PeerIs.SUSPENDED, PeerIs.LOST)
_SHIP_S = 900.0
_HOUR_LASTS_S = 4.0


def tell(wish: Wish) -> Findings:
    """The story: box 1 owns, 2 to 6 are friends, 7 comes later."""
    with Lab(wish, clock=True) as lab:
        folder = phones.brought(lab.folder, wish.data, wish.seed, wish.mib or MIB)
        lab.start()
        owner, friends, late = lab.boxes[0], lab.boxes[1:6], lab.boxes[6]
        circles.together(owner, friends)
        lab.found.figure("files", circles.put(owner, folder))
        circles.ship(owner)
        before = Outside(owner, friends)
        lab.found.figure("packs", _closed(before))
        lab.found.check("filled", _whole(before), _poorest(before))
        lost = _fullest(before, friends)
        left = [each for each in friends if each is not lost]
        _by_owner(lab, owner, lost, left, before)
        lab.found.figure("minutes", lab.minutes())
        _by_delegates(lab, owner, left, late)
        lab.found.figure("minutes_with_delegates", lab.minutes())
        return lab.found


def _by_owner(lab: Lab, owner: LabBox, lost: LabBox, left: Sequence[LabBox], before: Outside) -> None:
    ours = before.shards_of(before.packs)
    gone, there = shard_bytes([lost], ours), shard_bytes(left, ours)
    sent = lab.network.sent(owner.number)
    burn(lost)
    missed([owner], lost)
    hours = lab.pass_hours(24 * 5, lambda: _is_gone(owner, lost))
    lab.found.figure("hours_until_given_up", hours)
    until(lambda: circles.safe(owner), f"the owner to be done: {circles.progress(owner)}", _SHIP_S, 2)
    after = Outside(owner, left)
    lab.found.check("redundancy_restored", _whole(after) and not after.rotten, _poorest(after))
    put = shard_bytes(left, ours) - there
    lab.found.figure("lost_bytes", gone)
    lab.found.figure("line_bytes_per_lost_byte", round((lab.network.sent(owner.number) - sent) / gone, 3))
    ratio = round(put / gone, 4)
    lab.found.figure("traffic_shards_per_lost_shard", ratio)
    lab.found.check("one_shard_for_one", 0.98 <= ratio <= 1.02, str(ratio))


def _by_delegates(lab: Lab, owner: LabBox, left: list[LabBox], late: LabBox) -> None:
    """The lost box is let go of in time; box 7 joins; the owner goes dark; one more host burns."""
    lab.pass_hours(24 * 8, lambda: not _suspended(owner))
    circles.pair(owner, late)
    delegates, hosts = left[:2], left[2:]
    for each in delegates:
        owner.ok("circle", "peer", each.key, "--delegate")
    lab.pass_hours(30, lambda: all(map(has_manifest, delegates)))
    lab.found.check("delegates_have_manifests", all(map(has_manifest, delegates)))
    until(lambda: circles.safe(owner), "everything to be safe with box 7", _SHIP_S, 2)
    lab.pass_hours(6)
    owner.stop()
    lost = hosts[0]
    rest = [each for each in (*left, late) if each is not lost]
    gone, there = shard_bytes([lost]), shard_bytes(rest)
    burn(lost)
    missed(rest, lost)
    say("the owner is dark and another host is lost")
    hours = lab.pass_hours(24 * 22, lambda: shard_bytes(rest) > there)
    lab.found.figure("hours_until_delegates_act", hours)
    _given_time(lab, lambda: shard_bytes(rest) >= there + gone)
    after = Outside(owner, rest)
    lab.found.check("delegates_healed", _whole(after) and not after.rotten, _poorest(after))
    lab.found.figure("delegates_put_per_lost_byte", round((shard_bytes(rest) - there) / gone, 4))
    _back(lab, owner, rest, after)


def _given_time(lab: Lab, done: Callable[[], bool]) -> None:
    """Real time for real bytes; an hour of theirs now and then, for whoever waits to try again."""
    deadline = time.monotonic() + _SHIP_S
    while not done() and time.monotonic() < deadline:
        lab.pass_hours(1)
        time.sleep(_HOUR_LASTS_S)


def _back(lab: Lab, owner: LabBox, rest: Sequence[LabBox], after: Outside) -> None:
    """The owner comes home: it takes over what was made, and ships nothing twice when it misses the lost box itself."""
    ours = after.shards_of(after.packs)
    there = shard_bytes(rest, ours)
    lab.start([owner])
    until(lambda: all(circles.sees(owner, each) for each in rest), "the owner to meet its friends again")
    lab.pass_hours(24 * 5, lambda: _suspended(owner))
    until(lambda: circles.safe(owner), f"the owner to find all safe: {circles.progress(owner)}", _SHIP_S, 2)
    more = shard_bytes(rest, ours) - there
    lab.found.check("nothing_shipped_twice", not more, f"{more} bytes more")
    kinds = {each.kind for each in owner.circle().notices}
    lab.found.check("owner_is_told", "rebuilt" in kinds, str(sorted(kinds)))


# Looked at from outside


def burn(box: LabBox) -> None:
    """The house burns down: power and disk at once."""
    box.kill()
    shutil.rmtree(box.data)


def shard_bytes(boxes: Iterable[LabBox], among: Collection[str] | None = None) -> int:
    """Bytes of whole shards (of those ``among``) on the disks of these boxes."""
    shards = (path for box in boxes for path in box.hosted().glob("*/shards/*"))
    return sum(path.stat().st_size for path in shards if among is None or path.name in among)


def has_manifest(box: LabBox) -> bool:
    """Whether a box was told which shards belong together."""
    return any(path.stat().st_size for path in box.hosted().glob("*/manifest/[0-9]*"))


def _closed(outside: Outside) -> int:
    return sum(1 for each in outside.packs.values() if each.k)


def _whole(outside: Outside) -> bool:
    """Whether every pack that went out has all the spare shards its layout has."""
    spreads = [each for each in outside.packs.values() if each.k]
    return bool(spreads) and all(each.may_fail() >= SPARE for each in spreads)


def _poorest(outside: Outside) -> str:
    counts = sorted(f"{each.households()} homes, k={each.k}" for each in outside.packs.values() if each.k)
    return f"the poorest of {len(counts)} packs: {counts[0] if counts else 'none'}; {outside.rotten} rotten"


def _fullest(outside: Outside, friends: Sequence[LabBox]) -> LabBox:
    """Who keeps the most: whose loss hurts most."""
    return max(friends, key=lambda box: shard_bytes([box]))


def _is_gone(owner: LabBox, lost: LabBox) -> bool:
    found = circles.peer(owner, lost)
    return found is not None and found.state in _GONE


def _suspended(owner: LabBox) -> bool:
    try:
        return any(each.state is PeerIs.SUSPENDED for each in owner.circle().peers)
    except (BoxError, OSError):
        return True
