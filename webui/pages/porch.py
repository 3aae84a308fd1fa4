"""The open porch (plain HTTP): who this box is, and the way to the private connection. Nothing secret is asked here."""

from __future__ import annotations

import base64
import hashlib
import uuid

from webui.hosts import host_name
from webui.pages.guide import der, guide
from webui.pages.page import Page


class Porch(Page):
    """``GET /`` over plain HTTP."""

    async def get(self) -> None:
        """Say whether the box is claimed, and lead on; a claim code in the fragment travels along in the browser."""
        status = await self.status_of_box()
        onward, with_kit = private_address(self, "/"), private_address(self, "/claim?kit=1")
        self.show("porch.html", status=status, onward=onward, with_kit=with_kit, mood="village", **guide(self))


class Onward(Page):
    """Everything else over plain HTTP: 303 to the same path on the private connection."""

    async def get(self) -> None:
        """Redirect; nothing that was sent here is looked at."""
        self.go(private_address(self, self.request.path))

    post = put = patch = delete = options = get


class BoxStatus(Page):
    """``GET /status``: for programs that wait for the box."""

    async def get(self) -> None:
        """Say only what anybody on the network may know."""
        status = await self.status_of_box()
        self.finish({"ready": status.ready, "claimed": status.claimed, "version": status.version})


class Certificate(Page):
    """``GET /ca.pem``: the public certificate of the box's own authority."""

    async def get(self) -> None:
        """Send it as a download."""
        self.set_header("Content-Type", "application/x-pem-file")
        self.set_header("Content-Disposition", 'attachment; filename="locker-box-ca.pem"')
        self.finish(self.front.authority())


class CertificateFile(Page):
    """``GET /ca.crt``: the same certificate in the form phones and Windows open by a tap (DER)."""

    async def get(self) -> None:
        """Send it as a download."""
        self.set_header("Content-Type", "application/x-x509-ca-cert")
        self.set_header("Content-Disposition", 'attachment; filename="locker-box.crt"')
        self.finish(der(self.front.authority()))


class AppleProfile(Page):
    """``GET /ca.mobileconfig``: the same certificate as a profile for iPhone, iPad and Mac."""

    async def get(self) -> None:
        """Send the profile; its identifiers come from the certificate, so installing it twice replaces it."""
        body = der(self.front.authority())
        tag = hashlib.sha256(body).digest()
        text = _PROFILE.format(
            body=base64.b64encode(body).decode(),
            name=host_name(self.request.host) or "box",
            outer=uuid.UUID(bytes=tag[:16], version=4),
            inner=uuid.UUID(bytes=tag[16:], version=4),
        )
        self.set_header("Content-Type", "application/x-apple-aspen-config")
        self.set_header("Content-Disposition", 'attachment; filename="locker-box.mobileconfig"')
        self.finish(text)


def private_address(page: Page, path: str) -> str:
    """Return ``path`` on the private connection of the host this request named."""
    host = host_name(page.request.host) or "localhost"
    shown = f"[{host}]" if ":" in host else host
    port = page.front.https_port()
    return f"https://{shown}{'' if port == 443 else f':{port}'}{path}"


_PROFILE = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
<key>PayloadType</key><string>Configuration</string><key>PayloadVersion</key><integer>1</integer>
<key>PayloadIdentifier</key><string>box.locker.{outer}</string><key>PayloadUUID</key><string>{outer}</string>
<key>PayloadDisplayName</key><string>Locker Box {name}</string>
<key>PayloadDescription</key>
<string>Lets this device talk privately with {name}. It is valid for this box alone.</string>
<key>PayloadContent</key><array><dict>
<key>PayloadType</key><string>com.apple.security.root</string><key>PayloadVersion</key><integer>1</integer>
<key>PayloadIdentifier</key><string>box.locker.{inner}</string><key>PayloadUUID</key><string>{inner}</string>
<key>PayloadDisplayName</key><string>Locker Box {name}</string><key>PayloadContent</key><data>{body}</data>
</dict></array></dict></plist>
"""
