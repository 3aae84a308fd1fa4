"""A box is thought to be lost; its locker came back elsewhere. Then it is found and plugged in again.

It is told that it was replaced, does nothing among friends any more, and says so to whoever looks. Later the owner goes
back to it on purpose: the box that acts now is heard every day, so friends wait until somebody there says yes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from firmware.errors import BoxError
from tests.lab import circles, phones, returning
from tests.lab.dwelling import LabBox, until
from tests.lab.lab import Findings, Lab, Wish
from tests.lab.returning import Person
from tests.lab.scenarios.heal import shard_bytes

NEEDS = 4
MINUTES = 10
MIB = 16


def tell(wish: Wish) -> Findings:
    """The story: box 1 is lost and found, 2 and 3 are its friends, the locker comes back on box 4."""
    with Lab(wish, clock=True) as lab:
        old, friends, new = lab.boxes[0], lab.boxes[1:3], lab.boxes[3]
        lab.start([old, *friends])
        circles.together(old, friends)
        folder = phones.brought(lab.folder, wish.data, wish.seed, wish.mib or MIB)
        names = circles.names_below(folder)
        lab.found.check("all_kept", circles.put(old, folder) == len(names))
        returning.told_to_friends(old)
        person = Person("Owner", old.words, old.passphrase, names)
        before = returning.identity(old, old.words)
        old.stop()
        returning.missed(friends, old)
        lab.pass_hours(returning.FORGOTTEN_H)
        returning.fresh(new)
        returning.comes_back(new, person, returning.contact(friends[0]))
        lab.found.check("all_there_on_the_new_box", returning.all_there(lab, new, person))
        lab.found.check("identity_continues", returning.identity(new, person.words) == before)
        _found_again(lab, old, friends, new)
        _back_on_purpose(lab, old, friends, new, person)
        returning.compared(lab, [person])
        lab.found.figure("minutes", lab.minutes())
        return lab.found


def _found_again(lab: Lab, old: LabBox, friends: Sequence[LabBox], new: LabBox) -> None:
    """Plugged in again: it hears it, changes nothing at its friends, though somebody puts more into it."""
    records = [returning.acts_for(each, returning.locker_of(new, old.words)) for each in friends]
    old.start()
    old.ready()
    until(lambda: was_replaced(old), "the old box to hear that it was replaced")
    lab.found.check("told_it_was_replaced", was_replaced(old))
    kinds = {each.kind for each in old.circle().notices}
    lab.found.check("says_so", "moved" in kinds, str(sorted(kinds)))
    old.open()
    circles.ship(new)  # or what its reader finds would reach friends tonight
    lab.until_quiet()
    there = shard_bytes(friends)
    circles.put(old, phones.make(lab.folder / "too late", lab.wish.seed + 1, 1 << 20))
    lab.pass_hours(30)
    lab.until_quiet()
    safety = old.circle().lockers
    later, acts = shard_bytes(friends), any(each.custody for each in safety)
    lab.found.check("nothing_ships_from_it", later == there and not acts, f"{there}, then {later}; acts: {acts}")
    now = [returning.acts_for(each, returning.locker_of(new, old.words)) for each in friends]
    same = all(bytes.fromhex(new.key) in each[0] and len(each) == 1 for each in now) and now == records
    lab.found.check("friends_stay_with_the_new_box", same)
    lab.found.check("new_box_goes_on", returning.goes_on(lab, new, friends))


def _back_on_purpose(lab: Lab, old: LabBox, friends: Sequence[LabBox], new: LabBox, person: Person) -> None:
    """The words are typed on the old one, emptied: friends wait, one yes on the box in force is enough."""
    old.kill()
    returning.emptied(old)
    returning.fresh(old)
    more = {**person.names, **_put_since(lab)}
    began = returning.comes_back(old, person, returning.contact(friends[0]), wait=False)
    lab.found.check("friends_wait", began["waits"])
    until(lambda: _asks(new), "the box in force to hear who wants to take over")
    lab.found.check("box_in_force_is_asked", not was_replaced(new))
    new.ok("circle", "let-in")
    until(lambda: old.said("restore", "status")["state"] == "done", "the restore after the yes", 900, 1)
    lab.found.check(
        "came_after_one_yes", returning.all_there(lab, old, Person("Owner", person.words, person.passphrase, more))
    )
    until(lambda: was_replaced(new), "the second box to hear that it was replaced")
    lab.found.check("then_the_other_is_told", was_replaced(new))
    lab.found.check("goes_on_there", returning.goes_on(lab, old, friends))


def _put_since(lab: Lab) -> dict[str, Path]:
    """What was kept on the new box meanwhile."""
    folders = sorted(lab.folder.glob("after *"))
    return {name: path for each in folders for name, path in circles.names_below(each).items()}


def was_replaced(box: LabBox) -> bool:
    """Whether a box says that another one acts for its locker."""
    try:
        return any(each.moved_ms is not None for each in box.circle().lockers)
    except (BoxError, OSError):
        return False


def _asks(box: LabBox) -> bool:
    try:
        return any(each.moves_ms for each in box.circle().lockers)
    except (BoxError, OSError):
        return False
