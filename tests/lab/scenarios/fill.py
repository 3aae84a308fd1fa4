"""Two phones' worth of real files go to friends' boxes; every badge is compared with what these boxes really keep.

Twice: in the middle, with the line paused, when some files are safe and others are not; and at the end.
"""

from __future__ import annotations

import itertools
import random
from pathlib import Path

from tests.lab import circles, phones
from tests.lab.dwelling import LabBox, until
from tests.lab.lab import Findings, Lab, Wish, say
from tests.lab.outside import Outside, digest, needed_packs

NEEDS = 2
MINUTES = 12
MIB = 520
_FILL_S = 3600.0
_PAUSED, _FREE, _SLOW_KIB = "0", "-1", 16384


def tell(wish: Wish) -> Findings:
    """The story."""
    with Lab(wish) as lab:
        folder = phones.brought(lab.folder, wish.data, wish.seed, wish.mib or MIB)
        lab.start()
        owner, friends = lab.boxes[0], lab.boxes[1:]
        circles.together(owner, friends, gib=8)
        lab.found.values["data"] = phones.told(folder) | {"kinds": phones.by_ending(folder)}
        names = circles.names_below(folder)
        kept = circles.put(owner, folder)
        lab.found.figure("files", kept)
        lab.found.check("all_kept", kept == len(names), f"{kept} of {len(names)}")
        sent = sum(lab.network.sent(each.number) for each in lab.boxes)
        _halfway(lab, names)
        owner.ok("circle", "caps", "--up", _FREE)
        circles.ship(owner, _FILL_S)
        lab.found.figure("minutes_to_safe", lab.minutes())
        _in_the_end(lab, names, sent)
        lab.found.figure("peak_rss_mib", {name: round(mib) for name, mib in owner.rss_mib().items()})
        lab.found.figure("minutes", lab.minutes())
        return lab.found


def _halfway(lab: Lab, names: dict[str, Path]) -> None:
    """Pause when some files are safe; the badges must say which."""
    owner = lab.boxes[0]
    owner.ok("circle", "caps", "--up", str(_SLOW_KIB))
    owner.ok("circle", "now")
    until(lambda: any(each.safe_bytes for each in owner.circle().lockers), "the first pack to be safe", _FILL_S)
    owner.ok("circle", "caps", "--up", _PAUSED)
    lab.until_quiet()
    outside = Outside(owner, lab.boxes[1:])
    found = circles.badges(owner, list(names))
    needed = needed_packs(owner)
    true = sum(truthful(outside, needed[name.encode()], badge) for name, badge in found.items())
    safe = sum(map(circles.is_safe, found.values()))
    lab.found.figure("halfway", {"safe_with_friends_files": safe, "badges_true": true, "files": len(names)})
    lab.found.check("badges_true_halfway", true == len(names), f"{true} of {len(names)}")


def truthful(outside: Outside, packs: set[str], badge: dict[str, object]) -> bool:
    """Whether a badge promises no more than the hosts keep, and names nothing unsafe that they keep in full."""
    really = [outside.packs[each] for each in packs]
    if circles.is_safe(badge):
        promised = int(str(badge["may_fail"]))
        return all(each.may_fail() >= promised and each.households() >= int(str(badge["of"])) for each in really)
    here = all(not each.households() for each in really)
    return here or badge["state"] in ("here", "going")


def _in_the_end(lab: Lab, names: dict[str, Path], sent: int) -> None:
    owner, friends, found = lab.boxes[0], lab.boxes[1:], lab.found
    outside = Outside(owner, friends)
    told = circles.badges(owner, list(names))
    needed = needed_packs(owner)
    safe = [name for name, badge in told.items() if circles.is_safe(badge)]
    true = [name for name in safe if truthful(outside, needed[name.encode()], told[name])]
    found.figure("safe_with_friends_files", len(safe))
    found.check("all_safe", len(safe) == len(names), f"{len(safe)} of {len(names)}")
    lost = max((int(str(badge["may_fail"])) for badge in told.values()), default=0)
    wrong = _decoded(outside, owner, friends, lost, lab.wish.seed, set().union(*needed.values()))
    found.check("badges_true", len(true) == len(names) and not wrong, f"{len(true)} true, {wrong} packs not decoded")
    found.check("nothing_rotten", not outside.rotten, str(outside.rotten))
    restored = _restored(lab, outside, lost, names)
    found.check("restored_from_friends_alone", restored == len(names), f"{restored} of {len(names)} bit for bit")
    payload = sum(each.size for each in outside.packs.values() if each.k)
    moved = sum(lab.network.sent(each.number) for each in lab.boxes) - sent
    found.figure("packs", sum(1 for each in outside.packs.values() if each.k))
    found.figure("stored_ratio", round(outside.bytes / payload, 3))
    found.figure("line_bytes_per_stored_byte", round(moved / outside.bytes, 3))


def _decoded(outside: Outside, owner: LabBox, friends: list[LabBox], lost: int, seed: int, packs: set[str]) -> int:
    """How many packs cannot be made, bit for bit, without some ``lost`` of the friends, all choices if they are few."""
    numbers = [each.number for each in friends]
    choices = list(itertools.combinations(numbers, lost))
    random.Random(seed).shuffle(choices)
    return sum(
        not all(outside.same(pack, set(numbers) - set(gone)) for gone in choices[: max(1, 600 // len(packs))])
        for pack in packs
    )


def _restored(lab: Lab, outside: Outside, lost: int, names: dict[str, Path]) -> int:
    """How many files come back bit for bit from the key file and the friends that are left, by the second reader."""
    numbers = [each.number for each in lab.boxes[1:]]
    left = random.Random(lab.wish.seed).sample(numbers, len(numbers) - lost)
    say(f"restoring from {len(left)} of {len(numbers)} friends")
    files = outside.restore(lab.boxes[0], left, lab.folder / "restored")
    return sum(digest(files.get(name.encode(), b"?")) == digest(path.read_bytes()) for name, path in names.items())
