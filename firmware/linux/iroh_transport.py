"""Links to other boxes over iroh (QUIC dialled by key): one endpoint, whom it lets in, whom it dials.

Neither relays nor anybody's lookup service is used unless the settings name one: the minimal preset, both address
families bound by hand. iroh asks the home router for a port by UPnP whatever we say, so where the owner does not want
that, the firewall drops peerd's packets to UDP 1900 and 5351. Close the transport before the process ends, otherwise
peers wait half a minute. With iroh_link, iroh_calls and iroh_copy this is all of the house that knows iroh.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, field

from iroh import (
    Endpoint,
    EndpointAddr,
    EndpointBuilder,
    EndpointId,
    EndpointOptions,
    Incoming,
    Preset,
    RelayConfig,
    RelayMap,
    RelayMode,
)

from firmware import events
from firmware.errors import LinkLost, Misused, PeerAway, PeerRefused
from firmware.limits import (
    KIT_LINKS,
    PEER_ADDRESS_CHARS,
    PEER_ADDRESSES,
    PEER_CLOSE_SECONDS,
    PEER_DIAL_SECONDS,
    PEER_HANDSHAKE_SECONDS,
    PEER_HANDSHAKES,
    PEER_HANDSHAKES_CALM,
    PEER_LINKS,
    PEER_LINKS_EACH,
    PEER_LINKS_INVITED,
)
from firmware.linux.iroh_copy import MODE, Mode
from firmware.linux.iroh_link import TROUBLE, IrohLink
from firmware.linux.journal import Journal
from firmware.ports import Answer, Arrived, Judge, Standing

ALPN = b"box/1"
"""Readable by whoever sees the first packet, so it names nothing."""

GOODBYE, STALE, UNKNOWN, BUSY = 0, 1, 3, 4
"""Application codes of a closed connection."""


@dataclass(frozen=True, slots=True)
class Relay:
    """A relay the owner chose; it sees both keys, both addresses, times and volumes, never content."""

    url: str
    token: str | None = field(default=None, repr=False)
    quic_port: int | None = None


class _Bound(Preset):
    """Minimal preset: no lookup service, only the given relays, one socket for each given address."""

    def __init__(self, sockets: Sequence[str], mode: RelayMode) -> None:
        self._sockets, self._mode = sockets, mode

    def apply(self, builder: EndpointBuilder) -> None:
        builder.apply_minimal()
        builder.relay_mode(self._mode)
        for each in self._sockets:
            builder.bind_addr(each)


class IrohTransport:
    """A Transport over one iroh endpoint; everything runs in the loop it was bound in."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Use ``bind``."""
        self._endpoint = endpoint
        self._links: set[IrohLink] = set()
        self._pending: set[asyncio.Task[None]] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._judge: Judge | None = None
        self._answer: Answer | None = None

    @classmethod
    async def bind(
        cls,
        seed: bytes,
        port: int = 0,
        *,
        hosts: Iterable[str] = ("0.0.0.0", "::"),  # noqa: S104 - peers come from anywhere, their keys decide
        relays: Sequence[Relay] = (),
        journal: Journal | None = None,
    ) -> IrohTransport:
        """Open the UDP sockets (``port`` 0: any) for the key of ``seed`` (32 bytes, the box-transport key).

        A machine without IPv6 gets the IPv4 socket alone. Raises OSError when the port is taken, Misused for hosts or
        a seed that make no sense. ``journal`` is told when the library can only write slowly.
        """
        found = [ipaddress.ip_address(each) for each in hosts]
        if len({each.version for each in found}) != len(found) or not found or len(seed) != 32:
            raise Misused(why="a transport takes one address of each family and a seed of 32 bytes")
        sockets = [_socket(each, port) for each in found]
        if journal is not None and MODE == "slow":
            journal.tell(events.WIRE_SLOW)
        try:
            return cls(await _endpoint(sockets, seed, relays))
        except TROUBLE:
            only_v4 = [_socket(each, port) for each in found if each.version == 4]
            if not only_v4 or only_v4 == sockets:
                raise OSError(f"UDP port {port} cannot be had") from None
        try:
            return cls(await _endpoint(only_v4, seed, relays))
        except TROUBLE:
            raise OSError(f"UDP port {port} cannot be had") from None

    @property
    def mode(self) -> Mode:
        """How bytes are handed to the library: patched or native are fast, slow is a note for the owner."""
        return MODE

    @property
    def key(self) -> bytes:
        """This endpoint's id."""
        return self._endpoint.id().to_bytes()

    @property
    def port(self) -> int:
        """The UDP port bound for IPv4 (for IPv6 where there is no IPv4)."""
        return int(min(self._endpoint.bound_sockets(), key=lambda each: each.startswith("[")).rpartition(":")[2])

    @property
    def links(self) -> tuple[IrohLink, ...]:
        """All links that are open now."""
        return tuple(self._links)

    def addresses(self) -> tuple[str, ...]:
        """Addresses of the interfaces and, where the router gave a port, the public one."""
        return usable(self._endpoint.addr().direct_addresses())

    def home_relay(self) -> str | None:
        """The relay this endpoint is reachable through at the moment."""
        return self._endpoint.addr().relay_url()

    async def add_external(self, address: str) -> None:
        """Tell peers of an address the owner knows of (a forwarded port); raises Misused."""
        if not usable([address]):
            raise Misused(why="an external address looks like 192.0.2.7:4433")
        await self._endpoint.add_external_addr(address)

    async def dial(self, peer: bytes, addresses: Sequence[str], relay: str | None = None) -> IrohLink:
        """Open a link and ping; raises PeerAway, or PeerRefused when the peer closed it at once."""
        known = usable(addresses)
        if not known and relay is None:
            raise PeerAway
        for old in self._of(peer):
            old.close(STALE)  # iroh would wait half a minute for the way it knows
        try:
            target = EndpointAddr(EndpointId.from_bytes(peer), relay, list(known))
            connection = await asyncio.wait_for(self._endpoint.connect(target, ALPN), PEER_DIAL_SECONDS)
        except (*TROUBLE, TimeoutError):
            raise PeerAway from None
        standing = self._judge(peer) if self._judge is not None else Standing.PINNED
        if standing in (Standing.UNKNOWN, Standing.STRANGER):
            standing = Standing.INVITED  # we dialled somebody who invites us
        link = self._keep(IrohLink(connection, standing, self._forget))
        try:
            await link.ping()
        except LinkLost:
            refused = link.why in (f"closed by peer: {UNKNOWN}", f"closed by peer: {BUSY}")
            link.close(STALE)
            raise (PeerRefused if refused else PeerAway) from None
        except asyncio.CancelledError:
            link.close(STALE)
            raise
        return link

    async def serve(self, judge: Judge, answer: Answer, arrived: Arrived) -> None:
        """Let peers in until ``close``; never cancel this and call it again (a connection would be lost)."""
        self._judge, self._answer = judge, answer
        for link in self._links:
            link.answer_with(answer)
        with contextlib.suppress(*TROUBLE):
            while (incoming := await self._endpoint.accept_next()) is not None:
                if len(self._pending) >= PEER_HANDSHAKES:
                    await incoming.refuse()
                else:
                    self._spawn(self._welcome(incoming, arrived), self._pending)

    async def close(self) -> None:
        """Close every link and the endpoint; requests still being answered are cancelled."""
        links = self.links
        for link in links:
            link.close(GOODBYE)
        with contextlib.suppress(TimeoutError, *TROUBLE):
            await asyncio.wait_for(self._endpoint.close(), PEER_CLOSE_SECONDS)
        for task in self._pending:
            task.cancel()
        leftover = {*self._pending, *self._ending}
        await asyncio.gather(*(link.gone() for link in links), *leftover, return_exceptions=True)

    async def _welcome(self, incoming: Incoming, arrived: Arrived) -> None:
        """Bring one handshake to its end and look whose key it is."""
        try:
            if len(self._pending) > PEER_HANDSHAKES_CALM and not await incoming.remote_addr_validated():
                await incoming.retry()
                return
            accepting = await incoming.accept()
            connection = await asyncio.wait_for(accepting.connect(), PEER_HANDSHAKE_SECONDS)
        except (*TROUBLE, TimeoutError):
            return
        assert self._judge is not None and self._answer is not None
        peer = connection.remote_id().to_bytes()
        standing = self._judge(peer)
        if standing is Standing.UNKNOWN or not self._room_for(peer, standing):
            connection.close(UNKNOWN if standing is Standing.UNKNOWN else BUSY, b"")
            return
        link = self._keep(IrohLink(connection, standing, self._forget))
        arrived(link)

    def _room_for(self, peer: bytes, standing: Standing) -> bool:
        """Make room for one more link of a pinned peer by closing its oldest; others have to wait."""
        if standing is Standing.INVITED:
            invited = [link for link in self._links if link.standing is Standing.INVITED and not link.closed]
            return len(invited) < PEER_LINKS_INVITED and len(self._links) < PEER_LINKS
        if standing is Standing.STRANGER:
            strangers = [link for link in self._links if link.standing is Standing.STRANGER and not link.closed]
            return len(strangers) < KIT_LINKS and len(self._links) < PEER_LINKS
        same = self._of(peer)
        if len(same) >= PEER_LINKS_EACH:
            same[0].close(STALE)
            return True
        return len(self._links) < PEER_LINKS

    def _of(self, peer: bytes) -> list[IrohLink]:
        """Open links of ``peer``, the oldest first."""
        same = [link for link in self._links if link.peer == peer and not link.closed]
        return sorted(same, key=lambda link: link.since)

    def _keep(self, link: IrohLink) -> IrohLink:
        self._links.add(link)
        if self._answer is not None:
            link.answer_with(self._answer)
        return link

    def _forget(self, link: IrohLink) -> None:
        self._links.discard(link)
        self._spawn(link.gone(), self._ending)

    def _spawn(self, work: Coroutine[None, None, None], where: set[asyncio.Task[None]]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        where.add(task)
        task.add_done_callback(where.discard)


def usable(addresses: Iterable[str]) -> tuple[str, ...]:
    """Keep what can be dialled (``192.0.2.7:4433``, ``[2001:db8::7]:4433``), in order, without repeats, at most
    PEER_ADDRESSES. Names and addresses of no single machine are not dialled: iroh checks nothing."""
    kept: dict[str, None] = {}
    for each in addresses:
        if len(kept) < PEER_ADDRESSES and len(each) <= PEER_ADDRESS_CHARS and (clean := _parsed(each)):
            kept[clean] = None
    return tuple(kept)


def _parsed(address: str) -> str | None:
    host, _, port = address.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    try:
        found = ipaddress.ip_address(host[1:-1] if bracketed else host)
    except ValueError:
        return None
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else 0
    no_machine = found.is_multicast or found.is_unspecified or str(found) == "255.255.255.255" or "%" in host
    if bracketed != (found.version == 6) or no_machine or not 1 <= number <= 65535:
        return None
    return _socket(found, number)


def _socket(host: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> str:
    return f"[{host}]:{port}" if host.version == 6 else f"{host}:{port}"


async def _endpoint(sockets: Sequence[str], seed: bytes, relays: Sequence[Relay]) -> Endpoint:
    mode = RelayMode.disabled()
    if relays:
        chosen = RelayMap.empty()
        for each in relays:
            chosen.insert(RelayConfig(url=each.url, quic_port=each.quic_port, auth_token=each.token))
        mode = RelayMode.custom(chosen)
    options = EndpointOptions(preset=_Bound(sockets, mode), alpns=[ALPN], secret_key=seed, relay_mode=mode)
    return await Endpoint.bind(options)
