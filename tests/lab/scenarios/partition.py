"""Half of the circle cannot be reached for some hours: nothing is lost, nobody is blamed, no storm when it is over."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from services.api.circle_types import PeerIs
from tests.lab import circles, phones
from tests.lab.dwelling import LabBox, until
from tests.lab.lab import Findings, Lab, Wish
from tests.lab.outside import Outside, needed_packs
from tests.lab.scenarios.fill import truthful
from tests.lab.scenarios.heal import shard_bytes

NEEDS = 5
MINUTES = 6
MIB = 48
HOURS = 9
_SHIP_S = 1200.0
_WATCH_S = 30.0
_KNOCKS_A_MINUTE = 400
"""Packets a minute and pair of boxes that cannot reach each other: a dial every few seconds is about a hundred."""
_STORM = 1.25
"""Bytes on the owner's line after the partition over bytes of the shards that were due: headers, audits, greetings."""


def tell(wish: Wish) -> Findings:
    """The story: box 1 owns; 2 and 3 fall off the net, the others stay."""
    with Lab(wish, clock=True) as lab:
        first = phones.brought(lab.folder, wish.data, wish.seed, wish.mib or MIB)
        second = phones.brought(lab.folder, None, wish.seed + 1, (wish.mib or MIB) // 4)
        lab.start()
        owner, friends = lab.boxes[0], lab.boxes[1:]
        away, near = friends[:2], friends[2:]
        circles.together(owner, friends)
        lab.found.figure("files", circles.put(owner, first))
        circles.ship(owner)
        before = set(_held(friends))
        lab.network.cut([each.number for each in away], [owner.number, *(each.number for each in near)])
        until(lambda: not any(circles.sees(owner, each) for each in away), "the silence to be noticed")
        lab.found.check("said_who_is_away", all(circles.sees(owner, each) for each in near))
        circles.put(owner, second)
        owner.ok("circle", "now")
        lab.pass_hours(HOURS)
        lab.until_quiet()
        _meanwhile(lab, owner, friends, second)
        _after(lab, owner, away, friends)
        lab.found.check("nothing_lost", before <= set(_held(friends)))
        lab.found.figure("minutes", lab.minutes())
        return lab.found


def _held(boxes: Sequence[LabBox]) -> list[str]:
    return [f"{box.name}/{path.name}" for box in boxes for path in box.hosted().glob("*/shards/*")]


def _meanwhile(lab: Lab, owner: LabBox, friends: Sequence[LabBox], folder: Path) -> None:
    """During the partition: badges stay honest, dialling stays modest."""
    outside, names = Outside(owner, friends), circles.names_below(folder)
    needed = needed_packs(owner)
    told = circles.badges(owner, list(names))
    true = sum(truthful(outside, needed[name.encode()], badge) for name, badge in told.items())
    lab.found.check("badges_true_meanwhile", true == len(names), f"{true} of {len(names)}")
    hasty = sum(map(circles.is_safe, told.values()))
    lab.found.check("new_files_not_called_safe", not hasty, f"{hasty} are called safe with half of the friends")
    before = lab.network.dropped()
    time.sleep(_WATCH_S)
    pairs = 2 * (len(friends) - 1)
    knocks = (lab.network.dropped() - before) * 60 / _WATCH_S / pairs
    lab.found.figure("knocks_a_minute_and_pair", round(knocks))
    lab.found.check("dials_with_patience", knocks <= _KNOCKS_A_MINUTE, f"{knocks:.0f} a minute")


def _after(lab: Lab, owner: LabBox, away: Sequence[LabBox], friends: Sequence[LabBox]) -> None:
    there, sent = shard_bytes(friends), lab.network.sent(owner.number)
    lab.network.mend()
    until(lambda: all(circles.sees(owner, each) for each in away), "everybody to be there again")
    lab.pass_hours(2, lambda: circles.safe(owner))
    until(lambda: circles.safe(owner), f"the rest to be safe: {circles.progress(owner)}", _SHIP_S, 2)
    lab.until_quiet()
    due, moved = shard_bytes(friends) - there, lab.network.sent(owner.number) - sent
    lab.found.figure("due_bytes", due)
    lab.found.figure("line_bytes", moved)
    lab.found.check("no_traffic_storm", moved <= _STORM * due + (2 << 20), f"{moved} bytes for {due}")
    peers = owner.circle().peers
    lab.found.check("no_strikes", not any(each.strikes for each in peers), str([each.strikes for each in peers]))
    states = [each.state for each in peers]
    lab.found.check("nobody_blamed", all(each is PeerIs.ACTIVE for each in states), str(states))
    outside = Outside(owner, friends)
    spare = min(each.may_fail() for each in outside.packs.values() if each.k)
    lab.found.figure("any_so_many_may_fail", spare)
    lab.found.check("all_spread_again", spare >= 1 and not outside.rotten, str(spare))
