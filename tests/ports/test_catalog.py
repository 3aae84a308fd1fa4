"""The catalog's file among several who open it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from firmware.linux.catalog import SqliteCatalog
from firmware.seal import Secret

_KEY = Secret(bytes(32))


def opened(path: Path, *, readonly: bool = False, exclusive: bool = False) -> SqliteCatalog:
    return SqliteCatalog(path, _KEY, cipher="chacha20", readonly=readonly, exclusive=exclusive)


@pytest.mark.parametrize("readonly", [True, False])
def test_who_comes_while_it_is_locked_waits(tmp_path: Path, readonly: bool) -> None:
    path = tmp_path / "catalog.db"
    maker = opened(path, exclusive=True)
    maker.set_meta("head_seq", "7")
    maker.commit()
    found: list[str | None] = []

    def look() -> None:
        catalog = opened(path, readonly=readonly)
        found.append(catalog.meta("head_seq"))
        catalog.close()

    guest = threading.Thread(target=look)
    guest.start()
    guest.join(0.3)
    assert guest.is_alive() and not found, "nobody looks past the lock"
    maker.close()
    guest.join(60)
    assert found == ["7"]
