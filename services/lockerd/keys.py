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
    calibrate,
    check_passphrase,
    destroy_epoch,
    drop_slots,
    new_epoch,
    new_key_file,
    new_words,
    open_with_passphrase,
    open_with_words,
    slot_states,
)

_NAMES = _FILE, _COPY = "key", "key.copy"
"""Written one after the other: one bad sector must not cost a locker. The first one counts while it is whole."""

_SIZE_MAX = 8 << 20


class Keys:
    """One locker's key file on its disk."""

    def __init__(self, home: Home) -> None:
        """Work on ``home``; nothing is read yet."""
        self._home = home

    def create(self, passphrase: str) -> tuple[LockerSecrets, str, str]:
        """Make the key file; return (secrets, locker id, the 24 words). Raises WeakPassphrase."""
        check_passphrase(passphrase)
        entropy = self._home.entropy
        file, secrets = new_key_file(entropy)
        words = new_words(entropy)
        file = add_passphrase_slot(file, secrets, _secret(passphrase), self._params(), entropy)
        file = add_kit_slot(file, secrets, words, entropy)
        self._write(file)
        return secrets, file.locker_id, words

    def open(self, passphrase: str) -> LockerSecrets:
        """Open with the passphrase; raises WrongPassphrase."""
        return self._opened(lambda file: open_with_passphrase(file, _secret(passphrase)))[1]

    def recover(self, words: str, passphrase: str) -> LockerSecrets:
        """Open with the words and replace every passphrase; raises what typed words raise, WeakPassphrase."""
        file, secrets = self._opened(lambda file: open_with_words(file, words))
        check_passphrase(passphrase)
        return self._new_passphrase(file, secrets, passphrase)

    def passwd(self, old: str, new: str) -> LockerSecrets:
        """Replace the passphrase; raises WrongPassphrase, WeakPassphrase."""
        file, secrets = self._opened(lambda file: open_with_passphrase(file, _secret(old)))
        check_passphrase(new)
        return self._new_passphrase(file, secrets, new)

    def kit(self, passphrase: str) -> tuple[LockerSecrets, str]:
        """Drop the old kit, make a new one, return (new secrets, words); raises WrongPassphrase."""
        entropy = self._home.entropy
        file, secrets = self._opened(lambda file: open_with_passphrase(file, _secret(passphrase)))
        file, secrets = drop_slots(file, secrets, SlotKind.KIT, entropy)
        words = new_words(entropy)
        self._write(add_kit_slot(file, secrets, words, entropy))
        return secrets, words

    def drop(self, kind: str, passphrase: str) -> tuple[LockerSecrets, tuple[str, ...]]:
        """Close one way in; raises WrongPassphrase, and Misused for the last way in or one that is not there."""
        file, secrets = self._opened(lambda file: open_with_passphrase(file, _secret(passphrase)))
        kinds = [slot.kind for slot in file.slots if slot is not None]
        if SlotKind(kind) not in kinds:
            raise Misused(why=f"this locker has no keyslot of the kind “{kind}”.")
        if all(one is SlotKind(kind) for one in kinds):
            raise Misused(why="that is the last way into this locker; add another one first.")
        file, secrets = drop_slots(file, secrets, SlotKind(kind), self._home.entropy)
        self._write(file)
        return secrets, self.kinds()

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
