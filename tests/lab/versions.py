"""A box of another version of the protocol: peerd of this box alone says, and insists, that it speaks LOW to HIGH.

Run by the interpreter of one box of the lab when it starts; the product has no such switch.
"""

from __future__ import annotations

import inspect
import sys
from types import ModuleType


def speaks(low: int, high: int, house: str) -> list[str]:
    """Lines for ``tests.lab.clock.interpreter``: what makes the box of that interpreter speak LOW to HIGH."""
    call = f"__import__('importlib').import_module('tests.lab.versions').speak({low}, {high})"
    return [house, f"import sys; 'services.peerd' in sys.orig_argv and {call}"]


def speak(low: int, high: int) -> None:
    """Replace the range in every module of the protocol, defaults of parameters included."""
    import firmware.peer
    from firmware.peer import asked

    before = asked.VERSIONS
    for name in [each for each in sys.modules if each == firmware.peer.__name__ or each.startswith("firmware.peer.")]:
        _replace(sys.modules[name], before, (low, high))


def _replace(module: ModuleType, before: object, now: tuple[int, int]) -> None:
    if getattr(module, "VERSIONS", None) == before:
        vars(module)["VERSIONS"] = now
    if getattr(module, "VERSION", None) == 1:
        vars(module)["VERSION"] = max(1, now[0])
    for each in [*vars(module).values()]:
        for function in [each, *(vars(each).values() if inspect.isclass(each) else ())]:
            defaults = getattr(function, "__kwdefaults__", None)
            if inspect.isfunction(function) and defaults:
                if defaults.get("versions") == before:
                    defaults["versions"] = now
                if defaults.get("version") == 1:
                    defaults["version"] = max(1, now[0])
