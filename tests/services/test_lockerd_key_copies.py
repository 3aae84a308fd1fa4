"""The key file exists twice: one bad sector must not cost a locker."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.errors import WrongPassphrase
from firmware.linux.home import linux_home
from firmware.seal import LockerSecrets
from services.lockerd.keys import Keys

PASSPHRASE = "violet-kettle umbrella 93 harbour quilt"
NEW = "seven brass otters paint the 41 ladders"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Keys, LockerSecrets]:
    """A locker's keys and where they lie."""
    folder = tmp_path_factory.mktemp("locker")
    keys = Keys(linux_home(folder))
    return folder, keys, keys.create(PASSPHRASE)[0]


def _flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("name", ["key", "key.copy"])
@pytest.mark.parametrize("part", [0.01, 0.3, 0.7, 0.99])
def test_a_flipped_bit_in_one_copy_is_named_and_mended(
    made: tuple[Path, Keys, LockerSecrets], name: str, part: float
) -> None:
    folder, keys, secrets = made
    whole = (folder / "key").read_bytes()
    assert keys.problems(secrets) == ()
    _flip(folder / name, int(len(whole) * part))
    assert [problem.where for problem in keys.problems(secrets)] == [name]
    assert keys.open(PASSPHRASE).locker_key == secrets.locker_key
    assert keys.problems(secrets) == ()
    assert (folder / "key").read_bytes() == (folder / "key.copy").read_bytes() == whole


def test_a_missing_file_comes_back_from_the_copy(made: tuple[Path, Keys, LockerSecrets]) -> None:
    folder, keys, secrets = made
    (folder / "key").unlink()
    keys.open(PASSPHRASE)
    assert keys.problems(secrets) == ()


def test_an_old_copy_opens_nothing_any_more_once_it_was_mended(made: tuple[Path, Keys, LockerSecrets]) -> None:
    folder, keys, _ = made
    old = (folder / "key.copy").read_bytes()
    keys.passwd(PASSPHRASE, NEW)
    (folder / "key.copy").write_bytes(old)  # the power went between the two writes
    with pytest.raises(WrongPassphrase):
        keys.open(PASSPHRASE)
    keys.open(NEW)
    assert (folder / "key.copy").read_bytes() == (folder / "key").read_bytes()
