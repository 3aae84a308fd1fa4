"""Styles, modules, icons: the only files the front gives out by name, and the answer to every unknown address."""

from __future__ import annotations

from tornado.web import HTTPError

from webui.pages.page import Page

_FOR_EVER = "public, max-age=31536000, immutable"
_PARTS = ("text/css", "text/javascript", "font/woff2")
_OF_DOCUMENTS = ("Content-Security-Policy", "Cross-Origin-Opener-Policy", "Permissions-Policy", "Referrer-Policy")
"""What binds documents only: parts of a page are never one, and a first page is made of few bytes."""


class Asset(Page):
    """``GET /static/<name>``: looked up in memory; the address changes with the content."""

    def get(self, name: str) -> None:
        """Send the file, compressed for whoever takes it."""
        found = self.front.files.find(name)
        if found is None:
            raise HTTPError(404)
        self.set_header("Cache-Control", _FOR_EVER)
        self.set_header("Content-Type", found.mime)
        self.set_header("Vary", "Accept-Encoding")
        if found.mime.startswith(_PARTS):
            for header in _OF_DOCUMENTS:
                self.clear_header(header)
        self.set_header("ETag", f'"{found.tag}"')
        if self.check_etag_header():
            self.set_status(304)
            return
        packed = bool(found.packed) and "gzip" in self.request.headers.get("Accept-Encoding", "")
        if packed:
            self.set_header("Content-Encoding", "gzip")
        self.finish(found.packed if packed else found.body)

    def compute_etag(self) -> None:
        """Leave the tag that was set."""
        return


class Favicon(Page):
    """``GET /favicon.ico``: what browsers ask for by themselves."""

    def get(self) -> None:
        """Lead to the house with the lit window."""
        self.go(self.front.files.url("logo.svg"))


class NotHere(Page):
    """Whatever the route table does not know."""

    async def prepare(self) -> None:
        """Answer 404 before anything else happens."""
        raise HTTPError(404)
