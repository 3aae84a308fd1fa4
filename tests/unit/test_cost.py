"""A year's cost from what was measured; what a ledger counts when services start anew; the kernel's figures."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from firmware.linux import usage
from firmware.linux.clock import SystemClock
from firmware.linux.usage import Used
from firmware.model.cost import YEAR_SECONDS, CostModel, Measured, year_of
from services.lockerd.costs import Costs, Ledger

DAY = 86_400


def test_a_year_follows_from_what_was_measured() -> None:
    model = CostModel(watts_idle=2.0, watts_core=1.0, price=0.5, endurance_tb=1.0)
    year = year_of(Measured(10 * DAY, DAY, 10**9, 2 * 10**9), model)
    assert year.kwh == pytest.approx((2.0 + 0.1) * 8.766) and year.own_kwh == pytest.approx(0.8766)
    assert year.money == pytest.approx(year.kwh / 2)
    assert year.written == round(10**9 * YEAR_SECONDS / (10 * DAY)) and year.disk_written == 2 * year.written
    assert year.disk_years == pytest.approx(1e12 / year.disk_written)


def test_what_is_not_known_is_not_said() -> None:
    early = year_of(Measured(DAY - 1, 5, 10**9, None), CostModel())
    assert (early.money, early.written, early.disk_written, early.disk_years) == (None, None, None, None)
    assert year_of(Measured(0, 0, 0, None), CostModel()).kwh == pytest.approx(1.6 * 8.766)
    assert year_of(Measured(DAY, 0, 5, None), CostModel(endurance_tb=0)).disk_years is None


def test_a_service_that_starts_anew_is_counted_on() -> None:
    ledger = Ledger(0)
    first, later = {"peerd": Used("1", 100, 50)}, {"peerd": Used("1", 160, 70), "webd": Used("9", 7, None)}
    ledger.add({}, first)
    ledger.add(first, later)
    ledger.add(later, {"peerd": Used("2", 30, 5)})
    assert ledger.cpu_ms == {"peerd": 190, "webd": 7} and ledger.written == {"peerd": 75}


def test_the_count_goes_on_after_a_restart(tmp_path: Path) -> None:
    figures = iter([{"lockerd": Used("1", cpu, size)} for cpu, size in ((10, 1), (40, 6), (100, 0), (150, 4))])
    disk = iter([1000, 1500, 100, 700])
    made = [Costs(tmp_path, SystemClock(), lambda: next(figures), lambda _: next(disk))]
    made[0].close()
    made.append(Costs(tmp_path, SystemClock(), lambda: next(figures), lambda _: next(disk)))
    made[1].count()
    shown = made[1].shown()
    assert [each.cpu_seconds for each in shown.services] == [0.03 + 0.05] and shown.written == 5 + 4
    assert shown.disk_written == 500 + 600 and shown.written_year is None
    (tmp_path / "cost.json").write_text("{")
    assert Costs(tmp_path, SystemClock(), dict, lambda _: None).shown().written == 0


def test_the_kernel_counts_this_process(tmp_path: Path) -> None:
    me = next(each for each in usage._processes() if each.pid == os.getpid())
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
    again = next(each for each in usage._processes() if each.pid == os.getpid())
    assert again.start == me.start and again.own > me.own
    assert usage.used() == {}, "this is no service"
    found = usage.disk_written(tmp_path)
    assert found is None or found >= 0
