"""Where the web front listens, as a value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Listen:
    """Addresses (empty: all) and ports (0: any free one) of HTTP and HTTPS."""

    addresses: tuple[str, ...]
    http_port: int
    https_port: int
