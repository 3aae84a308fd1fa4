"""``/dav/``: all methods of WebDAV on one handler."""

from __future__ import annotations

from webui.dav.locking import Locking
from webui.dav.reading import Reading
from webui.dav.request import DavPage
from webui.dav.writing import Writing


class Dav(Reading, Writing, Locking):
    """One request of a native client."""

    propfind = proppatch = mkcol = copy = move = lock = unlock = DavPage.serve
