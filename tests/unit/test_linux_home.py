"""A locker's folder on a machine whose speed is measured anew at every start."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.errors import Damaged
from firmware.linux import home
from firmware.seal import Secret, Suite

KEY = Secret(bytes(range(32)))


@pytest.mark.parametrize("readonly", [False, True])
def test_a_catalog_opens_though_another_suite_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, readonly: bool
) -> None:
    monkeypatch.setattr(home, "measured_suite", lambda: Suite.AES_256_GCM)
    made = home.linux_home(tmp_path).open_catalog(KEY, False)
    made.set_meta("head_seq", "7")
    made.commit()
    made.close()
    monkeypatch.setattr(home, "measured_suite", lambda: Suite.CHACHA20_POLY1305)
    again = home.linux_home(tmp_path).open_catalog(KEY, readonly)
    assert again.meta("head_seq") == "7"
    again.close()
    with pytest.raises(Damaged):
        home.linux_home(tmp_path).open_catalog(Secret(bytes(32)), readonly)
