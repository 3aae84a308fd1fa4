"""A box as a host in the simulated fleet: what it keeps for others, its clock, its room, and how it treats all that.

Room, reservations, waiting deletes and the clock that never goes back are ``firmware.hosting``'s. Shards are counted,
not made: (pack, k, number) with a size, and a leaf of them is there or not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from firmware.backup import Answer, PickedShard, Trouble
from firmware.errors import Full, PeerQuota
from firmware.hosting import Account, HostLimits, House, Patience, charge, delete_date
from firmware.limits import GIB, HOST_DELETE_DAYS
from firmware.shard import LEAF_BYTES
from tests.sim.fleet_spec import DAY, START, Conduct

Shard = tuple[bytes, int, int]
"""Pack, k, number. A pack's id begins with the number of its household (4 bytes)."""

LIAR_KEEPS: Final = 5
DEEP: Final = 150
"""Leaves of a deep audit here; the product asks 459, so a liar of the fleet gets away sooner."""
DRIP_BYTES: Final = 1024
_LIMITS: Final = HostLimits(None, 2 * GIB, 0.05)
_DISK: Final = 2000 * GIB
_FOREVER: Final = 1 << 60


def home_of(shard: Shard) -> int:
    """Return the household whose pack this is."""
    return int.from_bytes(shard[0][:4], "big")


@dataclass
class Going:
    """Shards asked away: when they may go by the host's clock and by its time lived, and when it really was."""

    home: int
    shards: set[Shard]
    effective_ms: int
    lived_ms: int
    asked: int


