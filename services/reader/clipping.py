"""Text a parser found, cut to what is indexed. (Plain text files need no parser: firmware.model.text.)"""

from __future__ import annotations

from firmware.limits import TEXT_INDEX_BYTES


def clip(text: str, limit: int = TEXT_INDEX_BYTES) -> str:
    """Cut ``text`` to ``limit`` bytes of UTF-8 at a character; lone surrogates become U+FFFD."""
    raw = text[:limit].encode("utf-8", "replace")
    return raw[:limit].decode("utf-8", "ignore")
