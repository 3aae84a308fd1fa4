"""The private certificate authority of this box and the leaf the web front shows.

The authority is made once and can vouch for nothing but this box's names and addresses inside a home; the leaf is
issued again when names or addresses change, it has less than 30 days left, or the clock says it is not valid yet.

The running box asks for a leaf by ``python -m services.supervisor.authority``, the question as JSON on its input, so
that what certificates need is loaded only while one is made.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from pathlib import Path

from firmware.errors import BoxError
from firmware.limits import LEAF_DAYS, LEAF_RENEW_DAYS
from firmware.linux.netlink import Addresses
from firmware.seal.certificates import expires_ms, make_ca, make_leaf
from services.supervisor.prepared import write_private

_DAY_MS = 86_400_000


def wall_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Authority:
    """Keeps ``ca.pem``, ``ca.key``, ``leaf.pem``, ``leaf.key`` and ``leaf.covers`` (JSON: names and addresses)."""

    def __init__(self, keys: Path, host: str, now_ms: Callable[[], int] = wall_ms) -> None:
        """Make the authority of the box called ``host`` in ``keys`` if there is none yet; ``now_ms`` is wall time."""
        self._keys, self._now_ms = keys, now_ms
        if not (keys / "ca.pem").exists():
            certificate, key = make_ca(f"{host}.local", now_ms())
            write_private(keys / "ca.key", key)
            write_private(keys / "ca.pem", certificate)

    def renew(self, hosts: Sequence[str], heard_at: Addresses) -> bool:
        """Issue the leaf for ``hosts`` (without ``.local``) again if it has to be; True when it was. Raises Damaged."""
        names = [f"{host}.local" for host in hosts]
        addresses = sorted(str(each) for each in (*heard_at.lan, *heard_at.loopback))
        wanted = json.dumps({"names": names, "addresses": addresses}).encode()
        covers = self._keys / "leaf.covers"
        now_ms = self._now_ms()
        try:
            left_days = (self.until_ms() - now_ms) / _DAY_MS
            if LEAF_RENEW_DAYS < left_days <= LEAF_DAYS + 1 and covers.read_bytes() == wanted:
                return False
        except FileNotFoundError:
            pass
        authority = (self._keys / "ca.pem").read_bytes(), (self._keys / "ca.key").read_bytes()
        certificate, key = make_leaf(*authority, names[0], addresses, now_ms, names[1:])
        covers.unlink(missing_ok=True)
        write_private(self._keys / "leaf.key", key)
        write_private(self._keys / "leaf.pem", certificate)
        write_private(covers, wanted)
        return True

    def until_ms(self) -> int:
        """When the leaf ends (milliseconds since 1970); raises FileNotFoundError without one, Damaged."""
        return expires_ms((self._keys / "leaf.pem").read_bytes())


def main() -> int:
    """Answer one question: ``{keys, hosts, lan, loopback}`` on the input, ``{renewed, until_ms}`` on the output."""
    asked = json.load(sys.stdin)
    lan, loopback = (tuple(ip_address(each) for each in asked[kind]) for kind in ("lan", "loopback"))
    try:
        authority = Authority(Path(asked["keys"]), asked["hosts"][0])
        renewed = authority.renew(asked["hosts"], Addresses(lan, loopback))
        print(json.dumps({"renewed": renewed, "until_ms": authority.until_ms()}))
    except (BoxError, OSError) as error:
        print(f"supervisor: the certificate could not be renewed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
