"""What owners do to have a circle, and what they see of it: through the shell, as they would."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from firmware.errors import BoxError, Locked, Refused
from services.api.circle_types import Reach, SafetyIs
from tests.folders import plain_files
from tests.lab.dwelling import LabBox, until

GIB = 1 << 30
_AT_ONCE = 150


def pair(inviter: LabBox, joiner: LabBox, *, gib: float = 4, by_words: bool = False) -> tuple[str, str]:
    """Make two boxes friends; returns the digits each of them showed."""
    words = ["--by-words"] if by_words else []
    made = inviter.said("circle", "invite", "--passphrase-file", inviter.passphrase, *words)
    joined = joiner.said("circle", "join", *made["text"].split())
    until(lambda: joined.get("code") or _met(joiner), "the six digits")
    codes = code_of(inviter), code_of(joiner)
    for box, code in zip((inviter, joiner), codes, strict=True):
        box.ok("circle", "confirm", code, "--gib", str(gib))
    until(lambda: sees(inviter, joiner) and sees(joiner, inviter), f"{inviter.name} and {joiner.name} to be friends")
    return codes


def _met(box: LabBox) -> bool:
    return any(each["state"] == "met" for each in pairings(box))


def pairings(box: LabBox) -> list[dict[str, Any]]:
    """Every invitation as the owner's shell lists it."""
    return [json.loads(line) for line in box.ok("circle", "confirm", "--json").splitlines()]


def code_of(box: LabBox) -> str:
    """The digits of the box that waits to be confirmed."""
    return str(next(each["code"] for each in reversed(pairings(box)) if each["state"] == "met"))


def sees(box: LabBox, other: LabBox) -> bool:
    """Whether a box is in touch with another one."""
    found = peer(box, other)
    return found is not None and found.reach not in (Reach.AWAY, Reach.REFUSED)


def peer(box: LabBox, other: LabBox) -> Any:
    """What a box tells its owner about another one, None when it does not know it or does not answer."""
    try:
        return next((each for each in box.circle().peers if each.peer == other.key), None)
    except (BoxError, OSError):
        return None


def together(owner: LabBox, friends: Iterable[LabBox], *, gib: float = 4) -> None:
    """Give ``owner`` these friends, by link."""
    for each in friends:
        pair(owner, each, gib=gib)


def put(box: LabBox, folder: Path) -> int:
    """Keep a folder; returns how many files the box said it kept."""
    return int(box.said("put", folder)["files"])


def safe(box: LabBox) -> bool:
    """Whether the box says that everything is safe with friends."""
    try:
        lockers = box.circle().lockers
    except (BoxError, OSError):
        return False
    return bool(lockers) and all(not each.here_bytes and not each.going_bytes and each.safe_bytes for each in lockers)


def ship(box: LabBox, seconds: float = 1800.0) -> None:
    """Let the box read what it got, close everybody's packs, and wait until it says that everything is safe."""
    until(box.idle, f"{box.name} to have read everything", seconds, 1)
    for each in box.sessions():
        with contextlib.suppress(Locked, Refused):
            each.call("circle_now")
    until(lambda: safe(box), f"everything of {box.name} to be safe ({progress(box)})", seconds, 1)


def quiet(boxes: Sequence[LabBox]) -> bool:
    """Whether nothing moves."""
    try:
        return not any(each.circle().moving for each in boxes)
    except (BoxError, OSError):
        return False


def progress(box: LabBox) -> str:
    """One line for who watches."""
    found = box.circle()
    sums = [f"here {each.here_bytes >> 20} going {each.going_bytes >> 20} safe {each.safe_bytes >> 20} MiB"
            for each in found.lockers]  # fmt: skip
    peers = [f"{each.label[-4:]}:{each.state.value},{each.reach.value}" for each in found.peers]
    return f"{box.name}: {'; '.join(sums)} | {' '.join(peers)}"


def badges(box: LabBox, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The badge of every file of these names, as the shell tells them."""
    found: dict[str, dict[str, Any]] = {}
    for at in range(0, len(names), _AT_ONCE):
        part = names[at : at + _AT_ONCE]
        lines = box.ok("circle", "copies", "--json", *part).splitlines()
        found |= {name: json.loads(line) for name, line in zip(part, lines, strict=True)}
    return found


def names_below(folder: Path) -> dict[str, Path]:
    """The names files of a folder have once it is put, and where they are here."""
    return {f"{folder.name}/{path.relative_to(folder)}": path for path in plain_files(folder)}


def came_back(box: LabBox, names: Mapping[str, Path], out: Path, *who: str) -> int:
    """Write everything of a locker below ``out``; how many files of ``names`` are there, bit for bit."""
    box.ok(*who, "get", "--all", out)
    there = {name: out / name for name in names if (out / name).is_file()}
    return sum(path.read_bytes() == names[name].read_bytes() for name, path in there.items())


def is_safe(badge: dict[str, Any]) -> bool:
    """Whether a badge says *safe with friends*."""
    return bool(badge["state"] == SafetyIs.SAFE.value)
