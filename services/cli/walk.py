"""Walks the folders a person wants to put: what can be sent, and why the rest cannot. Opens no file."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from firmware.errors import Misused
from firmware.model import MAX_NAME_BYTES


class Found(NamedTuple):
    """A regular file: where it is and the name it gets in the locker (both raw bytes)."""

    path: bytes
    name: bytes


class Skipped(NamedTuple):
    """Something that is not sent, and why."""

    path: bytes
    why: str


_KINDS = (
    (stat.S_ISLNK, "a symbolic link is not followed"),
    (stat.S_ISSOCK, "it is a socket"),
    (stat.S_ISFIFO, "it is a pipe (FIFO)"),
    (stat.S_ISBLK, "it is a device"),
    (stat.S_ISCHR, "it is a device"),
)


def walk(targets: Sequence[bytes], into: bytes) -> Iterator[Found | Skipped]:
    """Iterate over everything below ``targets`` in the order of names; a target's own name comes first in the names.

    Symbolic links are followed only when they are a target themselves, so no loop is possible. Raises Misused at once
    when two targets would get the same name, or a target does not exist.
    """
    tops = [(path, _top(path)) for path in targets]
    seen: dict[bytes, bytes] = {}
    for path, name in tops:
        if name and seen.setdefault(name, path) is not path:
            raise Misused(why=f"{os.fsdecode(seen[name])} and {os.fsdecode(path)} would get the same name here.")
    return _below(tops, into)


def _below(tops: Sequence[tuple[bytes, bytes]], into: bytes) -> Iterator[Found | Skipped]:
    for path, name in tops:
        full = b"/".join(part for part in (into, name) if part)
        try:
            mode = os.stat(path).st_mode
        except OSError as error:
            yield Skipped(path, _reason(error))
            continue
        if stat.S_ISDIR(mode):
            yield from _folder(path, full)
        else:
            yield _judged(path, full, mode)


def _top(path: bytes) -> bytes:
    """The first component of names below a target: its own name, also when it is called ``.`` or ends in a slash."""
    if not os.path.lexists(path):
        raise Misused(why=f"there is no {os.fsdecode(path)}.")
    last = path.rstrip(b"/").rpartition(b"/")[2]
    return last if last not in (b"", b".", b"..") else os.path.realpath(path).rpartition(b"/")[2]


def _folder(path: bytes, name: bytes) -> Iterator[Found | Skipped]:
    todo = [(path, name)]
    while todo:
        path, name = todo.pop()
        try:
            with os.scandir(path) as listing:
                entries = sorted(listing, key=_entry_name)
        except OSError as error:
            yield Skipped(path, _reason(error))
            continue
        below: list[tuple[bytes, bytes]] = []
        for entry in entries:
            full = name + b"/" + entry.name if name else entry.name
            try:
                if entry.is_file(follow_symlinks=False):
                    yield Found(entry.path, full) if len(full) <= MAX_NAME_BYTES else _long(entry.path)
                elif entry.is_dir(follow_symlinks=False):
                    below.append((entry.path, full))
                else:
                    yield _judged(entry.path, full, entry.stat(follow_symlinks=False).st_mode)
            except OSError as error:
                yield Skipped(entry.path, _reason(error))
        todo += reversed(below)


def _entry_name(entry: os.DirEntry[bytes]) -> bytes:
    return entry.name


def _judged(path: bytes, name: bytes, mode: int) -> Found | Skipped:
    for matches, why in _KINDS:
        if matches(mode):
            return Skipped(path, why)
    return Found(path, name) if len(name) <= MAX_NAME_BYTES else _long(path)


def _long(path: bytes) -> Skipped:
    return Skipped(path, f"its name is longer than {MAX_NAME_BYTES} bytes")


def _reason(error: OSError) -> str:
    return f"it cannot be read ({error.strerror})"
