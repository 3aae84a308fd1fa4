"""What kind of file this is, from its first bytes and its name; and what the house does with each kind.

Magic numbers win over the name, because names lie; the name decides where a format has no magic (text, source) or
shares one (zip, OLE, TIFF). Nothing here parses: at most the first ``HEAD_BYTES`` are compared with constants.
"""

from __future__ import annotations

HEAD_BYTES = 4096
"""How much of a file ``mime_of`` wants to see; more changes nothing."""

UNKNOWN = "application/octet-stream"

_OFFICE = "application/vnd.openxmlformats-officedocument."
_OPENDOC = "application/vnd.oasis.opendocument."
DOCX = _OFFICE + "wordprocessingml.document"
XLSX = _OFFICE + "spreadsheetml.sheet"
PPTX = _OFFICE + "presentationml.presentation"
ODT, ODS, ODP = _OPENDOC + "text", _OPENDOC + "spreadsheet", _OPENDOC + "presentation"

OFFICE = frozenset({DOCX, XLSX, PPTX, ODT, ODS, ODP})
"""Zip archives of XML whose words the reader can take out."""

RAW_PHOTOS = frozenset({"image/x-adobe-dng", "image/x-nikon-nef", "image/x-sony-arw", "image/x-canon-cr2"})
"""Camera raw files that are TIFF inside: the reader takes date and place, no preview."""

PICTURES = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif", "image/heic", "image/heif"})
"""Still pictures that get previews."""

VIDEOS = frozenset({"video/mp4", "video/quicktime", "video/webm", "video/x-matroska", "video/3gpp", "video/x-msvideo"})
AUDIOS = frozenset({"audio/mpeg", "audio/mp4", "audio/flac", "audio/ogg", "audio/wav", "audio/aac"})

_READ = PICTURES | RAW_PHOTOS | VIDEOS | AUDIOS | OFFICE | {"image/tiff", "application/pdf", "text/html"}

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"\x00\x00\x00\x0cJXL \r\n\x87\n", "image/jxl"),
    (0, b"\xff\x0a", "image/jxl"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"fLaC", "audio/flac"),
    (0, b"OggS", "audio/ogg"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"SQLite format 3\0", "application/vnd.sqlite3"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"%!PS", "application/postscript"),
    (0, b"\x1f\x8b\x08", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\0", "application/x-xz"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (0, b"\x7fELF", "application/x-executable"),
    (0, b"8BPS", "image/vnd.adobe.photoshop"),
    (0, b"\x00\x00\x01\xba", "video/mpeg"),
    (0, b"wOF2", "font/woff2"),
    (257, b"ustar", "application/x-tar"),
)

_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}

_BRANDS: tuple[tuple[bytes, str], ...] = (
    (b"heic", "image/heic"), (b"heix", "image/heic"), (b"heim", "image/heic"), (b"heis", "image/heic"),
    (b"hevc", "image/heic"), (b"hevx", "image/heic"), (b"mif1", "image/heif"), (b"msf1", "image/heif"),
    (b"avif", "image/avif"), (b"avis", "image/avif"), (b"qt  ", "video/quicktime"), (b"M4A ", "audio/mp4"),
    (b"M4B ", "audio/mp4"), (b"3g", "video/3gpp"),
)  # fmt: skip
_OLD_QUICKTIME = (b"moov", b"mdat", b"wide", b"pnot", b"skip", b"free")

