"""What a worker does with its locker's key file: make it, open it, change the ways in. Runs in a thread of the worker.

Argon2id runs here and nowhere else, so neither main process nor web server ever holds a key. The key file is written
(atomically, durably) before anybody is told that a change holds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from firmware.errors import Conflict, Damaged, Missing, Misused
from firmware.locker import Home
from firmware.model import Problem
from firmware.seal import (
    Argon2Params,
    KeyFile,
    LockerSecrets,
    Secret,
    SlotKind,
    add_kit_slot,
    add_passphrase_slot,
    add_public_slot,
    add_secret_slot,
    calibrate,
    destroy_epoch,
    drop_slots,
    for_peers,
    new_epoch,
    new_key_file,
    new_words,
    open_with_passphrase,
    open_with_secret,
    open_with_words,
    secret_public,
    slot_states,
)
from services.lockerd.capsules import put_card
from services.lockerd.custody import put_down
from services.lockerd.split_keys import renew_note
from services.lockerd.strength import require_strong

_NAMES = _FILE, _COPY = "key", "key.copy"
"""Written one after the other: one bad sector must not cost a locker. The first one counts while it is whole."""

_SIZE_MAX = 8 << 20


class Keys:
    """One locker's key file on its disk."""

    def __init__(self, home: Home) -> None:
        """Work on ``home``; nothing is read yet."""
        self._home = home

    def create(self, passphrase: str, guardian: bytes | None = None) -> tuple[LockerSecrets, str, str]:
        """Make the key file; return (secrets, locker id, the 24 words). Raises WeakPassphrase.

        ``guardian`` is the public key of the way in of a guardian's locker (``secret_public``).
        """
        require_strong(passphrase)
        entropy = self._home.entropy
        file, secrets = new_key_file(entropy)
        words = new_words(entropy)
        file = add_passphrase_slot(file, secrets, _secret(passphrase), self._params(), entropy)
        file = add_kit_slot(file, secrets, words, entropy)
        if guardian is not None:
            file = add_public_slot(file, secrets, SlotKind.MEMBER, guardian, entropy)
        self._write(file)
        self._put_down(secrets, words)
        return secrets, file.locker_id, words

    def open(self, passphrase: str) -> LockerSecrets:
        """Open with the passphrase; raises WrongPassphrase."""
        return self._opened(lambda file: open_with_passphrase(file, _secret(passphrase)))[1]

    def recover(self, words: str, passphrase: str) -> LockerSecrets:
        """Open with the words and replace every passphrase; raises what typed words raise, WeakPassphrase."""
        file, secrets = self._opened(lambda file: open_with_words(file, words))
        require_strong(passphrase)
        self._put_down(secrets, words)
        return self._new_passphrase(file, secrets, passphrase)

    def come_back(self, key_file: bytes, words: str, passphrase: str) -> LockerSecrets:
        """A locker comes back to this box: write its key file with a new passphrase.

        Raises WeakPassphrase, what typed words raise, Damaged and its like.
        """
        require_strong(passphrase)
        file = KeyFile.parse(key_file)
        return self._new_passphrase(file, open_with_words(file, words), passphrase)

    def passwd(self, old: str, new: str) -> LockerSecrets:
        """Replace the passphrase; raises WrongPassphrase, WeakPassphrase."""
        file, secrets = self._opened(lambda file: open_with_passphrase(file, _secret(old)))
        require_strong(new)
        return self._new_passphrase(file, secrets, new)

    def open_with(self, kind: SlotKind, secret: bytes) -> LockerSecrets:
        """Open with the secret of a passkey or a guardian; raises WrongPassphrase, Misused."""
        return self._opened(lambda file: open_with_secret(file, kind, Secret(secret)))[1]

    def kit(self, secrets: LockerSecrets) -> tuple[LockerSecrets, str]:
        """Drop the old kit, make a new one, return (new secrets, words); raises Conflict."""
        entropy = self._home.entropy
        file, secrets = drop_slots(self._read(), secrets, SlotKind.KIT, entropy)
        words = new_words(entropy)
        self._write(add_kit_slot(file, secrets, words, entropy))
        self._put_down(secrets, words)
        return secrets, words

    def _put_down(self, secrets: LockerSecrets, words: str) -> None:
        """What friends need of a kit is kept while its words are here."""
        put_down(self._home, secrets, words)
        put_card(self._home, secrets, self.locker_id, words)
        renew_note(self._home, self.locker_id, words)

    def check_words(self, words: str) -> None:
        """Raise what typed words raise unless they open this locker."""
        open_with_words(self._read(), words)

    @property
    def locker_id(self) -> bytes:
        """The locker's id, 16 bytes; raises Damaged, Missing."""
        try:
            return bytes.fromhex(self._read(_FILE).locker_id)
        except (Damaged, Missing):
            return bytes.fromhex(self._read(_COPY).locker_id)

    @property
    def revision(self) -> int:
        """How often the key file was written; 0 while it cannot be read."""
        try:
            return self._read().plain.revision
        except (Damaged, Missing):
            return 0

    def for_shelves(self, secrets: LockerSecrets) -> tuple[int, bytes]:
        """Return (its revision, the key file as it may leave the box); raises Conflict, Damaged, Missing."""
        file = self._read()
        return file.plain.revision, for_peers(file, secrets, self._home.entropy).to_bytes()

    def add(self, secrets: LockerSecrets, kind: SlotKind, secret: bytes) -> bytes:
        """Let a secret of 32 bytes open the locker; return the public key of that way in. Raises Misused, Conflict."""
        self._write(add_secret_slot(self._read(), secrets, kind, Secret(secret), self._home.entropy))
        return secret_public(kind, Secret(secret))

    def drop(self, secrets: LockerSecrets, kind: SlotKind, public: bytes | None = None) -> LockerSecrets:
        """Close the ways in of one kind (or one of them); raises Misused for the last one or one that is not there."""
        file = self._read()
        slots = [slot for slot in file.slots if slot is not None]
        meant = [slot for slot in slots if slot.kind is kind and public in (None, slot.public)]
        if not meant:
            raise Misused(why=f"this locker has no keyslot of the kind “{kind.value}”.")
        if len(meant) == len(slots):
            raise Misused(why="that is the last way into this locker; add another one first.")
        file, secrets = drop_slots(file, secrets, kind, self._home.entropy, public=public)
        self._write(file)
        return secrets

    def holds(self, public: bytes) -> bool:
        """Whether a readable keyslot has this public key."""
        return any(slot is not None and slot.public == public for slot in self._read().slots)

    def has(self, kind: SlotKind) -> bool:
        """Whether a readable keyslot of ``kind`` is there."""
        return kind.value in self.kinds()

    def kinds(self) -> tuple[str, ...]:
        """Return the kind of every readable keyslot."""
        return tuple(slot.kind.value for slot in self._read().slots if slot is not None)

    def begin_epoch(self, secrets: LockerSecrets) -> LockerSecrets:
        """Begin a new epoch (before survivors are repacked into it)."""
        file, fresh = new_epoch(self._read(), secrets, self._home.entropy)
        self._write(file)
        return fresh

    def destroy_epochs(self, secrets: LockerSecrets) -> LockerSecrets:
        """Destroy the keys of every epoch but the newest."""
        file = self._read()
        for number in range(1, secrets.current_epoch):
            if len(secrets.epochs[number - 1]):
                file, secrets = destroy_epoch(file, secrets, number, self._home.entropy)
        self._write(file)
        return secrets

    def _new_passphrase(self, file: KeyFile, secrets: LockerSecrets, passphrase: str) -> LockerSecrets:
        entropy = self._home.entropy
        if any(slot is not None and slot.kind is SlotKind.PASSPHRASE for slot in file.slots):
            file, secrets = drop_slots(file, secrets, SlotKind.PASSPHRASE, entropy)
        self._write(add_passphrase_slot(file, secrets, _secret(passphrase), self._params(), entropy))
        return secrets

    def _params(self) -> Argon2Params:
        ram = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return calibrate(time.perf_counter_ns, ram)

    def problems(self, secrets: LockerSecrets) -> tuple[Problem, ...]:
        """Return what is not as it was in the two copies of the key file (for ``verify``)."""
        sentence = "A copy of the key file changed; the next opening mends it."
        return tuple(Problem("key-file", name, sentence) for name in _NAMES if self._whole(name, secrets) is None)

    def _opened(self, how: Callable[[KeyFile], LockerSecrets]) -> tuple[KeyFile, LockerSecrets]:
        """Open the key file, or its copy where it is damaged; then make both copies whole and alike again."""
        try:
            secrets = how(self._read(_FILE))
        except (Damaged, Missing):
            secrets = how(self._read(_COPY))
        found = [self._whole(name, secrets) for name in _NAMES]
        best = next((file for file in found if file is not None), None)
        if best is None:
            return self._read(), secrets
        for name, file in zip(_NAMES, found, strict=True):
            if file is None or file.to_bytes() != best.to_bytes():
                self._home.disk.replace(name, best.to_bytes())
        return best, secrets

    def _whole(self, name: str, secrets: LockerSecrets) -> KeyFile | None:
        """Return one copy if every byte of it is what was written under ``secrets``."""
        try:
            file = self._read(name)
            return file if all(state.sound for state in slot_states(file, secrets)) else None
        except (Damaged, Missing, Conflict):  # Conflict: sealed under an earlier locker key, an old copy
            return None

    def _read(self, name: str = _FILE) -> KeyFile:
        return KeyFile.parse(self._home.disk.read(name, 0, _SIZE_MAX))

    def _write(self, file: KeyFile) -> None:
        for name in _NAMES:
            self._home.disk.replace(name, file.to_bytes())


def _secret(text: str) -> Secret:
    return Secret(text.encode())
