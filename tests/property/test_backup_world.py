"""Any story of a circle: peers come, go, lie, lose shards and fill up; the world checks itself at every hour."""

from __future__ import annotations

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from firmware.backup import UNLIMITED, Bucket, PeerState
from firmware.pack.format import Kind
from tests.sim.circle_world import DAY, World

MIB = 1 << 20
_STORY = st.lists(
    st.tuples(
        st.sampled_from(["cut", "cut", "join", "away", "back", "lose", "rot", "heal", "fill", "leave", "drop", "wait"]),
        st.integers(0, 31),
    ),
    max_size=25,
)


def _tell(world: World, what: str, which: int) -> None:
    keys = list(world.hosts)
    host = world.hosts[keys[which % len(keys)]] if keys else None
    if what == "cut":
        world.cut((which + 1) * MIB // 4, kind=Kind(1 + which % 3), precious=which % 3 == 0)
    elif what == "join" and len(keys) < 16:
        world.join()
    elif what == "drop" and world.view.packs:
        world.view.drop(list(world.view.packs)[which % len(world.view.packs)])
    elif what == "wait":
        world.hours(which)
    elif host is not None:
        _happen(world, what, which, host.key)


def _happen(world: World, what: str, which: int, key: bytes) -> None:
    host = world.hosts[key]
    held = sorted(host.kept)
    if what in ("away", "back"):
        host.there = what == "back"
    elif what == "leave":
        world.view.left(key)
        host.there = False
    elif what == "heal":
        host.rotten.clear()
    elif what == "lose":
        for shard in held[: 1 + which % 5]:
            del host.kept[shard]
    elif what == "rot":
        host.rotten |= set(held[: 1 + which % 3])
    elif what == "fill":
        host.quota = max(host.used, which * MIB)
        world.view.offered(key, host.quota, host.used)


@given(households=st.integers(0, 9), story=_STORY, seed=st.integers(0, 1 << 30))
@example(households=4, story=[("cut", 24), ("leave", 18)], seed=1)  # four shards, three households: all there can be
@example(  # a new layout in a circle that shrinks meanwhile
    households=1,
    story=[
        *(("fill", 3), ("cut", 18), ("join", 2), ("cut", 15), ("join", 27)),
        *(("rot", 7), ("join", 12), ("wait", 22), ("leave", 0)),
    ],
    seed=751547128,
)
@example(households=1, story=[("cut", 8), ("cut", 23), ("wait", 14), ("leave", 0), ("drop", 30)], seed=1)  # laid alike
@example(  # somebody on probation keeps nothing any more but what was dropped
    households=3,
    story=[
        *(("cut", 17), ("cut", 21), ("wait", 4), ("wait", 13), ("rot", 21), ("drop", 19), ("lose", 16), ("rot", 7)),
        *(("leave", 13), ("wait", 18), ("cut", 7), ("drop", 0), ("fill", 27), ("rot", 23), ("join", 19)),
    ],
    seed=446327472,
)
@example(households=3, story=[("cut", 17), ("wait", 31), ("rot", 22), ("leave", 27), ("heal", 19)], seed=1)  # spoilt
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_in_the_end_everything_is_safe_and_no_badge_ever_lied(
    households: int, story: list[tuple[str, int]], seed: int
) -> None:
    world = World(households, seed=seed)
    for what, which in story:
        _tell(world, what, which)
        world.hour()
    while sum(1 for key in world.hosts if world.state(key) is not PeerState.LEFT) < 3:
        world.join()
    for key, host in world.hosts.items():
        host.there = world.state(key) is not PeerState.LEFT
        host.rotten.clear()
        host.quota = 1 << 30
        world.view.offered(key, host.quota, host.used)
    for _ in range(40):
        world.hours(24)
        if world.safe():
            break
    assert world.safe()


@given(households=st.integers(7, 12), packs=st.integers(1, 30), who=st.integers(0, 6), seed=st.integers(0, 1 << 30))
@settings(max_examples=15, deadline=None)
def test_traffic_for_one_lost_shard_is_one_shard(households: int, packs: int, who: int, seed: int) -> None:
    world = World(households, seed=seed)
    for _ in range(packs):
        world.cut()
    world.view.ship_now(world.now_ms)
    world.hour()
    key = list(world.hosts)[who]
    lost, shipped = len(world.held_by(key)), len(world.ships)
    world.hosts[key].there = False
    world.hours(11 * 24)
    assert world.state(key) is PeerState.LOST
    assert len(world.ships) - shipped == lost and world.safe()


@given(
    rate=st.integers(1, 1 << 24),
    takes=st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 1 << 20)), min_size=1, max_size=60),
)
def test_caps_are_never_passed(rate: int, takes: list[tuple[int, int]]) -> None:
    bucket, now, gone = Bucket(rate, 0), 0, 0
    for passed, size in takes:
        now += passed
        wait = bucket.take(size, now)
        if wait:
            now += min(wait, DAY)
            wait = bucket.take(size, now) if wait < DAY else 1
        if not wait:
            assert gone <= rate * now / 1000, "what went before was paid for"
            gone += size
    assert Bucket(UNLIMITED, 0).take(1 << 40, 0) == 0 and Bucket(0, 0).take(1, 10**9) == 60_000
