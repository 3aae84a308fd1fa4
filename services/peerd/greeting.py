"""Keeps saying hello: a link may break off under a greeting while the next one is there already."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from firmware.errors import BoxError, LinkLost
from firmware.linux.peer_links import pause_seconds
from firmware.ports import Entropy, PeerLink


async def greeted(
    link: Callable[[], PeerLink | None],
    hello: Callable[[PeerLink], Awaitable[None]],
    failed: Callable[[BoxError], None],
    entropy: Entropy,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Say ``hello`` over ``link()`` until it was answered, refused, or nobody is there any more.

    Two boxes that start at the same time dial each other, and one of the two links goes: no news of a friend who came
    follows, so a greeting that was under way on it is said again over the other one. On a link that lives and answers
    nothing it is said again after growing pauses. ``failed`` is told of everything that came to nothing.
    """
    unanswered = 0
    while (over := link()) is not None:
        try:
            await hello(over)
        except BoxError as error:
            failed(error)
            if not isinstance(error, LinkLost):
                break
        else:
            break
        if not over.closed:
            unanswered += 1
            await sleep(pause_seconds(unanswered, entropy))
