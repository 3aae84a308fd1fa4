"""A multipart/form-data body in pieces (RFC 7578): parts come out as they arrive, nothing is gathered but part heads.

The one page that takes it is the share target of the installed app: phones post shared files this way. Bounds keep a
hostile body from costing more than the bytes that pass through.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from firmware.errors import Misused

_HEAD_BYTES = 8192
_PARTS = 1000
_BOUNDARY = re.compile(r'multipart/form-data;.*?boundary=(?:"([^"]{1,70})"|([^\s;,]{1,70}))', re.IGNORECASE | re.DOTALL)
_FIELD = re.compile(r'([a-z*]+)="((?:[^"\\]|\\.)*)"', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PartStart:
    """A part begins. ``filename`` is None for a plain field; ``mime`` is what the sender calls its content."""

    name: str
    filename: str | None
    mime: str


@dataclass(frozen=True, slots=True)
class PartEnd:
    """The part is complete."""


Event = PartStart | PartEnd | bytes


def boundary_of(content_type: str) -> bytes:
    """Return the boundary a ``Content-Type`` names; raises Misused without one."""
    found = _BOUNDARY.match(content_type)
    if found is None:
        raise Misused(why="the body does not say where its parts end.")
    return (found[1] or found[2]).encode("latin1")


class Parts:
    """Feed it the body, piece by piece."""

    def __init__(self, boundary: bytes) -> None:
        """Parts are separated by ``boundary``."""
        self._mark = b"\r\n--" + boundary
        self._rest = b"\r\n"
        self._state = "before"
        self._count = 0

    @property
    def is_over(self) -> bool:
        """True once the closing boundary was read."""
        return self._state == "after"

    def feed(self, data: bytes) -> Iterator[Event]:
        """Yield what ``data`` brings: PartStart, its bytes, PartEnd; raises Misused for what is no such body."""
        self._rest += data
        while True:
            step = {"before": self._before, "head": self._head, "body": self._body, "line": self._line}.get(self._state)
            if step is None:
                self._rest = b""
                return
            length = len(self._rest)
            state = self._state
            yield from step()
            if self._state == state and len(self._rest) == length:
                return

    def _before(self) -> Iterator[Event]:
        yield from self._until_mark(keep=False)

    def _body(self) -> Iterator[Event]:
        yield from self._until_mark(keep=True)

    def _until_mark(self, *, keep: bool) -> Iterator[Event]:
        at = self._rest.find(self._mark)
        safe = at if at >= 0 else max(0, len(self._rest) - len(self._mark) + 1)
        piece, self._rest = self._rest[:safe], self._rest[safe:]
        if keep and piece:
            yield piece
        if at >= 0:
            self._rest = self._rest[len(self._mark) :]
            self._state = "line"
            if keep:
                yield PartEnd()

    def _line(self) -> Iterator[Event]:
        """Read what stands behind a boundary: ``--`` at the end of all, else the end of the line."""
        if len(self._rest) >= 2:
            if self._rest.startswith(b"--"):
                self._state = "after"
            elif self._rest.startswith(b"\r\n"):
                self._count += 1
                if self._count > _PARTS:
                    raise Misused(why=f"a form has at most {_PARTS} parts.")
                self._state = "head"  # the line end stays: it is the beginning of an empty head as well
            else:
                raise Misused(why="a part of the form begins in the middle of a line.")
        yield from ()

    def _head(self) -> Iterator[Event]:
        at = self._rest.find(b"\r\n\r\n")
        if max(at, len(self._rest) if at < 0 else 0) > _HEAD_BYTES:
            raise Misused(why="a part of the form says too much about itself.")
        if at < 0:
            return
        head, self._rest = self._rest[:at], self._rest[at + 4 :]
        self._state = "body"
        yield _described(head.decode("utf-8", "replace"))


def _described(head: str) -> PartStart:
    lines = dict(line.split(":", 1) for line in head.split("\r\n") if ":" in line)
    lower = {key.strip().lower(): value.strip() for key, value in lines.items()}
    fields = {key.lower(): value for key, value in _FIELD.findall(lower.get("content-disposition", ""))}
    filename = fields.get("filename")
    if filename is not None:
        filename = filename.replace("%22", '"').replace("%0D", "").replace("%0A", "").replace('\\"', '"')
    return PartStart(fields.get("name", ""), filename, lower.get("content-type", "").lower())
