"""Requests and responses about what stands inside records, and about bringing an old version back."""

from __future__ import annotations

from firmware import limits
from firmware.lean import dataclass
from services.api.decode import arg
from services.api.types import ID


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The words inside a record, as far as they are indexed."""

    text: str = arg("Plain text; empty where there is none.")
    whole: bool = arg("False when there is more of it than is shown.")


@dataclass(frozen=True, slots=True)
class LinesArgs:
    """In which line of these records do the words stand?"""

    ids: tuple[str, ...] = arg("Record ids.", pattern=ID, longest=limits.LINES_RECORDS)
    q: str = arg("The words searched for.", shortest=1, longest=512)


@dataclass(frozen=True, slots=True)
class Line:
    """The surroundings of the first word found in one record."""

    id: str = arg("The record's id.", pattern=ID)
    line: str = arg("One line of text.")


@dataclass(frozen=True, slots=True)
class Lines:
    """A line for each record whose text or note holds one of the words."""

    lines: tuple[Line, ...] = arg("In the order asked for.")


@dataclass(frozen=True, slots=True)
class Revert:
    """Which version of a record to bring back."""

    id: str = arg("The record's id.", pattern=ID)
    version: int = arg("An older version.", low=1, high=1 << 31)


@dataclass(frozen=True, slots=True)
class NearArgs:
    """A word nothing was found with."""

    word: str = arg("One word.", shortest=1, longest=64)


@dataclass(frozen=True, slots=True)
class Near:
    """Words of this locker that look like it."""

    words: tuple[str, ...] = arg("The nearest first, at most three.")
