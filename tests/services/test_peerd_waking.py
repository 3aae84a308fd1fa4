"""A household without friends pays for none: peerd loads its circle when somebody asks for it."""

from __future__ import annotations

from pathlib import Path

from firmware.linux.shelf_mounts import mounted
from services.api.blocking import Blocking
from services.api.place import ASLEEP
from tests.services.running import Running
from tests.web.front import Visitor


def loaded(box: Running) -> bool:
    """Whether peerd has the transport between boxes in memory."""
    return "iroh" in Path(f"/proc/{box.children()['peerd']}/maps").read_text()


def test_the_circle_is_loaded_when_it_is_asked_for_and_again_after_a_restart(tmp_path: Path) -> None:
    box = Running(tmp_path / "data")
    try:
        run = (tmp_path / "data" / "run").resolve()
        member = Visitor(box)
        member.claim()
        assert member.put("a.txt", b"nobody out there is told of this").status == 201
        if not any(each.removable for each in mounted()):
            assert member.get("/circle/shelf").status == 200
        assert not loaded(box) and (run / ASLEEP).exists()
        assert not Blocking(run).call("at_peerd_circle").peers
        assert loaded(box) and not (run / ASLEEP).exists()
        assert box.stop() == 0
        box = Running(tmp_path / "data")
        assert loaded(box)
    finally:
        box.kill()
