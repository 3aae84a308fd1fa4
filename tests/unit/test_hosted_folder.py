"""The folder of hosted shards as the format says it: names, modes, bytes, fsync, what is left of removed lockers."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import cbor2
import pytest
from blake3 import blake3

from firmware.errors import (
    AlreadyRunning,
    Damaged,
    NewerFormat,
)
from firmware.linux import hosted_files
from firmware.peer.messages import Keeping, ManifestPart
from tests.sim.hosted_world import (
    DAY,
    Told,
    opened,
    put,
    settled,
    some,
)
from tests.vectors.peer_examples import LOCKER, NOW, key


def test_modes_and_names_are_ours(tmp_path: Path) -> None:
    host = opened(tmp_path)
    put(host, settled(host), some(5000))
    for path in [tmp_path / "hosted", *(tmp_path / "hosted").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    with pytest.raises(AlreadyRunning):
        opened(tmp_path)
    host.close()
    (tmp_path / "hosted/format").write_bytes(b"lockerbox hosted 2\n")
    with pytest.raises(NewerFormat):
        opened(tmp_path)


def test_files_lie_where_the_format_says(tmp_path: Path) -> None:
    host = opened(tmp_path)
    by = settled(host, quota=7)
    host.grant(by.box, 300_000)
    name, data = shard = some(100)
    put(host, by, shard)
    host.delete_ask(by, [name], 0, NOW)
    host.capsule_put(by, 5, bytes(65536), NOW)
    host.manifest_put(by, ManifestPart(3, 0, 1), b"manifest", b"permit", NOW)
    host.close()
    at = tmp_path / "hosted"
    place = blake3(b"lockerbox place 1" + LOCKER + key("custody").public).hexdigest(16)
    found = sorted(str(each.relative_to(at)) for each in at.rglob("*") if each.is_file())
    assert found == sorted(
        [
            "clock",
            "format",
            "index.db",
            "lock",
            f"peers/{by.box.hex()}",
            f"{place}/custody",
            f"{place}/shards/{name.hex()}",
            f"{place}/deletes/1",
            f"{place}/capsules/{NOW:020}-{5:020}",
            f"{place}/manifest/3-0-1",
            f"{place}/manifest/permit-3",
        ]
    )
    assert (at / place / "shards" / name.hex()).read_bytes() == data
    assert (at / place / "shards" / name.hex()).stat().st_mtime_ns == NOW * 1_000_000
    asked = (at / place / "deletes/1").read_bytes()
    assert asked == b"".join(each.to_bytes(8, "big") for each in (NOW + 30 * DAY, 30 * DAY, NOW)) + name
    assert cbor2.loads((at / "peers" / by.box.hex()).read_bytes()) == [300_000, 0, 0]
    assert (at / place / "custody").read_bytes() == by.custody.data


def test_after_a_failed_fsync_nothing_more_is_receipted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = opened(tmp_path)
    by = settled(host)

    def fails(_path: Path) -> None:
        raise Damaged(what="a disk")

    with monkeypatch.context() as patch:
        patch.setattr(hosted_files, "sync_folder", fails)
        with pytest.raises(Damaged):
            put(host, by, some(100))
    with pytest.raises(Damaged):
        put(host, by, some(200))
    assert host.status(by, [some(100)[0], some(200)[0]]) == [(Keeping.MISSING, 0)] * 2
    assert (host.peers()[0].used, host.lockers()[0].used) == (0, 0)
    host.close()


def test_an_index_that_is_none_is_made_anew(tmp_path: Path) -> None:
    host = opened(tmp_path)
    by = settled(host)
    name, _ = shard = some(100)
    put(host, by, shard)
    host.close()
    (tmp_path / "hosted/index.db").write_bytes(b"not a database at all" * 1000)
    told = Told()
    again = opened(tmp_path, told=told)
    assert again.status(by, [name]) == [(Keeping.HELD, 0)]
    assert told.names() == ["hosted_reread"]
    again.close()


def test_what_a_removal_left_is_removed_at_the_next_opening(tmp_path: Path) -> None:
    host = opened(tmp_path)
    by = settled(host)
    put(host, by, some(5000))
    place = host.lockers()[0].place.hex()
    host.close()
    os.rename(tmp_path / "hosted" / place, tmp_path / "hosted" / f"gone-{place}")
    (tmp_path / "hosted/other").mkdir()
    again = opened(tmp_path)
    assert sorted(each.name for each in (tmp_path / "hosted").iterdir() if each.is_dir()) == ["other", "peers"]
    assert again.lockers() == []
    again.close()


def test_one_fsync_of_the_folder_serves_all_who_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = opened(tmp_path)
    by = settled(host)
    place = host._places[host.lockers()[0].place]
    began, go, done = threading.Event(), threading.Event(), []

    def slow(path: Path) -> None:
        done.append(path)
        began.set()
        assert go.wait(10)

    monkeypatch.setattr(hosted_files, "sync_folder", slow)
    threads = [threading.Thread(target=put, args=(host, by, some(100, seed))) for seed in range(8)]
    for thread in threads:
        thread.start()
    assert began.wait(10)
    while len([each for each in list(place.active) if place.shard(each).exists()]) < 8:
        threading.Event().wait(0.001)
    go.set()
    for thread in threads:
        thread.join(10)
    assert host.lockers()[0].shards == 8
    assert len(done) <= 3
    host.close()
