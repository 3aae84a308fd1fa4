"""The private certificate authority of this box and the leaf the web front shows.

The authority is made once and can vouch for nothing but this box's name and addresses inside a home; the leaf is
issued again when the addresses change, it has less than 30 days left, or the clock says it is not valid yet.
"""

from __future__ import annotations

import time

from firmware.limits import LEAF_DAYS
from firmware.linux.netlink import Addresses
from firmware.seal.certificates import expires_ms, make_ca, make_leaf
from services.supervisor.box_folder import BoxFolder, write_private

_DAY_MS = 86_400_000
_RENEW_DAYS = 30


class Authority:
    """Keeps ``box/ca.pem``, ``ca.key``, ``leaf.pem`` and ``leaf.key``."""

    def __init__(self, box: BoxFolder) -> None:
        """Make the authority if this box has none yet."""
        self._keys, self._host = box.keys, f"{box.host}.local"
        if not (self._keys / "ca.pem").exists():
            certificate, key = make_ca(self._host, _now_ms())
            write_private(self._keys / "ca.key", key)
            write_private(self._keys / "ca.pem", certificate)

    def renew(self, heard_at: Addresses) -> bool:
        """Issue the leaf again if it has to be; True when there is a new one. Raises Damaged."""
        addresses = sorted(str(each) for each in (*heard_at.lan, *heard_at.loopback))
        covered = self._keys / "leaf.addresses"
        wanted = "\n".join(addresses).encode()
        now_ms = _now_ms()
        try:
            left_days = (expires_ms((self._keys / "leaf.pem").read_bytes()) - now_ms) / _DAY_MS
            if _RENEW_DAYS < left_days <= LEAF_DAYS + 1 and covered.read_bytes() == wanted:
                return False
        except FileNotFoundError:
            pass
        authority = (self._keys / "ca.pem").read_bytes(), (self._keys / "ca.key").read_bytes()
        certificate, key = make_leaf(*authority, self._host, addresses, now_ms)
        covered.unlink(missing_ok=True)
        write_private(self._keys / "leaf.key", key)
        write_private(self._keys / "leaf.pem", certificate)
        write_private(covered, wanted)
        return True


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
