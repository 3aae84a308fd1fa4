"""A greeting is said until it was answered, refused, or nobody is there: whatever becomes of the link it began on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest

from firmware.errors import BoxError, LinkLost, Refused
from firmware.ports import PeerLink
from services.peerd.greeting import greeted
from tests.unit.test_peer_links import Dice


@dataclass(eq=False)
class Link:
    """All of a link that a greeting looks at."""

    closed: bool = False


@dataclass
class Friend:
    """A friend with so many ``links``, whose answers to hellos are ``comes_to`` and then yes."""

    links: list[Link]
    comes_to: Sequence[BoxError]
    closes: bool = False
    said: list[Link] = field(default_factory=list)
    failed: list[BoxError] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def link(self) -> PeerLink | None:
        return cast("PeerLink | None", next((each for each in self.links if not each.closed), None))

    async def hello(self, link: PeerLink) -> None:
        over = cast("Link", link)
        self.said.append(over)
        if len(self.said) <= len(self.comes_to):
            over.closed = self.closes
            raise self.comes_to[len(self.said) - 1]

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def greet(self) -> None:
        asyncio.run(greeted(self.link, self.hello, self.failed.append, Dice(128), self.sleep))


@pytest.mark.parametrize("broken", [1, 2, 3])
def test_a_link_that_breaks_off_under_a_greeting_hands_it_to_the_next_one(broken: int) -> None:
    """Two boxes that start at the same time dial each other; nobody says again that the friend came."""
    friend = Friend([Link() for _ in range(broken + 1)], [LinkLost()] * broken, closes=True)
    friend.greet()
    assert friend.said == friend.links and len(friend.failed) == broken and friend.slept == []


@pytest.mark.parametrize("links", [0, 1, 2])
def test_nobody_there_ends_it(links: int) -> None:
    friend = Friend([Link() for _ in range(links)], [LinkLost()] * links, closes=True)
    friend.greet()
    assert friend.said == friend.links and friend.slept == []


def test_a_link_that_lives_and_does_not_answer_is_asked_again_after_growing_pauses() -> None:
    friend = Friend([Link()], [LinkLost()] * 3)
    friend.greet()
    assert len(friend.said) == 4 and len(friend.failed) == 3
    assert [round(each) for each in friend.slept] == [1, 2, 5]


def test_a_friend_that_says_no_is_not_asked_again() -> None:
    friend = Friend([Link()], [Refused()])
    friend.greet()
    assert len(friend.said) == 1 and friend.slept == []
    assert isinstance(friend.failed[0], Refused)
