"""What one does with a key file: make one, open it, add and drop ways in, begin and destroy epochs.

Every function returns a new KeyFile; the caller writes it (atomically) before telling anybody that it holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from firmware.errors import BadSeal, BoxError, Conflict, Damaged, Misused, OtherKit, WrongPassphrase
from firmware.limits import KEY_FILE_EPOCHS, KEY_FILE_SLOTS
from firmware.ports import Entropy
from firmware.seal.aead import OVERHEAD, Sealer, Suite
from firmware.seal.kdf import FLOOR, Argon2Floor, Argon2Params, committed_keys, derive, same_bytes, stretch
from firmware.seal.key_file_format import WHAT, Fields, KeyFile, Plain, Slot, SlotKind, Stretch, decode, encode
from firmware.seal.keyslot import open_from, public_key, seal_to
from firmware.seal.locker_secrets import LockerSecrets
from firmware.seal.passphrase import passphrase_bytes
from firmware.seal.secret import Secret
from firmware.seal.sign import SigningKey
from firmware.seal.words import KitUse, kit_key

_SUITE: Final = Suite.CHACHA20_POLY1305
_SEEDED: Final = frozenset({SlotKind.FRIENDS, SlotKind.PASSKEY, SlotKind.MEMBER})


@dataclass(frozen=True)
class SlotState:
    """One way in as the sealed part lists it; ``sound`` is False when its page is not what was written."""

    kind: SlotKind
    sound: bool


@dataclass(frozen=True)
class _Listed:
    """An entry of the sealed list: the kind of page i and the SHA-256 of its 4096 bytes."""

    kind: SlotKind
    digest: bytes

    def fits(self, page: bytes) -> bool:
        return same_bytes(self.digest, hashlib.sha256(page).digest())


@dataclass(frozen=True)
class _Entry:
    """A slot page together with its list entry."""

    page: bytes
    listed: _Listed


def new_key_file(entropy: Entropy) -> tuple[KeyFile, LockerSecrets]:
    """Make the keys of a new locker and its key file, which has no way in yet."""
    draw = [Secret(entropy.bytes(32)) for _ in range(7)]
    secrets = LockerSecrets(
        locker_key=draw[0],
        id_key=draw[1],
        catalog_key=draw[2],
        inbox_seed=draw[3],
        identity_seed=draw[4],
        head_seed=draw[5],
        epochs=(draw[6],),
        current_epoch=1,
    )
    plain = Plain(
        locker=entropy.bytes(16),
        identity=SigningKey.from_seed(secrets.identity_seed).public,
        head=SigningKey.from_seed(secrets.head_seed).public,
        inbox=public_key(secrets.inbox_seed),
        revision=0,
        slots=0,
        sealed_size=OVERHEAD,
        salt=bytes(32),
        commitment=bytes(32),
    )
    return _write(plain, secrets, [], entropy), secrets


# --- opening


def open_with_passphrase(kf: KeyFile, passphrase: Secret, *, floor: Argon2Floor = FLOOR) -> LockerSecrets:
    """Open with a passphrase: about a second per passphrase slot.

    Raises WrongPassphrase, Misused or TooLarge for what cannot be one, Damaged or BadSeal when the slot or the file is
    not what was written, or asks for fewer guess costs than ``floor`` (production never passes one).
    """
    plain = passphrase_bytes(passphrase)

    def seed_for(slot: Slot) -> Secret:
        assert slot.stretch is not None, "a passphrase slot without Argon2id is a damaged page"
        slot.stretch.params.check(floor)
        return derive(stretch(plain, slot.stretch.salt, slot.stretch.params), "slot/passphrase")

    return _open(kf, SlotKind.PASSPHRASE, seed_for, WrongPassphrase())


def open_with_words(kf: KeyFile, words: str) -> LockerSecrets:
    """Open with the 24 words of a kit.

    Raises WrongWordCount, UnknownWord, WordsDoNotMatch, OtherKit; Damaged or BadSeal when the bytes are changed.
    """
    seed = kit_key(words, KitUse.SLOT)
    return _open(kf, SlotKind.KIT, lambda _slot: seed, OtherKit())


def open_with_secret(kf: KeyFile, kind: SlotKind, secret: Secret) -> LockerSecrets:
    """Open a friends, passkey or member slot with its 32-byte secret; raises WrongPassphrase's family Refused."""
    seed = _secret_seed(kind, secret)
    return _open(kf, kind, lambda _slot: seed, WrongPassphrase())


