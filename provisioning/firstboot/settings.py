"""What ``locker.toml`` on the settings partition may say, and what the system makes of it."""

from __future__ import annotations

import difflib
import ipaddress
import json
import re
import tomllib
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from firmware.errors import BadSetting

FILE: Final = "locker.toml"
FILE_BYTES: Final = 16 * 1024
"""Most that is read of the file; guards the start of the box against a card with anything on it."""
_DNS: Final = 4


@dataclass(frozen=True, slots=True)
class Network:
    """A fixed address for the cable, where no router gives one out."""

    address: str = ""
    """With the length of the network, e.g. 192.168.1.20/24; empty: the router decides."""
    gateway: str = ""
    dns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that the addresses are some and belong together; raises BadSetting."""
        if not self.address:
            if self.gateway or self.dns:
                raise BadSetting(name="address", why="gateway and dns need an address beside them")
            return
        mine = _parsed("address", self.address, ipaddress.ip_interface)
        if "/" not in self.address or mine.network.prefixlen == mine.max_prefixlen:
            raise BadSetting(
                name="address", why=f"“{self.address}” lacks the length of the network, as in {mine.ip}/24"
            )
        if self.gateway and _parsed("gateway", self.gateway, ipaddress.ip_address) not in mine.network:
            raise BadSetting(name="gateway", why=f"“{self.gateway}” is not in the network of {self.address}")
        for each in self.dns:
            _parsed("dns", each, ipaddress.ip_address)

    def unit(self) -> str:
        """Return the file that tells systemd-networkd, or an empty text when the router decides."""
        if not self.address:
            return ""
        lines = ["[Match]", "Type=ether", "", "[Network]", f"Address={self.address}", "LinkLocalAddressing=yes"]
        lines += [f"Gateway={self.gateway}"] if self.gateway else []
        lines += [f"DNS={each}" for each in self.dns]
        return "\n".join([*lines, "MulticastDNS=no", "LLMNR=no", ""])

    def kept(self) -> str:
        """Return it as it is kept on the data partition."""
        return json.dumps({"format": 1, **asdict(self)}) + "\n"


def _parsed(name: str, text: str, parse: Any) -> Any:
    try:
        return parse(text)
    except ValueError:
        raise BadSetting(name=name, why=f"“{text}” is no IP address") from None


def read_card(raw: bytes) -> Network:
    """Return what the file on the card says; raises BadSetting whose reason begins with the line it stands in."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise BadSetting(name=FILE, why="line 1: it is not UTF-8 text") from None
    try:
        return _card(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        number = line[1] if line else str(text.count("\n") + 1)
        raise BadSetting(name=FILE, why=f"line {number}: it is not valid TOML ({error})") from None
    except BadSetting as bad:
        name, why = (str(bad.fields[each]) for each in ("name", "why"))
        raise BadSetting(name=name, why=f"line {_line(text, name)}: {why}") from None


def _card(found: dict[str, Any]) -> Network:
    _only(found, ("network",))
    section = found.get("network", {})
    if not isinstance(section, dict):
        raise BadSetting(name="network", why="it must be a section, [network]")
    return _network(section)


def read_kept(raw: bytes) -> Network:
    """Return what was kept; anything that is not ours means the router decides."""
    try:
        found = json.loads(raw)
        return _network({key: found[key] for key in ("address", "gateway", "dns")})
    except (ValueError, KeyError, TypeError, BadSetting):
        return Network()


def _network(section: dict[str, Any]) -> Network:
    _only(section, tuple(each.name for each in fields(Network)))
    for name in ("address", "gateway"):
        if not isinstance(section.get(name, ""), str):
            raise BadSetting(name=name, why="it must be a text in quotation marks")
    dns = section.get("dns", [])
    if not isinstance(dns, list) or not all(isinstance(each, str) for each in dns) or len(dns) > _DNS:
        raise BadSetting(name="dns", why=f"it must be a list of at most {_DNS} texts")
    return Network(section.get("address", ""), section.get("gateway", ""), tuple(dns))


def _only(found: dict[str, Any], known: tuple[str, ...]) -> None:
    for name in found:
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
            raise BadSetting(name=name, why=f"there is no such setting; the nearest one is “{nearest}”")


def _line(text: str, name: str) -> int:
    """The line in which a name stands first; 1 when it does not."""
    lines = text.splitlines()
    stands = re.compile(rf"^\s*\[?\s*\"?{re.escape(name)}\b")
    return next((number for number, line in enumerate(lines, 1) if stands.match(line)), 1)
