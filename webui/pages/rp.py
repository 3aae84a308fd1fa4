"""Passkeys are bound to the box's own name: browsers make none for an address made of numbers."""

from __future__ import annotations

from webui.hosts import host_name


def is_by_name(host: str) -> bool:
    """Say whether ``host`` (a Host header this box allowed) is its ``.local`` name."""
    return (host_name(host) or "").endswith(".local")
