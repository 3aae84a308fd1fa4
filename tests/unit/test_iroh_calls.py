"""What is ready in iroh is over at once, what is not is waited for, and whoever stops waiting loses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from firmware.linux import iroh_calls
from firmware.linux.iroh_calls import Going


def test_the_binding_of_the_wheel_is_the_one_this_was_written_for() -> None:
    assert iroh_calls.QUICK


@pytest.mark.parametrize("module", [ModuleType("empty"), object()])
def test_another_binding_is_left_alone(module: object) -> None:
    assert not iroh_calls.install(module)
    assert not hasattr(module, "_uniffi_rust_call_async")


def test_what_is_ready_needs_no_turn_of_the_loop() -> None:
    async def ready() -> bytes:
        return b"there"

    going = Going(ready())
    assert going.over
    step = going.wait().__await__()
    with pytest.raises(StopIteration) as end:
        next(step)
    assert end.value.value == b"there"


def test_a_waiter_that_is_cancelled_leaves_it_to_the_next() -> None:
    async def story() -> None:
        coming: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def call() -> bytes:
            return await coming

        going = Going(call())
        first = asyncio.create_task(going.wait())
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        second = asyncio.create_task(going.wait(pause=0.001))
        await asyncio.sleep(0)
        coming.set_result(b"whole")
        assert await second == b"whole" == await going.wait()

    asyncio.run(story())


def test_who_waits_for_what_nobody_wants_any_more_hears_of_it() -> None:
    ended = []

    async def story() -> None:
        async def call() -> bytes:
            try:
                await asyncio.Event().wait()
                return b""
            finally:
                ended.append(True)

        going = Going(call())
        waiting = asyncio.create_task(going.wait())
        await asyncio.sleep(0)
        going.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert ended == [True]

    asyncio.run(story())


class _Binding(ModuleType):
    """As much of a binding as a call needs; ``codes`` are what Rust answers, None for later."""

    _UNIFFI_RUST_FUTURE_POLL_READY = 0
    _UNIFFI_RUST_FUTURE_CONTINUATION_CALLBACK = staticmethod(lambda function: function)
    _uniffi_get_event_loop = staticmethod(asyncio.get_running_loop)
    _uniffi_rust_call_with_error = staticmethod(lambda _errors, complete, future: complete(future))


@pytest.mark.parametrize("codes", [[0], [1, 0], [1, 1, 0], [None, 0], [None, None, 1, 0]])
def test_a_call_is_polled_until_it_is_ready_and_freed_once(codes: list[int | None]) -> None:
    freed: list[str] = []
    answers: Iterator[int | None] = iter(codes)

    def poll(_future: str, answered: Any, number: int) -> None:
        code = next(answers)
        if code is not None:
            answered(number, code)
        else:
            asyncio.get_running_loop().run_in_executor(None, answered, number, 1)

    async def story() -> str:
        called = iroh_calls._made(_Binding("binding"))
        found: str = await called("future", poll, lambda _: "raw", freed.append, str.upper, None)
        return found

    assert asyncio.run(story()) == "RAW"
    assert freed == ["future"]
    assert next(answers, "none") == "none"
