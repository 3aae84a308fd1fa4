"""Boxes of two versions of the protocol live in one circle; one that has nothing in common is told so, and waits."""

from __future__ import annotations

from services.api.circle_types import PeerIs
from tests.lab import circles, phones
from tests.lab.dwelling import LabBox, until
from tests.lab.lab import Findings, Lab, Wish
from tests.lab.outside import Outside
from tests.lab.versions import speaks

NEEDS = 3
MINUTES = 5
MIB = 24


def tell(wish: Wish) -> Findings:
    """The story: box 1 and 2 speak version 1; box 3 speaks 1 and 2, later 2 alone, then 1 and 2 again."""
    with Lab(wish, clock=True) as lab:
        folder = phones.brought(lab.folder, wish.data, wish.seed, wish.mib or MIB)
        owner, old, new = lab.boxes[:3]
        both = lab.interpreter("both", speaks(1, 2, lab.isolation.house))
        new.interpreter = both
        lab.start()
        circles.together(owner, [old, new])
        lab.found.check("newer_box_is_paired", circles.sees(owner, new) and circles.sees(new, owner))
        circles.put(owner, folder)
        circles.ship(owner)
        lab.found.check("spread_over_both_versions", _spare(owner, old, new) >= 1)
        _apart(lab, owner, new)
        new.interpreter = both
        _restart(lab, new)
        until(lambda: circles.sees(owner, new) and circles.sees(new, owner), "the boxes to understand each other again")
        found = circles.peer(owner, new)
        lab.found.check("nobody_blamed", not found.strikes and found.state is PeerIs.ACTIVE, str(found))
        lab.found.check("nothing_lost", _spare(owner, old, new) >= 1)
        _ours_is_newer(lab, owner, new)
        lab.found.figure("minutes", lab.minutes())
        return lab.found


def _restart(lab: Lab, box: LabBox) -> None:
    box.stop()
    lab.start([box])


def _spare(owner: LabBox, *hosts: LabBox) -> int:
    return min(each.may_fail() for each in Outside(owner, hosts).packs.values() if each.k)


def _apart(lab: Lab, owner: LabBox, new: LabBox) -> None:
    """Box 3 no longer speaks version 1: not understood, said so, nobody dies of it."""
    new.interpreter = lab.interpreter("only", speaks(2, 2, lab.isolation.house))
    _restart(lab, new)
    until(lambda: not _understood(owner, new), "the boxes not to understand each other")
    alive = all(each.circle() is not None for each in (owner, new))
    lab.found.check("both_go_on", alive and owner.running and new.running)
    told = owner.log() + new.log()
    lab.found.check("said_which_versions", "version" in told.lower() and "Traceback" not in told, told[-600:])
    invited = owner.said("circle", "invite", "--passphrase-file", owner.passphrase)
    done = new.shell("circle", "join", str(invited["text"]))
    lines = done.stderr.strip().splitlines()
    lab.found.check("pairing_says_so", done.returncode == 1 and len(lines) == 2, done.stderr[-300:])
    lab.found.values["sentence"] = lines[0] if lines else ""


def _understood(owner: LabBox, new: LabBox) -> bool:
    """Whether the owner's box had its greeting answered since the other one came up again."""
    return "was not greeted" not in owner.log()


def _ours_is_newer(lab: Lab, owner: LabBox, new: LabBox) -> None:
    """The owner's box is upgraded too: what was agreed in version 1 goes on."""
    owner.interpreter = lab.interpreter("owner", speaks(1, 2, lab.isolation.house))
    _restart(lab, owner)
    until(lambda: circles.sees(owner, new) and circles.sees(new, owner), "both newer boxes to meet")
    lab.found.check("both_newer", True)
