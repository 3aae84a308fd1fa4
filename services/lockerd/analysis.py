"""Asks the reader what files are, in the background of an open locker: facts first, previews when all is quiet.

A preview somebody asked for, or one of few, is made at once; while files come in, only in a small share of the time.

One thread of low priority with a reader of its own; what it learns is stored through the store thread like any other
change. It parses nothing itself: foreign bytes go to ``services.reader``, which costs a preview at worst.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable

from firmware import events, limits
from firmware.errors import BoxError, Missing, NoSuchRecord, StillAtFriends, Unreachable
from firmware.linux.journal import Journal
from firmware.locker import Locker, LockerReader
from firmware.model import Analysis, Record
from firmware.model.mime import has_preview
from services.api import types as t
from services.lockerd.store import Store
from services.reader.answer import LATER, Trouble
from services.reader.client import Reader

_BATCH = 32
_FEW = 4
"""So many previews are made without waiting for quiet: the photo just taken, not the whole phone."""
_REST_SHARE = 4.0
"""After such a preview, while files come in, this many times as long nothing of the kind."""
_PAUSE_SECONDS = 0.4
"""No byte for so long: nothing comes in just now."""
_WATCHED_SECONDS = 20.0
_WATCHED_BATCH_SECONDS = 1.0
"""While previews are asked for, what is made is stored at least this often."""
_QUIET_SECONDS = 2.0
_LOOK_AGAIN_SECONDS = 0.5
_NICENESS = 10
_REST_SECONDS = 60.0
"""How long nothing is asked after a trouble of the box itself (no walls, no ffmpeg, a reader that will not start)."""

_NOT_THE_FILE = frozenset(trouble.value for trouble in LATER)
"""Never stored: the files are asked about again once the box is well."""


class Analyst:
    """Lives beside one open locker until ``stop``."""

    def __init__(self, store: Store, journal: Journal) -> None:
        """Nothing runs before ``start``."""
        self._store, self._journal = store, journal
        self._reader = Reader()
        self._wake = threading.Event()
        self._stopping = False
        self._trouble = 0
        self._rest_until = 0.0
        self._mine: LockerReader | None = None
        self._stale = False
        self._troubled: set[str] = set()
        self._wanted: deque[str] = deque(maxlen=limits.PREVIEWS_WANTED)
        self._wanted_at = -_WATCHED_SECONDS
        self._hasty_from = 0.0
        self.on_previews: Callable[[list[str]], object] = lambda _ids: None
        """Called on this thread with the records that have previews now."""
        self.previews = t.Previews.IDLE
        self._thread = threading.Thread(target=self._live, name="analysis")

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def reap(self) -> None:
        """A child process ended (SIGCHLD): readers end by themselves after a while of silence."""
        self._reader.reap()

    def wake(self) -> None:
        """Something was stored; look soon."""
        self._wake.set()

    def want(self, id: str) -> None:
        """Somebody looks at the place where the preview of ``id`` should be: make it before others."""
        if id not in self._troubled and id not in self._wanted:
            self._wanted.append(id)
            self._wanted_at = time.monotonic()
            self._wake.set()

    def reset(self) -> None:
        """Catalog, packs or keys were replaced: read them anew from now on."""
        self._stale = True
        self._wake.set()

    def stop(self) -> None:
        """End the reader and the thread; call it before the store stops."""
        self._stopping = True
        self._wake.set()
        self._reader.close()
        self._thread.join()
        self._reader.close()

    def state(self, reader: LockerReader) -> t.AnalysisState:
        """Tell how much is left to do."""
        counts = reader.pending_counts()
        return t.AnalysisState(
            pending_text=counts.get("facts", 0),
            pending_previews=counts.get("previews", 0),
            previews=self.previews,
            trouble=self._trouble,
            reader_peak_rss_bytes=self._reader.peak_rss_bytes,
        )

    def _live(self) -> None:
        with contextlib.suppress(OSError):  # the unit's system call filter refuses it; the slice has a weight then
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        while not self._stopping:
            try:
                worked = self._round()
            except BoxError:
                worked = False  # the locker is closing or its disk is full; what is pending stays pending
            if not worked and not self._stopping:
                patience = self._patience()
                if patience is None:
                    self._let_go()
                self._wake.wait(patience)
                self._wake.clear()
        self._let_go()

    def _let_go(self) -> None:
        if self._mine is not None:
            self._mine.close()
            self._mine = None

    def _own(self) -> LockerReader:
        """A reader of this thread's own: looking at files must not wait for the puts that go on meanwhile."""
        if self._stale:
            self._let_go()
        if self._mine is None:
            self._stale = False
            self._mine = self._store.locker.reader()
        return self._mine

    def _patience(self) -> float | None:
        rest = self._rest_until - time.monotonic()
        if rest > 0:
            return rest
        if self.previews is t.Previews.OFF or self._quiet():
            return None
        return _PAUSE_SECONDS if self._wanted else _LOOK_AGAIN_SECONDS

    def _quiet(self) -> bool:
        return time.monotonic() - self._store.last_put > _QUIET_SECONDS

    def _round(self) -> bool:
        """Look at some records; False when there is nothing to do now."""
        if time.monotonic() < self._rest_until:
            return False
        if self.previews is not t.Previews.OFF and self._hasty():
            return True
        if self._some(previews=False):
            return True
        if self.previews is t.Previews.OFF or not self._quiet():
            return False
        return self._some(previews=True)

    def _some(self, *, previews: bool) -> bool:
        pending = [
            record for record in self._own().pending(_BATCH, previews=previews) if record.id not in self._troubled
        ]
        found: list[tuple[Record, Analysis]] = []
        began = time.monotonic()
        for record in pending:
            if self._stopping or (previews and not self._quiet()):
                break
            if previews and self._is_watched() and (self._wanted or time.monotonic() - began > _WATCHED_BATCH_SECONDS):
                break
            analysis = self._look(record, previews=previews)
            if analysis.trouble in _NOT_THE_FILE:
                self._rest_until = time.monotonic() + _REST_SECONDS
                break
            found.append((record, analysis))
        self._store_found(found)
        return bool(found)

    def _store_found(self, found: list[tuple[Record, Analysis]]) -> None:
        if found:
            self._store.submit(lambda locker: _keep(locker, found)).result()
            pictured = [record.id for record, analysis in found if analysis.previews]
            if pictured:
                self.on_previews(pictured)

    def _is_watched(self) -> bool:
        return time.monotonic() - self._wanted_at < _WATCHED_SECONDS

    def _hasty(self) -> bool:
        """Make one preview that should not wait for quiet; False when there is none, or none just now."""
        began = time.monotonic()
        if began < self._hasty_from and began - self._store.last_put < _PAUSE_SECONDS:
            return False
        record = self._next_hasty()
        if record is None:
            return False
        for previews in (False, True):
            if previews or record.facts.width is None:
                analysis = self._look(record, previews=previews)
                if analysis.trouble in _NOT_THE_FILE:
                    self._rest_until = time.monotonic() + _REST_SECONDS
                    return False
                self._store_found([(record, analysis)])
                if analysis.trouble is not None or (previews and not analysis.previews):
                    self._troubled.add(record.id)  # a page may ask again and again: one try in a session
                    break
        now = time.monotonic()
        self._hasty_from = now + (now - began) * _REST_SHARE
        return True

    def _next_hasty(self) -> Record | None:
        """The record asked for last; else one of few that came in last."""
        while self._wanted:
            try:
                record = self._own().get(self._wanted.pop())
            except NoSuchRecord:
                continue
            if not record.has_preview and has_preview(record.mime) and record.id not in self._troubled:
                return record
        if self._quiet():
            return None
        few = [one for one in self._own().pending(_FEW + 1, previews=True) if one.id not in self._troubled]
        return few[-1] if 0 < len(few) <= _FEW and not self._own().pending(1, previews=False) else None

    def _look(self, record: Record, *, previews: bool) -> Analysis:
        ask = self._reader.previews if previews else self._reader.facts
        try:
            analysis = ask(record.mime, str(record.name.shown), self._bytes_of(record.id), record.size)
        except NoSuchRecord as error:
            analysis = Analysis(trouble=error.code)  # emptied from the bin meanwhile; nothing will keep this
        except StillAtFriends:
            return Analysis(trouble=Trouble.READER_FAILED)  # a restore is under way; it is asked about again later
        except (Unreachable, Missing):  # the reader went away, or a repack moved what this thread still believed
            self._stale = True
            analysis = Analysis(trouble=Trouble.READER_FAILED)
        except BoxError as error:
            self._troubled.add(record.id)
            analysis = Analysis(trouble=error.code)
        if analysis.trouble is not None:
            self._trouble += 1
            self._journal.tell(events.READER_FAILED, why=analysis.trouble)
        return analysis

    def _bytes_of(self, id: str) -> Callable[[int, int], bytes]:
        def read(start: int, stop: int) -> bytes:
            return b"".join(self._own().read(id, start=start, stop=stop))

        return read


def _keep(locker: Locker, found: list[tuple[Record, Analysis]]) -> None:
    for record, analysis in found:
        try:
            locker.analyse(record.id, analysis, version=record.version)
        except NoSuchRecord:
            continue  # it was emptied from the bin meanwhile
