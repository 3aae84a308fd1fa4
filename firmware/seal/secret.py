"""Bytes that must never be printed, logged, copied or serialised by accident."""

from __future__ import annotations

import hmac
from typing import NoReturn


class Secret:
    """Key material or a passphrase; only ``reveal`` gives the bytes, so every use can be found by searching for it.

    Printing shows ``***``; formatting, pickling, copying and JSON raise TypeError. Comparison takes constant time.
    Python cannot wipe memory: a locker is locked by ending the process that holds its secrets.
    """

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        """Keep ``data``; the caller should drop its own reference."""
        self._data = bytes(data)

    def reveal(self) -> bytes:
        """Return the bytes, to hand to a primitive at once and keep nowhere."""
        return self._data

    def __len__(self) -> int:
        return len(self._data)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._data, other._data)

    __hash__ = None  # type: ignore[assignment]  # a hash would leak through the order of sets and dicts

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        if spec:
            raise TypeError("a secret has no format")
        return "***"

    def _refuse(self, *_: object) -> NoReturn:
        raise TypeError("a secret cannot be copied or serialised")

    __reduce__ = __reduce_ex__ = __getstate__ = __copy__ = __deepcopy__ = __iter__ = __bytes__ = _refuse
