"""The installed app: its manifest, the service worker that keeps the shell (never user data), and the page it shows
while the box is out of reach; and the note that a browser trusts this box, from which on it insists on the private way.
"""

from __future__ import annotations

import hashlib
import json

from firmware import limits
from webui.files import HOME
from webui.pages.page import TRUST_COOKIE, Page

_SHELL = (
    "style.css",
    "page.js",
    "claim-code.js",
    "installing.js",
    "away.js",
    "icons.svg",
    "logo.svg",
    "figtree-latin.woff2",
    "literata-voice-latin.woff2",
)
"""What the page of a box out of reach is made of."""
_SHORTCUTS = (
    ("app.shortcut.add", "/home"),
    ("app.shortcut.photos", "/photos"),
    ("app.shortcut.find", "/find"),
)
_ICONS = (("icon-192.png", 192, "any"), ("icon-512.png", 512, "any"), ("icon-whole-192.png", 192, "maskable"),
          ("icon-whole-512.png", 512, "maskable"))  # fmt: skip


class Manifest(Page):
    """``GET /manifest.webmanifest``: how the app is called and looks, and that other apps may share into it."""

    def get(self) -> None:
        """Answer in the reader's language."""
        words, url = self.language.words, self.front.files.url
        self.set_header("Content-Type", "application/manifest+json")
        icons = [{"src": url(name), "sizes": f"{size}x{size}", "type": "image/png", "purpose": purpose}
                 for name, size, purpose in _ICONS]  # fmt: skip
        manifest = {
            "id": "/",
            "name": "Locker Box",
            "short_name": "Locker Box",
            "description": words["app.description"],
            "lang": self.language.code,
            "start_url": "/",
            "scope": "/",
            "display": "standalone",
            "background_color": "#F5F2EA",
            "theme_color": "#1D4C3E",
            "icons": icons,
            "shortcuts": [{"name": words[key], "url": where, "icons": icons[:1]} for key, where in _SHORTCUTS],
            "share_target": {
                "action": "/share",
                "method": "POST",
                "enctype": "multipart/form-data",
                "params": {
                    "title": "title",
                    "text": "text",
                    "url": "url",
                    "files": [{"name": "files", "accept": ["*/*"]}],
                },
            },
        }
        self.finish(json.dumps(manifest, ensure_ascii=False))


class Worker(Page):
    """``GET /sw.js``: the service worker, with the addresses of the shell in it; it changes when any of them does."""

    def get(self) -> None:
        """Send it; browsers look for a newer one by themselves."""
        url, languages = self.front.files.url, sorted(self.front.languages.known)
        script = self.front.files.find("sw.js")
        assert script is not None
        shell = [url(name) for name in _SHELL] + [f"/away?lang={code}" for code in languages]
        state = hashlib.blake2b(digest_size=8)
        for part in (*shell, *(self.front.languages.known[code].words["away.heading"] for code in languages)):
            state.update(part.encode())
        for name in ("away.html", "outside.html", "base.html"):
            state.update((HOME / "templates" / name).read_bytes())
        body = script.body.decode().replace('"SHELL"', ", ".join(json.dumps(one) for one in shell))
        self.set_header("Content-Type", "text/javascript; charset=utf-8")
        self.finish(body.replace("VERSION", state.hexdigest()))


class Away(Page):
    """``GET /away``: what the service worker shows when the box does not answer; the same for everybody."""

    def get(self) -> None:
        """Show it; nothing in it is about anybody."""
        self.session = None
        self.show("away.html", mood="village")


class Trusted(Page):
    """``POST /trusted``: a browser registered the service worker, which it does only when it trusts the certificate."""

    def post(self) -> None:
        """From now on this browser comes by the private way alone (HSTS, see ``Page``)."""
        self.set_cookie(
            TRUST_COOKIE, "1", path="/", secure=True, httponly=True, samesite="Strict", max_age=limits.HSTS_SECONDS
        )
        self.insist()
        self.set_status(204)  # with no body that nobody reads: the connection is free for others at once
        self.finish()