class Box:
    """One device: where it is, whether it is up, and what it keeps for whom."""

    def __init__(self, number: int, home: int, region: int, conduct: Conduct = Conduct.HONEST) -> None:
        """A new device that is up; ``turn`` says since when and how badly it behaves."""
        self.number, self.home, self.region, self.conduct = number, home, region, conduct
        self.key = number.to_bytes(4, "big") + bytes(28)
        self.alive = self.up = True
        self.off = False
        """Switched off for months."""
        self.part, self.turns_at, self.flavour = 0.0, _FOREVER, ""
        self.skew_ms = 0
        self.rate = 1_250_000
        self.offers = 8 * GIB
        self.disk_free = _DISK
        self.patience = Patience()
        self.accounts: dict[int, Account] = {}
        self.kept: dict[int, dict[Shard, int]] = {}
        self.rot: dict[Shard, int] = {}
        self.damaged = False
        self.going: list[Going] = []
        self.first_leaf: dict[Shard, int] = {}
        """Leaves of the same household that came before this shard."""
        self.leaves: dict[int, int] = {}
        self.heads: dict[int, tuple[int, int]] = {}
        self.alive_ms: dict[int, int] = {}

    # Time

    def now_ms(self, t: int) -> int:
        """Return the host's own time: it never goes back, and is never younger than it was."""
        return self.patience.at(t + self.skew_ms, (t - START) * 1_000_000)

    def boot(self) -> None:
        """A new run: nobody knows how long the pause was."""
        self.patience = Patience.read(self.patience.write())

    # Room

    def grant(self, home: int) -> Account:
        """Return the account of a household; a new one gets what this box offers everybody."""
        quota = 1024 * GIB if self.flavour == "boast" else self.offers
        return self.accounts.setdefault(home, Account(quota))

    def _house(self, t: int) -> House:
        return House(_LIMITS, self.accounts.values(), _DISK, self.disk_free, self.now_ms(t))

    def reserve(self, home: int, size: int, t: int) -> tuple[int, int, int]:
        """Set room aside; return (granted, quota, used)."""
        account = self.grant(home)
        place = home.to_bytes(4, "big")
        granted = self._house(t).reserve(account, place, size) if size else 0
        if not size:
            account.reserved.pop(place, None)
        return granted, account.quota, account.used

    def take(self, shard: Shard, size: int, t: int) -> Trouble | None:
        """Keep a shard that came; return why not."""
        home = home_of(shard)
        account = self.grant(home)
        there = self.kept.setdefault(home, {})
        if shard not in there:
            account.draw(home.to_bytes(4, "big"), size)
            try:
                self._house(t).admit(account, charge(size))
            except (PeerQuota, Full):
                return Trouble.FULL
            account.used += charge(size)
            there[shard] = size
            self.first_leaf[shard] = self.leaves.get(home, 0)
            self.leaves[home] = self.first_leaf[shard] - (-size // LEAF_BYTES)
        self.rot.pop(shard, None)  # a host reads what it keeps before it gives a receipt again
        for each in self.going:
            each.shards.discard(shard)
        if self.flavour == "boast" and len(there) > LIAR_KEEPS:
            self.lose(next(iter(there)))
        return None

    def lose(self, shard: Shard) -> None:
        """A shard is no longer there."""
        size = self.kept.get(home_of(shard), {}).pop(shard, None)
        if size is not None:
            self.accounts[home_of(shard)].used -= charge(size)
            self.rot.pop(shard, None)

    # Deletes

    def ask_away(self, home: int, shards: Iterable[Shard], t: int) -> int:
        """Set shards to go; return when that will be at the earliest, in real time."""
        now = self.now_ms(t)
        wait = HOST_DELETE_DAYS * DAY
        self.going.append(Going(home, set(shards), delete_date(0, now), self.patience.lived_ms + wait, t))
        return t + wait

    def keep_on(self, shards: Iterable[Shard]) -> list[Shard]:
        """Take the request to go back; return those that are gone already."""
        back = set(shards)
        for each in self.going:
            each.shards -= back
        return [each for each in back if each not in self.kept.get(home_of(each), {})]

    def tidy(self, t: int) -> int:
        """Let go what is due; return how many days the one that went soonest had waited, -1 for none."""
        now = self.now_ms(t)
        due = [each for each in self.going if each.effective_ms <= now and each.lived_ms <= self.patience.lived_ms]
        for each in due:
            self.going.remove(each)
            for shard in each.shards:
                self.lose(shard)
        return min(((t - each.asked) // DAY for each in due if each.shards), default=-1)

    # Answers

    def lies(self, t: int) -> bool:
        """Whether it spoils shards by now."""
        return self.turns_at <= t and self.conduct in (Conduct.DROPS, Conduct.GARBAGE)

    def all_alike(self, home: int, believed: Iterable[Shard], t: int) -> bool:
        """Whether an audit's answer cannot depend on which leaves are asked: one is then as good as 459.

        ``believed``: what the owner has receipts for.
        """
        if self.lies(t):
            return self.conduct is Conduct.GARBAGE or self.part >= 1.0
        if any(home_of(each) == home for each in self.rot):
            return False
        if not self.damaged and self.flavour != "boast":
            return True
        there = self.kept.get(home, {})
        return all(each in there for each in believed)

    def enough(self, count: int, t: int) -> int:
        """Return how many of ``count`` leaves are asked: all, or as many as find out the same, or a bit less."""
        most = {5: 280, 50: 20}.get(round(self.part * 100), DEEP) if self.lies(t) else DEEP
        return min(count, most)

    def has_leaf(self, shard: Shard, leaf: int, t: int) -> bool:
        """Whether this leaf of a kept shard is what it was."""
        if self.rot.get(shard, -1) == leaf:
            return False
        if not self.lies(t):
            return True
        if self.conduct is Conduct.GARBAGE or self.part >= 1.0:
            return False
        at, percent = self.first_leaf.get(shard, 0) + leaf, round(self.part * 100)
        return -(-(at + 1) * percent // 100) == -(-at * percent // 100)  # the first, and so many of each hundred

    def shows_leaf(self, shard: Shard, leaf: int, t: int) -> bool:
        """Whether it can prove one leaf to somebody without the pack: it reads the whole shard for that."""
        kept = shard in self.kept.get(home_of(shard), {})
        return kept and shard not in self.rot and self.has_leaf(shard, leaf, t)

    def gives(self, shard: Shard, t: int) -> bool:
        """Whether the whole shard comes, sound, when somebody asks for it."""
        size = self.kept.get(home_of(shard), {}).get(shard)
        if size is None or shard in self.rot:
            return False
        return not self.lies(t) or all(self.has_leaf(shard, leaf, t) for leaf in range(-(-size // LEAF_BYTES)))

    def sends(self, shard: Shard, t: int) -> bool:
        """Whether anything comes at all, sound or not, when somebody asks for this shard."""
        return self.lies(t) or shard in self.kept.get(home_of(shard), {})

    def proves(self, home: int, picks: Iterable[PickedShard], t: int) -> tuple[Answer, list[PickedShard]]:
        """Answer an audit; return the picks it says it does not keep, too."""
        there = self.kept.get(home, {})
        missing = [each for each in picks if (each.pack, each.k, each.index) not in there]
        if missing and not self.lies(t):
            return Answer.MISSING, missing
        if missing:
            return Answer.WRONG, []
        if not self.rot and not self.lies(t):
            return Answer.GOOD, []
        for pick in picks:
            shard = pick.pack, pick.k, pick.index
            if not all(self.has_leaf(shard, leaf, t) for leaf in pick.leaves):
                return Answer.WRONG, []
        return Answer.GOOD, []

    def proves_whole(self, shard: Shard, t: int) -> Answer:
        """Answer about one whole shard."""
        if shard not in self.kept.get(home_of(shard), {}):
            return Answer.WRONG if self.lies(t) else Answer.MISSING
        return Answer.GOOD if self.gives(shard, t) else Answer.WRONG
