"""Every 90 days a box rehearses a restore from its friends alone, by itself, and shows how that ended.

The first one comes a day after friends have something, the next 90 days later. Then a friend's disk goes bad: whoever
asks for a rehearsal reads who gave something wrong, others stand in, and it is made anew. With too few friends there
she reads who is missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.lab import circles, phones
from tests.lab.clock import HOUR_S
from tests.lab.dwelling import LabBox, until
from tests.lab.lab import Findings, Lab, Wish
from tests.lab.outside import Outside, digest
from tests.lab.returning import missed, told_to_friends
from tests.lab.scenarios.burn import spoil

NEEDS = 4
MINUTES = 12
MIB = 24
EVERY_DAYS = 90
_DAY_H = 24
_DAY_MS = _DAY_H * HOUR_S * 1000
_DRILL_S = 600.0
_ASKED = 12
"""Two of three friends are drawn for each rehearsal: so often the third one is not missed."""


def tell(wish: Wish) -> Findings:
    """The story: box 1 rehearses, 2 to 4 are its friends."""
    with Lab(wish, clock=True) as lab:
        lab.start()
        owner, friends = lab.boxes[0], lab.boxes[1:4]
        circles.together(owner, friends)
        folder = phones.brought(lab.folder, wish.data, wish.seed, wish.mib or MIB)
        lab.found.figure("files", circles.put(owner, folder))
        told_to_friends(owner)
        lab.found.check("none_yet", owner.said("drill")["state"] == "never")
        first = _by_itself(lab, owner, lab.clock.now_ms() + _DAY_MS, 0)
        _ended(lab, "first", first)
        lab.found.check("due_in_90_days", first["due_ms"] - first["ended_ms"] == EVERY_DAYS * _DAY_MS, str(first))
        _quarter(lab, first["due_ms"])
        second = _by_itself(lab, owner, first["due_ms"], first["ended_ms"])
        lab.found.figure("days_between", round((second["ended_ms"] - first["ended_ms"]) / _DAY_MS, 1))
        _ended(lab, "second", second)
        _goes_bad(lab, owner, friends)
        _short(lab, owner, friends)
        lab.found.figure("minutes", lab.minutes())
        return lab.found


def _by_itself(lab: Lab, owner: LabBox, due_ms: int, before_ms: int) -> Any:
    """Nobody asks: when it is due and the locker is opened, it begins. Returns how it ended."""
    lab.clock.jump(max(0, (due_ms - lab.clock.now_ms()) // 1000) + HOUR_S)
    heard = lab.network.heard(owner.number)
    owner.shell("lock")  # the box looks every quarter of an hour of real time, and when a locker is opened
    owner.open()
    until(lambda: owner.said("drill")["ended_ms"] > before_ms, "a rehearsal that begins by itself", _DRILL_S, 1)
    until(lambda: owner.said("drill")["does"] == "nothing", "its end", _DRILL_S, 1)
    found = owner.said("drill")
    lab.found.check("came_from_friends", lab.network.heard(owner.number) - heard >= found["size"] > 0)
    return found


def _ended(lab: Lab, which: str, found: Any) -> None:
    told = {name: found[name] for name in ("state", "packs", "size", "opened", "files", "wrong_files", "lacking")}
    lab.found.figure(which, told)
    lab.found.check(f"{which}_passed", found["state"] == "passed", found["state"])
    lab.found.check("files_compared_identical", found["opened"] and found["files"] and not found["wrong_files"])


def _quarter(lab: Lab, until_ms: int) -> None:
    """Days go by, each with an hour that is lived."""
    while lab.clock.now_ms() < until_ms - 2 * _DAY_MS:
        lab.clock.jump(23 * HOUR_S)
        lab.pass_hours(1)
    lab.until_quiet()


def _goes_bad(lab: Lab, owner: LabBox, friends: Sequence[LabBox]) -> None:
    """A byte of every shard at the last friend's: she is named, all comes back, and what was wrong is made anew."""
    bad = friends[-1]
    spoilt = spoil(bad)
    lab.found.figure("shards_spoilt", spoilt)
    packs = _packs(owner)  # nobody jumps over a night meanwhile, in which packs are merged
    found = owner.said("drill", "--now")
    for _ in range(_ASKED - 1):
        if found["state"] != "passed":
            break
        found = owner.said("drill", "--now")
    lab.found.check("nothing_here_was_touched", packs == _packs(owner))
    lab.found.check("mended", found["state"] == "mended" and not found["lacking"], str(found))
    wrong = [each["peer"] for each in found["friends"] if each["wrong"]]
    lab.found.check("bad_friend_is_named", wrong == [bad.key], str(wrong))
    lab.pass_hours(2 * _DAY_H, lambda: Outside(owner, friends).rotten < spoilt)
    rotten = Outside(owner, friends).rotten
    lab.found.check("what_was_wrong_is_made_anew", rotten < spoilt, f"{rotten} of {spoilt} are as they were")


def _short(lab: Lab, owner: LabBox, friends: Sequence[LabBox]) -> None:
    """Two of three friends are off: she who asks hears at once that it cannot be said, and who is missed."""
    for each in friends[1:]:
        each.kill()
        missed([owner], each)
    owner.open()
    found = owner.said("drill", "--now")
    lab.found.check("too_few_friends_is_said", found["state"] == "short", found["state"])
    away = {each["peer"] for each in found["friends"] if each["away"]}
    lab.found.check("names_who_is_away", away and away <= {each.key for each in friends[1:]}, str(away))


def _packs(owner: LabBox) -> dict[str, str]:
    """The closed packs that lie here."""
    places = (path for path in (owner.locker() / "packs").iterdir() if len(path.name.partition("-")[2]) == 64)
    return {path.name: digest(path.read_bytes()) for path in places}
