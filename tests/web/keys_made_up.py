"""Split keys nobody has to split: of Marta, whose home the made-up box is, and parts that friends left there."""

from __future__ import annotations

from dataclasses import replace

from services.api.household_types import Activity
from services.api.key_types import (
    KeptPart,
    KeyAsk,
    KeyHolder,
    KeyMade,
    Keys,
    KeyTicket,
    OwnKey,
    PaperPart,
    PartBox,
    PartBoxes,
    RegainAt,
    Regained,
)
from services.api.types import Counts, Records
from tests.web.circle_made_up import DAY_MS, MEMBER, NAMES, NOW_MS

ASK, OTHER = "a5" * 32, "b6" * 32
PLACE, LOCKER = "ab" * 16, "cd" * 16
BOXES = PartBoxes(tuple(PartBox(f"{n + 1:x}" * 64, NAMES[n], "00" if n < 4 else None) for n in range(5)))
TICKET = KeyTicket("lbk1" + "kx4t7q2m" * 45, NOW_MS + 3 * DAY_MS)
PARTS = (
    "academic acid acrobat romp change injury painting safari drug browser "
    "trash fridge busy finger standard angry similar overall prune ladybug ranked firm "
    "carpet disaster visitor clinic pants adorn clock hobo friar loan tofu"
)
MADE = KeyMade((PaperPart(4, PARTS),), None)


def ask(state: str = "waiting", *, heir: bool = False, no: bool = False, name: str = ASK) -> KeyAsk:
    """Somebody who asks."""
    until = NOW_MS + 2 * DAY_MS if state == "waiting" else 0
    return KeyAsk(name, state, "A new box", until, heir, "1" * 64, "402816", no)


def own(*asks: KeyAsk, number: int = 1) -> OwnKey:
    """Marta's key: three boxes and a paper, any two of four; the first one is the heir."""
    holders = [KeyHolder(n + 1, f"{n + 1:x}" * 64, NAMES[n], n < 2) for n in range(3)]
    return OwnKey(LOCKER, MEMBER, number, 2, NOW_MS - 9 * DAY_MS, (*holders, KeyHolder(4)), "1" * 64, asks)


def kept(*asks: KeyAsk, heir: bool = False) -> KeptPart:
    """The part of Ilse."""
    heard = NOW_MS - 40 * DAY_MS if heir else NOW_MS - 60_000
    return KeptPart(PLACE, "3" * 64, NAMES[2], "Ilse", 2, 3, heard, heir, heard + 30 * DAY_MS, 0, (), asks)


NOTHING = Keys((), (), ())
COUNTS, NO_RECORDS, NO_ACTIVITY = Counts({"records": 7, "bytes": 900}), Records(()), Activity((), None)
UNDER_WAY = Regained("5a" * 32, "402816", "Marta", 2, 0, (RegainAt("Tom & Ana", "confirm"), RegainAt("", "peer-away")))
TOLD = replace(
    UNDER_WAY,
    at=(RegainAt("Tom & Ana", "waiting", NOW_MS + DAY_MS), RegainAt("Ilse", "peer-away", NOW_MS + 2 * DAY_MS)),
    have=1,
)
"""Two friends said yes and a paper is there: with the first of them it is enough."""
