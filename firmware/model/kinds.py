"""What a person calls a file: photo, video, audio, document, text, archive, other. Decided by media type alone."""

from __future__ import annotations

import enum

from firmware.model.mime import OFFICE, is_text


class Kind(enum.StrEnum):
    """The kinds people filter by."""

    PHOTO = "photo"
    VIDEO = "video"
    AUDIO = "audio"
    DOCUMENT = "document"
    TEXT = "text"
    ARCHIVE = "archive"
    OTHER = "other"


KIND_NUMBERS: dict[Kind, int] = {kind: number for number, kind in enumerate(Kind, 1)}
"""How the catalog writes a kind down."""

_DOCUMENTS = OFFICE | {
    "application/pdf", "application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint",
    "application/vnd.ms-outlook", "application/rtf", "application/epub+zip", "application/postscript",
    "message/rfc822", "text/html", "text/calendar", "text/vcard",
}  # fmt: skip
_ARCHIVES = frozenset({
    "application/zip", "application/gzip", "application/x-bzip2", "application/x-xz", "application/zstd",
    "application/x-7z-compressed", "application/vnd.rar", "application/x-tar", "application/java-archive",
    "application/vnd.android.package-archive", "application/x-iso9660-image",
})  # fmt: skip
_NO_PHOTOS = frozenset({"image/svg+xml", "image/x-icon", "image/vnd.adobe.photoshop"})


def kind_of(mime: str) -> Kind:
    """Return the kind of a media type; what nobody here knows is ``other``."""
    found = _KNOWN.get(mime)
    if found is None:
        found = _kind(mime)
        if len(_KNOWN) < _KEPT:
            _KNOWN[mime] = found
    return found


_KEPT = 256
"""Media types remembered: uploads name their own, so the list must not grow for ever."""
_KNOWN: dict[str, Kind] = {}


def _kind(mime: str) -> Kind:
    if mime in _DOCUMENTS:
        return Kind.DOCUMENT
    if mime in _ARCHIVES:
        return Kind.ARCHIVE
    if mime in _NO_PHOTOS:
        return Kind.OTHER
    for start, kind in (("image/", Kind.PHOTO), ("video/", Kind.VIDEO), ("audio/", Kind.AUDIO)):
        if mime.startswith(start):
            return kind
    return Kind.TEXT if is_text(mime) else Kind.OTHER
