"""The ceremony of a release: ``./box release key | keys | index | sign | check``. Made to be done by three people.

``index`` and ``check`` run where the system was built; ``key`` and ``sign`` on machines that are not online: what goes
there and back on a stick is one small file of text that can be read before it is signed (docs/formats/release.md).
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from firmware.errors import BoxError
from firmware.seal import Secret, SigningKey
from firmware.update.release import (
    SIGNED,
    Bundle,
    Keys,
    Release,
    Version,
    parse_release,
    read_keys,
    signature_line,
)

PRIVATE_FIRST: Final = "lockerbox release key 1\n"
NEED: Final = 2
_SEED: Final = re.compile(re.escape(PRIVATE_FIRST) + r"([0-9a-f]{64})\n", re.ASCII)
_DAY: Final = 86_400


class ReleaseTrouble(Exception):
    """A step of the ceremony cannot be done; the sentence says why."""


def new_key(path: Path, random: bytes) -> bytes:
    """Write a new private key (from 32 random bytes) for its owner's eyes alone; return its public half.

    Raises ReleaseTrouble when there is a file already.
    """
    key = SigningKey.from_seed(Secret(random))
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ReleaseTrouble(f"{path} cannot be made: {error.strerror}") from None
    with os.fdopen(fd, "w") as file:
        file.write(f"{PRIVATE_FIRST}{random.hex()}\n")
        file.flush()
        os.fsync(file.fileno())
    return key.public


def read_key(path: Path) -> SigningKey:
    """Return the key in ``path``; raises ReleaseTrouble, also when others may read it."""
    try:
        if path.stat().st_mode & 0o077:
            raise ReleaseTrouble(f"{path} can be read by others; chmod 600 it, and ask yourself who did")
        found = _SEED.fullmatch(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise ReleaseTrouble(f"{path} cannot be read: {error}") from None
    if found is None:
        raise ReleaseTrouble(f"{path} is no release key")
    return SigningKey.from_seed(Secret(bytes.fromhex(found[1])))


def ring(public: Sequence[str]) -> bytes:
    """Return ``release-keys`` for these public halves (hex), two of which have to sign; raises ReleaseTrouble."""
    try:
        keys = Keys(NEED, tuple(sorted(bytes.fromhex(each) for each in public)))
        read_keys(keys.to_bytes())
    except (ValueError, BoxError) as error:
        raise ReleaseTrouble(f"these are no release keys: {error}") from None
    return keys.to_bytes()


def bundle_of(path: Path) -> Bundle:
    """Return name, size and hash of a bundle; raises ReleaseTrouble."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Bundle(path.name, path.stat().st_size, digest)
    except OSError as error:
        raise ReleaseTrouble(f"{path} cannot be read: {error.strerror}") from None


def unsigned(release: Release) -> bytes:
    """Return the index nobody signed yet; raises ReleaseTrouble when no box would read it."""
    from firmware.errors import ReleaseUnsigned

    data = release.to_bytes()
    probe = SigningKey.from_seed(Secret(bytes(32))), SigningKey.from_seed(Secret(bytes(31) + b"\1"))
    keys = Keys(NEED, tuple(sorted(each.public for each in probe)))
    try:
        for each in probe:
            data = sign(data, each)
        parse_release(data, keys)
    except (BoxError, ReleaseUnsigned) as error:
        raise ReleaseTrouble(f"no box would read this: {error}") from None
    return release.to_bytes()


def sign(index: bytes, key: SigningKey) -> bytes:
    """Return ``index`` with one more signature; signing twice changes nothing. Raises ReleaseTrouble."""
    lines = index.split(b"\n")
    if index.count(b"\n") < 2 or lines[-1] != b"":
        raise ReleaseTrouble("this is no index")
    text, there = b"\n".join(lines[:2]) + b"\n", {line + b"\n" for line in lines[2:-1]}
    return text + b"".join(sorted({*there, signature_line(key.public, key.sign(SIGNED + text))}))


