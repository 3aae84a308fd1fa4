"""The subset of CBOR that boxes speak, read strictly: whole numbers, bytes, text, true, false, null, arrays, maps.

Written for bytes from strangers: no tags, no floats, no indefinite lengths; one spelling for each value (RFC 8949,
section 4.2.1), so that two different heads never mean the same; nothing is set aside before its length is checked.
"""

from __future__ import annotations

from typing import Final

import cbor2

from firmware.errors import PeerGarbled
from firmware.limits import PEER_HEAD_ITEMS

Value = None | bool | int | bytes | str | list["Value"] | dict[str, "Value"]

MOST: Final = (1 << 63) - 1
"""Largest whole number; what is signed elsewhere fits into SQLite's integers everywhere."""
_DEPTH: Final = 8
_SIMPLE: Final[dict[int, bool | None]] = {0xF4: False, 0xF5: True, 0xF6: None}
_WIDTHS: Final = {24: 1, 25: 2, 26: 4, 27: 8}
_LEAST: Final = {24: 24, 25: 1 << 8, 26: 1 << 16, 27: 1 << 32}
"""Smallest number that may be written in each width: a shorter one has a shorter spelling."""


def dumps(value: Value) -> bytes:
    """Return the one encoding of ``value``; map keys are text, so length-first order is RFC 8949's order too."""
    return cbor2.dumps(value, canonical=True)


def loads(data: bytes, items: int = PEER_HEAD_ITEMS) -> Value:
    """Return the value that ``data`` spells, at most ``items`` values in all; raises PeerGarbled for anything else."""
    reader = _Reader(data, items)
    value = reader.value(0)
    if reader.at != len(data):
        raise PeerGarbled(why="there is something after the end")
    return value


class _Reader:
    """A place in the bytes that only moves forward."""

    def __init__(self, data: bytes, items: int) -> None:
        self._data, self.at, self._left = data, 0, items

    def value(self, depth: int) -> Value:
        """The value that begins here."""
        self._left -= 1
        if self._left < 0 or depth > _DEPTH:
            raise PeerGarbled(why="it holds too many values")
        first = self._take(1)[0]
        if first in _SIMPLE:
            return _SIMPLE[first]
        kind, number = first >> 5, self._number(first & 31)
        match kind:
            case 0:
                return number
            case 2:
                return self._take(number)
            case 3:
                return self._text(number)
            case 4:
                return self._array(number, depth)
            case 5:
                return self._map(number, depth)
            case _:
                raise PeerGarbled(why="it holds a value of a kind that is not used here")

    def _take(self, count: int) -> bytes:
        end = self.at + count
        if end > len(self._data):
            raise PeerGarbled(why="it ends too early")
        taken = self._data[self.at : end]
        self.at = end
        return taken

    def _number(self, short: int) -> int:
        if short < 24:
            return short
        if short not in _WIDTHS:
            raise PeerGarbled(why="a length is not written out")
        number = int.from_bytes(self._take(_WIDTHS[short]), "big")
        if not _LEAST[short] <= number <= MOST:
            raise PeerGarbled(why="a number is not written the shortest way, or is too large")
        return number

    def _text(self, count: int) -> str:
        try:
            return self._take(count).decode()
        except UnicodeDecodeError:
            raise PeerGarbled(why="a text is not UTF-8") from None

    def _array(self, count: int, depth: int) -> list[Value]:
        self._room(count)
        return [self.value(depth + 1) for _ in range(count)]

    def _map(self, count: int, depth: int) -> dict[str, Value]:
        self._room(2 * count)
        found: dict[str, Value] = {}
        before = b""
        for _ in range(count):
            start = self.at
            key = self.value(depth + 1)
            spelled = self._data[start : self.at]
            if not isinstance(key, str) or spelled <= before:
                raise PeerGarbled(why="the keys of a map are not text in order")
            before = spelled
            found[key] = self.value(depth + 1)
        return found

    def _room(self, count: int) -> None:
        """Each value takes a byte at least: a length beyond what is left is a lie."""
        if count > len(self._data) - self.at or count > self._left:
            raise PeerGarbled(why="it promises more values than it holds")
