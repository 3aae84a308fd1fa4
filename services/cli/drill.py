"""``./box locker drill``: how the last rehearsal of a restore ended, or one now."""

from __future__ import annotations

import argparse
import json
import time
from typing import Final

from services.api.decode import encode
from services.api.drill_types import Drill, DrillDoes, DrillFriend, DrillIs
from services.cli.shelf import day
from services.cli.shell import Shell

_FAILED: Final = 3
_LOOK_SECONDS: Final = 0.2
_SAYS: Final = {
    DrillIs.NEVER: "No restore was rehearsed yet.",
    DrillIs.PASSED: "All of it came back.",
    DrillIs.MENDED: "All of it came back. Some pieces were missing or wrong; others stood in, the box makes them anew.",
    DrillIs.SHORT: "Too few friends' boxes were there to say. It is tried again tomorrow; ask those who are away.",
    DrillIs.FAILED: "Not all of it came back. Keep this box running: it sends what is missing anew.",
}


def drill(shell: Shell, args: argparse.Namespace) -> int:
    """How the last rehearsal of a restore from friends alone ended; --now rehearses and waits for the end."""
    found: Drill = shell.mine.call("drill")
    if args.now:
        before = found.ended_ms
        found = shell.mine.call("drill_now")
        while found.does is not DrillDoes.NOTHING or found.ended_ms == before:
            time.sleep(_LOOK_SECONDS)
            found = shell.mine.call("drill")
    if args.json:
        print(json.dumps(encode(found)))
    else:
        _show(found)
    return _FAILED if found.state is DrillIs.FAILED else 0


def _show(found: Drill) -> None:
    print(_SAYS[found.state])
    if found.state is not DrillIs.NEVER:
        opened = f"{found.files} files were compared bit for bit" if found.opened else "the locker was closed"
        lacking = f", {found.lacking} did not" if found.lacking else ""
        wrong = f", {found.wrong_files} of them differ" if found.wrong_files else ""
        print(f"{day(found.ended_ms)}: {found.packs} packs ({found.size} bytes) came back{lacking}; {opened}{wrong}.")
    for each in found.friends:
        print(f"  {each.label or each.peer[:16]}: {_gave(each)}")
    if found.does is not DrillDoes.NOTHING:
        print(f"One is under way: {found.done} of {found.of} packs came back.")
    elif found.due_ms is not None:
        print(f"The next one is due {day(found.due_ms)}.")


def _gave(each: DrillFriend) -> str:
    if each.away:
        return "could not be reached"
    parts = [f"{each.shards} shards, {each.size} bytes"]
    parts += [f"{each.wrong} wrong"] if each.wrong else []
    parts += [f"{each.missing} missing"] if each.missing else []
    return ", ".join(parts)
