"""Plain text out of bytes: no parsing, only decoding."""

from __future__ import annotations

import codecs

from firmware.limits import TEXT_INDEX_BYTES

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def decode_text(data: bytes, *, whole: bool) -> str | None:
    """Return the first TEXT_INDEX_BYTES of ``data`` as text, or None when it is not text.

    UTF-8, or UTF-16 with a byte order mark; a NUL character means it is not text. ``whole`` False says that
    ``data`` is only the beginning, so a character cut in two at its end is no reason to refuse.
    """
    head = data[:TEXT_INDEX_BYTES]
    encoding = "utf-8"
    for mark, name in _BOMS:
        if head.startswith(mark):
            head, encoding = head[len(mark) :], name
    try:
        if whole and len(data) <= TEXT_INDEX_BYTES:
            text = head.decode(encoding)
        else:
            text = codecs.getincrementaldecoder(encoding)("strict").decode(head)
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text
