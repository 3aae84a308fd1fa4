"""Which handler answers on the main socket where an operation of peerd has the same name."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from services.lockerd.main_calls import MainCalls


def test_what_lockerd_decides_itself_is_not_merely_passed_on(tmp_path: Path) -> None:
    main = MainCalls(tmp_path, tmp_path, cast("Any", None), frozenset())
    found = main.handlers()
    circle, keys = main._circle.handlers(), cast("dict[str, Any]", main._keys.handlers())
    assert {"key_theft", "keys"} <= circle.keys() & keys.keys()
    assert all(cast("Any", found[name]).__qualname__ == each.__qualname__ for name, each in keys.items())
    assert all(found[name] == circle[name] for name in ("circle", "shelves", "join", "circle_now"))
