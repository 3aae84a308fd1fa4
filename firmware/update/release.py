"""The signed index of a release (docs/formats/release.md): its bytes, who signed it, whether this box may take it.

Nothing here reads a bundle; ``judge`` must have said yes before RAUC sees one.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from firmware import limits
from firmware.errors import (
    BadSeal,
    NewerFormat,
    ReleaseBoard,
    ReleaseExpired,
    ReleaseGarbled,
    ReleaseOlder,
    ReleaseTooFar,
    ReleaseUnsigned,
)
from firmware.seal import verify_signature

FIRST: Final = b"lockerbox release 1\n"
KEYS_FIRST: Final = b"lockerbox release keys 1\n"
SIGNED: Final = b"lockerbox release v1\n"
_FAMILY, _KEYS_FAMILY = b"lockerbox release ", b"lockerbox release keys "
_SIGNATURE: Final = re.compile(rb"([0-9a-f]{64}) ([0-9a-f]{128})", re.ASCII)
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}", re.ASCII)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}", re.ASCII)
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_PART_MAX: Final = 9999
_SECONDS_MAX: Final = 1 << 40


class Version(NamedTuple):
    """Three numbers, compared from the left."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read ``1.4.2``; raises ReleaseGarbled."""
        found = re.fullmatch(r"(0|[1-9][0-9]{0,3})\.(0|[1-9][0-9]{0,3})\.(0|[1-9][0-9]{0,3})", text, re.ASCII)
        if found is None:
            raise ReleaseGarbled(why="a version is three numbers, as in 1.4.2.")
        return cls(int(found[1]), int(found[2]), int(found[3]))

    def __str__(self) -> str:
        """``1.4.2``."""
        return f"{self.major}.{self.minor}.{self.patch}"


