"""The box's certificates, judged by OpenSSL and by Python's own TLS as a browser would."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from firmware.errors import Damaged, Misused
from firmware.seal.certificates import expires_ms, fingerprint, make_ca, make_leaf

HOST = "locker-ab12.local"
NOW_MS = 1_795_000_000_000
DAY_MS = 86_400_000
CA, CA_KEY = make_ca(HOST, NOW_MS)
ADDRESSES = ["192.168.1.5", "10.0.0.7", "fe80::1%eth0", "fd00::5", "127.0.0.1", "::1"]


def _verify(folder: Path, leaf: bytes, *options: str, at_ms: int = NOW_MS, ca: bytes = CA) -> bool:
    (folder / "ca.pem").write_bytes(ca)
    (folder / "leaf.pem").write_bytes(leaf)
    openssl = shutil.which("openssl")
    assert openssl, "openssl is part of every Debian"
    line = [openssl, "verify", "-x509_strict", "-purpose", "sslserver", "-attime", str(at_ms // 1000)]
    line += [*options, "-CAfile", str(folder / "ca.pem"), str(folder / "leaf.pem")]
    return subprocess.run(line, capture_output=True, check=False).returncode == 0


def test_openssl_accepts_name_and_addresses(tmp_path: Path) -> None:
    leaf, _ = make_leaf(CA, CA_KEY, HOST, ADDRESSES, NOW_MS)
    assert _verify(tmp_path, leaf, "-verify_hostname", HOST)
    assert _verify(tmp_path, leaf, "-verify_hostname", "localhost")
    for address in ADDRESSES:
        assert _verify(tmp_path, leaf, "-verify_ip", address.partition("%")[0])
    assert not _verify(tmp_path, leaf, "-verify_hostname", "locker-cd34.local")
    assert not _verify(tmp_path, leaf, "-verify_ip", "192.168.1.6")


def test_the_authority_speaks_for_nobody_else(tmp_path: Path) -> None:
    """Even with the box's authority key a thief makes no certificate that a browser takes for another site."""
    for host in ("bank.example", "locker-cd34.local", "local", "sub.example.local"):
        forged, _ = make_leaf(CA, CA_KEY, host, [], NOW_MS)
        assert not _verify(tmp_path, forged)
    outer, _ = make_leaf(CA, CA_KEY, HOST, ["8.8.8.8", "2001:db8::1", "192.168.1.5"], NOW_MS)
    assert _verify(tmp_path, outer, "-verify_ip", "192.168.1.5")
    assert not _verify(tmp_path, outer, "-verify_ip", "8.8.8.8")
    other_ca, _ = make_ca(HOST, NOW_MS)
    assert not _verify(tmp_path, outer, ca=other_ca)


def test_a_leaf_signs_no_other_certificate(tmp_path: Path) -> None:
    leaf, leaf_key = make_leaf(CA, CA_KEY, HOST, [], NOW_MS)
    forged, _ = make_leaf(leaf, leaf_key, HOST, [], NOW_MS)
    assert not _verify(tmp_path, forged, "-untrusted", str(_written(tmp_path, leaf)))


def _written(folder: Path, leaf: bytes) -> Path:
    path = folder / "between.pem"
    path.write_bytes(leaf)
    return path


def test_lives(tmp_path: Path) -> None:
    leaf, _ = make_leaf(CA, CA_KEY, HOST, [], NOW_MS)
    assert expires_ms(leaf) == NOW_MS + 90 * DAY_MS
    assert expires_ms(CA) == NOW_MS + 3650 * DAY_MS
    assert _verify(tmp_path, leaf, at_ms=NOW_MS + 89 * DAY_MS)
    assert _verify(tmp_path, leaf, at_ms=NOW_MS - DAY_MS // 2)
    assert not _verify(tmp_path, leaf, at_ms=NOW_MS + 91 * DAY_MS)
    late, _ = make_leaf(CA, CA_KEY, HOST, [], NOW_MS + 3600 * DAY_MS)
    assert expires_ms(late) == expires_ms(CA)


def test_tls_handshake_with_only_this_authority(tmp_path: Path) -> None:
    leaf, leaf_key = make_leaf(CA, CA_KEY, HOST, ADDRESSES, NOW_MS)
    (tmp_path / "leaf.pem").write_bytes(leaf)
    (tmp_path / "leaf.key").write_bytes(leaf_key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "leaf.pem", tmp_path / "leaf.key")
    client = ssl.create_default_context(cadata=CA.decode())
    client.verify_flags |= 0x200000  # X509_V_FLAG_NO_CHECK_TIME: the vectors' day is fixed
    for name, welcome in ((HOST, True), ("192.168.1.5", True), ("bank.example", False)):
        assert _shakes_hands(client, server, name) is welcome


def _shakes_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> bool:
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(down, up, server_hostname=name), server.wrap_bio(up, down, server_side=True)]
    for _ in range(6):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError:
                return False
    return ends[0].version() == "TLSv1.3"


def test_fingerprints_tell_certificates_apart() -> None:
    other, _ = make_ca(HOST, NOW_MS)
    assert len(fingerprint(CA)) == 32
    assert fingerprint(CA) != fingerprint(other)


@pytest.mark.parametrize("host", ["", "locker", "example.com", "*.local", "a.b.local", "LOCKER.local", "-x.local"])
def test_only_names_of_boxes(host: str) -> None:
    with pytest.raises(Misused):
        make_ca(host, NOW_MS)


def test_bad_input_is_named() -> None:
    _, other_key = make_ca(HOST, NOW_MS)
    for ca, key in ((b"", CA_KEY), (CA, b"nonsense"), (CA[:200], CA_KEY), (CA, other_key)):
        with pytest.raises(Damaged, match="certificate authority"):
            make_leaf(ca, key, HOST, [], NOW_MS)
    with pytest.raises(Misused, match="IP address"):
        make_leaf(CA, CA_KEY, HOST, ["not an address"], NOW_MS)
    for ask in (expires_ms, fingerprint):
        with pytest.raises(Damaged):
            ask(b"nothing")
