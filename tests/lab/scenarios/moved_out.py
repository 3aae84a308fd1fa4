"""Ben moved out. The house he lived in burns down: Ada comes back there, he on the box of the family he lives with now.

Each with her own kit, from the same friends. Neither they nor the family get into each other's lockers, friends know
which box acts for which locker, and all three go on.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.lab import circles, returning
from tests.lab.dwelling import LabBox
from tests.lab.lab import Findings, Lab, Wish
from tests.lab.returning import Person

NEEDS = 4
MINUTES = 12
_EACH_MIB = 8


def tell(wish: Wish) -> Findings:
    """The story: Ada and Ben live at box 1, 2 and 3 are its friends, 4 is another family's, and a friend of 2 alone."""
    with Lab(wish, clock=True) as lab:
        lab.start()
        old, friends, family = lab.boxes[0], lab.boxes[1:3], lab.boxes[3]
        circles.together(old, friends, gib=8)
        circles.pair(family, friends[0], gib=8)
        ada, ben = returning.people(lab, old, ("Ada", "Ben"), _EACH_MIB)
        (host,) = returning.people(lab, family, ("Owner",), _EACH_MIB // 2)
        for each in (old, family):
            returning.told_to_friends(each)
        contact = returning.contact(friends[0])
        before = [returning.identity(old, each.words) for each in (ada, ben)]
        returning.destroyed(lab, old)
        returning.comes_back(old, ada, contact)
        returning.comes_back(family, ben, contact, family.passphrase)
        homes = [(ada, old), (ben, family), (host, family)]
        restored = sum(returning.all_there(lab, box, each) for each, box in homes[:2])
        lab.found.figure("members_restored", restored)
        returning.compared(lab, (ada, ben))
        lab.found.check("family_keeps_all", returning.all_there(lab, family, host))
        after = [returning.identity(box, each.words) for each, box in homes[:2]]
        lab.found.check("identity_continues", before == after and all(map(all, after)))
        _nobody_else_gets_in(lab, family, host, ben)
        _each_acts_for_its_own(lab, friends, homes)
        for person, home in homes:
            good = returning.goes_on(lab, home, friends, *person.who)
            lab.found.check("goes_on", good, f"{person.name} at {home.name}")
        lab.found.check("family_is_a_household_of_its_own", not circles.peer(friends[0], family).household)
        lab.found.figure("minutes", lab.minutes())
        return lab.found


def _nobody_else_gets_in(lab: Lab, box: LabBox, one: Person, other: Person) -> None:
    ways = [*returning.crossed(box, one, other), *returning.crossed(box, other, one)]
    lab.found.figure("cross_open", len(ways))
    lab.found.check("nobody_opens_another's", not ways, str(ways))


def _each_acts_for_its_own(lab: Lab, friends: Sequence[LabBox], homes: Sequence[tuple[Person, LabBox]]) -> None:
    """By what lies at the friends: the newest custody of a locker names the box its member lives at, and no other."""
    boxes = {box.key: box.name for _, box in homes}
    for person, box in homes[:2]:
        for friend in friends:
            records = returning.acts_for(friend, returning.locker_of(box, person.words))
            named = [boxes[key] for key in boxes for each in records if bytes.fromhex(key) in each]
            lab.found.check("custody_names_the_right_box", named == [box.name], f"{person.name}: {named}")
