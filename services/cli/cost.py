"""``./box locker cost``: what the box uses, measured, and what a year of it costs, estimated."""

from __future__ import annotations

import argparse
import json
from typing import Final

from services.api.cost_types import Costs
from services.api.decode import encode
from services.cli.shelf import day
from services.cli.shell import Shell

_GB: Final = 1e9
_HOUR: Final = 3600


def cost(shell: Shell, args: argparse.Namespace) -> int:
    """What the box uses, measured, and what a year of it costs, estimated; options set the owner's figures."""
    found: Costs = shell.mine.call("costs")
    names = ("watts_idle", "watts_core", "price", "currency", "endurance_tb")
    wanted = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    if wanted:
        found = shell.mine.call("set_costs", **({name: getattr(found.model, name) for name in names} | wanted))
    if args.json:
        print(json.dumps(encode(found)))
    else:
        _show(found)
    return 0


def _show(found: Costs) -> None:
    model = found.model
    print(f"Measured since {day(found.since_ms)}, for {found.seconds / _HOUR:.1f} hours in which the box was running:")
    for each in found.services:
        wrote = "bytes unknown" if each.written is None else f"{each.written / _GB:.3f} GB written"
        print(f"  {each.name}: {each.cpu_seconds:.1f} CPU seconds, {wrote}")
    disk = "unknown" if found.disk_written is None else f"{found.disk_written / _GB:.3f} GB"
    print(f"  the whole disk, everything on this machine: {disk}")
    watts = f"{model.watts_idle} W idle, {model.watts_core} W for each busy core"
    print(f"Assumed: {watts}, {model.endurance_tb} TB endurance")
    print("Estimated for a year:")
    money = "" if found.money_year is None else f", {found.money_year:.2f} {model.currency}"
    print(f"  {found.kwh_year:.1f} kWh{money}; of that {found.own_kwh_year:.2f} kWh for the CPU time of its programs")
    if found.written_year is None:
        print("  bytes: too early to say, a day has to be measured first")
    else:
        print(f"  {found.written_year / _GB:.1f} GB written by its programs")
    if found.disk_years is not None:
        print(f"  the disk takes this for {found.disk_years:.0f} years; what it writes inside itself is not known")
