"""Kinds of fields: what a value of the wire must be, strictly, with its bound and its line of CDDL.

A message is a frozen dataclass whose fields carry a kind; ``read_part`` and ``write_part`` go between the dataclass and
the CBOR map. Keys nobody knows are left alone: a newer box of the same major version may say more.
"""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Mapping
from typing import Any, Final, Protocol, TypeVar

from firmware.errors import PeerGarbled
from firmware.lean import dataclass
from firmware.peer.cbor import MOST, Value

_T = TypeVar("_T")
_KIND: Final = "kind"


class Kind(Protocol):
    """Checks one value on its way in, and shapes it on its way out."""

    @property
    def cddl(self) -> str:
        """How RFC 8610 writes this kind."""
        ...

    def read(self, value: Value, name: str) -> object:
        """Return what the dataclass holds; raises PeerGarbled naming ``name``."""
        ...

    def write(self, value: Any) -> Value:
        """Return what goes on the wire."""
        ...


def garbled(name: str, what: str) -> PeerGarbled:
    """The refusal of one field."""
    return PeerGarbled(why=f"{name} is not {what}")


@dataclass(frozen=True)
class Uint:
    """A whole number from ``least`` to ``most``, both included."""

    most: int = MOST
    least: int = 0

    @property
    def cddl(self) -> str:
        """``0..most``, or ``uint``."""
        return "uint" if (self.least, self.most) == (0, MOST) else f"{self.least}..{self.most}"

    def read(self, value: Value, name: str) -> int:
        """Return the number; ``true`` is none."""
        if type(value) is not int or not self.least <= value <= self.most:
            raise garbled(name, f"a whole number from {self.least} to {self.most}")
        return value

    def write(self, value: Any) -> Value:
        """The number itself."""
        return int(value)


@dataclass(frozen=True)
class Raw:
    """From ``least`` to ``most`` bytes; exactly ``least`` when ``most`` is left out."""

    least: int
    most: int | None = None

    @property
    def cddl(self) -> str:
        """``bytes .size n``."""
        return f"bytes .size {self.least}" if self.most is None else f"bytes .size ({self.least}..{self.most})"

    def read(self, value: Value, name: str) -> bytes:
        """Return the bytes."""
        most = self.least if self.most is None else self.most
        if not isinstance(value, bytes) or not self.least <= len(value) <= most:
            raise garbled(name, f"{self.least} to {most} bytes" if self.most is not None else f"{most} bytes")
        return value

    def write(self, value: Any) -> Value:
        """The bytes themselves."""
        return bytes(value)


@dataclass(frozen=True)
class Text:
    """Text of at most ``most`` bytes of UTF-8 without control characters (a log or a terminal may show it)."""

    most: int
    least: int = 0

    @property
    def cddl(self) -> str:
        """``tstr .size (least..most)``."""
        return f"tstr .size ({self.least}..{self.most})"

    def read(self, value: Value, name: str) -> str:
        """Return the text."""
        if not isinstance(value, str) or not self.least <= len(value.encode()) <= self.most or not plain(value):
            raise garbled(name, f"plain text of {self.least} to {self.most} bytes")
        return value

    def write(self, value: Any) -> Value:
        """The text itself."""
        return str(value)


def plain(text: str) -> bool:
    """True without control, format, surrogate and private-use characters (none may reorder or hide what is shown)."""
    return not any(unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} for letter in text)


@dataclass(frozen=True)
class Flag:
    """True or false."""

    cddl: str = "bool"

    def read(self, value: Value, name: str) -> bool:
        """Return it."""
        if not isinstance(value, bool):
            raise garbled(name, "true or false")
        return value

    def write(self, value: Any) -> Value:
        """The flag itself."""
        return bool(value)


@dataclass(frozen=True)
class Many:
    """From ``least`` to ``most`` values of one kind; a tuple in Python."""

    of: Kind
    most: int
    least: int = 0

    @property
    def cddl(self) -> str:
        """``[ least*most kind ]``."""
        return f"[ {self.least}*{self.most} {self.of.cddl} ]"

    def read(self, value: Value, name: str) -> tuple[object, ...]:
        """Return the values."""
        if not isinstance(value, list) or not self.least <= len(value) <= self.most:
            raise garbled(name, f"a list of {self.least} to {self.most}")
        return tuple(self.of.read(each, name) for each in value)

    def write(self, value: Any) -> Value:
        """The list of what each value becomes."""
        return [self.of.write(each) for each in value]


@dataclass(frozen=True)
class Row:
    """A dataclass as an array of its fields in order: short where there are many."""

    of: type[Any]

    @property
    def cddl(self) -> str:
        """``[ name: kind, ... ]``."""
        return "[ " + ", ".join(f"{name}: {kind.cddl}" for name, kind in kinds(self.of)) + " ]"

    def read(self, value: Value, name: str) -> object:
        """Return the dataclass."""
        expected = kinds(self.of)
        if not isinstance(value, list) or len(value) != len(expected):
            raise garbled(name, f"a row of {len(expected)}")
        return self.of(*(kind.read(each, f"{name}.{at}") for each, (at, kind) in zip(value, expected, strict=True)))

    def write(self, value: Any) -> Value:
        """The array of its fields."""
        return [kind.write(getattr(value, name)) for name, kind in kinds(self.of)]


@dataclass(frozen=True)
class Part:
    """A dataclass as a map of its own."""

    of: type[Any]

    @property
    def cddl(self) -> str:
        """The name of the rule, which is the name of the class in lower case."""
        return rule_name(self.of)

    def read(self, value: Value, name: str) -> object:
        """Return the dataclass."""
        if not isinstance(value, dict):
            raise garbled(name, "a map")
        return read_part(self.of, value)

    def write(self, value: Any) -> Value:
        """The map of its fields."""
        return write_part(value)


def key(kind: Kind, *, optional: bool = False) -> Any:
    """Declare a field of a message; an optional one is None in Python and left out on the wire."""
    if optional:
        return dataclasses.field(default=None, metadata={_KIND: kind})
    return dataclasses.field(metadata={_KIND: kind})


def kinds(part: type[Any]) -> list[tuple[str, Kind]]:
    """Names and kinds of a dataclass, in order."""
    return [(field.name, field.metadata[_KIND]) for field in dataclasses.fields(part)]


def rule_name(part: type[Any]) -> str:
    """``PairOpen`` -> ``pair-open``, as CDDL rules are written."""
    name = part.__name__
    return "".join(
        f"-{letter.lower()}" if letter.isupper() and at else letter.lower() for at, letter in enumerate(name)
    )


def read_part(part: type[_T], found: Mapping[str, Value]) -> _T:
    """Return the dataclass that a map spells; raises PeerGarbled for a missing key or a value that is not its kind."""
    values: dict[str, object] = {}
    for field in dataclasses.fields(part):  # type: ignore[arg-type]  # every message is a dataclass
        if field.name in found:
            values[field.name] = field.metadata[_KIND].read(found[field.name], field.name)
        elif field.default is dataclasses.MISSING:
            raise PeerGarbled(why=f"{field.name} is missing")
    return part(**values)


def write_part(part: Any) -> dict[str, Value]:
    """Return the map of a dataclass; raises ValueError when the box itself would say what no box may say."""
    found: dict[str, Value] = {}
    for name, kind in kinds(type(part)):
        value = getattr(part, name)
        if value is None:
            continue
        found[name] = kind.write(value)
        try:
            kind.read(found[name], name)
        except PeerGarbled as error:
            raise ValueError(str(error)) from error
    return found
