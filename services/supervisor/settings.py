"""The owner's settings of one box: ``settings.toml`` in its data folder, read once at start.

Every setting is described in docs/settings.md. Secrets never stand here.
"""

from __future__ import annotations

import difflib
import ipaddress
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

from firmware.errors import BadSetting

_FILE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Settings:
    """What the owner may choose; the defaults are right for a box at home."""

    http_port: int = 80
    """TCP port of plain HTTP (claim and certificate guide); 8080 is taken when 80 is not allowed or in use."""
    https_port: int = 443
    """TCP port of HTTPS; 8443 is taken when 443 is not allowed or in use."""
    addresses: tuple[str, ...] = ()
    """IP addresses to listen on; empty means all."""
    circle_port: int = 4919
    """UDP port that friends' boxes dial; any other is taken when it is in use. Forward it in the router if you can."""
    announce: bool = True
    """Whether the box tells the home network its name (mDNS)."""

    def __post_init__(self) -> None:
        """Check ranges; raises BadSetting."""
        for name in ("http_port", "https_port", "circle_port"):
            if not 0 <= getattr(self, name) <= 65535:
                raise BadSetting(name=name, why="a port is a number from 0 to 65535")
        for address in self.addresses:
            try:
                ipaddress.ip_address(address)
            except ValueError:
                raise BadSetting(name="addresses", why=f"“{address}” is no IP address") from None


def read_settings(path: Path) -> Settings:
    """Read ``path`` (absent: all defaults); raises BadSetting naming the setting and, if misspelt, the nearest one."""
    try:
        with path.open("rb") as file:
            text = file.read(_FILE_BYTES).decode()
        found = tomllib.loads(text)
    except FileNotFoundError:
        return Settings()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSetting(name=path.name, why=f"it is not valid TOML ({error})") from None
    known = {each.name: each for each in fields(Settings)}
    for name, value in found.items():
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
            raise BadSetting(name=name, why=f"there is no such setting; the nearest one is “{nearest}”")
        _check_type(name, value, known[name].default)
    if "addresses" in found:
        found["addresses"] = tuple(found["addresses"])
    return Settings(**found)


def _check_type(name: str, value: object, default: object) -> None:
    if isinstance(default, tuple):
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise BadSetting(name=name, why="it must be a list of texts")
    elif type(value) is not type(default):
        wanted = "true or false" if isinstance(default, bool) else "a whole number"
        raise BadSetting(name=name, why=f"it must be {wanted}")
