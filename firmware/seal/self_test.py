"""Known answers at start: a box whose cryptography computes anything else must not touch a locker."""

from __future__ import annotations

from firmware.errors import BadSeal, Damaged
from firmware.seal.aead import Sealer, Suite
from firmware.seal.kdf import Argon2Params, hkdf_sha256, stretch
from firmware.seal.keyslot import open_from, public_key, seal_to
from firmware.seal.secret import Secret
from firmware.seal.sign import SigningKey, verify_signature

_GCM_KEY = bytes.fromhex("feffe9928665731c6d6a8f9467308308" * 2)
_GCM_NONCE = int("cafebabefacedbaddecaf888", 16)
_GCM_AAD = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
_GCM_PLAIN = bytes.fromhex(
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
    "b16aedf5aa0de657ba637b39"
)
_GCM_SEALED = bytes.fromhex(
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838"
    "c5f61e6393ba7a0abcc9f662" + "76fc6ece0f4e1768cddf8853bb2d551b"
)
"""McGrew and Viega, The Galois/Counter Mode of Operation, test case 16 (AES-256)."""

_CHACHA_KEY = bytes(range(0x80, 0xA0))
_CHACHA_NONCE = int("070000004041424344454647", 16)
_CHACHA_AAD = bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
_CHACHA_PLAIN = (
    b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for "
    b"the future, sunscreen would be it."
)
_CHACHA_SEALED = bytes.fromhex(
    "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b"
    "1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
    "3ff4def08e4b7a9de576d26586cec64b6116" + "1ae10b594f09e26a7e902ecbd0600691"
)
"""RFC 8439, section 2.8.2."""

_HKDF_OKM = bytes.fromhex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")
"""RFC 5869, appendix A.1."""

_ED25519_SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
_ED25519_PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
_ED25519_SIGNATURE = bytes.fromhex(
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
    "d25bf5f0595bbe24655141438e7a100b"
)
"""RFC 8032, section 7.1, test 1 (empty message)."""

_ARGON2_TAG = bytes.fromhex("0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659")
"""RFC 9106, section 5.3 (Argon2id with secret and associated data)."""

_KEM_SEED = bytes.fromhex("7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26")
_KEM_PUBLIC_START = bytes.fromhex("e2236b35a8c24b39b10aa1323a96a919a2ced88400633a7b07131713fc14b2b5")
_KEM_PUBLIC_END = bytes.fromhex("859edb06eff389b27dce59844570216223593d4ba32d9abac8cd049040ef6534")
"""draft-connolly-cfrg-xwing-kem-08, appendix C, first vector: first and last 32 of the public key's 1216 bytes."""


def self_test() -> None:
    """Compare every primitive with its official answer; raises Damaged naming the first that differs."""
    for check in (_aeads, _hkdf, _ed25519, _argon2id, _hpke):
        try:
            right = check()
        except BadSeal:
            right = False
        if not right:
            raise Damaged(what=f"The cryptography of this box ({check.__name__.strip('_')})")


def _aeads() -> bool:
    gcm = Sealer(Suite.AES_256_GCM, Secret(_GCM_KEY))
    chacha = Sealer(Suite.CHACHA20_POLY1305, Secret(_CHACHA_KEY))
    sealed = gcm.seal(_GCM_NONCE, _GCM_PLAIN, _GCM_AAD) == _GCM_SEALED
    sealed = sealed and chacha.seal(_CHACHA_NONCE, _CHACHA_PLAIN, _CHACHA_AAD) == _CHACHA_SEALED
    opened = gcm.open(_GCM_NONCE, _GCM_SEALED, _GCM_AAD, "gcm") == _GCM_PLAIN
    opened = opened and chacha.open(_CHACHA_NONCE, _CHACHA_SEALED, _CHACHA_AAD, "chacha") == _CHACHA_PLAIN
    return sealed and opened and all(_refuses_a_flip(sealer) for sealer in (gcm, chacha))


def _refuses_a_flip(sealer: Sealer) -> bool:
    sealed = bytearray(sealer.seal(1, b"plain", b"bound"))
    sealed[0] ^= 1
    try:
        sealer.open(1, sealed, b"bound", "flip")
    except BadSeal:
        return True
    return False


def _hkdf() -> bool:
    info, salt = bytes(range(0xF0, 0xFA)), bytes(range(13))
    return hkdf_sha256(Secret(b"\x0b" * 22), info, 42, salt) == _HKDF_OKM


def _ed25519() -> bool:
    key = SigningKey.from_seed(Secret(_ED25519_SEED))
    verify_signature(_ED25519_PUBLIC, _ED25519_SIGNATURE, b"")
    return key.public == _ED25519_PUBLIC and key.sign(b"") == _ED25519_SIGNATURE


def _argon2id() -> bool:
    params = Argon2Params(memory_kib=32, iterations=3, lanes=4)
    tag = stretch(Secret(b"\x01" * 32), b"\x02" * 16, params, pepper=b"\x03" * 8, bound=b"\x04" * 12)
    return tag.reveal() == _ARGON2_TAG


def _hpke() -> bool:
    seed = Secret(_KEM_SEED)
    public = public_key(seed)
    ends = public.startswith(_KEM_PUBLIC_START) and public.endswith(_KEM_PUBLIC_END)
    return ends and open_from(seed, seal_to(public, b"plain", b"info"), b"info", "hpke") == b"plain"