def check(folder: Path, keys: Keys, now: int) -> list[str]:
    """Look at a folder as a box would, whatever its board; write ``SHA256SUMS``. Returns what is there.

    Raises ReleaseTrouble for an index that lacks signatures, has expired, or whose bundle is another one.
    """
    found = []
    for path in sorted(folder.glob("*.index")):
        try:
            release = parse_release(path.read_bytes(), keys)
        except BoxError as error:
            raise ReleaseTrouble(f"{path.name}: {error}") from None
        if path.stem != release.board or release.expires <= now:
            raise ReleaseTrouble(f"{path.name}: it is for {release.board}, or has expired")
        if bundle_of(folder / release.bundle.name) != release.bundle:
            raise ReleaseTrouble(f"{path.name}: {release.bundle.name} is not the bundle it names")
        found.append(f"{release.board} {release.version}")
    if not found:
        raise ReleaseTrouble(f"there is no index in {folder}")
    names = sorted(path for path in folder.iterdir() if path.is_file() and path.name != "SHA256SUMS")
    (folder / "SHA256SUMS").write_text("".join(f"{bundle_of(path).sha256}  {path.name}\n" for path in names))
    return found


def main(words: list[str]) -> int:
    """One step; 0, or 1 with a sentence on stderr."""
    args = _parser().parse_args(words)
    try:
        print(_STEPS[args.step](args))
    except ReleaseTrouble as trouble:
        print(f"release: {trouble}", file=sys.stderr)
        return 1
    return 0


def _key(args: argparse.Namespace) -> str:
    return new_key(args.file, os.urandom(32)).hex()


def _keys(args: argparse.Namespace) -> str:
    return ring(args.public).decode().removesuffix("\n")


def _index(args: argparse.Namespace) -> str:
    now = int(time.time_ns() // 10**9)
    until = time.strftime("%Y-%m-%d", time.gmtime(now + args.supported_days * _DAY))
    bundle = bundle_of(args.bundle)
    try:
        versions = Version.parse(args.version), Version.parse(args.minimum)
    except BoxError as error:
        raise ReleaseTrouble(str(error)) from None
    release = Release(
        args.number, args.board, *versions, now, now + args.days * _DAY, args.urgent, until, bundle,
        dict(args.notes), dict(args.risk),
    )  # fmt: skip
    target: Path = args.bundle.with_name(f"{args.board}.index")
    target.write_bytes(unsigned(release))
    return str(target)


def _sign(args: argparse.Namespace) -> str:
    try:
        data = args.index.read_bytes()
    except OSError as error:
        raise ReleaseTrouble(f"{args.index}: {error.strerror}") from None
    args.index.write_bytes(sign(data, read_key(args.key)))
    return str(args.index)


def _check(args: argparse.Namespace) -> str:
    try:
        keys = read_keys(args.keys.read_bytes())
    except (OSError, BoxError) as error:
        raise ReleaseTrouble(f"{args.keys}: {error}") from None
    return "\n".join(check(args.folder, keys, int(time.time_ns() // 10**9)))


_STEPS: Final = {"key": _key, "keys": _keys, "index": _index, "sign": _sign, "check": _check}


def _said(text: str) -> tuple[str, str]:
    language, _, sentence = text.partition("=")
    if not sentence:
        raise argparse.ArgumentTypeError("like en=Photos open faster.")
    return language, sentence


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./box release", description="Sign a new version, two of three people.")
    steps = parser.add_subparsers(dest="step", required=True)
    key = steps.add_parser("key", help="make a private key; prints its public half")
    key.add_argument("file", type=Path)
    keys = steps.add_parser("keys", help="print release-keys for the image")
    keys.add_argument("public", nargs="+", help="public halves")
    index = steps.add_parser("index", help="write BOARD.index beside a bundle, unsigned")
    index.add_argument("--board", required=True)
    index.add_argument("--bundle", type=Path, required=True)
    index.add_argument("--number", type=int, required=True, help="higher than that of any index of this board before")
    index.add_argument("--version", required=True)
    index.add_argument("--minimum", default="0.0.0", help="the lowest version that may go straight to this one")
    index.add_argument("--days", type=int, default=60, help="how long the index is good")
    index.add_argument("--supported-days", type=int, default=730)
    index.add_argument("--urgent", action="store_true")
    index.add_argument("--notes", type=_said, action="append", default=[], metavar="en=TEXT")
    index.add_argument("--risk", type=_said, action="append", default=[], metavar="en=TEXT")
    sign_ = steps.add_parser("sign", help="add one signature to an index")
    sign_.add_argument("index", type=Path)
    sign_.add_argument("--key", type=Path, required=True)
    check_ = steps.add_parser("check", help="look at a folder as a box would, and write SHA256SUMS")
    check_.add_argument("folder", type=Path)
    check_.add_argument("--keys", type=Path, required=True)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
