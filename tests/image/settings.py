"""A household's settings file: put on a card before its first start, in force after it, and gone from the card."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from provisioning.firstboot.settings import FILE
from tests.image.card import Fat
from tests.image.sticks import tools

_FIRST: Final = 1 << 20
"""Where the settings partition begins in every image."""
_SIZE: Final = 16 << 20
_TEXT: Final = """\
# {secret}
[network]
address = "10.0.2.15/24"
gateway = "10.0.2.2"
dns = ["10.0.2.3"]
"""
"""What QEMU's own network would have given it: the machine is found where every other one is."""


@dataclass(frozen=True, slots=True)
class Given:
    """A settings file on a card; ``secret`` stands in it."""

    card: Path
    secret: bytes

    def found(self) -> dict[str, Any]:
        """Return what is left of it: ``settings_taken`` is true when the file is gone, and what stood in it too."""
        with self.card.open("rb") as file:
            file.seek(_FIRST)
            partition = file.read(_SIZE)
        names = sorted(Fat(self.card, _FIRST // 512).files())
        gone = FILE not in names and self.secret not in partition
        return {"settings_taken": gone, **({} if gone else {"settings_left": names})}


def give(card: Path, folder: Path) -> Given:
    """Put a settings file on the ``card``, by way of a new ``folder``; raises ImageTrouble."""
    folder.mkdir()
    given = Given(card, secrets.token_hex(16).encode())
    text, partition = folder / FILE, folder / "settings.vfat"
    text.write_text(_TEXT.format(secret=given.secret.decode()))
    with card.open("r+b") as file:
        file.seek(_FIRST)
        partition.write_bytes(file.read(_SIZE))
        tools(folder).call("mcopy", "-i", partition, text, f"::{FILE}")
        file.seek(_FIRST)
        file.write(partition.read_bytes())
    return given
