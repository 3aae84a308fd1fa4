"""Asks for news once, and brings the bundle: ``python -m services.boxd.fetcher``. No key, no root, one folder.

What it brings is believed by nobody; it looks at the signatures itself only so as not to fill the disk with nonsense.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final

from firmware import limits
from firmware.errors import BoxError, ReleaseGarbled, Unreachable
from firmware.update.release import Keys, Release, parse_release, read_keys
from services.boxd import facts

_PIECE: Final = 1 << 18
_SECONDS: Final = 60


class _SameWay(urllib.request.HTTPRedirectHandler):
    """A redirect never leaves TLS."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        """Refuse what is less than what was asked for."""
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def index(source: str, board: str) -> bytes:
    """Return the newest index of ``board``; raises Unreachable, ReleaseGarbled when it does not end."""
    with _open(f"{source}/{board}.index", 0) as answer:
        data = answer.read(limits.RELEASE_INDEX_BYTES + 1)
    if len(data) > limits.RELEASE_INDEX_BYTES:
        raise ReleaseGarbled(why="it is far too long.")
    return bytes(data)


def bring(source: str, release: Release, into: Path) -> Path:
    """Bring the bundle, going on where a broken line stopped; one of a wrong hash is brought anew next time.

    Raises Unreachable.
    """
    target = into / release.bundle.name
    have = target.stat().st_size if target.is_file() else 0
    if have > release.bundle.size:
        target.unlink()
        have = 0
    if have < release.bundle.size:
        with (
            _open(f"{source}/{release.bundle.name}", have) as answer,
            target.open("ab" if _goes_on(answer) else "wb") as out,
        ):
            left = release.bundle.size - out.tell()
            while left and (piece := answer.read(min(_PIECE, left))):
                out.write(piece)
                left -= len(piece)
    with target.open("rb") as file:
        right = hashlib.file_digest(file, "sha256").hexdigest() == release.bundle.sha256
    if target.stat().st_size == release.bundle.size and not right:
        target.unlink()
    return target


def _goes_on(answer: Any) -> bool:
    return bool(answer.status == 206)


def _open(address: str, start: int) -> Any:
    if not address.startswith(("https://", "http://")):
        raise Unreachable(what="where new versions come from")
    headers = {"User-Agent": "locker-box"} | ({"Range": f"bytes={start}-"} if start else {})
    request = urllib.request.Request(address, headers=headers)  # noqa: S310 the scheme was looked at
    try:
        return urllib.request.build_opener(_SameWay).open(request, timeout=_SECONDS)
    except (OSError, HTTPException, urllib.error.URLError) as error:
        raise Unreachable(what="where new versions come from") from error


def fetch(source: str, board: str, keys: Keys, into: Path) -> None:
    """Ask, then bring; old bundles go. Raises BoxError, OSError."""
    data = index(source, board)
    release = parse_release(data, keys)
    for path in into.iterdir():
        if path.suffix == ".raucb" and path.name != release.bundle.name:
            path.unlink()
    part = into / f"{board}.index.part"
    part.write_bytes(data)
    os.replace(part, into / f"{board}.index")
    bring(source, release, into)


def main(words: list[str]) -> int:
    """0; 1 when there was no answer or nothing to trust."""
    parser = argparse.ArgumentParser(prog="fetcher")
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--keys", type=Path, default=Path("/usr/lib/locker-box/release-keys"))
    parser.add_argument("--system", type=Path, default=facts.SYSTEM)
    args = parser.parse_args(words)
    try:
        found = facts.read_facts(args.system)
        if found.source:
            fetch(found.source.rstrip("/"), found.board, read_keys(args.keys.read_bytes()), args.into)
    except (BoxError, OSError, HTTPException) as error:
        print(f"fetcher: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