def _open(kf: KeyFile, kind: SlotKind, seed_for: Callable[[Slot], Secret], wrong: BoxError) -> LockerSecrets:
    """Try every readable slot of ``kind``; a fault of one slot is raised only when no other slot opens."""
    fault: BoxError | None = None
    tried = False
    for slot in kf.slots:
        if slot is None or slot.kind is not kind:
            continue
        try:
            seed = seed_for(slot)
            tried = True
            if not same_bytes(public_key(seed), slot.public):
                continue
            key = Secret(open_from(seed, slot.sealed, _info(kf.plain, slot), f"The {kind.value} keyslot"))
        except Damaged as error:
            fault = error
            continue
        return _open_sealed(kf, key)[0]
    if fault is None and not tried and None in kf.slots:
        fault = Damaged(what=f"The {kind.value} keyslot")
    raise fault or wrong


def _info(plain: Plain, slot: Slot) -> bytes:
    return b"lockerbox/1/keyslot" + plain.locker + slot.bound()


def _open_sealed(kf: KeyFile, locker_key: Secret) -> tuple[LockerSecrets, list[_Listed]]:
    """Open the sealed part; raises BadSeal for another key or changed bytes, Damaged for a map that makes no sense."""
    key, commitment = committed_keys(locker_key, kf.plain.salt, _SUITE, "key-file")
    if not same_bytes(commitment, kf.plain.commitment):
        raise BadSeal(what=WHAT)
    opened = Sealer(_SUITE, key).open(0, kf.sealed, kf.plain.to_page(), WHAT)
    names = {"id", "catalog", "inbox", "identity", "head", "epochs", "current", "pages"}
    fields = Fields(decode(opened, WHAT), WHAT, names)
    epochs = [_epoch(item) for item in fields.items("epochs", KEY_FILE_EPOCHS)]
    current = fields.uint("current", 1, len(epochs))
    secrets = LockerSecrets(
        locker_key=locker_key,
        id_key=Secret(fields.data("id", 32)),
        catalog_key=Secret(fields.data("catalog", 32)),
        inbox_seed=Secret(fields.data("inbox", 32)),
        identity_seed=Secret(fields.data("identity", 32)),
        head_seed=Secret(fields.data("head", 32)),
        epochs=tuple(epochs),
        current_epoch=current,
    )
    listed = [_listed(item) for item in fields.items("pages", KEY_FILE_SLOTS)]
    if len(listed) != len(kf.pages) or not len(epochs[current - 1]) or not _publics_fit(kf.plain, secrets):
        raise Damaged(what=WHAT)
    return secrets, listed


def _publics_fit(plain: Plain, secrets: LockerSecrets) -> bool:
    signers = ((secrets.identity_seed, plain.identity), (secrets.head_seed, plain.head))
    signed = all(SigningKey.from_seed(seed).public == public for seed, public in signers)
    return signed and public_key(secrets.inbox_seed) == plain.inbox


def _epoch(item: object) -> Secret:
    if not isinstance(item, bytes) or len(item) not in (0, 32):
        raise Damaged(what=WHAT)
    return Secret(item)


def _listed(item: object) -> _Listed:
    if not isinstance(item, list) or len(item) != 2 or item[0] not in list(SlotKind):
        raise Damaged(what=WHAT)
    if not isinstance(item[1], bytes) or len(item[1]) != 32:
        raise Damaged(what=WHAT)
    return _Listed(SlotKind(item[0]), item[1])


def slot_states(kf: KeyFile, secrets: LockerSecrets) -> tuple[SlotState, ...]:
    """Tell of every way in whether its page is still what was written (damage, or a page somebody planted)."""
    return tuple(SlotState(entry.listed.kind, entry.listed.fits(entry.page)) for entry in _entries(kf, secrets))


