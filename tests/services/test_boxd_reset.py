"""The small hands of boxd: the clock at a start, caps of guest work, and resets that open nothing, cut anywhere."""

from __future__ import annotations

import contextlib
import hashlib
import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from firmware.errors import Unreachable
from firmware.event import Event
from firmware.linux.disk import LinuxDisk
from services.api.box_types import GuestCaps
from services.boxd import clock
from services.boxd.capping import cap, lines
from services.boxd.resetting import carry_out, wish, wished
from services.boxd.resetting import main as reset


def test_the_clock_never_begins_before_the_system_was_made(tmp_path: Path) -> None:
    disk = LinuxDisk(tmp_path)
    put: list[int] = []
    told: list[str] = []

    def tell(event: Event, **_values: int) -> None:
        told.append(event.name)

    assert clock.begin(disk, 1000, put.append, 5, tell) == 1000
    clock.keep(disk, 1000, 2000)
    clock.keep(disk, 1000, 1500)
    assert clock.begin(disk, 1000, put.append, 5, tell) == 2000
    clock.keep(disk, 1000, 1 << 40)  # a wrong answer from far off
    assert clock.begin(disk, 1000, put.append, 3000, tell) == 3000
    assert put == [1000, 2000] and told == ["clock_moved", "clock_moved"]


def test_caps_are_read_back(tmp_path: Path) -> None:
    caps = GuestCaps(50, 128, 32)
    for name in lines(caps, 4):
        (tmp_path / name).write_text("max\n")
    assert cap(caps, 4, tmp_path) == caps
    assert (tmp_path / "cpu.max").read_text() == "200000 100000"
    (tmp_path / "memory.max").unlink()
    (tmp_path / "memory.max").symlink_to("/dev/null")  # takes everything, keeps nothing
    with pytest.raises(Unreachable):
        cap(caps, 4, tmp_path)


def box_of(root: Path) -> dict[str, bytes]:
    """A data partition with one locker, one that left, and settings."""
    made = {
        "locker-box/box.json": b"{}",
        "locker-box/household.json": b"{}",
        "locker-box/settings.toml": b"http_port = 8080\n",
        "locker-box/lockers/aa/key": b"KEY-AA" * 9,
        "locker-box/lockers/aa/key.copy": b"KEY-AA" * 9,
        "locker-box/lockers/aa/doors": b"DOORS",
        "locker-box/lockers/aa/packs/data-1": b"sealed",
        "locker-box/left/bb/key": b"KEY-BB" * 9,
        "locker-box-circle/peer.seed": b"SEED",
        "locker-box-settings/network.json": b"home",
        "locker-box-update/wishes.json": b"{}",
    }
    for name, data in made.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return made


def left_in(root: Path) -> set[str]:
    """The names of what is there."""
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_no_step_of_a_reset_opens_anything(tmp_path: Path, step: int) -> None:
    made = box_of(tmp_path)
    disk = LinuxDisk(tmp_path / "locker-box-update")
    wish(disk, step)
    assert wished(disk) == step
    assert reset(["--root", str(tmp_path), "--own", str(tmp_path / "locker-box-update")]) == 0
    assert wished(disk) == 0
    gone = set(made) - left_in(tmp_path)
    new_names = left_in(tmp_path) - set(made)
    if step == 4:
        assert left_in(tmp_path) == set()
    else:
        keys = {hashlib.sha256(data).digest() for name, data in made.items() if name.endswith(("/key", "packs/data-1"))}
        kept = {hashlib.sha256((tmp_path / name).read_bytes()).digest() for name in left_in(tmp_path)}
        assert keys <= kept  # every locker is there as it was: sealed under its own key
        assert (
            gone
            == {
                1: {"locker-box-settings/network.json"},
                2: {name for name in made if "lockers/aa" in name} | {"locker-box/household.json"},
                3: {"locker-box-settings/network.json", "locker-box/settings.toml", "locker-box-update/wishes.json"},
            }[step]
        )
        assert new_names == (
            {f"locker-box/left/aa/{name}" for name in ("key", "key.copy", "packs/data-1")} if step == 2 else set()
        )


@pytest.mark.parametrize("step", [2, 4])
def test_a_reset_goes_on_after_a_cut(tmp_path: Path, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever call the current goes in, the wish is still there and ends where it would have; keys go first."""
    whole = tmp_path / "whole"
    box_of(whole)
    carry_out(whole, step)
    for cut in range(1, 40):
        root, calls = tmp_path / f"cut{cut}", 0
        box_of(root)

        def counted(real: Any, *args: Any, _cut: int = cut, **kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == _cut:
                raise KeyboardInterrupt
            return real(*args, **kwargs)

        with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
            for name in ("rename", "unlink", "rmdir", "fsync"):
                patch.setattr(os, name, partial(counted, getattr(os, name)))
            carry_out(root, step)
        if step == 4 and any(name.endswith("/key") for name in left_in(root)):
            assert "locker-box/lockers/aa/packs/data-1" in left_in(root)
        carry_out(root, step)
        assert left_in(root) == left_in(whole)
        if calls < cut:
            break
    else:
        raise AssertionError("more calls than were tried")
