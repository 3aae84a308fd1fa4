"""A passkey maker in software: ES256, resident, verifies its user, and turns salts into keys (PRF)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

_PRESENT, _VERIFIED, _ATTESTED = 1, 4, 64


def text(data: bytes) -> str:
    """Base64url without padding, as WebAuthn's JSON has it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def data(words: str) -> bytes:
    """The bytes of base64url without padding."""
    return base64.urlsafe_b64decode(words + "=" * (-len(words) % 4))


@dataclass
class Authenticator:
    """One credential for one relying party."""

    host: str
    origin: str
    prf: bool = True
    flags: int = _PRESENT | _VERIFIED
    count: int = 0
    id: bytes = b"credential of a test"
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def make(self, options: str) -> tuple[str, str | None]:
        """Answer navigator.credentials.create(): (JSON, PRF output)."""
        wanted = json.loads(options)
        assert wanted["rp"]["id"] == self.host
        assert wanted["authenticatorSelection"] == {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "required",
        }
        numbers = self.key.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cbor2.dumps(public)
        told = self._told(_ATTESTED) + attested
        made = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": told})
        client = self._client("webauthn.create", wanted["challenge"])
        answer = {"clientDataJSON": text(client), "attestationObject": text(made)}
        return self._json(answer), self._key_of(wanted)

    def use(self, options: str) -> tuple[str, str | None]:
        """Answer navigator.credentials.get(): (JSON, PRF output)."""
        wanted = json.loads(options)
        self.count += 1
        told, client = self._told(0), self._client("webauthn.get", wanted["challenge"])
        signature = self.key.sign(told + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        answer = {"clientDataJSON": text(client), "authenticatorData": text(told), "signature": text(signature)}
        return self._json(answer), self._key_of(wanted)

    def _told(self, more: int) -> bytes:
        flags = bytes([self.flags | more])
        return hashlib.sha256(self.host.encode()).digest() + flags + self.count.to_bytes(4, "big")

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}).encode()

    def _json(self, response: dict[str, Any]) -> str:
        made = {"id": text(self.id), "rawId": text(self.id), "type": "public-key", "response": response}
        return json.dumps(made | {"clientExtensionResults": {}})

    def _key_of(self, wanted: dict[str, Any]) -> str | None:
        salt = data(wanted["extensions"]["prf"]["eval"]["first"])
        secret = self.key.private_numbers().private_value.to_bytes(32, "big")
        return text(hmac.digest(secret, salt, "sha256")) if self.prf else None