# --- writing


def _write(plain: Plain, secrets: LockerSecrets, entries: list[_Entry], entropy: Entropy) -> KeyFile:
    """Seal ``secrets`` and the list of pages under a fresh salt."""
    if len(entries) > KEY_FILE_SLOTS or len(secrets.epochs) > KEY_FILE_EPOCHS:
        raise Misused(why="a locker has at most 64 ways in and 65536 epochs.")
    salt = entropy.bytes(32)
    key, commitment = committed_keys(secrets.locker_key, salt, _SUITE, "key-file")
    body = encode(
        {
            "id": secrets.id_key.reveal(),
            "catalog": secrets.catalog_key.reveal(),
            "inbox": secrets.inbox_seed.reveal(),
            "identity": secrets.identity_seed.reveal(),
            "head": secrets.head_seed.reveal(),
            "epochs": [epoch.reveal() for epoch in secrets.epochs],
            "current": secrets.current_epoch,
            "pages": [[entry.listed.kind.value, entry.listed.digest] for entry in entries],
        }
    )
    plain = replace(plain, revision=plain.revision + 1, slots=len(entries), sealed_size=len(body) + OVERHEAD)
    plain = replace(plain, salt=salt, commitment=commitment)
    sealed = Sealer(_SUITE, key).seal(0, body, plain.to_page())
    return KeyFile(plain, tuple(entry.page for entry in entries), sealed)


def _entries(kf: KeyFile, secrets: LockerSecrets) -> list[_Entry]:
    """Pair every page with its entry in the sealed list; raises Conflict when ``secrets`` are of an older file."""
    try:
        listed = _open_sealed(kf, secrets.locker_key)[1]
    except BadSeal:
        raise Conflict(why="the keys of this locker were replaced.") from None
    return [_Entry(page, entry) for page, entry in zip(kf.pages, listed, strict=True)]


def _sealed_slot(plain: Plain, slot: Slot, locker_key: Secret) -> _Entry:
    """Seal the locker key to the slot's public key and make its page."""
    page = replace(slot, sealed=seal_to(slot.public, locker_key.reveal(), _info(plain, slot))).to_page()
    return _Entry(page, _Listed(slot.kind, hashlib.sha256(page).digest()))


def _add(kf: KeyFile, secrets: LockerSecrets, slot: Slot, entropy: Entropy) -> KeyFile:
    entries = _entries(kf, secrets)
    return _write(kf.plain, secrets, [*entries, _sealed_slot(kf.plain, slot, secrets.locker_key)], entropy)


def add_passphrase_slot(
    kf: KeyFile,
    secrets: LockerSecrets,
    passphrase: Secret,
    params: Argon2Params,
    entropy: Entropy,
    *,
    floor: Argon2Floor = FLOOR,
) -> KeyFile:
    """Let ``passphrase`` open the locker; judge it with ``check_passphrase`` before. ``params`` from ``calibrate``."""
    params.check(floor)
    how = Stretch(entropy.bytes(32), params)
    seed = derive(stretch(passphrase_bytes(passphrase), how.salt, params), "slot/passphrase")
    return _add(kf, secrets, Slot(SlotKind.PASSPHRASE, public_key(seed), b"", how), entropy)


def add_kit_slot(kf: KeyFile, secrets: LockerSecrets, words: str, entropy: Entropy) -> KeyFile:
    """Let the kit with these 24 words open the locker; raises what typed words raise."""
    slot = Slot(SlotKind.KIT, public_key(kit_key(words, KitUse.SLOT)), b"", None)
    return _add(kf, secrets, slot, entropy)


def add_secret_slot(kf: KeyFile, secrets: LockerSecrets, kind: SlotKind, secret: Secret, entropy: Entropy) -> KeyFile:
    """Let a 32-byte secret (friends' SLIP-39 secret, passkey PRF output, another member's locker) open the locker."""
    return add_public_slot(kf, secrets, kind, secret_public(kind, secret), entropy)


