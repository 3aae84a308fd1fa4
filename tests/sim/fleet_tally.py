"""What a simulated fleet counts, and the figures that come out of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields

from tests.sim.fleet_spec import DAY, YEAR


def rung(size: int) -> int:
    """Return the class of a circle of so many households: 1, 2, 3, and 4 for all larger ones."""
    return min(size, 4)


@dataclass
class Tally:
    """Sums over one fleet or several. Counters go by the class of the circle (``rung``)."""

    lived_ms: Counter[int] = field(default_factory=Counter)
    owners: Counter[int] = field(default_factory=Counter)
    objects: Counter[int] = field(default_factory=Counter)
    """Objects that a restore was to bring back."""
    lost: Counter[int] = field(default_factory=Counter)
    losers: Counter[int] = field(default_factory=Counter)
    """Households that lost anything."""
    restores: Counter[int] = field(default_factory=Counter)
    too_young: int = 0
    """Objects that could not be had back, never were SAFE and were younger than a week."""
    older_heads: int = 0
    """Restores for which nobody could show the newest head that a friend had been told."""
    restore_needed: int = 0
    restore_came: int = 0
    away_owners: int = 0
    away_objects: int = 0
    away_lost: int = 0
    delegates_made: int = 0
    leases_ended: int = 0
    rounds: list[int] = field(default_factory=list)
    """For each 1 % dropper and friend: rounds until it was found."""
    unfound: int = 0
    """Such pairs that ended within 8 rounds without being found: they say nothing."""
    honest_boxes: int = 0
    false_evictions: set[int] = field(default_factory=set)
    false_suspensions: int = 0
    liars_evicted: int = 0
    boxes: int = 0
    boxes_lost: int = 0
    events: int = 0
    checks: int = 0
    audits: int = 0
    wrong_answers: int = 0
    shards_shipped: int = 0
    shards_repaired: int = 0
    soonest_delete_days: int = 1 << 30

    @property
    def all_lost(self) -> int:
        """Objects lost in circles of four and more: those restores lacked, and those friends of the absent lacked."""
        return self.lost[4] + self.away_lost

    def add(self, other: Tally) -> None:
        """Add the sums of another fleet."""
        evictions = len(self.false_evictions) + len(other.false_evictions)
        for each in fields(self):
            mine, its = getattr(self, each.name), getattr(other, each.name)
            if each.name == "soonest_delete_days":
                self.soonest_delete_days = min(mine, its)
            elif each.name != "false_evictions":
                setattr(self, each.name, mine + its)
        self.false_evictions = set(range(evictions))


def worst_of_hundred(rounds: list[int]) -> int:
    """Return the 99th percentile (nearest rank); 0 of nothing."""
    return sorted(rounds)[-(-99 * len(rounds) // 100) - 1] if rounds else 0


def figures(tally: Tally) -> dict[str, object]:
    """Return what the fleet printed, with what each figure was counted over."""
    found: dict[str, object] = {
        "objects_lost": tally.lost[4],
        "objects_lost_over": tally.objects[4],
        "restores_over": tally.restores[4],
        "box_years": round(sum(tally.lived_ms.values()) / YEAR, 1),
        "box_years_circles_of_4_and_more": round(tally.lived_ms[4] / YEAR, 1),
    }
    per: dict[str, float] = {}
    for size in (1, 2, 3):
        years = tally.lived_ms[size] / YEAR
        per[str(size)] = round(tally.lost[size] / years * 1000, 1) if years else 0.0
        found[f"box_years_circles_of_{size}"] = round(years, 1)
        found[f"objects_lost_circles_of_{size}"] = tally.lost[size]
        found[f"restores_circles_of_{size}"] = tally.restores[size]
        found[f"households_that_lost_circles_of_{size}"] = tally.losers[size]
    return {"lost_per_1000_box_years": per} | found | _rest(tally)


def _rest(tally: Tally) -> dict[str, object]:
    return {
        "away_lost": tally.away_lost,
        "away_owners": tally.away_owners,
        "away_objects": tally.away_objects,
        "shards_made_by_delegates": tally.delegates_made,
        "leases_ended": tally.leases_ended,
        "dropper_found_rounds_p99": worst_of_hundred(tally.rounds),
        "dropper_found_rounds_most": max(tally.rounds, default=0),
        "dropper_pairs": len(tally.rounds),
        "dropper_pairs_that_ended_before": tally.unfound,
        "false_eviction_fraction": round(len(tally.false_evictions) / max(1, tally.honest_boxes), 5),
        "false_evictions": len(tally.false_evictions),
        "honest_boxes": tally.honest_boxes,
        "false_suspensions": tally.false_suspensions,
        "liars_evicted": tally.liars_evicted,
        "boxes": tally.boxes,
        "boxes_lost": tally.boxes_lost,
        "objects_lost_too_young_to_count": tally.too_young,
        "restores_with_an_older_head": tally.older_heads,
        "restore_traffic_ratio": round(tally.restore_came / max(1, tally.restore_needed), 3),
        "events": tally.events,
        "checks": tally.checks,
        "audits": tally.audits,
        "wrong_answers": tally.wrong_answers,
        "shards_shipped": tally.shards_shipped,
        "shards_repaired": tally.shards_repaired,
        "soonest_delete_days": tally.soonest_delete_days if tally.soonest_delete_days < DAY else -1,
    }
