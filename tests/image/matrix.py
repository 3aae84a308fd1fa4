"""New versions on a really started box, from sticks that are put in while it runs: what must not come in does not, what
is good is tried and kept, what does not start is left again for what was kept last.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tests.image.qemu import Card, Machine
from tests.image.sticks import Stick, Workshop

_START_S: Final = 1200.0
_NO_S: Final = 600.0
_MORE: Final = 4
"""Cases beside those that are refused."""
State = dict[str, Any]


class Watched:
    """A machine that may start again, and what the watcher inside says of it."""

    def __init__(self, machine: Machine) -> None:
        """Listen to ``machine``."""
        self._machine, self._monitor, self._plugged = machine, machine.monitor(), 0

    def state(self) -> State:
        """Return what was said last; empty before the first word."""
        for line in reversed(self._machine.said().splitlines()):
            if line.startswith("STATE {") and line.endswith("}"):
                with contextlib.suppress(ValueError):  # the plug was pulled in the middle of a line
                    found: State = json.loads(line.removeprefix("STATE "))
                    return found
        return {}

    def until(self, condition: Callable[[State], bool], limit_s: float) -> bool:
        """Whether ``condition`` became true in time."""
        end = time.monotonic() + limit_s
        while not condition(self.state()):
            if time.monotonic() > end or not self._machine.running():
                return False
            time.sleep(0.5)
        return True

    def put_in(self, stick: Stick) -> None:
        """Put a stick into the machine."""
        self._plugged += 1
        name = f"stick{self._plugged}"
        self._monitor.ask(
            "blockdev-add", driver="raw", node_name=name, read_only=True,
            file={"driver": "file", "filename": str(stick.image), "read-only": True},
        )  # fmt: skip
        self._monitor.ask("device_add", driver="usb-storage", id=f"usb{name}", drive=name)

    def take_out(self) -> None:
        """Take it out again, without a word to the system."""
        name = f"stick{self._plugged}"
        self._monitor.ask("device_del", id=f"usb{name}")
        self._monitor.wait_for("DEVICE_DELETED", f"usb{name}")
        self._monitor.ask("blockdev-del", node_name=name)

    def pull_plug(self) -> None:
        """Start it again at once, as after a power cut."""
        self._monitor.ask("system_reset")


def matrix(card: Card, images: Path, folder: Path, words: str) -> dict[str, Any]:
    """Return ``ab_matrix_ok`` over ``ab_cases`` and which failed."""
    folder.mkdir()
    workshop = Workshop(card.board, images, folder / "workshop")
    sticks = workshop.refused()
    results, told = dict[str, bool](), False
    with Machine(card.board, card, card.path.parent, script="watcher", words=words, again=True) as machine:
        box = Watched(machine)
        if box.until(lambda state: "version" in state, _START_S):
            for stick in sticks:
                results[stick.name] = _refused(box, stick)
            results |= _good(box, workshop)
            results |= _broken(box, workshop)
            told = _reset(box, workshop)
        last = box.state()
    failed = sorted(name for name, ok in results.items() if not ok)
    ok = not failed and len(results) == len(sticks) + _MORE
    cases = {"ab_matrix_ok": ok, "ab_cases": len(results), "ab_failed": failed}
    return {**cases, "factory_reset_ok": told, **({} if ok and told else {"ab_last": last})}


def _refused(box: Watched, stick: Stick) -> bool:
    """The box says why it does not take it, and goes on as it was."""
    before = box.state()
    box.put_in(stick)
    said = box.until(lambda state: state.get("refused") == stick.refused, _NO_S)
    box.take_out()
    gone = box.until(lambda state: not state["sticks"] and not state.get("refused"), _NO_S)
    after = box.state()
    return said and gone and all(before[each] == after[each] for each in ("boot", "slot", "version"))


def _good(box: Watched, workshop: Workshop) -> dict[str, bool]:
    """A good version with a power cut while it is written; afterwards it runs, is kept, and starts again by itself."""
    before, version = box.state(), workshop.next(1)
    box.put_in(workshop.good(version))
    box.until(lambda state: state.get("step") == "writing", _NO_S)
    time.sleep(5)
    box.pull_plug()
    cut = box.until(lambda state: state.get("boot") != before["boot"] and "version" in state, _START_S)
    still = box.state()
    taken = box.until(lambda state: state.get("version") == str(version) and state.get("step") == "none", 2 * _START_S)
    now = box.state()
    box.take_out()
    return {
        "cut while written": cut and (still["slot"], still["version"]) == (before["slot"], before["version"]),
        "good": taken and now["slot"] != before["slot"],
    }


def _broken(box: Watched, workshop: Workshop) -> dict[str, bool]:
    """What does not start is tried, and left for the version that was kept last, which is not the flashed one."""
    before, version = box.state(), workshop.next(2)
    box.put_in(workshop.broken(version))
    left = box.until(lambda state: (state.get("returned") or {}).get("version") == str(version), 3 * _START_S)
    after = box.state()
    box.take_out()
    same = all(after.get(each) == before.get(each) for each in ("slot", "version"))
    return {"broken": left and same and after["boot"] != before["boot"], "last kept comes back": left and same}


def _reset(box: Watched, workshop: Workshop) -> bool:
    """Step 4: no household, no key is left, and the same system runs."""
    before = box.state()
    box.put_in(workshop.reset(4))
    again = box.until(lambda state: state.get("boot") != before["boot"] and "version" in state, _START_S)
    after = box.state()
    box.take_out()
    same = all(after.get(each) == before.get(each) for each in ("slot", "version"))
    return bool(before["household"] and before["keys"] and again and same and not after["household"] | after["keys"])
