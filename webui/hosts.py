"""Which ``Host`` a request may name: the guard against DNS rebinding, checked before anything else is."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable


class Hosts:
    """The names of this box. An IP address counts only when the connection came in on that very address."""

    def __init__(self, names: Iterable[str]) -> None:
        """Allow ``names`` (case does not matter, nor does a final dot)."""
        self._names: frozenset[str] = frozenset()
        self.learn(names)

    def learn(self, names: Iterable[str]) -> None:
        """From now on the box has these names and no others."""
        self._names = frozenset(name.lower().rstrip(".") for name in names if name)

    def knows(self, name: str) -> bool:
        """Say whether ``name`` (as ``host_name`` returns it) is one of the names of this box."""
        return name in self._names

    def allows(self, host: str, local_address: str) -> bool:
        """Say whether ``host`` (the header, with or without port) is this box on ``local_address``.

        ``localhost`` is allowed on a loopback address only. A rebinding attacker controls names, never the
        address the connection arrives on, so an address literal that equals it cannot be forged.
        """
        name = host_name(host)
        if name is None:
            return False
        local = _address(local_address)
        literal = _address(name)
        if literal is not None:
            return literal == local
        if name == "localhost":
            return local is not None and local.is_loopback
        return name in self._names


def host_name(host: str) -> str | None:
    """Return the host part of a ``Host`` header in lower case without port and final dot; None if it is malformed."""
    if host.startswith("["):
        name, closed, rest = host[1:].partition("]")
        if not closed or (rest and not (rest[0] == ":" and _digits(rest[1:]))) or _address(name) is None:
            return None
        return name.lower()
    name, colon, port = host.partition(":")
    if (colon and not _digits(port)) or not name:
        return None
    if not all(char.isascii() and (char.isalnum() or char in ".-") for char in name):
        return None
    return name.lower().rstrip(".")


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len("65535")


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        return found.ipv4_mapped
    return found
