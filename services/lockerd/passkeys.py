"""WebAuthn for lockerd: options, challenges, and whether a browser's answer is right. Holds no key of a locker.

The relying party is the box's own ``.local`` name; an answer counts only from a page of that host over HTTPS, on any
port (the name is what browsers bind a passkey to). User verification is always asked for: a passkey stands for the
passphrase. Challenges are not stored: each carries its time, its purpose and a MAC of this process, so that asking for
many costs nothing; one that was answered is remembered until it is too old.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass
from typing import Any

from cbor2 import CBORError

from firmware.errors import PasskeyTooLate, PasskeyWrong
from firmware.limits import PASSKEY_SECONDS
from firmware.ports import Clock

_NONCE, _TIME, _MAC = 16, 8, 32
_SECOND_NS = 1_000_000_000
_ALGORITHMS = (-7, -8, -257)
"""COSE: ES256, EdDSA, RS256; together every authenticator there is."""

_FORMATS = ("none", "packed")
_MALFORMED = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError, CBORError)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a browser sent, as far as it can be read before anything is proven."""

    text: str
    credential: bytes
    challenge: bytes
    origin: str


@dataclass(frozen=True, slots=True)
class Made:
    """A new passkey whose registration is right."""

    credential: bytes
    public: bytes
    count: int


class Challenges:
    """One-time challenges for ``purpose`` and member."""

    def __init__(self, clock: Clock) -> None:
        """Make a key that lives as long as this process."""
        self._clock, self._key = clock, secrets.token_bytes(32)
        self._used: dict[bytes, int] = {}

    def make(self, purpose: str, member: str) -> bytes:
        """Return a fresh challenge."""
        head = secrets.token_bytes(_NONCE) + self._clock.ticks_ns().to_bytes(_TIME, "big")
        return head + self._mac(head, purpose, member)

    def take(self, challenge: bytes, purpose: str, member: str) -> None:
        """Use a challenge up; raises PasskeyTooLate for one that is old, used, or was made for something else."""
        head, mac = challenge[: _NONCE + _TIME], challenge[_NONCE + _TIME :]
        if not hmac.compare_digest(mac, self._mac(head, purpose, member)):
            raise PasskeyTooLate
        now, made = self._clock.ticks_ns(), int.from_bytes(head[_NONCE:], "big")
        self._used = {one: until for one, until in self._used.items() if until > now}
        if now - made > PASSKEY_SECONDS * _SECOND_NS or head in self._used:
            raise PasskeyTooLate
        self._used[head] = made + (PASSKEY_SECONDS + 1) * _SECOND_NS

    def _mac(self, head: bytes, purpose: str, member: str) -> bytes:
        return hmac.digest(self._key, head + f"{purpose}/{member}".encode(), "sha256")


def salt_of(member: str) -> str:
    """Return the salt every passkey of a member is asked to turn into a key (PRF extension), base64url."""
    return _to_text(hashlib.sha256(b"lockerbox/1/passkey" + member.encode()).digest())


def read_answer(text: str) -> Answer:
    """Read what can be read without trusting it; raises PasskeyWrong."""
    try:
        found = json.loads(text)
        data = json.loads(_to_bytes(found["response"]["clientDataJSON"]))
        challenge, origin = data["challenge"], data["origin"]
        return Answer(text, _to_bytes(found["rawId"]), _to_bytes(challenge), str(origin))
    except _MALFORMED:
        raise PasskeyWrong(why="it cannot be read.") from None


def check_origin(host: str, origin: str) -> None:
    """Raise PasskeyWrong unless ``origin`` is this box over HTTPS (any port)."""
    if not re.fullmatch(re.escape(f"https://{host}") + r"(:[0-9]{1,5})?", origin, re.ASCII):
        raise PasskeyWrong(why=f"it was made for another address than {host}.")


def creation_options(host: str, member: str, name: str, challenge: bytes, known: list[bytes]) -> str:
    """Return the JSON text a browser makes a passkey from; ``known`` credentials are not made twice."""
    return json.dumps(
        {
            "rp": {"id": host, "name": "Locker Box"},
            "user": {"id": _to_text(bytes.fromhex(member)), "name": name, "displayName": name},
            "challenge": _to_text(challenge),
            "pubKeyCredParams": [{"type": "public-key", "alg": one} for one in _ALGORITHMS],
            "timeout": PASSKEY_SECONDS * 1000,
            "excludeCredentials": [{"type": "public-key", "id": _to_text(one)} for one in known],
            "authenticatorSelection": {
                "residentKey": "required",
                "requireResidentKey": True,
                "userVerification": "required",
            },
            "attestation": "none",
            "extensions": {"prf": {"eval": {"first": salt_of(member)}}},
        }
    )


def request_options(host: str, member: str, challenge: bytes) -> str:
    """Return the JSON text a browser answers with a passkey; which ones a member has is told to nobody."""
    return json.dumps(
        {
            "rpId": host,
            "challenge": _to_text(challenge),
            "timeout": PASSKEY_SECONDS * 1000,
            "userVerification": "required",
            "allowCredentials": [],
            "extensions": {"prf": {"eval": {"first": salt_of(member)}}},
        }
    )


def verify_made(host: str, answer: Answer) -> Made:
    """Check a registration; raises PasskeyWrong. Its challenge was taken before."""
    from webauthn import verify_registration_response  # here: its imports are for those who use passkeys
    from webauthn.helpers import parse_attestation_object, parse_registration_credential_json
    from webauthn.helpers.cose import COSEAlgorithmIdentifier
    from webauthn.helpers.exceptions import WebAuthnException

    check_origin(host, answer.origin)
    try:
        credential = parse_registration_credential_json(answer.text)
        if parse_attestation_object(credential.response.attestation_object).fmt not in _FORMATS:
            raise PasskeyWrong(why="it brings a certificate nobody asked for.")
        found = verify_registration_response(
            credential=credential,
            expected_challenge=answer.challenge,
            expected_rp_id=host,
            expected_origin=answer.origin,
            require_user_verification=True,
            supported_pub_key_algs=[COSEAlgorithmIdentifier(one) for one in _ALGORITHMS],
        )
    except (WebAuthnException, *_MALFORMED):
        raise PasskeyWrong(why="its registration does not verify.") from None
    return Made(found.credential_id, found.credential_public_key, found.sign_count)


def verify_used(host: str, answer: Answer, public: bytes, count: int) -> int:
    """Check an assertion against a public key and its last counter; return the new counter. Raises PasskeyWrong."""
    from webauthn import verify_authentication_response
    from webauthn.helpers.exceptions import WebAuthnException

    check_origin(host, answer.origin)
    try:
        found = verify_authentication_response(
            credential=answer.text,
            expected_challenge=answer.challenge,
            expected_rp_id=host,
            expected_origin=answer.origin,
            credential_public_key=public,
            credential_current_sign_count=count,
            require_user_verification=True,
        )
    except (WebAuthnException, *_MALFORMED):
        raise PasskeyWrong(why="its signature does not verify.") from None
    return found.new_sign_count


def prf_key(text: str | None) -> str:
    """Return a PRF output as hex, or "" for none; raises PasskeyWrong for anything but 32 bytes."""
    if not text:
        return ""
    try:
        found = _to_bytes(text)
    except ValueError:
        found = b""
    if len(found) != 32:
        raise PasskeyWrong(why="its key has not 32 bytes.")
    return found.hex()


def _to_text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _to_bytes(text: Any) -> bytes:
    if not isinstance(text, str):
        raise TypeError("base64url is text")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error
