"""A host against a model: puts, broken puts, deletes, clocks that pass and jump, quotas, restarts, lost indexes."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from firmware.errors import PeerQuota, ShardMissing, WrongOffset
from firmware.hosting import HostLimits, charge
from firmware.linux.hosted import HostedShards
from firmware.peer.messages import Keeping
from firmware.shard import audit_answer
from tests.sim.hosted_world import DAY, MovedClock, opened, put, settled, some
from tests.vectors.peer_examples import NONCE

SHARDS = [some(size, size) for size in (1, 64, 4096, 5000, 16384, 16385, 40_000, 70_001)]
BOXES = ("owner", "second")
TOTAL = 260_000
MEMORY = Path("/dev/shm")  # thousands of fsyncs; what they are for is tested elsewhere
which, boxes = st.integers(0, len(SHARDS) - 1), st.sampled_from(BOXES)


class HostMachine(RuleBasedStateMachine):
    """The model: what each box has whole, in part, and until when at the earliest what was asked away."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="hosted-", dir=MEMORY if MEMORY.is_dir() else None))
        self.clock = MovedClock()
        self.host = self.open()
        self.by = {box: settled(self.host, box, 150_000, locker=box.encode().ljust(16)) for box in BOXES}
        self.quota = dict.fromkeys(BOXES, 150_000)
        self.held: dict[str, dict[int, int]] = {box: {} for box in BOXES}
        self.parts: dict[str, dict[int, int]] = {box: {} for box in BOXES}
        self.asked: dict[str, dict[int, tuple[int, int]]] = {box: {} for box in BOXES}

    def open(self) -> HostedShards:
        return opened(self.folder, self.clock, limits=HostLimits(TOTAL, 0, 0.0))

    def teardown(self) -> None:
        self.host.close()
        shutil.rmtree(self.folder)

    def used(self, box: str) -> int:
        whole = sum(charge(len(SHARDS[number][1])) for number in self.held[box])
        return whole + sum(charge(size) for size in self.parts[box].values())

    def fits(self, box: str, need: int) -> bool:
        return need <= max(0, self.quota[box] - self.used(box)) and need <= TOTAL - sum(map(self.used, BOXES))

    def latest(self) -> int:
        return self.host._now()

    @rule(box=boxes, number=which, share=st.floats(0, 1), whole=st.booleans())
    def puts(self, box: str, number: int, share: float, *, whole: bool) -> None:
        name, data = SHARDS[number]
        if number in self.held[box]:
            assert put(self.host, self.by[box], SHARDS[number]) == self.held[box][number]
            self.asked[box].pop(number, None)
            return
        here = self.parts[box].get(number, 0)
        upto = len(data) if whole else here + int(share * (len(data) - here))
        if here == len(data):  # torn off after its last byte
            assert self.host.received_ms(self.by[box], name)[0] == len(data)
            self.parts[box].pop(number)
            self.held[box][number] = self.latest()
            return
        need = charge(len(data)) - charge(here)
        try:
            arriving = self.host.begin_put(self.by[box], name, len(data), here, upto - here)
        except PeerQuota:
            assert not self.fits(box, need)
            return
        assert self.fits(box, need)
        arriving.write(data[here:upto])
        if whole:
            self.held[box][number] = arriving.finish(0) or -1
            self.parts[box].pop(number, None)
        else:
            arriving.abandon()
            if upto:
                self.parts[box][number] = upto

    @rule(box=boxes, number=which, wrong=st.integers(1, 100_000))
    def puts_at_a_wrong_place(self, box: str, number: int, wrong: int) -> None:
        name, data = SHARDS[number]
        here = self.parts[box].get(number, 0)
        if number in self.held[box] or here == len(data) or wrong == here:
            return
        with pytest.raises(WrongOffset) as told:
            self.host.begin_put(self.by[box], name, len(data), wrong, 1)
        assert told.value.fields == {"offset": here}

    @rule(box=boxes, numbers=st.lists(which, min_size=1), days=st.integers(0, 50))
    def asks_away(self, box: str, numbers: list[int], days: int) -> None:
        names = [SHARDS[number][0] for number in numbers]
        when = self.clock.now + days * DAY
        effective, count = self.host.delete_ask(self.by[box], names, when, self.clock.now)
        assert count == len(set(numbers) & set(self.held[box]))
        assert effective >= self.latest() + 30 * DAY
        for number in set(numbers) & set(self.held[box]):
            self.asked[box].setdefault(number, (effective, self.clock.ticks + 30 * DAY * 1_000_000))

    @rule(box=boxes, numbers=st.lists(which, min_size=1))
    def cancels(self, box: str, numbers: list[int]) -> None:
        self.host.delete_cancel(self.by[box], [SHARDS[number][0] for number in numbers])
        for number in numbers:
            self.asked[box].pop(number, None)

    @rule(hours=st.integers(0, 24 * 20))
    def time_passes(self, hours: int) -> None:
        self.clock.pass_by(hours * 3_600_000)
        self.host._now()

    @rule(days=st.integers(-400, 400))
    def clock_jumps(self, days: int) -> None:
        self.clock.jump(days * DAY)

    @rule()
    def tidies(self) -> None:
        latest = self.latest()
        gone = self.host.tidy()
        due = 0
        for box in BOXES:
            for number, (when, ticks) in list(self.asked[box].items()):
                if when <= latest and ticks <= self.clock.ticks:
                    due += 1
                    del self.asked[box][number], self.held[box][number]
            for number, size in list(self.parts[box].items()):
                if self.host.status(self.by[box], [SHARDS[number][0]])[0][0] is Keeping.MISSING:
                    del self.parts[box][number]
                    assert size
        assert gone.shards == due

    @rule(box=boxes, quota=st.integers(0, 200_000))
    def grants(self, box: str, quota: int) -> None:
        self.host.grant(self.by[box].box, quota)
        self.quota[box] = quota

    @rule(box=boxes, number=which)
    def reads(self, box: str, number: int) -> None:
        name, data = SHARDS[number]
        try:
            answer = self.host.whole(self.by[box], name, NONCE)
        except ShardMissing:
            assert number not in self.held[box]
        else:
            assert number in self.held[box]
            assert answer == audit_answer(NONCE, [data])

    @precondition(lambda self: any(self.held.values()))
    @rule(index=st.booleans())
    def starts_again(self, *, index: bool) -> None:
        """Lived time is a little more after a pause, so the model's clock of lived time would differ: no pause here."""
        self.host._patience.latest_ms = max(self.host._patience.latest_ms, self.clock.now)
        self.host.close()
        if not index:
            for file in (self.folder / "hosted").glob("index.db*"):
                file.unlink()
        self.host = self.open()

    @invariant()
    def says_what_the_model_says(self) -> None:
        for box in BOXES:
            states = self.host.status(self.by[box], [name for name, _ in SHARDS])
            for number, state in enumerate(states):
                part = self.parts[box].get(number, 0)
                wanted = (Keeping.PARTIAL, part) if part else (Keeping.MISSING, 0)
                assert state == ((Keeping.HELD, 0) if number in self.held[box] else wanted)
        used = {each.box: each.used for each in self.host.peers()}
        assert used == {self.by[box].box: self.used(box) for box in BOXES}
        pending = sum(each.count for each in self.host.deletes())
        assert pending == sum(map(len, self.asked.values()))


TestHostMachine = HostMachine.TestCase
TestHostMachine.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)


class HastyMachine(HostMachine):
    """The control: its host takes a clock that jumped for time that was lived."""

    def open(self) -> HostedShards:
        host = super().open()
        patience = host._patience

        def at(now_ms: int, _ticks_ns: int) -> int:
            patience.lived_ms += max(0, now_ms - patience.latest_ms)
            patience.latest_ms = max(patience.latest_ms, now_ms)
            return patience.latest_ms

        patience.at = at  # type: ignore[method-assign, assignment]
        return host


class GenerousMachine(HostMachine):
    """The control: its host counts no room."""

    def open(self) -> HostedShards:
        host = super().open()
        host._spend = lambda place, size: None  # type: ignore[method-assign]
        return host


@pytest.mark.parametrize("broken", [HastyMachine, GenerousMachine])
def test_a_host_that_decides_wrongly_is_caught(broken: type[HostMachine]) -> None:
    quick = settings(
        TestHostMachine.settings, phases=[Phase.generate], max_examples=2000, derandomize=True, database=None
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(broken, settings=quick)
