"""Tells the home network the name of this box (multicast DNS, RFC 6762) with python-zeroconf.

Answers A and AAAA for ``<host>.local`` and announces three services, and a fourth for other boxes once there is a Sign;
it stores nothing, and asks for other boxes only when it is given somebody who wants to hear of them (Neighbours).
zeroconf guards names of services but not host names, so this module probes the host name itself before it speaks
and listens for another owner of it afterwards.

A probe can go unheard (the other box was busy for a second), and then two boxes have one name. Who has had it longer
keeps it: a newcomer asks once more when it has announced itself, and gives way to whoever insists; who has it longer
says it again and gives way only to a higher address that is still there after a while. Of two newcomers the lower
address gives way, as RFC 6762 section 8.2 has it.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from zeroconf import IPVersion, RecordUpdate, RecordUpdateListener, Zeroconf
from zeroconf._dns import DNSAddress, DNSQuestion
from zeroconf._protocol.outgoing import DNSOutgoing
from zeroconf._services.info import AddressResolver
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf
from zeroconf.const import _CLASS_IN, _FLAGS_QR_QUERY, _TYPE_A, _TYPE_AAAA

from firmware.limits import HOST_NAMES
from firmware.linux.neighbours import KIND, Neighbours, Sign
from firmware.linux.netlink import Addresses, IpAddress

_PROBE_MS = 750
"""How long a name is asked for before it is used (RFC 6762 section 8.1: three probes 250 ms apart)."""

_PROBES = 3
NEWCOMER_S: Final = 15.0
"""So long after its announcement a box gives way to whoever had its name before."""
_LOOK_AGAIN_S = 4.0
"""After this time a newcomer asks for its own name again; another one of a lower address has given way by then."""
_INSIST_S = 15.0
"""So long who had the name first waits for the newcomer to give way, who asks twice before it does."""

_OLD_ADDRESSES_KEPT = 32
"""Own earlier addresses that may still echo in the network and are no conflict."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """What is announced: the wished host name (without ``.local``), ports, and TXT words (nothing personal)."""

    host: str
    http_port: int
    https_port: int | None
    """None: the box shows nothing but a page over HTTP."""
    words: tuple[tuple[str, str], ...]


class Announcer(RecordUpdateListener):
    """Keeps one announcement alive; everything runs in the caller's asyncio loop."""

    def __init__(
        self, wish: Announcement, renamed: Callable[[str], None], neighbours: Neighbours | None = None
    ) -> None:
        """``renamed`` is told the new host name when another machine owns the wished one; ``neighbours`` listens."""
        self._wish, self._renamed, self._neighbours = wish, renamed, neighbours
        self._sign: Sign | None = None
        self._zeroconf: AsyncZeroconf | None = None
        self._infos: list[AsyncServiceInfo] = []
        self._current: list[IpAddress] = []
        self._ours: list[IpAddress] = []
        self._ip_version = IPVersion.V4Only
        self._doubt = asyncio.Event()
        self._look_again: asyncio.TimerHandle | None = None
        self._since_s = 0.0
        self._others = set[IpAddress]()
        self._attempt = 1
        self.host = wish.host

    async def start(self, at: Addresses, named: Callable[[], None]) -> None:
        """Open the sockets, probe the name, announce on ``at``; ``named`` is called between the last two.

        Raises OSError when there is no address or UDP port 5353 cannot be had.
        """
        await self.stop()
        if not at.reachable:
            raise OSError("there is no address to announce")
        self._remember(at)
        self._ip_version = _version(at)
        self._zeroconf = AsyncZeroconf(interfaces=_interfaces(at), ip_version=_version(at))
        core = self._zeroconf.zeroconf
        await core.async_wait_for_start()
        while at.lan and self._attempt < HOST_NAMES and await self._taken(core):
            self._next_name()
        if self._neighbours is not None:
            self._neighbours.attach(self._zeroconf)
        named()
        await self._announce(core, at)

    async def follow(self, at: Addresses) -> None:
        """Announce the new addresses; opens and closes per-interface sockets as needed."""
        if self._zeroconf is None or not at.reachable or _version(at) is not self._ip_version:
            await self.start(at, lambda: None)
            return
        self._remember(at)
        await self._zeroconf.zeroconf.async_update_interfaces(_interfaces(at))
        for info in self._infos:
            info.addresses = [each.packed for each in at.reachable]
        await self._say_again()

    async def show(self, sign: Sign | None) -> None:
        """Tell other boxes how to reach this one's endpoint, from now on (None: no longer)."""
        before, self._sign = self._sign, sign
        if self._zeroconf is None or sign == before:
            return
        for info in [each for each in self._infos if each.type == KIND]:
            self._infos.remove(info)
            await (await self._zeroconf.async_unregister_service(info))
        if sign is not None and self._infos:
            info = self._sign_info(sign, Addresses(tuple(self._current), ()))
            self._infos.append(info)
            await (await self._zeroconf.async_register_service(info, allow_name_change=True))

    async def settle_conflicts(self) -> None:
        """Wait for another owner of our name, give way or not, then announce under the next one; never returns."""
        while True:
            await self._doubt.wait()
            self._doubt.clear()
            if self._zeroconf is None or self._attempt >= HOST_NAMES:
                continue
            core = self._zeroconf.zeroconf
            if not await self._gives_way(core):
                continue
            await self._withdraw()
            self._next_name()
            while self._attempt < HOST_NAMES and await self._taken(core):
                self._next_name()
            await self._announce(core, Addresses(tuple(self._current), ()))

    async def stop(self) -> None:
        """Send the goodbye packets (three, 125 ms apart) and close the sockets."""
        if self._look_again is not None:
            self._look_again.cancel()
        if self._neighbours is not None:
            await self._neighbours.detach()
        if self._zeroconf is not None:
            await self._zeroconf.async_unregister_all_services()
            await self._zeroconf.async_close()
        self._zeroconf, self._infos = None, []

    def async_update_records(self, zc: Zeroconf, now: float, records: list[RecordUpdate]) -> None:  # noqa: ARG002
        """Called by zeroconf for every address record heard: notice another owner of our name."""
        for update in records:
            record = update.new
            if not isinstance(record, DNSAddress) or record.ttl == 0 or record.name.lower() != self._full.lower():
                continue
            other = ipaddress.ip_address(record.address)
            if other in self._ours or other.is_link_local or not self._like(other):
                continue
            self._others.add(other)
            self._doubt.set()

    @property
    def _full(self) -> str:
        return f"{self.host}.local."

    def _remember(self, at: Addresses) -> None:
        self._current = list(at.reachable)
        fresh = [each for each in self._current if each not in self._ours]
        self._ours = (self._ours + fresh)[-_OLD_ADDRESSES_KEPT:]

    def _next_name(self) -> None:
        self._attempt += 1
        self.host = f"{self._wish.host}-{self._attempt}"
        self._renamed(self.host)

    async def _gives_way(self, core: Zeroconf) -> bool:
        """Return whether the name is another box's; who has had it longer insists on it first."""
        is_newcomer = asyncio.get_running_loop().time() - self._since_s < NEWCOMER_S
        if not is_newcomer:
            await self._say_again()
            await asyncio.sleep(_INSIST_S)
        others = await self._owners(core)
        if not is_newcomer:
            return any(map(self._is_below, others))
        if others and not any(map(self._is_below, others)):
            await asyncio.sleep(_LOOK_AGAIN_S)
            others = await self._owners(core)
        return bool(others)

    async def _owners(self, core: Zeroconf) -> set[IpAddress]:
        """Ask who else has our name; nobody when the addresses changed meanwhile: then it was probed anew."""
        self._others.clear()
        question = DNSOutgoing(_FLAGS_QR_QUERY)
        for each in self._questions():
            question.add_question(each)
        for _ in range(_PROBES):
            if self._zeroconf is None or self._zeroconf.zeroconf is not core:
                return set()
            core.async_send(question)
            await asyncio.sleep(_PROBE_MS / 1000 / _PROBES)
        self._doubt.clear()
        return set(self._others)

    def _is_below(self, other: IpAddress) -> bool:
        return other.packed > max(self._like(other), default=other.packed)

    def _like(self, other: IpAddress) -> list[bytes]:
        """Return our addresses of the same kind, as bytes."""
        return [each.packed for each in self._current if each.version == other.version]

    def _questions(self) -> list[DNSQuestion]:
        return [DNSQuestion(self._full, kind, _CLASS_IN) for kind in (_TYPE_A, _TYPE_AAAA)]

    async def _say_again(self) -> None:
        assert self._zeroconf is not None
        for info in self._infos:
            await (await self._zeroconf.async_update_service(info))

    async def _taken(self, core: Zeroconf) -> bool:
        """Ask the network for our name; True when an address that was never ours answers."""
        resolver = AddressResolver(self._full)
        await resolver.async_request(core, _PROBE_MS)
        found = resolver.ip_addresses_by_version(IPVersion.All)
        return any(ipaddress.ip_address(each.packed) not in self._ours for each in found if not each.is_link_local)

    async def _announce(self, core: Zeroconf, at: Addresses) -> None:
        assert self._zeroconf is not None
        self._infos = [self._info(kind, port, at) for kind, port in self._services()]
        if self._sign is not None:
            self._infos.append(self._sign_info(self._sign, at))
        registered = [self._zeroconf.async_register_service(info, allow_name_change=True) for info in self._infos]
        for sent in await asyncio.gather(*registered):
            await sent
        core.async_add_listener(self, self._questions())
        loop = asyncio.get_running_loop()
        self._since_s = loop.time()
        self._others.clear()
        self._look_again = loop.call_later(_LOOK_AGAIN_S, self._doubt.set)

    async def _withdraw(self) -> None:
        assert self._zeroconf is not None
        self._zeroconf.zeroconf.async_remove_listener(self)
        for info in self._infos:
            await self._zeroconf.async_unregister_service(info)

    def _services(self) -> Sequence[tuple[str, int]]:
        found, secure = [("_http._tcp.local.", self._wish.http_port)], self._wish.https_port
        if secure is not None:
            found += [("_https._tcp.local.", secure), ("_lockerbox._tcp.local.", secure)]
        return found

    def _info(self, kind: str, port: int, at: Addresses) -> AsyncServiceInfo:
        instance = self.host.replace("locker-", "Locker Box ", 1)
        words: dict[str | bytes, str | bytes | None] = {name: value for name, value in self._wish.words}  # noqa: C416
        return AsyncServiceInfo(
            kind,
            f"{instance}.{kind}",
            port=port,
            server=self._full,
            properties=words,
            addresses=[each.packed for each in at.reachable],
        )

    def _sign_info(self, sign: Sign, at: Addresses) -> AsyncServiceInfo:
        return AsyncServiceInfo(
            KIND,
            sign.name,
            port=sign.port,
            server=self._full,
            properties=sign.words(),
            addresses=[each.packed for each in at.reachable],
        )


def _interfaces(at: Addresses) -> list[str | int | tuple[tuple[str, int, int], int]]:
    """The interfaces to speak on: IPv4 ones by address, IPv6 ones by index; loopback when there is no other."""
    v4: list[str | int | tuple[tuple[str, int, int], int]] = [str(each) for each in at.reachable if each.version == 4]
    return [*v4, *at.ipv6_links] if at.lan else v4


def _version(at: Addresses) -> IPVersion:
    return IPVersion.All if at.lan and at.ipv6_links else IPVersion.V4Only
