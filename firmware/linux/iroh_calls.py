"""Makes waiting for iroh cheaper; imported before anything is called.

A call into iroh that may take its time is a future in Rust which Python polls. uniffi 0.31 takes even the answer
"ready at once" through the event loop: a byte into the loop's own pipe, a turn of the loop, the byte out again. Here a
future that is ready is over at once, and only one that is not is waited for. The binding is left as it came unless its
source is the one this was written for.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import inspect
import linecache
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any, Final, Generic, TypeVar

import iroh.iroh_ffi as binding

T = TypeVar("T")

_KNOWN: Final = frozenset({"1fa6d2e8b917543dc5c99228f82669b57b387012de1c514b5b5294d58f906fbd"})
"""SHA-256 of the source of ``_uniffi_rust_call_async`` in iroh 1.2."""


class _Turn:
    """One poll that may be answered later, from a thread of Rust's."""

    __slots__ = ("code", "future", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.code: int | None = None
        self.future: asyncio.Future[None] | None = None


_TURNS: Final[dict[int, _Turn]] = {}
_NUMBERS: Final = count(1)


def _answered(number: int, code: int) -> None:
    """Rust calls this, from any thread. ``code`` is set before ``future`` is looked at; ``_called`` does it the other
    way round, so one of both sees the other."""
    turn = _TURNS.pop(number)
    turn.code = code
    if turn.future is not None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            turn.loop.call_soon_threadsafe(_wake, turn.future)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _made(module: Any) -> Callable[..., Coroutine[Any, Any, Any]]:
    """What takes the place of ``module._uniffi_rust_call_async``."""
    answered = module._UNIFFI_RUST_FUTURE_CONTINUATION_CALLBACK(_answered)  # noqa: SLF001 - there is no public way
    complete, loop_of = module._uniffi_rust_call_with_error, module._uniffi_get_event_loop  # noqa: SLF001
    ready = module._UNIFFI_RUST_FUTURE_POLL_READY  # noqa: SLF001

    async def called(future: Any, poll: Any, ffi_complete: Any, free: Any, lift: Any, errors: Any) -> Any:
        try:
            loop = loop_of()
            while True:
                turn, number = _Turn(loop), next(_NUMBERS)
                _TURNS[number] = turn
                poll(future, answered, number)
                if turn.code is None:
                    turn.future = loop.create_future()
                    if turn.code is None:
                        await turn.future
                elif turn.code != ready:
                    await asyncio.sleep(0)  # it woke itself: others first
                if turn.code == ready:
                    return lift(complete(errors, ffi_complete, future))
        finally:
            free(future)

    return called


def install(module: Any = binding) -> bool:
    """Put it in place if ``module`` is the one it was written for; returns whether it is."""
    before = getattr(module, "_uniffi_rust_call_async", None)
    try:
        source = inspect.getsource(before) if before is not None else ""
    except (OSError, TypeError):
        source = ""
    linecache.clearcache()  # it would keep the whole binding as text
    if hashlib.sha256(source.encode()).hexdigest() not in _KNOWN:
        return False
    module._uniffi_rust_call_async = _made(module)  # noqa: SLF001
    return True


class Going(Generic[T]):
    """A call that was begun and goes on whoever waits for it: when a waiter is cancelled, the next one waits on.

    What is over at once costs no task and no turn of the loop.
    """

    def __init__(self, call: Coroutine[Any, Any, T]) -> None:
        """Begin ``call``; what it raises is raised by ``wait``."""
        self._call = call
        self._result: list[T] = []
        self._error: Exception | None = None
        self._before: asyncio.Future[Any] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.over = False
        self._step()

    def _step(self) -> None:
        try:
            self._before = self._call.send(None)
        except StopIteration as end:
            self._result.append(end.value)
            self.over = True
        except (binding.IrohError, binding.InternalError) as error:
            self._error, self.over = error, True

    async def wait(self, pause: float = 0.0) -> T:
        """Return what came of it, or raise what the call raised; CancelledError after ``cancel``.

        Cancelling this loses nothing. ``pause``: seconds to let pass when iroh says that there is something, so that
        there is more.
        """
        while not self.over:
            before = self._before
            if before is None:
                await asyncio.sleep(0)
            elif not before.done():
                self._waiter = asyncio.get_running_loop().create_future()
                before.add_done_callback(self._happened)
                await self._waiter
                if pause and not self.over:
                    await asyncio.sleep(pause)
            if not self.over:
                self._step()
        if self._error is not None:
            raise self._error
        if not self._result:
            raise asyncio.CancelledError
        return self._result[0]

    def _happened(self, _: object) -> None:
        if self._waiter is not None:
            _wake(self._waiter)

    def cancel(self) -> None:
        """Nobody wants it any more: what it would have brought is lost, and who waits hears of it."""
        if not self.over:
            self.over = True
            self._call.close()
            self._happened(None)


QUICK: Final = install()
"""Whether calls that are ready end at once."""