_BINARY_NAMES = {
    "docx": DOCX, "xlsx": XLSX, "pptx": PPTX, "odt": ODT, "ods": ODS, "odp": ODP, "epub": "application/epub+zip",
    "apk": "application/vnd.android.package-archive", "jar": "application/java-archive", "zip": "application/zip",
    "doc": "application/msword", "xls": "application/vnd.ms-excel", "ppt": "application/vnd.ms-powerpoint",
    "msg": "application/vnd.ms-outlook", "dng": "image/x-adobe-dng", "nef": "image/x-nikon-nef",
    "arw": "image/x-sony-arw", "cr2": "image/x-canon-cr2", "tif": "image/tiff", "tiff": "image/tiff",
    "bmp": "image/bmp", "ico": "image/x-icon", "mp3": "audio/mpeg", "aac": "audio/aac", "ts": "video/mp2t",
    "m4v": "video/mp4", "3gp": "video/3gpp", "ttf": "font/ttf", "otf": "font/otf", "iso": "application/x-iso9660-image",
    "jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "gif": "image/gif", "webp": "image/webp",
    "heic": "image/heic", "heif": "image/heif", "pdf": "application/pdf", "mp4": "video/mp4", "mov": "video/quicktime",
    "webm": "video/webm", "mkv": "video/x-matroska", "avi": "video/x-msvideo", "m4a": "audio/mp4",
    "flac": "audio/flac", "ogg": "audio/ogg", "opus": "audio/ogg", "wav": "audio/wav",
}  # fmt: skip

_NO_MAGIC = frozenset({"mp3", "aac", "ts", "bmp", "ico", "ttf", "otf", "iso", "m4v"})
"""Endings believed although the bytes prove nothing; of every other format above the magic is required."""

_ZIP_NAMES = frozenset({"docx", "xlsx", "pptx", "odt", "ods", "odp", "epub", "apk", "jar"})
_OLE_NAMES = frozenset({"doc", "xls", "ppt", "msg"})
_TIFF_NAMES = frozenset({"dng", "nef", "arw", "cr2"})

_TEXT_NAMES = {
    "txt": "text/plain", "text": "text/plain", "log": "text/plain", "md": "text/markdown", "markdown": "text/markdown",
    "rst": "text/x-rst", "csv": "text/csv", "tsv": "text/tab-separated-values", "html": "text/html",
    "htm": "text/html", "xhtml": "text/html", "xml": "application/xml", "svg": "image/svg+xml",
    "json": "application/json", "geojson": "application/json", "yaml": "application/yaml", "yml": "application/yaml",
    "toml": "application/toml", "ini": "text/plain", "cfg": "text/plain", "conf": "text/plain", "tex": "text/x-tex",
    "ics": "text/calendar", "vcf": "text/vcard", "eml": "message/rfc822", "css": "text/css", "js": "text/javascript",
    "mjs": "text/javascript", "ts": "text/x-typescript", "py": "text/x-python", "pyi": "text/x-python",
    "c": "text/x-c", "h": "text/x-c", "cc": "text/x-c++", "cpp": "text/x-c++", "hpp": "text/x-c++",
    "rs": "text/x-rust", "go": "text/x-go", "java": "text/x-java", "kt": "text/x-kotlin", "rb": "text/x-ruby",
    "php": "text/x-php", "pl": "text/x-perl", "sh": "text/x-shellscript", "sql": "text/x-sql", "lua": "text/x-lua",
    "srt": "text/plain", "vtt": "text/vtt", "gpx": "application/gpx+xml", "kml": "application/vnd.google-earth.kml+xml",
    "patch": "text/x-diff", "diff": "text/x-diff",
}  # fmt: skip

_TEXT_APPLICATIONS = frozenset({"application/json", "application/xml", "application/yaml", "application/toml"})


def mime_of(name: str, head: bytes) -> str:
    """Return the media type of a file called ``name`` that starts with ``head`` (its first HEAD_BYTES or all of it).

    An empty file is what its name says. A name whose format must have a magic number and has not is not believed:
    the answer is then plain text when the bytes are text, else ``application/octet-stream``.
    """
    head = head[:HEAD_BYTES]
    ending = name.rsplit("/", 1)[-1].rpartition(".")[2].lower() if "." in name.rsplit("/", 1)[-1] else ""
    if not head:
        return _TEXT_NAMES.get(ending) or _BINARY_NAMES.get(ending, UNKNOWN)
    found = _by_magic(head) or _by_container(head, ending)
    if found:
        return found
    if looks_like_text(head):
        return _TEXT_NAMES.get(ending) or _text_by_start(head)
    if ending in _TEXT_NAMES and len(head.translate(None, _NOT_IN_TEXT)) == len(head):
        return _TEXT_NAMES[ending]  # an old 8-bit encoding
    return _BINARY_NAMES[ending] if ending in _NO_MAGIC else UNKNOWN


