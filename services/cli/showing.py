"""How things look in a terminal: names that cannot play tricks, sizes, times, progress."""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
import time
import unicodedata
from collections.abc import Mapping

_STEPS = ("B", "KiB", "MiB", "GiB", "TiB")
_TWICE_A_SECOND = 0.5
_TRICKS = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_JOINERS = {"\u200d", "\ufe0f"}
"""Zero-width joiner and emoji selector: parts of ordinary emoji, harmless in a line."""


def shown(name: bytes | str) -> str:
    """Return ``name`` as one line of text: control characters and writing-direction marks become escapes.

    A file name may hold line breaks, terminal commands, or a mark that turns ``gpj.exe`` around; a listing must show
    what is there. Bytes that are not UTF-8 become U+FFFD.
    """
    raw = name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
    text = raw.decode("utf-8", "replace")
    if text.isascii() and text.isprintable():
        return text
    return "".join(each if each in _JOINERS or _plain(each) else _escaped(each) for each in text)


def size(count: int) -> str:
    """Return a byte count for people, e.g. ``3.4 MiB``."""
    value, step = float(count), 0
    while value >= 1023.95 and step < len(_STEPS) - 1:
        value, step = value / 1024, step + 1
    return f"{count} B" if step == 0 else f"{value:.1f} {_STEPS[step]}"


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, e.g. ``1 file``, ``3 files``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def day(when_ms: int) -> str:
    """Return a time for people in this machine's time zone, to the minute."""
    try:
        return dt.datetime.fromtimestamp(when_ms / 1000, dt.UTC).astimezone().strftime("%Y-%m-%d %H:%M")
    except (OverflowError, ValueError, OSError):
        return "?" * 16


def last_line(started: float, values: Mapping[str, object]) -> None:
    """Print the one JSON object that ends every ``--json`` output, with the seconds since ``started`` (monotonic)."""
    print(json.dumps({**values, "seconds": round(time.monotonic() - started, 3)}))


class Progress:
    """A line on standard error that is written over; silent when that is no terminal."""

    def __init__(self) -> None:
        """Show nothing yet."""
        self._live = sys.stderr.isatty()
        self._next = 0.0

    def show(self, line: str) -> None:
        """Show ``line`` at most twice a second."""
        now = time.monotonic()
        if self._live and now >= self._next:
            self._next = now + _TWICE_A_SECOND
            width = os.get_terminal_size(sys.stderr.fileno()).columns - 1
            print("\r\x1b[K" + line[:width], end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Remove the line."""
        if self._live and self._next:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _plain(character: str) -> bool:
    return unicodedata.category(character) not in _TRICKS


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{{{code:x}}}"
