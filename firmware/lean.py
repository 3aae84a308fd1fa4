"""Frozen dataclasses that take little memory (ingest_peak_pss_mib of `./box bench locker`).

The API and the protocol of boxes have hundreds of shapes, and lockerd lives as three processes or more on a small box.
``dataclasses`` writes six functions for each frozen class; here each has its own ``__init__`` and all share the rest.
To a type checker these are ordinary frozen dataclasses, and that is where assignments to them are found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    import dataclasses
    from collections.abc import Callable

    def dataclass(*, frozen: bool, slots: bool = False) -> Callable[[type], type]:
        """As ``dataclasses.dataclass(frozen=True)``, with or without slots."""
        assert frozen, "what is not frozen takes dataclasses.dataclass"

        def made(kind: type) -> type:
            lean = dataclasses.dataclass(slots=slots, repr=False, eq=False, match_args=False)(kind)
            for name, shared in (("__eq__", _eq), ("__hash__", _hash), ("__repr__", _repr)):
                if name not in kind.__dict__:
                    setattr(lean, name, shared)
            return lean

        return made

    def _compared(one: Any) -> tuple[Any, ...]:
        fields = one.__dataclass_fields__.values()
        return tuple([getattr(one, field.name) for field in fields if field.compare])

    def _eq(self: Any, other: Any) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return _compared(self) == _compared(other)

    def _hash(self: Any) -> int:
        return hash(_compared(self))

    def _repr(self: Any) -> str:
        fields = self.__dataclass_fields__.values()
        shown = ", ".join(f"{field.name}={getattr(self, field.name)!r}" for field in fields if field.repr)
        return f"{type(self).__qualname__}({shown})"


__all__ = ["dataclass"]
