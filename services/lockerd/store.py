"""The one thread that owns a Locker: takes bytes and actions in order, commits in groups, then answers.

Several uploads and changes share one commit (limits.GROUP_COMMIT_*). Nothing is answered before the commit that made
it durable returned; when a commit fails, everything waiting for it fails, and files half taken in are failed too,
because the locker forgets what was queued. It knows no HTTP; who waits is told through ``Intake`` and futures.
"""

from __future__ import annotations

import asyncio
import ctypes
import functools
import gc
import queue
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sized
from concurrent.futures import Future
from typing import Any, TypeVar

from firmware import limits
from firmware.errors import BoxError, Locked
from firmware.locker import Locker
from firmware.locker.rows import UploadRow

_T = TypeVar("_T")
_LIBC = ctypes.CDLL(None)
_REST_SECONDS = 10.0
"""After so much silence what is kept for speed alone is given back."""
END, DROP = object(), object()
_STOP = object()


class Intake(ABC):
    """One upload as the store thread sees it. All methods but ``told`` run on the store thread and may not raise."""

    @abstractmethod
    def take(self, store: Store, data: Any) -> None:
        """Take what was offered."""

    @abstractmethod
    def end(self, store: Store) -> None:
        """The upload is complete."""

    @abstractmethod
    def drop(self) -> None:
        """The client went away: forget what is not finished."""

    @abstractmethod
    def told(self, news: list[Any]) -> None:
        """On the event loop: everything in ``news`` (BoxError for what failed) is decided and durable."""


