"""A small round of ``./box sim peer_fuzz``: nothing a peer can send raises, or costs much memory."""

from __future__ import annotations

from tests.sim.peer_fuzz import MEMORY_BOUND, Fuzzer


def test_no_bytes_of_a_peer_raise_or_fill_memory() -> None:
    tally = Fuzzer(7).run(20_000)
    assert not tally.first
    assert tally.inputs == 20_000 and tally.answered > 2_000
    assert 0 < tally.peak < MEMORY_BOUND


def test_the_fuzzer_notices_a_fault() -> None:
    fuzzer = Fuzzer(7)

    def faulty(data: bytes) -> None:
        raise KeyError(data[:1])

    fuzzer._answer = faulty  # type: ignore[method-assign]
    assert fuzzer.run(100).unhandled == 75
