"""How often a kit may be tried wrongly at this box: five times an hour from one address, then nobody has many tries."""

from __future__ import annotations

from typing import Final

from firmware.limits import KIT_ADDRESSES, KIT_TRIES, KIT_TRIES_SECONDS

_SPAN: Final = KIT_TRIES_SECONDS * 1000


class KitTries:
    """Counts wrong tries in memory. Times are ms by the host's clock, which never goes back."""

    def __init__(self) -> None:
        """Nobody tried."""
        self._wrong: dict[str, list[int]] = {}

    def wait_ms(self, address: str, now_ms: int) -> int:
        """Return how long ``address`` has to wait before it may try; 0: it may now."""
        self._forget(now_ms)
        mine = self._wrong.get(address, [])
        most = KIT_TRIES if sum(map(len, self._wrong.values())) < KIT_TRIES else 1
        return 0 if len(mine) < most else mine[-most] + _SPAN - now_ms

    def wrong(self, address: str, now_ms: int) -> None:
        """``address`` came with a kit that is none."""
        self._forget(now_ms)
        if address not in self._wrong and len(self._wrong) >= KIT_ADDRESSES:
            del self._wrong[min(self._wrong, key=lambda each: self._wrong[each][-1])]
        self._wrong.setdefault(address, []).append(now_ms)

    def _forget(self, now_ms: int) -> None:
        for address, times in list(self._wrong.items()):
            self._wrong[address] = [each for each in times if each + _SPAN > now_ms]
            if not self._wrong[address]:
                del self._wrong[address]
