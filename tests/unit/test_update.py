"""Small pieces of updating: hours, health, the sector, entries of UEFI, what is remembered."""

from __future__ import annotations

import itertools
import subprocess
from dataclasses import replace
from datetime import time
from pathlib import Path

import pytest

from firmware.errors import Misused, SlotsUnclear
from firmware.update.attempts import starting
from firmware.update.autoboot import SECTOR, Autoboot, places
from firmware.update.deciding import Do, View, decide
from firmware.update.healthy import judge
from firmware.update.memory import Memory, Returned, Stage, Trial
from firmware.update.release import Version
from firmware.update.slots import Slot
from firmware.update.uefi import description_of, entry
from firmware.update.window import Window
from tests.house.tree import ROOT

RUNNING = View(
    booted=Slot.A,
    running=Version(2, 0, 0),
    boot="now",
    committed=Slot.A,
    armed=None,
    retired=True,
    memory=Memory(highest=Version(2, 0, 0)),
)


def test_the_sector_is_one_sector_and_is_read_back() -> None:
    for first in Slot:
        for bad in (None, *Slot):
            sector = Autoboot(first, first.other, Slot.A, 2, bad)
            assert len(sector.to_bytes()) == SECTOR
            assert Autoboot.parse(sector.to_bytes()) == sector


def test_a_sector_the_box_did_not_write_is_not_guessed_at() -> None:
    sector = Autoboot(Slot.A, Slot.B, Slot.A).to_bytes()
    for bad in (
        b"",
        sector[:-1],
        sector + b"\n",
        sector.replace(b"=2", b"=4"),
        sector.replace(b"all", b"none"),
        b"\0" * 512,
    ):
        with pytest.raises(SlotsUnclear):
            Autoboot.parse(bad)


def test_the_page_says_where_the_digits_are() -> None:
    page = (ROOT / "docs/formats/slots.md").read_text()
    *first, last = [str(place) for place in places().values()]
    assert f"bytes {', '.join(first)} and {last}" in page
    assert Autoboot(Slot.A, Slot.B, Slot.A).to_bytes().rstrip().decode() in page


def test_the_initrd_turns_back_after_two_starts() -> None:
    now, starts = Autoboot(Slot.B, Slot.B, Slot.A, 2), 0
    while True:
        now, goes_on = starting(now, Slot.B)
        if not goes_on:
            break
        starts += 1
    assert (starts, now.first) == (2, Slot.A)
    assert starting(now, Slot.A) == (now, True)


def test_the_shell_of_the_initrd_counts_as_the_product_does(tmp_path: Path) -> None:
    """``image/init`` has no Python: its own functions, on a file that stands in for the card."""
    text = (ROOT / "image/init").read_text()
    functions = text[text.index("# digit PLACE") : text.index("slot=$(came_from)")]
    card, counted = tmp_path / "autoboot.txt", tmp_path / "counted"
    counted.write_text(" ".join(str(places()[each]) for each in ("first", "good", "left")) + "\n")
    script = functions.replace("/run/card/autoboot.txt", str(card)).replace("</counted", f"<{counted}")
    script = script.replace("mkdir -p /run/card", ":").replace("/run/card", str(tmp_path))
    stubs = "partition() { echo x; }\nmount() { :; }\numount() { :; }\nagain() { echo again; exit; }\n"
    for booted, first, good in itertools.product(Slot, Slot, Slot):
        for left in range(3):
            before = Autoboot(first, first.other, good, left)
            card.write_bytes(before.to_bytes())
            command = ["sh", "-c", f"{stubs}{script}\ncount {booted.value.lower()}\n"]
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            after, goes_on = starting(before, booted)
            assert (Autoboot.parse(card.read_bytes()), not said) == (after, goes_on), (booted, before)


def test_a_start_is_counted_before_its_root_is_looked_for() -> None:
    text = (ROOT / "image/init").read_text()
    assert 0 < text.index('count "$slot"') < text.index("root=$(partition")


def test_entries_of_uefi() -> None:
    assert description_of(entry("A", b"path")) == "A"
    assert description_of(b"") == description_of(b"\1\0\0\0\4\0A") == ""


def test_the_window_may_pass_midnight() -> None:
    night, late = Window.parse("02:00", "05:00"), Window.parse("23:00", "01:00")
    assert night.open_at(time(2)) and not night.open_at(time(5)) and not night.open_at(time(14))
    assert late.open_at(time(23, 30)) and late.open_at(time(0, 30)) and not late.open_at(time(1))
    assert night.begin_after(time(1), 0.0) == 3600
    assert night.begin_after(time(1), 1.0) == 3600 + 5400
    assert night.begin_after(time(4), 0.5) == 0.0
    assert 0 < night.begin_after(time(6), 0.5) < 86_400
    with pytest.raises(Misused):
        Window.parse("2:00", "25:00")


def test_health_asks_only_for_what_worked_before() -> None:
    alone = dict.fromkeys(("disk", "lockers", "pages"), True)
    assert judge(frozenset(), alone, 1).healthy
    assert judge(frozenset({"peers"}), alone, 1).healthy is None
    assert judge(frozenset({"peers"}), alone, 15).check == "peers"
    assert judge(frozenset({"peers"}), alone, 15).healthy is False
    assert judge(frozenset(), alone | {"pages": False}, 99).check == "pages"


def test_memory_that_is_not_whole_is_none() -> None:
    memory = Memory(
        Version(1, 2, 3), 9, Trial(Version(1, 3, 0), Slot.B, Stage.ARMED, 1, "x"),
        Returned(Version(1, 2, 9), "unhealthy", "pages"), frozenset({"name"}),
    )  # fmt: skip
    assert Memory.parse(memory.to_bytes()) == memory
    for at in range(len(memory.to_bytes())):
        assert Memory.parse(memory.to_bytes()[:at]) == Memory()


def test_nothing_is_written_outside_the_hours_or_before_it_is_here() -> None:
    offered = replace(RUNNING, offer=Version(3, 0, 0))
    assert decide(RUNNING).do is Do.REST
    assert decide(offered).do is Do.FETCH
    assert decide(replace(offered, ready=True)).do is Do.WAIT
    assert decide(replace(offered, ready=True, may_write=True)).do is Do.NOTE
    assert decide(replace(offered, offer=Version(2, 0, 0))).do is Do.REST
    assert decide(replace(offered, offer=Version(1, 0, 0), ready=True, may_write=True)).do is Do.REST


def test_a_version_the_box_came_back_from_waits_for_the_next() -> None:
    memory = replace(RUNNING.memory, returned=Returned(Version(3, 0, 0), "unhealthy", "pages"))
    view = replace(RUNNING, memory=memory, ready=True, may_write=True)
    assert decide(replace(view, offer=Version(3, 0, 0))).do is Do.REST
    assert decide(replace(view, offer=Version(3, 0, 1))).do is Do.NOTE


def test_on_trial_nothing_but_the_verdict_is_written() -> None:
    view = replace(RUNNING, booted=Slot.B, offer=Version(9, 0, 0), ready=True, may_write=True, may_restart=True)
    assert decide(view).do is Do.CHECK
    assert decide(replace(view, healthy=True)).do is Do.COMMIT
    noted = decide(replace(view, healthy=False, check="pages"))
    assert noted.memory is not None and noted.memory.returned == Returned(Version(2, 0, 0), "unhealthy", "pages")
    assert decide(replace(view, healthy=False, check="pages", memory=noted.memory)).do is Do.TURN_BACK


def test_the_docs_are_where_the_code_says() -> None:
    assert all(Path(ROOT / f"docs/formats/{name}.md").is_file() for name in ("release", "slots"))
