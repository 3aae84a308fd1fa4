"""Who may bring how much: quotas, reservations, the disk's own reserve. Nothing is taken before it fits.

An account is a household's; a house is all of them on one disk. Sizes are bytes, charged in blocks of 4 KiB.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from firmware.errors import Full, PeerQuota
from firmware.limits import HOST_BLOCK_BYTES, HOST_FREE_BYTES, HOST_FREE_SHARE, HOST_RESERVED_SECONDS, MIB


def charge(size: int) -> int:
    """Return what ``size`` bytes cost: whole blocks, so that a million tiny shards are not free."""
    return -(-size // HOST_BLOCK_BYTES) * HOST_BLOCK_BYTES


@dataclass(frozen=True)
class HostLimits:
    """How much all peers together may use (None: what the disk has), and what the disk keeps free for the locker."""

    total_bytes: int | None = None
    free_bytes: int = HOST_FREE_BYTES
    free_share: float = HOST_FREE_SHARE

    def kept_free(self, disk_bytes: int) -> int:
        """Return the bytes of a disk of ``disk_bytes`` that peers never get."""
        return max(self.free_bytes, int(disk_bytes * self.free_share))


@dataclass
class Account:
    """One household: ``used`` bytes are on the disk, ``coming`` ones were let in and are not counted in ``used``."""

    quota: int = 0
    used: int = 0
    coming: int = 0
    reserved: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    """For each place: bytes set aside, and until when (ms)."""

    @property
    def left(self) -> int:
        """What still fits into the quota."""
        return max(0, self.quota - self.used - self.coming)

    def aside(self, now_ms: int) -> int:
        """Return how much is set aside and not used up, never more than the quota leaves."""
        self.reserved = {place: each for place, each in self.reserved.items() if each[1] > now_ms}
        return min(self.left, sum(size for size, _ in self.reserved.values()))

    def draw(self, place: bytes, size: int) -> None:
        """``size`` bytes came in: they were what was set aside."""
        if place in self.reserved:
            left, until_ms = self.reserved[place]
            self.reserved[place] = (max(0, left - size), until_ms)


@dataclass(frozen=True)
class House:
    """All accounts and the disk under them, at one moment."""

    limits: HostLimits
    accounts: Iterable[Account]
    disk_bytes: int
    disk_free: int
    now_ms: int

    def reserve(self, account: Account, place: bytes, size: int) -> int:
        """Set up to ``size`` bytes aside for a place, in place of what was; return how many."""
        account.reserved.pop(place, None)
        granted = max(0, min(size, account.left - account.aside(self.now_ms), *self._rooms(account)))
        account.reserved[place] = (granted, self.now_ms + HOST_RESERVED_SECONDS * 1000)
        return granted

    def admit(self, account: Account, need: int) -> None:
        """Raise PeerQuota or Full unless ``need`` more bytes fit."""
        total, disk = self._rooms(account)
        left = min(account.left, total)
        if need > left:
            raise PeerQuota(need_mib=-(-need // MIB), free_mib=max(0, left) // MIB)
        if need > disk:
            raise Full(need_mib=-(-need // MIB), free_mib=max(0, disk) // MIB)

    def _rooms(self, account: Account) -> tuple[int, int]:
        """What is left of the total, and of the disk, when everybody else gets what was promised to them."""
        accounts = list(self.accounts)
        promised = sum(each.aside(self.now_ms) for each in accounts if each is not account)
        coming = sum(each.coming for each in accounts)
        disk = self.disk_free - self.limits.kept_free(self.disk_bytes) - coming - promised
        if self.limits.total_bytes is None:
            return disk, disk
        return self.limits.total_bytes - sum(each.used for each in accounts) - coming - promised, disk
