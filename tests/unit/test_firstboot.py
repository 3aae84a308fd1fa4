"""The settings file of the card: taken over and taken off, or refused with the line; and what the screen says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.errors import BadSetting
from provisioning.console.screen import Shown, screen
from provisioning.firstboot import clearing
from provisioning.firstboot.__main__ import main, take_over
from provisioning.firstboot.settings import FILE, FILE_BYTES, Network, read_card, read_kept

_GOOD = b'# ours\n[network]\naddress = "192.168.1.20/24"\ngateway = "192.168.1.1"\ndns = ["192.168.1.1"]\n'


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        (b"[network\n", "1", "TOML"),
        (b'\n[network]\nadress = "10.0.0.2/8"\n', "3", "address"),
        (b'[network]\naddress = "10.0.0.2"\n', "2", "length"),
        (b'[network]\naddress = "10.0.0.2/8"\ngateway = "192.168.0.1"\n', "3", "not in the network"),
        (b'[network]\ngateway = "10.0.0.1"\n', "1", "need an address"),
        (b'[network]\naddress = 10\n', "2", "quotation marks"),
        (b'[network]\naddress = "10.0.0.2/8"\ndns = "10.0.0.1"\n', "3", "list"),
        (b'[wifi]\nname = "x"\n', "1", "network"),
        (b'network = 1\n', "1", "section"),
        (b"\xff\xfe", "1", "UTF-8"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_with_its_line(text: bytes, line: str, why: str) -> None:
    with pytest.raises(BadSetting) as found:
        read_card(text)
    assert str(found.value.fields["why"]).startswith(f"line {line}: ")
    assert why in str(found.value.fields["why"])


def test_a_good_file_says_what_the_network_is_told() -> None:
    network = read_card(_GOOD)
    assert "Address=192.168.1.20/24\n" in network.unit()
    assert "Gateway=192.168.1.1\n" in network.unit()
    assert read_kept(network.kept().encode()) == network
    assert read_kept(b"{") == read_kept(b"[]") == Network()
    assert not read_card(b"").unit()


def _start(tmp_path: Path) -> tuple[str, str]:
    for name in ("card", "data", "run"):
        (tmp_path / name).mkdir(exist_ok=True)
    words = ["--card", tmp_path / "card", "--kept", tmp_path / "data/network.json"]
    words += ["--network", tmp_path / "run/40-fixed.network", "--trouble", tmp_path / "run/trouble"]
    assert main([str(word) for word in [*words, "--taken", tmp_path / "run/taken"]]) == 0
    if (tmp_path / "run/taken").exists():
        assert clearing.main(["--card", str(tmp_path / "card")]) == 0
    unit = tmp_path / "run/40-fixed.network"
    return unit.read_text() if unit.exists() else "", (tmp_path / "run/trouble").read_text()


def test_a_start_takes_the_file_off_the_card_and_the_next_ones_remember(tmp_path: Path) -> None:
    assert _start(tmp_path) == ("", "")
    (tmp_path / "card" / FILE).write_bytes(_GOOD)
    unit, trouble = _start(tmp_path)
    assert "192.168.1.20/24" in unit
    assert not trouble
    assert not list((tmp_path / "card").iterdir())
    assert _start(tmp_path) == (unit, "")
    (tmp_path / "card" / FILE).write_bytes(_GOOD + b"nonsense\n")
    kept, trouble = _start(tmp_path)
    assert kept == unit
    assert trouble.startswith(f"{FILE}, line 6: ")
    assert (tmp_path / "card" / FILE).exists()
    (tmp_path / "card" / FILE).write_bytes(b"#" * (FILE_BYTES + 1))
    assert "larger" in _start(tmp_path)[1]
    (tmp_path / "card" / FILE).write_bytes(b"")
    assert _start(tmp_path) == ("", "")


def test_a_file_is_taken_off_only_once_it_is_kept(tmp_path: Path) -> None:
    card, kept, taken = tmp_path / FILE, tmp_path / "data/network.json", tmp_path / "taken"
    card.write_bytes(_GOOD)
    with pytest.raises(FileNotFoundError):
        take_over(card, kept, taken)
    assert card.exists() and not taken.exists()
    kept.parent.mkdir()
    assert take_over(card, kept, taken) == ""
    assert card.read_bytes() == _GOOD and taken.exists() and read_kept(kept.read_bytes()) == read_card(_GOOD)


def test_nothing_of_a_file_stays_where_it_lay(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(_GOOD)
    held = tmp_path / "held"
    held.hardlink_to(tmp_path / FILE)
    clearing.clear(tmp_path, lambda _: pytest.fail("it can be written"))
    assert not (tmp_path / FILE).exists() and held.read_bytes() == bytes(len(_GOOD))
    clearing.clear(tmp_path, lambda _: pytest.fail("it can be written"))


@pytest.mark.skipif(os.getuid() != 0, reason="only root mounts")
def test_a_card_mounted_for_reading_is_mounted_for_writing_first(tmp_path: Path) -> None:
    card, words = tmp_path / "card", ["unshare", "--mount", "--propagation", "private", "sh", "-euc", _MOUNT, "sh"]
    card.mkdir()
    done = subprocess.run([*words, str(card), sys.executable, FILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr, done.stdout.split()) == (0, "", ["before", FILE, "after"])


_MOUNT = """
mount -t tmpfs tmpfs "$1"
echo '[network]' >"$1/$3"
mount -o remount,ro "$1"
echo before; ls "$1"
"$2" -m provisioning.firstboot.clearing --card "$1"
echo after; ls "$1"
"""


def test_a_card_that_takes_nothing_keeps_its_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / FILE).mkdir()
    assert clearing.main(["--card", str(tmp_path)]) == 0
    assert f"{FILE} stays on the card" in capsys.readouterr().err


def test_the_screen_says_where_and_with_which_code() -> None:
    new = screen(Shown("locker-3f2a", "ABCD-EFGH-JKMN-PQRS", ("192.168.1.20", "fd00::1"), ""))
    assert "http://locker-3f2a.local" in new
    assert "ABCD-EFGH-JKMN-PQRS" in new
    assert "http://[fd00::1]" in new
    claimed = screen(Shown("locker-3f2a", "", ("192.168.1.20",), ""))
    assert "ode" not in claimed
    assert "cable" in screen(Shown("", "", (), f"{FILE}, line 3: so"))
    assert "line 3: so" in screen(Shown("", "", (), f"{FILE}, line 3: so"))


def test_nothing_on_the_screen_moves_the_cursor() -> None:
    odd = screen(Shown("\033[2Jx", "\x07", ("\r",), "a\033[1mb\n" * 50))
    assert "\033" not in odd
    assert "\x07" not in odd
    assert odd.count("\r") == odd.count("\n") == odd.count("\r\n") < 24
