"""The benches run to their end on tiny inputs: structure of the figures and identical restores; nothing about time."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.bench import locker, scale, wear
from tests.bench.change import change_generated
from tests.bench.compare import compare
from tests.bench.dataset import copy_tree, generate, survey
from tests.bench.options import Figures, main, parse
from tests.bench.rivals import Borg, Program, Restic
from tests.folders import plain_files

TINY = ["--gib", "0.004", "--photo-divide", "8", "--rounds", "1"]


def test_the_data_set_is_the_same_again_and_its_change_leaves_it_alone(tmp_path: Path) -> None:
    first = generate(tmp_path / "a", 7, 0.004, photo_divide=8)
    again = generate(tmp_path / "b", 7, 0.004, photo_divide=8)
    assert first.fingerprint == again.fingerprint
    assert first.files == len(plain_files(first.folder))
    copy_tree(first, tmp_path / "tree", ours=True)
    assert compare(first.folder, tmp_path / "tree").identical
    done = change_generated(tmp_path / "tree", 7, 0.004, photo_divide=8)
    assert done["shifted_film_bytes"] == 100
    changed = compare(first.folder, tmp_path / "tree")
    assert not changed.identical
    assert {"chat.sqlite", "mail.mbox", "videos/swimming.mp4"} <= set(changed.differing)
    assert survey(first.folder)[2] == first.fingerprint


def test_a_box_takes_keeps_and_gives_back_the_data_set(tmp_path: Path) -> None:
    options = parse("smoke", [*TINY, "--cache", str(tmp_path / "c"), "--json"])
    found = locker.bench(options, only=("box",))
    assert found["identical"] is True
    assert found["files_compared"] == int(str(found["set_files"])) + 2
    for name in ("box_ingest_cpu_s", "box_verify_cpu_s", "box_restore_cpu_s", "box_repo_mib", "box_catalog_mib"):
        assert float(str(found[name])) > 0
    assert found["box_previews_made"] is not None
    assert not list((tmp_path / "c").glob("bench-*"))


@pytest.mark.parametrize(("name", "kind", "ask"), [("restic", Restic, "version"), ("borg", Borg, "--version")])
def test_a_rival_keeps_and_gives_back_too(name: str, kind: type[Restic | Borg], ask: str, tmp_path: Path) -> None:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "a note.txt").write_bytes(b"hello " * 1000)
    rival = kind(Program(Path(path), ask, "", "installed"), tmp_path / "repo", tmp_path / "cache")
    rival.init()
    assert rival.key_cpu() >= 0
    assert rival.put(tree, "first").cpu > 0
    assert rival.stored_bytes() > 0
    assert rival.verify().code == 0
    _, restored = rival.restore("first", tmp_path / "out")
    assert compare(tree, restored).identical


def test_a_week_of_wear_adds_up(tmp_path: Path) -> None:
    options = parse("smoke", ["--days", "8", "--photo-divide", "60", "--cache", str(tmp_path), "--json"])
    found = wear.bench(options)
    for name in ("disk_written_ratio", "shipped_ratio_vs_ideal"):
        assert float(str(found[name])) >= 0.9
    assert found["days"] == 8
    assert int(str(found["packs_cut"])) >= 8
    assert float(str(found["shipped_mib"])) >= float(str(found["ideal_mib"])) * 0.9


def test_many_files_are_listed_found_and_counted_again_after_a_rebuild(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scale, "REQUESTS", 20)
    monkeypatch.setattr(scale, "COLD_STARTS", 1)
    monkeypatch.setattr(scale, "drop_caches", lambda: False)
    options = parse("smoke", ["--files", "120", "--gb", "0.003", "--cache", str(tmp_path), "--json"])
    found = scale.bench(options)
    assert found["files"] == 120
    assert found["rebuild_equal"] is True
    assert found["list_warm_requests"] == found["search_cold_requests"] == 20
    assert int(str(found["search_results"])) > 0


def test_the_last_line_is_one_object_with_the_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    def bench(_: object) -> Figures:
        return {"identical": True, "files_compared": 3}

    assert main(bench, "nothing", ["--json"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    told = json.loads(last)
    assert told["files_compared"] == 3
    assert told["seconds"] >= 0


def test_a_round_gives_back_its_bytes_but_not_the_data_set(tmp_path: Path) -> None:
    kept, mine = tmp_path / "set", tmp_path / "round" / "restored"
    mine.parent.mkdir()
    kept.write_bytes(b"picture")
    mine.write_bytes(b"picture")
    linked = mine.with_name("tree")
    linked.hardlink_to(kept)
    mine.with_name("link").symlink_to(kept)
    locker.free_bytes(mine.parent)
    assert (kept.read_bytes(), mine.stat().st_size) == (b"picture", 0)
