"""The ceremony from the first key to a box that takes the version, with keys that are thrown away."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from firmware.errors import ReleaseUnsigned
from firmware.update.release import Version, judge, parse_release, read_keys
from image import release


def told(capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    """One step of the ceremony."""
    assert release.main([str(word) for word in words]) == 0
    return capsys.readouterr().out.strip()


def test_three_people_and_a_stick(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    public = [told(capsys, "key", tmp_path / f"{name}.key") for name in ("ada", "ben", "cleo")]
    keys = tmp_path / "release-keys"
    keys.write_text(told(capsys, "keys", *public) + "\n")
    out = tmp_path / "out"
    out.mkdir()
    bundle = out / "locker-box-x86-64-1.2.0.raucb"
    bundle.write_bytes(b"a whole system")
    index = Path(
        told(
            capsys, "index", "--board", "x86-64", "--bundle", bundle, "--number", "12", "--version", "1.2.0",
            "--notes", "en=Photos open faster.", "--notes", "de=Fotos öffnen sich schneller.",
        )
    )  # fmt: skip
    assert release.main(["check", str(out), "--keys", str(keys)]) == 1  # nobody signed
    told(capsys, "sign", index, "--key", tmp_path / "cleo.key")
    with pytest.raises(ReleaseUnsigned):
        parse_release(index.read_bytes(), read_keys(keys.read_bytes()))
    told(capsys, "sign", index, "--key", tmp_path / "cleo.key")  # twice is once
    assert release.main(["check", str(out), "--keys", str(keys)]) == 1
    told(capsys, "sign", index, "--key", tmp_path / "ada.key")
    assert told(capsys, "check", out, "--keys", keys) == "x86-64 1.2.0"
    assert {line.split("  ")[1] for line in (out / "SHA256SUMS").read_text().splitlines()} == {bundle.name, index.name}
    found = parse_release(index.read_bytes(), read_keys(keys.read_bytes()))
    judge(found, board="x86-64", running=Version(1, 1, 9), highest=Version(1, 1, 9), number=11, now=int(time.time()))
    bundle.write_bytes(b"another system")
    assert release.main(["check", str(out), "--keys", str(keys)]) == 1


def test_a_key_is_made_once_and_kept_from_others(tmp_path: Path) -> None:
    path = tmp_path / "key"
    assert release.main(["key", str(path)]) == 0
    before = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    assert release.main(["key", str(path)]) == 1
    assert path.read_bytes() == before
    path.chmod(0o644)
    with pytest.raises(release.ReleaseTrouble):
        release.read_key(path)


def test_what_no_box_would_read_is_not_made(tmp_path: Path) -> None:
    bundle = tmp_path / "UPPER CASE.raucb"
    bundle.write_bytes(b"x")
    words = ["index", "--board", "x86-64", "--bundle", str(bundle), "--number", "1", "--version", "1.2.0"]
    assert release.main(words) == 1
    assert release.main([*words[:-1], "one"]) == 1
    assert not list(tmp_path.glob("*.index"))


def test_fewer_than_two_keys_are_no_ring(tmp_path: Path) -> None:
    assert release.main(["keys", "00" * 32]) == 1
    assert release.main(["keys", "00" * 32, "00" * 32]) == 1