def is_text(mime: str) -> bool:
    """True for files a person could read in an editor: txt, md, csv, json, xml, html, source code."""
    return mime.startswith("text/") or mime in _TEXT_APPLICATIONS or mime.endswith("+xml") or mime == "message/rfc822"


def needs_reader(mime: str) -> bool:
    """True when the reader (a sandboxed child) can find out more: pictures, media, pdf, html, office documents."""
    return mime in _READ


def has_preview(mime: str) -> bool:
    """True when the reader can make small pictures of it: still pictures, posters of videos, first pages of PDFs."""
    return mime in PICTURES or mime in VIDEOS or mime == "application/pdf"


def is_media(mime: str) -> bool:
    """True for sound and moving pictures, of which the reader needs only some ranges."""
    return mime in VIDEOS or mime in AUDIOS


_NOT_IN_TEXT = bytes(byte for byte in range(32) if byte not in b"\t\n\r\f\b\x1b")


def looks_like_text(head: bytes) -> bool:
    """True when ``head`` is UTF-8 (a cut last character allowed) or UTF-16 with a byte order mark, without NULs."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return True
    if len(head.translate(None, _NOT_IN_TEXT)) != len(head):
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.end == len(head) and error.start >= len(head) - 3 and "unexpected end" in error.reason
    return True


_STARTS = tuple(magic for offset, magic, _ in _MAGIC if offset == 0)
_LATER = tuple(
    (offset, tuple(magic for at, magic, _ in _MAGIC if at == offset))
    for offset in sorted({offset for offset, _, _ in _MAGIC if offset})
)


def _by_magic(head: bytes) -> str | None:
    if head.startswith(_STARTS) or any(head.startswith(magics, offset) for offset, magics in _LATER):
        return next(mime for offset, magic, mime in _MAGIC if head.startswith(magic, offset))
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12])
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    if head[4:8] == b"ftyp":
        return _by_brand(head)
    if head[4:8] in _OLD_QUICKTIME and head[:1] in (b"\0", b"\1"):
        return "video/quicktime"
    return "application/pdf" if b"%PDF-" in head[:1024] and not looks_like_text(head[:64]) else None


def _by_brand(head: bytes) -> str:
    for brand, mime in _BRANDS:
        if head.startswith(brand, 8):
            # Generic HEIF brands say nothing about the codec; the compatible brands that follow do.
            if mime == "image/heif" and b"heic" in head[16:64]:
                return "image/heic"
            return "image/avif" if mime == "image/heif" and b"avif" in head[16:64] else mime
    return "video/mp4"


def _by_container(head: bytes, ending: str) -> str | None:
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        if head.startswith(b"mimetypeapplication/", 30):
            stored = head[38:130].split(b"PK")[0].decode("ascii", "replace")
            return stored if stored in OFFICE or stored == "application/epub+zip" else "application/zip"
        return _BINARY_NAMES[ending] if ending in _ZIP_NAMES else "application/zip"
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return _BINARY_NAMES[ending] if ending in _OLE_NAMES else "application/x-ole-storage"
    if head.startswith((b"II*\0", b"MM\0*")):
        return _BINARY_NAMES[ending] if ending in _TIFF_NAMES else "image/tiff"
    return None


def _text_by_start(head: bytes) -> str:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:64].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "text/html"
    return "application/xml" if start.startswith(b"<?xml") else "text/plain"
