"""Which addresses this machine has, and a file descriptor that wakes up when they change.

Reads only; it never sets an address (that belongs to whatever manages the network). The wake-up is a plain
rtnetlink multicast socket: its messages are thrown away and the addresses listed again, which costs less than a
millisecond and cannot go stale the way an incrementally kept table can. /proc is not needed: peerd's unit hides it.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from struct import Struct

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_RTMGRP_LINK, _RTMGRP_IPV4_IFADDR, _RTMGRP_IPV6_IFADDR = 0x1, 0x10, 0x100
_RTM_GETLINK, _RTM_GETADDR = 18, 22
_REQUEST_DUMP = 0x1 | 0x300
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_IFLA_IFNAME, _IFA_ADDRESS, _IFA_LOCAL, _IFA_FLAGS = 3, 1, 2, 8
_IFF_UP = 0x1
_IFA_F_TEMPORARY, _IFA_F_DEPRECATED, _IFA_F_TENTATIVE = 0x01, 0x20, 0x40
_HEADER, _LINK, _ADDRESS, _ATTRIBUTE, _U32 = (Struct(each) for each in ("=IHHII", "=BxHiII", "=BBBBi", "=HH", "=I"))
"""nlmsghdr, ifinfomsg, ifaddrmsg and rtattr as the kernel lays them out in the machine's byte order."""
_SIZES = {socket.AF_INET: 4, socket.AF_INET6: 16}
_ANSWER_BYTES = 1 << 16
_ANSWER_SECONDS = 5.0
_NOT_A_HOME_NETWORK = ("docker", "br-", "virbr", "cni", "podman", "lxcbr", "lxdbr")
"""Bridges to containers on this machine: a phone that is told their addresses only runs into time-outs."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of this machine, sorted; ``lan`` without loopback and link-local ones."""

    lan: tuple[IpAddress, ...]
    loopback: tuple[IpAddress, ...]
    ipv6_links: tuple[int, ...] = ()
    """Indexes of the interfaces (loopback apart) that speak IPv6, link-local addresses counted."""

    @property
    def reachable(self) -> tuple[IpAddress, ...]:
        """What to tell others: the LAN addresses, or loopback when there is nothing else."""
        return self.lan or self.loopback

    def among(self, binds: Collection[str]) -> Addresses:
        """Keep those that a server bound to ``binds`` (empty or a wildcard address: all) is heard at."""
        chosen = {ipaddress.ip_address(each) for each in binds}
        if not chosen or any(each.is_unspecified for each in chosen):
            return self
        kept = [tuple(each for each in family if each in chosen) for family in (self.lan, self.loopback)]
        return Addresses(kept[0], kept[1], self.ipv6_links)


def addresses() -> Addresses:
    """List the addresses of every interface that is up (IPv4 first); raises OSError where the kernel refuses netlink.

    Addresses that are not usable yet, run out, or change every day (RFC 8981) are nothing to tell others.
    """
    up: dict[int, str] = {}
    for body in _dump(_RTM_GETLINK):
        _, _, index, flags, _ = _LINK.unpack_from(body)
        name = _attributes(body, _LINK.size).get(_IFLA_IFNAME, b"").rstrip(b"\0").decode("utf-8", "replace")
        if flags & _IFF_UP and not name.startswith(_NOT_A_HOME_NETWORK):
            up[index] = name
    lan: set[IpAddress] = set()
    loopback: set[IpAddress] = set()
    links: set[int] = set()
    for body in _dump(_RTM_GETADDR):
        family, _, flags, _, index = _ADDRESS.unpack_from(body)
        found = _attributes(body, _ADDRESS.size)
        raw = found.get(_IFA_LOCAL) or found.get(_IFA_ADDRESS, b"")
        if index not in up or len(raw) != _SIZES.get(family) or _passing(flags, found):
            continue
        address = ipaddress.ip_address(raw)
        if address.is_loopback:
            loopback.add(address)
            continue
        if address.version == 6:
            links.add(index)
        if not address.is_link_local or address.version == 4:
            lan.add(address)
    return Addresses(_ordered(lan), _ordered(loopback), tuple(sorted(links)))


def _passing(flags: int, attributes: dict[int, bytes]) -> bool:
    """Say whether an IPv6 address is tentative, deprecated or temporary (only those set these bits for IPv6)."""
    if len(attributes.get(_IFA_ADDRESS, b"")) != _SIZES[socket.AF_INET6]:
        return False
    if _IFA_FLAGS in attributes:
        (flags,) = _U32.unpack(attributes[_IFA_FLAGS])
    return bool(flags & (_IFA_F_TEMPORARY | _IFA_F_DEPRECATED | _IFA_F_TENTATIVE))


def _dump(kind: int) -> Iterator[bytes]:
    """Ask rtnetlink for all links or addresses and yield the body of each answer (rtnetlink(7), netlink(7))."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE) as asked:
        asked.settimeout(_ANSWER_SECONDS)
        asked.send(_HEADER.pack(_HEADER.size + _LINK.size, kind, _REQUEST_DUMP, 1, 0) + bytes(_LINK.size))
        while True:
            answer, at = asked.recv(_ANSWER_BYTES), 0
            while at + _HEADER.size <= len(answer):
                size, what, _, _, _ = _HEADER.unpack_from(answer, at)
                if what in (_NLMSG_DONE, _NLMSG_ERROR) or size < _HEADER.size:
                    return
                yield answer[at + _HEADER.size : at + size]
                at += _aligned(size)


def _attributes(body: bytes, at: int) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    while at + _ATTRIBUTE.size <= len(body):
        size, kind = _ATTRIBUTE.unpack_from(body, at)
        if size < _ATTRIBUTE.size:
            break
        found[kind] = body[at + _ATTRIBUTE.size : at + size]
        at += _aligned(size)
    return found


def _aligned(size: int) -> int:
    return size + 3 & ~3


def _ordered(found: set[IpAddress]) -> tuple[IpAddress, ...]:
    return tuple(sorted(found, key=lambda address: (address.version, int(address))))


class AddressWatch:
    """Readable whenever an address or link changed since the last ``drain``."""

    def __init__(self) -> None:
        """Open the rtnetlink socket (needs no privilege); raises OSError where the kernel refuses netlink."""
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self._socket.setblocking(False)
        self._socket.bind((0, _RTMGRP_LINK | _RTMGRP_IPV4_IFADDR | _RTMGRP_IPV6_IFADDR))

    def fileno(self) -> int:
        """The descriptor to select on."""
        return self._socket.fileno()

    def drain(self) -> None:
        """Throw away all waiting messages; an overflow (ENOBUFS) is just one more reason to list again."""
        while True:
            try:
                self._socket.recv(65536)
            except BlockingIOError:
                return
            except OSError:
                continue

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
