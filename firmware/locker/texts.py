"""The words inside records: what was indexed, read again from where it is kept, and the line in which a word stands."""

from __future__ import annotations

import re

from firmware import chain
from firmware.errors import Damaged, Missing
from firmware.limits import TEXT_INDEX_BYTES, TEXT_INLINE_BYTES
from firmware.locker.packs import PackShelf
from firmware.locker.rows import Catalog
from firmware.model.folding import beginnings, folded
from firmware.model.mime import is_text, needs_reader
from firmware.model.text import decode_text

LINE_BEFORE, LINE_AFTER = 24, 110
"""Characters shown on both sides of the first word found: two rows on a phone."""
_BLANKS = re.compile(r"\s+")


def entry_text(shelf: PackShelf, entry: chain.Put | chain.FactsFound) -> str | None:
    """Return the searchable text an entry carries or points to; None where its chunk went with an old version."""
    if isinstance(entry, chain.FactsFound):
        found = entry.facts.get("text")
        return found if isinstance(found, str) else None
    if entry.text is True:
        try:
            return decode_text(shelf.chunk(entry.chunks), whole=True)
        except (Damaged, Missing):
            return None
    return entry.text if isinstance(entry.text, str) else None


def kept_text(shelf: PackShelf, catalog: Catalog, rid: bytes) -> str | None:
    """Return the text indexed for the newest version of a record; the index keeps none, the chain does."""
    seq = catalog.text_seq(rid)
    try:
        entries = shelf.link_entries(seq) if seq else []
    except (Damaged, Missing):
        return None
    text = None
    for found in entries:
        if isinstance(found, chain.Put | chain.FactsFound) and found.rid == rid:
            text = entry_text(shelf, found) or text
    return text


def text_to_note(mime: str, size: int, head: bytes) -> str | bool | None:
    """Return what a put entry says about its text: True = its one chunk is the text. ``head``: its first bytes."""
    if not size or not is_text(mime) or needs_reader(mime):
        return None
    if size <= TEXT_INLINE_BYTES:
        return True if decode_text(head, whole=True) is not None else None
    return decode_text(head[:TEXT_INDEX_BYTES], whole=False) or None


def line_with(text: str, words: str) -> str | None:
    """Return the surroundings of the first word of ``text`` that was searched for, on one line; None without one.

    Case and accents do not matter; each of ``words`` may be the beginning of the word found.
    """
    pattern = beginnings(words)
    found = pattern.search(folded(text)) if pattern else None
    if found is None:
        return None
    start, end = max(found.start() - LINE_BEFORE, 0), found.end() + LINE_AFTER
    if start:
        start = text.find(" ", start, found.start()) + 1 or start
    line = _BLANKS.sub(" ", text[start:end]).strip()
    return ("…" if start else "") + line + ("…" if end < len(text) else "")
