"""Many files in one stream: the framing of bulk put and bulk get. Sans-io: bytes in, events out, and back.

A stream is a sequence of files until it ends. One file is

    u32 BE length, CBOR map {"n": name bytes, "m": mtime in ns, "s": size in bytes or -1, "t": media type or null}
    any number of blocks: u32 BE length (1 .. BULK_BLOCK_BYTES), that many bytes
    u32 BE 0 (the file is complete)  or  u32 BE 0xFFFFFFFF (its sender could not read it to the end: forget it)

``Frames`` never holds more than one incomplete header (HEADER_MAX bytes), whatever is fed. File bytes leave as views
of what was fed, so a caller that keeps them copies them. It does not check names or add up sizes: the store does.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

import cbor2

from firmware.errors import Misused
from firmware.limits import BULK_BLOCK_BYTES
from firmware.model import MAX_NAME_BYTES

HEADER_MAX = MAX_NAME_BYTES + 512
"""Longest header: the name, a media type and three numbers; guards the parser's only buffer."""

END = b"\0\0\0\0"
ABORT = b"\xff\xff\xff\xff"

_U32 = Struct(">I")
_length = _U32.unpack_from
_ABORTED = 0xFFFFFFFF
_KEYS = {"n", "m", "s", "t"}
_FAR = 1 << 62
_LONGEST_MIME = 127


class FileStart(NamedTuple):
    """A file begins. ``size`` is -1 when its sender does not know it; ``mime`` may be None."""

    name: bytes
    mtime_ns: int
    size: int
    mime: str | None


class FileEnd(NamedTuple):
    """The file ended; ``ok`` is False when its sender gave up."""

    ok: bool


Event = FileStart | memoryview | FileEnd
"""What ``Frames`` yields; a memoryview is the next bytes of the file that started last."""

_OK, _GIVEN_UP = FileEnd(True), FileEnd(False)
_HEADER, _BLOCKS, _INSIDE = range(3)


class Frames:
    """The parser. Feed it what arrives, in pieces of any size; call ``close`` when the stream ended."""

    __slots__ = ("_carry", "_left", "_state")

    def __init__(self) -> None:
        """Start before the first file."""
        self._state = _HEADER
        self._carry = b""
        self._left = 0

    def feed(self, data: bytes) -> Iterator[Event]:
        """Yield what ``data`` completes; raises Misused at the first byte that cannot be right."""
        if self._carry:
            data = self._carry + data
            self._carry = b""
        view, at, end = memoryview(data), 0, len(data)
        while at < end:
            if self._state == _INSIDE:
                stop = min(at + self._left, end)
                yield view[at:stop]
                self._left -= stop - at
                self._state = _INSIDE if self._left else _BLOCKS
                at = stop
                continue
            if end - at < 4:
                break
            (length,) = _length(data, at)
            if self._state == _BLOCKS:
                at += 4
                if 0 < length <= BULK_BLOCK_BYTES:
                    self._left, self._state = length, _INSIDE
                else:
                    yield self._ended(length)
                continue
            if end - at - 4 < _possible(length):
                break
            at += 4 + length
            yield _header(data[at - length : at])
            self._state = _BLOCKS
        self._carry = data[at:]

    def close(self) -> None:
        """Check that the stream ended between two files; raises Misused when it was cut."""
        if self._state != _HEADER or self._carry:
            raise Misused(why="the stream ended in the middle of a file.")

    def _ended(self, length: int) -> FileEnd:
        if length not in (0, _ABORTED):
            raise Misused(why="a block in the stream has an impossible length.")
        self._state = _HEADER
        return _GIVEN_UP if length else _OK


def _possible(length: int) -> int:
    """Return the length of a header; raises Misused for one that no header has."""
    if not 0 < length <= HEADER_MAX:
        raise Misused(why="a file's header in the stream has an impossible length.")
    return length


def _header(raw: bytes) -> FileStart:
    try:
        found = cbor2.loads(raw)
    except (cbor2.CBORError, ValueError, TypeError, ArithmeticError, EOFError, RecursionError, MemoryError) as error:
        raise Misused(why="a file's header in the stream is not CBOR.") from error
    if type(found) is not dict or found.keys() != _KEYS:
        raise Misused(why="a file's header in the stream has other fields than n, m, s and t.")
    name, mtime, size, mime = found["n"], found["m"], found["s"], found["t"]
    if type(name) is not bytes or not 0 < len(name) <= MAX_NAME_BYTES:
        raise Misused(why="a file in the stream has no name.")
    if type(mtime) is not int or type(size) is not int or not -_FAR < mtime < _FAR or not -1 <= size < _FAR:
        raise Misused(why="a file in the stream has an impossible time or size.")
    if mime is not None and (type(mime) is not str or len(mime) > _LONGEST_MIME):
        raise Misused(why="a file in the stream has an impossible media type.")
    return FileStart(name, mtime, size, mime)


def encode_start(name: bytes, mtime_ns: int, size: int = -1, mime: str | None = None) -> bytes:
    """Return the bytes that begin a file."""
    header = cbor2.dumps({"n": name, "m": mtime_ns, "s": size, "t": mime})
    return _U32.pack(len(header)) + header


def encode_data(block: bytes | bytearray | memoryview) -> bytes:
    """Return one block; ``block`` holds 1 to BULK_BLOCK_BYTES bytes (send ``block_prefix`` first to save the copy)."""
    return b"".join((block_prefix(len(block)), block))


def block_prefix(length: int) -> bytes:
    """Return the four bytes that go before a block of ``length`` bytes."""
    assert 0 < length <= BULK_BLOCK_BYTES
    return _U32.pack(length)


def encode_end(*, ok: bool) -> bytes:
    """Return the mark that ends a file."""
    return END if ok else ABORT
