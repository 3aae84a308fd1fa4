"""A household is silent for weeks: its friends say since when, keep everything, and welcome it back.

First only one line is broken: a common friend vouches, and the lease goes on. Then nobody hears the box at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from services.api.circle_types import PeerIs
from tests.lab import circles, phones
from tests.lab.clock import HOUR_S
from tests.lab.dwelling import LabBox, until
from tests.lab.lab import Findings, Lab, Wish
from tests.lab.outside import Outside

NEEDS = 4
MINUTES = 8
MIB = 24
WEEKS = 5
_DAY_H = 24
_UNHEARD_DAYS = 3
_ACTIVE_DAYS = 4


def tell(wish: Wish) -> Findings:
    """The story: everybody knows everybody; box 4 is the one that goes silent, box 2 the one that loses its line."""
    with Lab(wish, clock=True) as lab:
        folder = phones.brought(lab.folder, wish.data, wish.seed, wish.mib or MIB)
        lab.start()
        boxes = lab.boxes[:4]
        for at, one in enumerate(boxes):
            for other in boxes[at + 1 :]:
                circles.pair(one, other)
        for each in boxes:
            circles.put(each, folder)
        for each in boxes:
            circles.ship(each)
        guest = boxes[3]
        _vouched(lab, guest, boxes[1], boxes[0])
        _silent(lab, guest, boxes[:3])
        _back(lab, guest, boxes[:3])
        lab.found.figure("minutes", lab.minutes())
        return lab.found


def leases(host: LabBox, owner: LabBox) -> list[Path]:
    """The custody records at ``host`` that name ``owner``: their modification time is the last sign of life."""
    return [path for path in host.hosted().glob("*/custody") if bytes.fromhex(owner.key) in path.read_bytes()]


def _last_sign_ms(host: LabBox, owner: LabBox) -> int:
    return max((path.stat().st_mtime_ns // 1_000_000 for path in leases(host, owner)), default=0)


def _vouched(lab: Lab, guest: LabBox, host: LabBox, common: LabBox) -> None:
    lab.network.cut([guest.number], [host.number])
    until(lambda: not circles.sees(host, guest), "the broken line to be noticed")
    before, began = _last_sign_ms(host, guest), lab.clock.now_ms()
    lab.found.check("lease_is_written_down", before > 0)
    lab.pass_hours(_UNHEARD_DAYS * _DAY_H, lambda: _last_sign_ms(host, guest) > began)
    lab.found.check("line_still_broken", not circles.sees(host, guest))
    lab.found.check("lease_renewed_by_vouch", _last_sign_ms(host, guest) > began, f"{common.name} did not vouch")
    lab.network.mend()
    until(lambda: circles.sees(host, guest), "the line to be there again")


def _silent(lab: Lab, guest: LabBox, others: Sequence[LabBox]) -> None:
    kept = {each.name: _shards(each) for each in others}
    left = lab.clock.now_ms()
    guest.stop()
    lab.pass_hours(_ACTIVE_DAYS * _DAY_H)
    for _ in range(7 * WEEKS - _ACTIVE_DAYS):
        lab.clock.jump(23 * HOUR_S)
        lab.pass_hours(1)
    for each in others:
        seen = circles.peer(each, guest)
        since = abs(seen.seen_ms - left) / 3_600_000
        lab.found.check("says_since_when", since <= 1, f"{each.name} says {since:.1f} hours off")
        lab.found.check("not_trusted_meanwhile", seen.state in (PeerIs.SUSPENDED, PeerIs.LOST), str(seen.state))
        lab.found.check("keeps_everything_of_it", kept[each.name] <= _shards(each))
        lab.found.check("no_strike_for_silence", not seen.strikes)
    lab.found.figure("weeks_silent", round((lab.clock.now_ms() - left) / (7 * 86_400_000), 1))


def _shards(box: LabBox) -> set[str]:
    return {path.name for path in box.hosted().glob("*/shards/*")}


def _back(lab: Lab, guest: LabBox, others: Sequence[LabBox]) -> None:
    lab.start([guest])
    until(lambda: all(circles.sees(each, guest) and circles.sees(guest, each) for each in others), "the reunion")
    lab.pass_hours(3 * _DAY_H, lambda: all(map(circles.safe, (*others, guest))))
    states = [circles.peer(each, guest).state for each in others]
    lab.found.check("welcome_back", all(each in (PeerIs.ACTIVE, PeerIs.PROBATION) for each in states), str(states))
    lab.found.check("all_safe_again", all(map(circles.safe, (*others, guest))), circles.progress(guest))
    outside = Outside(guest, others)
    spare = min(each.may_fail() for each in outside.packs.values() if each.k)
    lab.found.check("its_files_are_with_friends", spare >= 1 and not outside.rotten, str(spare))
