"""The caller's side of the reader: hand over one file, get one checked analysis. No foreign byte is parsed here."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from firmware.errors import Unreachable
from firmware.limits import KIB, READER_INPUT_BYTES
from firmware.linux.walls import Walls
from firmware.model import Analysis
from firmware.model.mime import has_preview, is_media, needs_reader
from services.reader import answer
from services.reader.answer import Trouble
from services.reader.families import Family, family_of
from services.reader.mother import Gone, Mother, Source, in_memory
from services.reader.ranges import needed

_MAIN = Path(__file__).with_name("__main__.py")
JPEG_FACTS_BYTES = 512 * KIB
HEAD_FIRST = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
"""Pictures whose facts nearly always stand in the first HEAD_BYTES (of WebP, or in the last TAIL_BYTES)."""
HEAD_BYTES = 128 * KIB
TAIL_BYTES = 64 * KIB


class Reader:
    """One reader: starts its mothers when first asked, replaces one that died, one file at a time.

    Safe to call from any thread (calls queue); never raises for a bad file, the trouble is in the Analysis (a trouble
    in answer.LATER is the box's, not the file's: ask again another day). Each mother ends by itself after 30 s of
    silence.
    """

    def __init__(self, python: str = sys.executable, main: Path = _MAIN) -> None:
        """Remember how to start a mother (``main`` as ``python -I main FAMILY``); nothing is started yet."""
        self.peak_rss_bytes = 0
        """Largest resident memory any child reached."""
        self.cpu_ms = 0
        """CPU time all children took."""
        self.walls: Walls | None = None
        """What the kernel offers, known after the first file; for ``status``."""
        self._mothers = {family: Mother([python, "-I", str(main), family.value]) for family in Family}
        self._lock = threading.Lock()
        self._closed = False

    def facts(self, mime: str, name: str, source: Source, size: int | None = None) -> Analysis:
        """Return what is known about a file of type ``mime``; ``size`` (bytes) is needed when ``source`` reads.

        Raises Unreachable after ``close``. ``name`` stays here: no parser needs it, so none gets it.
        """
        del name
        if not needs_reader(mime):
            return Analysis()
        if mime in HEAD_FIRST and (size or 0) > HEAD_BYTES and callable(source):
            found = self._ask("facts", mime, source, size, head_only=True)
            if found.trouble != Trouble.NOT_UNDERSTOOD:
                return found
        return self._ask("facts", mime, source, size)

    def previews(self, mime: str, name: str, source: Source, size: int | None = None) -> Analysis:
        """Return small pictures of a file of type ``mime``: at most three, smallest first. Else like ``facts``."""
        del name
        return self._ask("previews", mime, source, size) if has_preview(mime) else Analysis()

    def reap(self) -> None:
        """Take leave of mothers that ended by themselves, so that they do not stay as zombies; from any thread."""
        for mother in self._mothers.values():
            mother.reap()

    def close(self) -> None:
        """End the mothers and whatever they are doing; a call that waits in another thread raises Unreachable."""
        self._closed = True
        for mother in self._mothers.values():
            mother.kill()
        with self._lock:
            for mother in self._mothers.values():
                mother.stop()

    def _ask(self, task: str, mime: str, source: Source, size: int | None, *, head_only: bool = False) -> Analysis:
        size = len(source) if not callable(source) else size
        if size is None:
            raise TypeError("a source that reads needs its size")
        if size == 0:
            return Analysis(trouble=Trouble.NOT_UNDERSTOOD)
        if size > READER_INPUT_BYTES and not is_media(mime):
            return Analysis(trouble=Trouble.TOO_LARGE)
        job = json.dumps({"task": task, "mime": mime, "size": size}).encode()
        handle = in_memory(source, size, _ranges(mime, size, source, task, head_only=head_only))
        try:
            with self._lock:
                return self._told(self._mothers[family_of(task, mime)], job, handle)
        finally:
            os.close(handle)

    def _told(self, mother: Mother, job: bytes, handle: int) -> Analysis:
        """Send one job; a mother that fell asleep meanwhile is replaced once, silently."""
        for _ in range(2):
            if self._closed:
                break
            try:
                head, body = mother.ask(job, handle)
                self.walls = mother.walls
                return self._checked(head, body)
            except TimeoutError:
                mother.stop()
                return Analysis(trouble=Trouble.TIMEOUT)
            except (Gone, OSError, ValueError):
                mother.stop()
        if self._closed:
            mother.stop()
            raise Unreachable(what="the reader")
        return Analysis(trouble=Trouble.READER_FAILED)

    def _checked(self, head: dict[str, Any], body: bytes) -> Analysis:
        self.peak_rss_bytes = max(self.peak_rss_bytes, int(head["rss"]))
        self.cpu_ms += int(head["cpu_ms"])
        if head["trouble"] is not None:
            return Analysis(trouble=Trouble(head["trouble"]).value)
        try:
            return answer.decode(body)
        except ValueError:
            return Analysis(trouble=Trouble.BAD_ANSWER)


def _ranges(mime: str, size: int, source: Source, task: str, *, head_only: bool) -> list[tuple[int, int]]:
    """Which bytes the children need; the rest becomes a hole."""
    if head_only:
        return [(0, HEAD_BYTES)] + [(size - TAIL_BYTES, size)] * (mime == "image/webp")
    if task == "facts" and mime == "image/jpeg":
        return [(0, min(size, JPEG_FACTS_BYTES))]  # EXIF and frame header come first; the picture is not decoded
    return list(needed(mime, size, source)) if is_media(mime) and callable(source) else [(0, size)]