def secret_public(kind: SlotKind, secret: Secret) -> bytes:
    """Return the public key of the way in that a 32-byte secret makes; it may be told, unlike the secret."""
    return public_key(_secret_seed(kind, secret))


def add_public_slot(kf: KeyFile, secrets: LockerSecrets, kind: SlotKind, public: bytes, entropy: Entropy) -> KeyFile:
    """Like ``add_secret_slot`` where only the public key is known; raises Misused for a kind that is typed."""
    if kind not in _SEEDED:
        raise Misused(why="this kind of way in has no public key that could be handed over.")
    return _add(kf, secrets, Slot(kind, public, b"", None), entropy)


def ward_secret(guardian: LockerSecrets, ward: str) -> Secret:
    """Return the secret with which a guardian's locker opens the locker of the member ``ward`` (her id).

    HKDF-SHA256 of the guardian's identity seed, which never changes, with label ``ward/`` + id.
    """
    return derive(guardian.identity_seed, f"ward/{ward}")


def _secret_seed(kind: SlotKind, secret: Secret) -> Secret:
    if kind not in _SEEDED or len(secret) != 32:
        raise Misused(why="this kind of way in takes a secret of 32 bytes.")
    return derive(secret, f"slot/{kind.value}")


def drop_slots(
    kf: KeyFile, secrets: LockerSecrets, kind: SlotKind, entropy: Entropy, *, public: bytes | None = None
) -> tuple[KeyFile, LockerSecrets]:
    """Take every way in of ``kind`` away: new locker key, new epoch, the others sealed anew to their public keys.

    With ``public`` only the one of that public key goes, and every damaged one of its kind, which could be it.
    A remaining slot whose page is not what was written gets no key: it stays as it is and ``slot_states`` names it.
    """
    kept = [entry for entry in _entries(kf, secrets) if not _meant(entry, kind, public)]
    locker_key = Secret(entropy.bytes(32))
    fresh = replace(_with_epoch(secrets, entropy), locker_key=locker_key)
    entries = []
    for entry in kept:
        sound = entry.listed.fits(entry.page)
        entries.append(_sealed_slot(kf.plain, Slot.from_page(entry.page), locker_key) if sound else entry)
    return _write(kf.plain, fresh, entries, entropy), fresh


def _meant(entry: _Entry, kind: SlotKind, public: bytes | None) -> bool:
    if entry.listed.kind is not kind:
        return False
    return public is None or not entry.listed.fits(entry.page) or Slot.from_page(entry.page).public == public


def _with_epoch(secrets: LockerSecrets, entropy: Entropy) -> LockerSecrets:
    epochs = (*secrets.epochs, Secret(entropy.bytes(32)))
    return replace(secrets, epochs=epochs, current_epoch=len(epochs))


def new_epoch(kf: KeyFile, secrets: LockerSecrets, entropy: Entropy) -> tuple[KeyFile, LockerSecrets]:
    """Begin an epoch: packs made from now on take its key."""
    fresh = _with_epoch(secrets, entropy)
    return _write(kf.plain, fresh, _entries(kf, secrets), entropy), fresh


def destroy_epoch(kf: KeyFile, secrets: LockerSecrets, number: int, entropy: Entropy) -> tuple[KeyFile, LockerSecrets]:
    """Forget the key of epoch ``number`` for good; raises Misused for the current epoch or one that never was."""
    if not 1 <= number <= len(secrets.epochs) or number == secrets.current_epoch:
        raise Misused(why="only an older epoch can be destroyed.")
    epochs = tuple(Secret(b"") if at == number else key for at, key in enumerate(secrets.epochs, start=1))
    fresh = replace(secrets, epochs=epochs)
    return _write(kf.plain, fresh, _entries(kf, secrets), entropy), fresh


def for_peers(kf: KeyFile, secrets: LockerSecrets, entropy: Entropy) -> KeyFile:
    """Return the copy that may leave the box: kit and friends slots only, since a passphrase can be guessed."""
    away = (SlotKind.KIT, SlotKind.FRIENDS)
    entries = [entry for entry in _entries(kf, secrets) if entry.listed.kind in away]
    return _write(kf.plain, secrets, entries, entropy)
