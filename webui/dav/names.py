"""Addresses of WebDAV requests and paths of the locker, both ways; raises for everything that is not plain."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote_from_bytes, unquote_to_bytes, urlsplit

from firmware import limits
from firmware.errors import BadName
from firmware.model import SafeName

ROOT = "/dav"
PATTERN = "/dav(?:/.*)?"


@dataclass(frozen=True, slots=True)
class Target:
    """A place in the locker; ``path`` is empty for all of it, ``slash`` says that the address named a folder."""

    path: str
    slash: bool

    @property
    def above(self) -> str:
        """The path of the folder around it."""
        return self.path.rpartition("/")[0]

    @property
    def leaf(self) -> str:
        """Its last name."""
        return self.path.rpartition("/")[2]


def target(address: str) -> Target:
    """Return what ``address`` (the request line's, or the path of a Destination) names; raises BadName."""
    if "#" in address:
        raise BadName(why="the address has a fragment")
    raw = address.partition("?")[0]
    if len(raw) > limits.HEADER_BYTES or not (raw == ROOT or raw.startswith(ROOT + "/")):
        raise BadName(why=f"it does not lie under {ROOT}/")
    if "%2f" in raw.lower() or "\\" in raw:
        raise BadName(why="it hides a slash")
    inside = raw[len(ROOT) :].removeprefix("/")
    slash = inside.endswith("/") or not inside
    try:
        path = unquote_to_bytes(inside.removesuffix("/").encode("latin-1")).decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise BadName(why="it is not an address") from None
    return Target(str(SafeName(path)) if path else "", slash)


def destination(header: str, host: str) -> Target | None:
    """Return what a Destination (or a tag of an If header) names; None when it lies on another server."""
    try:
        parts = urlsplit(header.strip())
    except ValueError:
        raise BadName(why="it is not an address") from None
    if parts.netloc and (_server(parts.netloc) != _server(host) or parts.scheme.lower() not in ("http", "https")):
        return None
    if parts.query or not parts.path:
        raise BadName(why="it is not an address")
    return target(parts.path + ("#" if parts.fragment else ""))


def _server(host: str) -> str:
    """Return host and port as they compare: the port of https may be left out."""
    return host.lower().removesuffix(":443")


def href(path: str, *, folder: bool) -> str:
    """Return the address of ``path``: percent-encoded, safe inside XML as it is."""
    raw = path.encode("utf-8", "surrogateescape")
    return f"{ROOT}/{quote_from_bytes(raw, safe='/~')}{'/' if folder and path else ''}"


def joined(folder: str, leaf: str) -> str:
    """Return the path of ``leaf`` in ``folder``."""
    return f"{folder}/{leaf}" if folder else leaf
