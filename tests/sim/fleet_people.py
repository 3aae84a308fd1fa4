"""Who lives in a simulated fleet: households with their boxes, who is friends with whom, who is an adversary."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from firmware.limits import MIB
from tests.sim.fleet_boxes import Box
from tests.sim.fleet_spec import (
    BIG_BOXES,
    BIG_EVERY,
    CIRCLES,
    DAY,
    DROPPED,
    LIARS,
    REGIONS,
    START,
    Conduct,
    Spec,
)


@dataclass
class Home:
    """One household: its boxes now, where it is, how it behaves, how many friends it wants."""

    number: int
    region: int
    size: int
    boxes: list[Box] = field(default_factory=list)
    conduct: Conduct = Conduct.HONEST
    part: float = 0.0
    flavour: str = ""
    turns_at: int = 0
    friends: list[int] = field(default_factory=list)
    many: int = 1
    burnt: bool = False

    def box(self, number: int) -> Box:
        """Return a new device of this household."""
        made = Box(number, self.number, self.region, self.conduct)
        made.part, made.flavour, made.turns_at = self.part, self.flavour, self.turns_at
        return made


def people(spec: Spec) -> list[Home]:
    """Return the households of a fleet with one device each where more belong to it; ``many`` says how many."""
    chance = random.Random(f"people {spec.seed}")
    homes: list[Home] = []
    left = spec.boxes
    big = max(1, spec.boxes // BIG_EVERY)
    while left > 0:
        many = min(left, BIG_BOXES if len(homes) < big else 1)
        homes.append(Home(len(homes), chance.randrange(REGIONS), 14 if many > 1 else chance.choice(CIRCLES), many=many))
        left -= many
    _befriend(homes, chance)
    if spec.has("liars"):
        _spoil(homes, spec, chance)
    return homes


def _befriend(homes: list[Home], chance: random.Random) -> None:
    """Pair open hands at random until nearly every household has as many friends as it wants."""
    hands = [home.number for home in homes for _ in range(home.size)]
    for _ in range(20):
        chance.shuffle(hands)
        rest: list[int] = []
        for one, other in zip(hands[::2], hands[1::2], strict=False):
            if one == other or other in homes[one].friends:
                rest += [one, other]
            else:
                homes[one].friends.append(other)
                homes[other].friends.append(one)
        hands = rest
    for home in homes:
        home.size = len(home.friends)


def _spoil(homes: list[Home], spec: Spec, chance: random.Random) -> None:
    """Make so many boxes adversaries, each kind as many; some are so from the first day, some turn later."""
    wanted = round(spec.boxes * spec.adversaries / len(LIARS))
    single = [home for home in homes[1:] if home.many == 1]
    chance.shuffle(single)
    for conduct in LIARS:
        for turn in range(wanted):
            if not single:
                return
            home = single.pop()
            home.conduct = conduct
            home.turns_at = START + int(chance.random() * spec.days * 0.75) * DAY * (turn % 3 > 0)
            if conduct is Conduct.DROPS:
                home.part = DROPPED[0] if turn % 2 else DROPPED[1 + turn // 2 % 3]
            elif conduct is Conduct.SLOW:
                home.flavour = "drip" if turn % 2 else "boast"
            elif conduct is Conduct.HEADS:
                home.flavour = "stale" if turn % 2 else "fork"


def furnished(home: Home, number: int, spec: Spec, chance: random.Random) -> Box:
    """Return a device of this household with the disk and the line it happens to have."""
    made = home.box(number)
    made.offers = chance.choice((128, 512, 512, 2048)) * MIB
    if spec.has("slow") and chance.random() < 0.1:
        made.rate = 20_000
    return made