@dataclass(frozen=True, slots=True)
class Bundle:
    """The file RAUC will open: its name beside the index, its size in bytes, its SHA-256 (hex)."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Release:
    """What an index says. ``number`` grows with every index of a board; times are seconds since 1970 UTC.

    ``minimum`` is the lowest version that may go straight to this one. ``risk`` and ``notes`` are sentences by
    language: what was at risk until now (empty: nothing), and what is new.
    """

    number: int
    board: str
    version: Version
    minimum: Version
    made: int
    expires: int
    urgent: bool
    supported_until: str
    bundle: Bundle
    notes: dict[str, str]
    risk: dict[str, str]

    def to_bytes(self) -> bytes:
        """Return the two lines that are signed: what it is, and the contents as canonical JSON."""
        contents = {
            "board": self.board,
            "bundle": {"name": self.bundle.name, "sha256": self.bundle.sha256, "size": self.bundle.size},
            "expires": self.expires,
            "made": self.made,
            "minimum": str(self.minimum),
            "notes": self.notes,
            "number": self.number,
            "risk": self.risk,
            "supported_until": self.supported_until,
            "urgent": self.urgent,
            "version": str(self.version),
        }
        return FIRST + _canonical(contents) + b"\n"


@dataclass(frozen=True, slots=True)
class Keys:
    """The release keys a box trusts (Ed25519, 32 bytes each) and how many of them have to sign."""

    need: int
    public: tuple[bytes, ...]

    def to_bytes(self) -> bytes:
        """Return the file ``release-keys`` of an image."""
        return KEYS_FIRST + f"{self.need}\n".encode() + b"".join(each.hex().encode() + b"\n" for each in self.public)


def read_keys(data: bytes) -> Keys:
    """Read ``release-keys``; raises NewerFormat, ReleaseGarbled (fewer than two of the keys would be no threshold)."""
    if not data.startswith(KEYS_FIRST):
        _refuse_newer(data, _KEYS_FAMILY)
    rest = re.fullmatch(rb"([0-9])\n((?:[0-9a-f]{64}\n){2,8})", data[len(KEYS_FIRST) :])
    if rest is None:
        raise ReleaseGarbled(why="the list of release keys is not whole.")
    public = tuple(bytes.fromhex(line.decode()) for line in rest[2].split())
    if not 2 <= int(rest[1]) <= len(public) or list(public) != sorted(set(public)):
        raise ReleaseGarbled(why="the list of release keys contradicts itself.")
    return Keys(int(rest[1]), public)


def parse_release(data: bytes, keys: Keys) -> Release:
    """Check signatures, then read; raises NewerFormat, ReleaseGarbled, ReleaseUnsigned. Nothing unsigned is parsed."""
    if len(data) > limits.RELEASE_INDEX_BYTES:
        raise ReleaseGarbled(why="it is far too long.")
    if not data.startswith(FIRST):
        _refuse_newer(data, _FAMILY)
    if not data.endswith(b"\n"):
        raise ReleaseGarbled(why="its end is missing.")
    if data.count(b"\n") == 1:
        raise ReleaseGarbled(why="its contents are missing.")
    head, contents, *lines = data[:-1].split(b"\n")
    have = _signers(head + b"\n" + contents + b"\n", lines, keys)
    if have < keys.need:
        raise ReleaseUnsigned(have=have, need=keys.need)
    try:
        found = json.loads(contents)
        release = _release(found)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ReleaseGarbled(why="its contents are not what an index has.") from None
    if release.to_bytes() != head + b"\n" + contents + b"\n":
        raise ReleaseGarbled(why="its contents are not written in the one way an index is.")
    return release


def judge(release: Release, *, board: str, running: Version, highest: Version, number: int, now: int) -> None:
    """Return if a box may take a signed release; ``highest`` and ``number`` are the newest ever committed and seen.

    Raises ReleaseBoard, ReleaseExpired, ReleaseOlder, ReleaseTooFar. ``now`` (seconds) is the ratcheted clock's.
    """
    if release.board != board:
        raise ReleaseBoard(theirs=release.board, ours=board)
    if now >= release.expires:
        raise ReleaseExpired(until=_day(release.expires))
    if release.number < number or release.version < max(running, highest):
        raise ReleaseOlder(theirs=str(release.version), ours=str(max(running, highest)))
    if running < release.minimum:
        raise ReleaseTooFar(theirs=str(release.version), minimum=str(release.minimum), ours=str(running))


def signature_line(public: bytes, signature: bytes) -> bytes:
    """Return the line that is put under an index for one signature over ``SIGNED`` and its first two lines."""
    return public.hex().encode() + b" " + signature.hex().encode() + b"\n"


def _signers(signed: bytes, lines: list[bytes], keys: Keys) -> int:
    """How many known keys signed; an unknown key counts for nothing, a wrong signature of a known one is refused."""
    if len(lines) > limits.RELEASE_SIGNATURES:
        raise ReleaseGarbled(why="it has too many signatures.")
    found = [_SIGNATURE.fullmatch(line) for line in lines]
    who = [each[1] for each in found if each is not None]
    if len(who) != len(lines) or who != sorted(set(who)):
        raise ReleaseGarbled(why="its signatures are not whole, or out of order.")
    have = 0
    for each in found:
        assert each is not None
        public = bytes.fromhex(each[1].decode())
        if public not in keys.public:
            continue
        try:
            verify_signature(public, bytes.fromhex(each[2].decode()), SIGNED + signed)
        except BadSeal:
            raise ReleaseGarbled(why="a signature does not belong to it.") from None
        have += 1
    return have


def _release(found: dict[str, Any]) -> Release:
    bundle = found["bundle"]
    release = Release(
        number=_number(found["number"], 1, _SECONDS_MAX),
        board=_text(found["board"], _NAME),
        version=Version.parse(found["version"]),
        minimum=Version.parse(found["minimum"]),
        made=_number(found["made"], 0, _SECONDS_MAX),
        expires=_number(found["expires"], 0, _SECONDS_MAX),
        urgent=_truth(found["urgent"]),
        supported_until=_text(found["supported_until"], _DAY),
        bundle=Bundle(
            _text(bundle["name"], _NAME),
            _number(bundle["size"], 1, limits.BUNDLE_BYTES),
            _text(bundle["sha256"], _SHA256),
        ),
        notes=_sentences(found["notes"]),
        risk=_sentences(found["risk"]),
    )
    if release.minimum > release.version or release.expires <= release.made:
        raise ValueError
    return release


def _number(value: object, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise ValueError
    return value


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _text(value: object, pattern: re.Pattern[str]) -> str:
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise ValueError
    return value


def _sentences(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or len(value) > limits.RELEASE_LANGUAGES:
        raise ValueError
    for language, text in value.items():
        _text(language, _LANGUAGE)
        if not isinstance(text, str) or len(text) > limits.RELEASE_NOTE_CHARS or not text.isprintable():
            raise ValueError
    return value


def _canonical(contents: dict[str, Any]) -> bytes:
    return json.dumps(contents, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _refuse_newer(data: bytes, family: bytes) -> None:
    if data.startswith(family):
        raise NewerFormat(what="The description of a new version", found="later", known=1)
    raise ReleaseGarbled(why="it does not begin like one.")


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
