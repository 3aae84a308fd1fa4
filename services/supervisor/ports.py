"""Which TCP ports and addresses the web front listens on."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket

from firmware.errors import Misused, PortTaken
from services.supervisor.listening import Listen
from services.supervisor.settings import Settings

_HTTPS_ABOVE_HTTP = 443 - 80
_FALL_BACK = {80: 8080, 443: 8443}
_NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def choose(settings: Settings, port: int | None, host: str | None, headless: bool) -> Listen:
    """Decide from the command line (first) and the settings; raises PortTaken or Misused.

    ``port`` N means HTTP on N and HTTPS on N + 363 (as 80 and 443, 8080 and 8443); 0 means any two free ports,
    and then a headless box listens on loopback only.
    """
    addresses = (_address(host),) if host else settings.addresses
    _one_here(addresses)
    if port == 0:
        return Listen(("127.0.0.1", "::1") if headless and not addresses else addresses, 0, 0)
    if port is not None:
        if not 0 < port <= 65535 - _HTTPS_ABOVE_HTTP:
            raise Misused(why=f"a port is a number from 0 to {65535 - _HTTPS_ABOVE_HTTP}.")
        return _probed(Listen(addresses, port, port + _HTTPS_ABOVE_HTTP))
    wanted = Listen(addresses, settings.http_port, settings.https_port)
    second = Listen(addresses, *(_FALL_BACK.get(each, each) for each in (wanted.http_port, wanted.https_port)))
    try:
        return _probed(wanted)
    except PortTaken:
        if second == wanted:
            raise
    return _probed(second)


def _probed(listen: Listen) -> Listen:
    for port in (listen.http_port, listen.https_port):
        _probe(listen.addresses, port)
    return listen


def _probe(addresses: tuple[str, ...], port: int) -> None:
    """Raise PortTaken when ``port`` cannot be bound now."""
    for address in addresses or ("",):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((address, port))
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    raise PortTaken(port=port, why=os.strerror(error.errno or 0)) from None


def _address(word: str) -> str:
    """Return ``word`` as an IP address is written; raises Misused."""
    try:
        return str(ipaddress.ip_address(word))
    except ValueError:
        raise Misused(why=f"“{word}” is no IP address; 0.0.0.0 means all.") from None


def _one_here(addresses: tuple[str, ...]) -> None:
    """Raise Misused when this machine has none of ``addresses``; one of several may come and go."""
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_STREAM) as trial:
                trial.bind((address, 0))
        except OSError as error:
            if error.errno in _NOT_HERE:
                continue
        return
    if addresses:
        raise Misused(why=f"this machine has no address {' or '.join(addresses)}; `ip address` lists those it has.")
