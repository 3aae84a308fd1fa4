"""Another user of the group reads packs where the unit wants it so, and nothing else of a locker."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.linux.disk import LinuxDisk


@pytest.mark.parametrize(("above", "modes"), [(0o710, (0o710, 0o750, 0o640)), (0o700, (0o700, 0o700, 0o600))])
def test_packs_are_read_by_the_group_where_lockers_let_it_pass(
    above: int, modes: tuple[int, int, int], tmp_path: Path
) -> None:
    lockers = tmp_path / "lockers"
    lockers.mkdir()
    lockers.chmod(above)
    disk = LinuxDisk(lockers / "ada")
    for name in ("packs/one.data", "activity/one"):
        disk.create(name).close()
    disk.replace("key", b"sealed")
    folder = lockers / "ada"
    found = [(folder / name).stat().st_mode & 0o777 for name in ("", "packs", "packs/one.data")]
    assert tuple(found) == modes
    assert [(folder / name).stat().st_mode & 0o777 for name in ("activity", "activity/one", "key")] == [
        0o700,
        0o600,
        0o600,
    ]
