"""XML answers of WebDAV: what is known about a place, written as properties; nothing here asks the locker."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from xml.sax.saxutils import escape, quoteattr

from services.api.folder_types import FileItem
from webui.dav.bodies import DAV, Name, Wanted
from webui.dav.locks import Lock
from webui.dav.names import href

HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'
OPENING = f'{HEAD}<D:multistatus xmlns:D="DAV:">\n'
CLOSING = "</D:multistatus>\n"
WINDOWS = "urn:schemas-microsoft-com:"
_SUPPORTED = "".join(
    f"<D:lockentry><D:lockscope><D:{scope}/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>"
    for scope in ("exclusive", "shared")
)
_LATEST_S = 253_402_300_799
"""The last second of the year 9999."""


@dataclass(frozen=True, slots=True)
class Place:
    """What is there: a folder (``file`` None) or a file, with the properties clients gave it."""

    path: str
    file: FileItem | None
    dead: dict[Name, str]
    locks: tuple[Lock, ...] = ()

    @property
    def etag(self) -> str | None:
        """The entity tag of a file."""
        return etag(self.file) if self.file is not None else None


def etag(file: FileItem) -> str:
    """Return a strong entity tag; what lives in memory alone has one of its time and size."""
    return version_tag(file.id, file.version) if file.id.strip("0") else f'"{file.mtime_ns:x}-{file.size:x}"'


def version_tag(id: str, version: int) -> str:
    """Return the entity tag of a version of a record, which never changes."""
    return f'"{id}-{version}"'


def http_date(ms: int) -> str:
    """Return ``ms`` since 1970 as an HTTP date, within the years HTTP can write."""
    seconds = max(0, min(ms // 1000, _LATEST_S))
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)


def live(place: Place, device: str, now: float) -> dict[Name, str]:
    """Return the properties the box itself answers, as XML."""
    found = {
        "displayname": escape(clean(place.path.rpartition("/")[2])),
        "resourcetype": "<D:collection/>" if place.file is None else "",
        "supportedlock": _SUPPORTED,
        "lockdiscovery": "".join(active(lock, device, now) for lock in place.locks),
    }
    if place.file is not None:
        stored = datetime.fromtimestamp(min(place.file.stored_ms // 1000, _LATEST_S), UTC)
        found |= {
            "getcontentlength": str(place.file.size),
            "getcontenttype": escape(place.file.mime),
            "getlastmodified": http_date(place.file.mtime_ns // 1_000_000),
            "creationdate": stored.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "getetag": escape(etag(place.file)),
        }
    return {(DAV, name): value for name, value in found.items()}


def clean(text: str) -> str:
    """Return ``text`` with what XML 1.0 cannot hold replaced."""
    return "".join(
        c if c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff" else "\ufffd" for c in text
    )


def active(lock: Lock, device: str, now: float) -> str:
    """Describe a lock; its token is told only to the device that holds it."""
    token = f"<D:locktoken><D:href>{lock.token}</D:href></D:locktoken>" if lock.device == device else ""
    return (
        f"<D:activelock><D:locktype><D:write/></D:locktype>"
        f"<D:lockscope><D:{'shared' if lock.shared else 'exclusive'}/></D:lockscope>"
        f"<D:depth>{'infinity' if lock.deep else '0'}</D:depth>{lock.owner}"
        f"<D:timeout>Second-{max(1, int(lock.until - now))}</D:timeout>{token}"
        f"<D:lockroot><D:href>{href(lock.path, folder=lock.folder)}</D:href></D:lockroot></D:activelock>"
    )


def tag(name: Name, inside: str = "") -> str:
    """Write one property element."""
    space, local = name
    opening, closing = (f"D:{local}", f"D:{local}") if space == DAV else (f"{local} xmlns={quoteattr(space)}", local)
    return f"<{opening}>{inside}</{closing}>" if inside else f"<{opening}/>"


def answer(place: Place, wanted: Wanted, device: str, now: float) -> str:
    """Write the response element of a PROPFIND about one place."""
    known = {name: tag(name, value) for name, value in live(place, device, now).items()} | place.dead
    if wanted.only_names:
        return response(place, [(200, [tag(name) for name in known])])
    if wanted.names is None:
        missing = [tag(name) for name in wanted.more if name not in known]
        return response(place, [(200, known.values()), (404, missing)])
    here = [known[name] for name in wanted.names if name in known]
    return response(place, [(200, here), (404, [tag(name) for name in wanted.names if name not in known])])


def response(place: Place, groups: list[tuple[int, Iterable[str]]]) -> str:
    """Write one response element; groups without properties are left out, unless none has any."""
    filled = [(status, props) for status, some in groups if (props := list(some))] or [(200, [])]
    stats = "".join(
        f"<D:propstat><D:prop>{''.join(props)}</D:prop><D:status>{line(status)}</D:status></D:propstat>"
        for status, props in filled
    )
    return f"<D:response><D:href>{href(place.path, folder=place.file is None)}</D:href>{stats}</D:response>\n"


def line(status: int) -> str:
    """Return a status line as multistatus answers write it."""
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"


def refusal(condition: str, at: str = "") -> str:
    """Write the error body that names a broken precondition (RFC 4918 section 16), ``at`` an address."""
    inside = f"<D:{condition}><D:href>{at}</D:href></D:{condition}>" if at else f"<D:{condition}/>"
    return f'{HEAD}<D:error xmlns:D="DAV:">{inside}</D:error>\n'


class Notes:
    """What native clients noted about a folder and the files right in it: dead properties, as JSON.

    ``{"own": [[space, name, xml] ...], "files": {leaf: [[space, name, xml] ...]}}``
    """

    def __init__(self, text: str) -> None:
        """Read a note; one that is broken counts as empty."""
        try:
            found = json.loads(text) if text else {}
        except ValueError:
            found = {}
        self._own = _read(found.get("own") if isinstance(found, dict) else None)
        files = found.get("files") if isinstance(found, dict) else None
        self._files = {leaf: _read(some) for leaf, some in files.items()} if isinstance(files, dict) else {}

    def of(self, leaf: str | None) -> dict[Name, str]:
        """The properties of a file, or (None) of the folder itself."""
        return dict(self._own if leaf is None else self._files.get(leaf, {}))

    def set(self, leaf: str | None, props: dict[Name, str]) -> None:
        """Replace them."""
        if leaf is None:
            self._own = props
        elif props:
            self._files[leaf] = props
        else:
            self._files.pop(leaf, None)

    def written(self) -> str:
        """Return the note to keep."""
        files = {leaf: _written(props) for leaf, props in self._files.items()}
        own = _written(self._own)
        return json.dumps({"own": own, "files": files}, ensure_ascii=True) if own or files else ""


def _read(rows: object) -> dict[Name, str]:
    if not isinstance(rows, list):
        return {}
    return {(str(row[0]), str(row[1])): str(row[2]) for row in rows if isinstance(row, list) and len(row) == 3}


def _written(props: dict[Name, str]) -> list[list[str]]:
    return [[space, name, xml] for (space, name), xml in props.items()]
