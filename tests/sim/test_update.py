"""A power cut at any write of an update leaves a box that starts, with what was proven or what is being tried.

The whole search is ``./box sim update --cuts all``; here a part of it, and proof that it finds what is wrong.
"""

from __future__ import annotations

import pytest

from tests.sim.update import BACKENDS, CONTROLS, Nature, World, control, explore, natures

CASES = [(backend, nature) for backend in BACKENDS for nature in natures(backend)]


@pytest.mark.parametrize(("backend", "nature"), CASES, ids=lambda each: getattr(each, "name", each))
def test_no_cut_does_harm(backend: str, nature: Nature) -> None:
    found = explore(World(backend, nature), 4000)
    assert found.harm == 0, found
    assert found.stuck == 0, found
    assert found.cuts >= 4000 and found.updated, found


@pytest.mark.parametrize("broken", CONTROLS)
def test_the_search_finds_what_is_wrong(broken: str) -> None:
    missed = [backend for backend in CONTROLS[broken] if not control(broken, backend)]
    assert not missed, f"{broken} went unnoticed with {missed}"
