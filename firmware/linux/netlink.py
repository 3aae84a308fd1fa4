"""Which addresses this machine has, and a file descriptor that wakes up when they change.

Reads only; it never sets an address (that belongs to whatever manages the network). The wake-up is a plain
rtnetlink multicast socket: its messages are thrown away and the addresses listed again, which costs about a
millisecond and cannot go stale the way an incrementally kept table can.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection
from dataclasses import dataclass

import psutil

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_RTMGRP_LINK, _RTMGRP_IPV4_IFADDR, _RTMGRP_IPV6_IFADDR = 0x1, 0x10, 0x100
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
    """List the addresses of every interface that is up (IPv4 first)."""
    up = {name for name, stats in psutil.net_if_stats().items() if stats.isup}
    lan: set[IpAddress] = set()
    loopback: set[IpAddress] = set()
    links: set[int] = set()
    for name, entries in psutil.net_if_addrs().items():
        if name not in up or name.startswith(_NOT_A_HOME_NETWORK):
            continue
        for entry in entries:
            if entry.family not in (socket.AF_INET, socket.AF_INET6):
                continue
            address = ipaddress.ip_address(entry.address.split("%", 1)[0])
            if address.is_loopback:
                loopback.add(address)
                continue
            if address.version == 6:
                links |= _index_of(name)
            if not address.is_link_local or address.version == 4:
                lan.add(address)
    return Addresses(_ordered(lan), _ordered(loopback), tuple(sorted(links)))


def _index_of(interface: str) -> set[int]:
    try:
        return {socket.if_nametoindex(interface)}
    except OSError:
        return set()


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
