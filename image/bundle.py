"""The update of a board as RAUC takes it: two file systems and a signed manifest, in the verity format alone."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from image.board import Board
from image.programs import Tools
from image.release import new_key, ring

SUFFIX: Final = ".raucb"
_CONF: Final = """\
# Written by the builder of the image. Boot and root of one letter belong together; boxd says what is tried and kept.
[system]
compatible={compatible}
bootloader=custom
bundle-formats=verity
data-directory=/var/lib/rauc
mountprefix=/run/rauc

[handlers]
bootloader-custom-backend=/usr/lib/locker-box/slots

[keyring]
path=/etc/rauc/keyring.pem
"""
_SLOTS: Final = """
[slot.boot.{number}]
device=/dev/locker-box/boot-{letter}
type=raw
bootname={name}

[slot.root.{number}]
device=/dev/locker-box/root-{letter}
type=raw
parent=boot.{number}
"""
_MANIFEST: Final = """\
[update]
compatible={compatible}
version={version}

[bundle]
format=verity

[image.boot]
filename=boot.img

[image.root]
filename=root.img
"""


@dataclass(frozen=True, slots=True)
class Keys:
    """Who signs: a certificate with its private key (PEM), and the public halves of those who release."""

    certificate: Path
    key: Path
    release: Path
    """The file ``release-keys`` (docs/formats/release.md)."""


def compatible(board: Board) -> str:
    """Return the name by which RAUC knows what fits ``board``."""
    return f"locker-box-{board.name}"


def system_conf(board: Board) -> str:
    """Return RAUC's configuration on a box."""
    slots = "".join(_SLOTS.format(number=at, letter=letter, name=letter.upper()) for at, letter in enumerate("ab"))
    return _CONF.format(compatible=compatible(board)) + slots


def manifest(board: Board, version: str) -> str:
    """Return what a bundle says of itself."""
    return _MANIFEST.format(compatible=compatible(board), version=version)


def keys_for_trying(tools: Tools, folder: Path) -> Keys:
    """Return keys that were made on this builder for images nobody is meant to keep; raises ImageTrouble."""
    keys = Keys(folder / "certificate.pem", folder / "key.pem", folder / "release-keys")
    if not keys.certificate.exists():
        folder.mkdir(parents=True, exist_ok=True)
        key, certificate = tools.work / "new-key.pem", tools.work / "new-certificate.pem"
        words = [
            "req",
            "-x509",
            "-newkey",
            "rsa:3072",
            "-nodes",
            "-days",
            "3650",
            "-subj",
            "/CN=Locker Box, for trying",
        ]
        tools.call("openssl", *words, "-keyout", key, "-out", certificate)
        for made, kept in ((key, keys.key), (certificate, keys.certificate)):
            kept.write_bytes(made.read_bytes())
            kept.chmod(0o600)
            made.unlink()
    if not keys.release.exists():
        public = [new_key(folder / f"release-key-{number}", os.urandom(32)).hex() for number in (1, 2, 3)]
        keys.release.write_bytes(ring(public))
    return keys


def make(tools: Tools, board: Board, version: str, boot: Path, root: Path, keys: Keys) -> Path:
    """Return a signed bundle of two file systems (below the tools' folder); raises ImageTrouble."""
    content, target = tools.work / "bundle", tools.work / f"locker-box-{board.name}{SUFFIX}"
    content.mkdir()
    (content / "manifest.raucm").write_text(manifest(board, version))
    for part, name in ((boot, "boot.img"), (root, "root.img")):
        (content / name).hardlink_to(part)
    signing = {"certificate.pem": keys.certificate, "key.pem": keys.key}
    for name, path in signing.items():
        (tools.work / name).write_bytes(path.read_bytes())
    words = [f"--cert={tools.inside(tools.work / 'certificate.pem')}", f"--key={tools.inside(tools.work / 'key.pem')}"]
    try:
        tools.call("rauc", *words, "bundle", content, target)
    finally:
        for name in signing:
            (tools.work / name).unlink()
    return target