class Store:
    """Owns ``locker``; ``offer`` and ``submit`` may be called from any thread once ``start`` was called."""

    def __init__(self, locker: Locker, loop: asyncio.AbstractEventLoop) -> None:
        """Take ``locker`` over; answers are told on ``loop``."""
        self.locker = locker
        self.generation = 0
        """Grows whenever queued chunks were lost; a put of an older generation has to fail."""
        self.last_put = time.monotonic()
        self.on_commit: Callable[[], None] = lambda: None
        self.on_news: Callable[[list[UploadRow]], None] = lambda _moved: None
        """Called on the event loop after every commit that decided something; ``moved``: uploads that got on."""
        self._loop = loop
        self._queue: queue.SimpleQueue[tuple[Any, Any]] = queue.SimpleQueue()
        self._guard = threading.Lock()
        self._queued_bytes = 0
        self._waiters: list[Callable[[], object]] = []
        self.on_rest: Callable[[], None] = lambda: None
        """Called on the event loop when nothing happened for a while."""
        self._resting = False
        self._stopped = False
        self._busy: set[Intake] = set()
        self._news: list[tuple[Intake, Any, Any]] = []
        self._results: list[tuple[Future[Any], Any]] = []
        self._first = self._last_commit = 0.0
        self._thread = threading.Thread(target=self._live, name="store")

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    # -------- any thread

    def offer(self, intake: Intake, item: Any) -> asyncio.Future[None] | None:
        """Hand over the next bytes of an upload, END or DROP; await what is returned before offering more."""
        self._queue.put((intake, item))
        if item is END or item is DROP:
            return None
        waiter: asyncio.Future[None] | None = None
        with self._guard:
            self._queued_bytes += len(item)
            if self._queued_bytes > limits.PUT_QUEUE_BYTES:
                waiter = self._loop.create_future()
                self._waiters.append(functools.partial(self._soon, _wake, waiter))
        return waiter

    def offer_waiting(self, intake: Intake, item: Sized) -> None:
        """``offer`` for any other thread: blocks until there is room for more. Raises Locked once the store stopped."""
        room: threading.Event | None = None
        with self._guard:
            if self._stopped:
                raise Locked
            self._queue.put((intake, item))
            self._queued_bytes += len(item)
            if self._queued_bytes > limits.PUT_QUEUE_BYTES:
                room = threading.Event()
                self._waiters.append(room.set)
        if room is not None:
            room.wait()
            if self._stopped:
                raise Locked

    def submit(self, action: Callable[[Locker], _T]) -> Future[_T]:
        """Run ``action`` in turn; the future is done after the commit that made its changes durable."""
        future: Future[_T] = Future()
        self._queue.put((future, action))
        return future

    async def run(self, action: Callable[[Locker], _T]) -> _T:
        """``submit`` for the event loop; raises what the action or its commit raised."""
        return await asyncio.wrap_future(self.submit(action))

    def stop(self) -> None:
        """Finish what is queued, commit, close the locker, end the thread. Anything offered later is never answered."""
        self._queue.put((_STOP, None))
        self._thread.join()

    # -------- the store thread, for intakes

    def tell(self, intake: Intake, decided: Any, failed: Callable[[BoxError], Any]) -> None:
        """Answer ``decided`` after the next commit, or ``failed(error)`` if that commit fails."""
        self._note()
        self._news.append((intake, decided, failed))

    def hurry(self) -> None:
        """Something is under way that should be durable before it ends: commit with the next group."""
        self._note()

    def refuse_all(self) -> None:
        """After an error inside the locker: commit now, so that what stood before it is decided at once."""
        self._commit()

    # -------- the store thread

    def _live(self) -> None:
        while True:
            try:
                target, item = self._queue.get(timeout=self._patience())
            except queue.Empty:
                self._commit() if self._first else self._rest()
                continue
            self._resting = False
            if target is _STOP:
                break
            if isinstance(target, Future):
                self._act(target, item)
            else:
                self._feed(target, item)
            if self._due():
                self._commit()
        self.locker.uploads.stop_all()
        self._commit()
        self.locker.close()
        with self._guard:
            self._stopped = True
            waiters, self._waiters = self._waiters, []
        for wake in waiters:
            wake()

    def _patience(self) -> float | None:
        if not self._first:
            return None if self._resting else _REST_SECONDS
        return max(0.0, self._first + self._window() - time.monotonic())

    def _rest(self) -> None:
        self._resting = True
        self.locker.rest()
        self._soon(self.on_rest)
        gc.collect()
        _LIBC.malloc_trim(0)

    def _window(self) -> float:
        """How long this group stays open: GROUP_COMMIT_SECONDS, longer under load on a slow disk."""
        busy = self._last_commit * limits.GROUP_COMMIT_WORK if self._busy else 0.0
        return min(max(limits.GROUP_COMMIT_SECONDS, busy), limits.GROUP_COMMIT_SECONDS_MAX)

    def _due(self) -> bool:
        if not self._first:
            return False
        if not self._busy and self._queue.empty():
            return True
        took, files = self.locker.uncommitted_bytes, self.locker.uncommitted_files
        elapsed = time.monotonic() - self._first
        if took >= limits.GROUP_COMMIT_BYTES_MAX or files >= limits.GROUP_COMMIT_FILES_MAX or elapsed >= self._window():
            return True
        full = took >= limits.GROUP_COMMIT_BYTES or files >= limits.GROUP_COMMIT_FILES
        return full and elapsed >= self._last_commit * limits.GROUP_COMMIT_WORK

    def _note(self) -> None:
        if not self._first:
            self._first = time.monotonic()

    def _feed(self, intake: Intake, item: Any) -> None:
        if item is DROP:
            intake.drop()
            self._busy.discard(intake)
        elif item is END:
            intake.end(self)
            self._busy.discard(intake)
        else:
            self._busy.add(intake)
            intake.take(self, item)
            self.last_put = time.monotonic()
            self._taken(len(item))

    def _taken(self, count: int) -> None:
        with self._guard:
            self._queued_bytes -= count
            if not self._waiters or self._queued_bytes > limits.PUT_QUEUE_BYTES // 2:
                return
            waiters, self._waiters = self._waiters, []
        for wake in waiters:
            wake()

    def _act(self, future: Future[Any], action: Callable[[Locker], Any]) -> None:
        try:
            result = action(self.locker)
        except BoxError as error:
            future.set_exception(error)
            return
        self._note()
        self._results.append((future, result))

    def _commit(self) -> None:
        news, self._news = self._news, []
        results, self._results = self._results, []
        self._first = 0.0
        error: BoxError | None = None
        began = time.monotonic()
        try:
            self.locker.commit()
        except BoxError as found:
            error = found
            self.generation += 1
        self._last_commit = time.monotonic() - began
        for future, result in results:
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)
        _LIBC.malloc_trim(0)  # glibc keeps what many small frees leave
        grouped: dict[Intake, list[Any]] = {}
        for intake, decided, failed in news:
            grouped.setdefault(intake, []).append(failed(error) if error is not None else decided)
        moved = self.locker.uploads.take_moved()
        if grouped or results or moved:
            self._soon(self.on_news, moved)
        if grouped:
            self._soon(_tell_all, grouped)
            self.on_commit()

    def _soon(self, function: Callable[..., None], *arguments: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _tell_all(grouped: dict[Intake, list[Any]]) -> None:
    for intake, news in grouped.items():
        intake.told(news)
