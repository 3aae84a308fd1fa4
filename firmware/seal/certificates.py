"""The box's private certificate authority and the certificate browsers see (X.509, RFC 5280).

The authority is name-constrained to the box's own name and to addresses that exist only inside a home: a member who
trusts it gives nobody power over any other site. P-256, because browsers accept neither Ed25519 nor post-quantum keys
in certificates. Keys and serial numbers come from the library's own randomness.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from collections.abc import Sequence
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from firmware.errors import Damaged, Misused
from firmware.limits import CA_DAYS, HOST_NAMES, LEAF_DAYS

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

AT_HOME: Final[tuple[_Network, ...]] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "127.0.0.0/8",
        "fc00::/7",
        "fe80::/10",
        "::1/128",
    )
)
"""Private (RFC 1918, RFC 4193), link-local and loopback networks."""

_SKEW: Final = dt.timedelta(days=1)
"""A phone's clock may be this much behind the box's."""

_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.local")


def make_ca(host: str, now_ms: int) -> tuple[bytes, bytes]:
    """Make the authority of the box named ``host`` (such as ``locker-ab12.local``), valid for ten years.

    Returns (certificate, private key) in PEM; raises Misused for a name that is not one label under ``.local``.
    """
    if not _HOST.fullmatch(host):
        raise Misused(why="a box is named like locker-ab12.local.")
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"Locker Box {host}")
    networks = [x509.IPAddress(network) for network in AT_HOME]
    names = [x509.DNSName(each) for each in (host, *next_names(host), "localhost")]
    constraints = x509.NameConstraints([*names, *networks], None)
    start, end = _span(now_ms, CA_DAYS)
    builder = (
        _builder(name, name, key.public_key(), start, end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(constraints, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return builder.sign(key, SHA256()).public_bytes(serialization.Encoding.PEM), _key_pem(key)


def make_leaf(
    ca_pem: bytes, ca_key_pem: bytes, host: str, addresses: Sequence[str], now_ms: int, also: Sequence[str] = ()
) -> tuple[bytes, bytes]:
    """Make a server certificate for 90 days: ``host``, ``localhost`` and those ``addresses`` that exist only at home.

    ``also`` are other names of the box; one the authority may not vouch for is left out. A public address is left out
    too: there the box is reached by name. A zone (``fe80::1%eth0``) is cut off. Returns (certificate, private key) in
    PEM; raises Damaged when the authority's files cannot be read and Misused for what is no address.
    """
    try:
        ca = x509.load_pem_x509_certificate(ca_pem)
        ca_key = serialization.load_pem_private_key(ca_key_pem, password=None)
    except (ValueError, TypeError):
        raise Damaged(what="The box's certificate authority") from None
    if not isinstance(ca_key, ec.EllipticCurvePrivateKey) or ca_key.public_key() != ca.public_key():
        raise Damaged(what="The box's certificate authority")
    known = [name for name in also if name in next_names(host) and _may_vouch(ca, name)]
    names = [*map(x509.DNSName, (host, *known, "localhost")), *map(x509.IPAddress, _at_home(addresses))]
    key = ec.generate_private_key(ec.SECP256R1())
    start, end = _span(now_ms, LEAF_DAYS)
    builder = (
        _builder(_name(host), ca.subject, key.public_key(), start, min(end, ca.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
    )
    return builder.sign(ca_key, SHA256()).public_bytes(serialization.Encoding.PEM), _key_pem(key)


def next_names(host: str) -> tuple[str, ...]:
    """Return what a box named ``host`` is called when that name is taken: ``locker-ab12-2.local`` and so on."""
    label = host.removesuffix(".local")
    return tuple(f"{label}-{number}.local" for number in range(2, HOST_NAMES + 1))


def _may_vouch(ca: x509.Certificate, name: str) -> bool:
    permitted = ca.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    return x509.DNSName(name) in permitted


def expires_ms(pem: bytes) -> int:
    """Return when a certificate ends, in milliseconds since 1970; raises Damaged for what is no certificate."""
    try:
        return int(x509.load_pem_x509_certificate(pem).not_valid_after_utc.timestamp()) * 1000
    except ValueError:
        raise Damaged(what="A certificate of the box") from None


def fingerprint(pem: bytes) -> bytes:
    """Return the SHA-256 of a certificate's DER bytes (32 bytes), as browsers show it; raises Damaged."""
    try:
        return x509.load_pem_x509_certificate(pem).fingerprint(SHA256())
    except ValueError:
        raise Damaged(what="A certificate of the box") from None


def _at_home(addresses: Sequence[str]) -> list[_Address]:
    try:
        parsed = {ipaddress.ip_address(text.partition("%")[0]) for text in addresses}
    except ValueError:
        raise Misused(why="that is not an IP address.") from None
    inside = (address for address in parsed if any(address in network for network in AT_HOME))
    return sorted(inside, key=lambda address: (address.version, address.packed))


def _span(now_ms: int, days: int) -> tuple[dt.datetime, dt.datetime]:
    now = dt.datetime.fromtimestamp(now_ms // 1000, dt.UTC)
    return now - _SKEW, now + dt.timedelta(days=days)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, start: dt.datetime, end: dt.datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
    return builder.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
