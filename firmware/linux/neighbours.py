"""Other boxes on the home network: what this one tells them (multicast DNS, ``_lockerbox._udp``) and where they are.

An endpoint id is the same in every network and for years, so it is announced only while an invitation is open (whoever
types the six words must be able to dial), and with its whole signed card for a while after *Help someone restore* was
opened (a box that comes back knows nobody). Otherwise a box announces a number it draws at every start, and the hash of
that number with its id: who knows the id recognises the box, everybody else sees something new each time. What is heard
here is a hint where to knock; the key proves who opens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from blake3 import blake3
from zeroconf import IPVersion, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from firmware.limits import CONTACT_SHOWN_BYTES, NEIGHBOURS, PEER_ADDRESSES

KIND = "_lockerbox._udp.local."

_CONTEXT = b"lockerbox/1/neighbour\n"
_NUMBER_BYTES, _MARK_BYTES, _KEY_BYTES = 8, 16, 32
_RESOLVE_MS = 3000
_PIECE_BYTES = 200
"""Of a card, in one string of the TXT record: 255 bytes with its name."""


@dataclass(frozen=True, slots=True)
class Sign:
    """What this box shows: its UDP port, its endpoint id (``key``), a number drawn at start (8 bytes)."""

    port: int
    key: bytes
    number: bytes
    inviting: bool = False
    card: bytes = b""
    """Shown to whoever comes back with a kit, while the owner helps; empty: she does not."""

    @property
    def name(self) -> str:
        """The service's instance name: says no more than the number."""
        return f"{self.number.hex()}.{KIND}"

    def words(self) -> dict[str | bytes, str | bytes | None]:
        """The TXT record."""
        told: dict[str | bytes, str | bytes | None] = {"n": self.number.hex(), "m": mark(self.key, self.number).hex()}
        card = self.card if len(self.card) <= CONTACT_SHOWN_BYTES else b""
        for at in range(0, len(card), _PIECE_BYTES):
            told[f"c{at // _PIECE_BYTES}"] = card[at : at + _PIECE_BYTES]
        return told | ({"k": self.key.hex()} if self.inviting else {})

    def invite(self, inviting: bool) -> Sign:
        """The same sign with or without the endpoint id."""
        return replace(self, inviting=inviting)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A box that was heard: its number and mark, its addresses, and its endpoint id while it invites."""

    number: bytes
    mark: bytes
    addresses: tuple[str, ...]
    key: bytes | None = None
    card: bytes = b""
    """As it was heard: nobody checked it yet."""

    def has(self, key: bytes) -> bool:
        """True when this is the box with that endpoint id, as far as it says itself."""
        return mark(key, self.number) == self.mark


def mark(key: bytes, number: bytes) -> bytes:
    """What a box with this endpoint id shows beside its number (16 bytes)."""
    return blake3(_CONTEXT + number + key).digest(_MARK_BYTES)


def understood(words: Mapping[bytes, bytes | None], addresses: list[str], port: int | None) -> Neighbour | None:
    """Read what somebody announced; None when it makes no sense."""
    number, shown, key = (_bytes(words.get(name)) for name in (b"n", b"m", b"k"))
    where = tuple(f"[{each}]:{port}" if ":" in each else f"{each}:{port}" for each in addresses if "%" not in each)
    if len(number) != _NUMBER_BYTES or len(shown) != _MARK_BYTES or not where or not port:
        return None
    named = key if len(key) == _KEY_BYTES and mark(key, number) == shown else None
    pieces = (words.get(f"c{at}".encode()) or b"" for at in range(CONTACT_SHOWN_BYTES // _PIECE_BYTES))
    return Neighbour(number, shown, where[:PEER_ADDRESSES], named, b"".join(pieces))


class Neighbours:
    """Listens for other boxes as long as an Announcer lends it its sockets."""

    def __init__(self, changed: Callable[[Neighbour], None], own_number: bytes = b"") -> None:
        """``changed`` is told of every box that appears, moves or begins to invite; our own number is passed over."""
        self._changed, self._own = changed, own_number
        self._seen: dict[str, Neighbour] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._browser: AsyncServiceBrowser | None = None

    def addresses_of(self, key: bytes) -> tuple[str, ...]:
        """Where the box with this endpoint id was heard last; none when it was not."""
        return next((each.addresses for each in self._seen.values() if each.has(key)), ())

    def inviting(self) -> tuple[Neighbour, ...]:
        """Boxes with an open invitation by words."""
        return tuple(each for each in self._seen.values() if each.key is not None)

    def helping(self) -> tuple[Neighbour, ...]:
        """Boxes whose owners help somebody to restore just now, as far as they say themselves."""
        return tuple(each for each in self._seen.values() if each.card)

    def attach(self, at: AsyncZeroconf) -> None:
        """Begin to listen on these sockets."""
        self._browser = AsyncServiceBrowser(at.zeroconf, KIND, handlers=[self._heard])

    async def detach(self) -> None:
        """Stop listening; what was heard stays, it may still be true."""
        if self._browser is not None:
            await self._browser.async_cancel()
            self._browser = None
        for task in list(self._asking.values()):
            task.cancel()
        await asyncio.gather(*self._asking.values(), return_exceptions=True)

    def _heard(self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        """Called by zeroconf in its loop, which is ours."""
        assert service_type == KIND
        if state_change is ServiceStateChange.Removed:
            self._seen.pop(name, None)
        elif name not in self._asking and len(self._asking) < NEIGHBOURS:
            task = asyncio.get_running_loop().create_task(self._ask(zeroconf, name))
            self._asking[name] = task
            task.add_done_callback(lambda _: self._asking.pop(name, None))

    async def _ask(self, zeroconf: Zeroconf, name: str) -> None:
        info = AsyncServiceInfo(KIND, name)
        if not await info.async_request(zeroconf, _RESOLVE_MS):
            return
        found = understood(info.properties, info.parsed_scoped_addresses(IPVersion.All), info.port)
        if found is None or found.number == self._own or self._seen.get(name) == found:
            return
        if name not in self._seen and len(self._seen) >= NEIGHBOURS:
            del self._seen[next(iter(self._seen))]
        self._seen[name] = found
        self._changed(found)


def _bytes(text: bytes | None) -> bytes:
    try:
        return bytes.fromhex((text or b"").decode("ascii"))
    except ValueError:
        return b""
