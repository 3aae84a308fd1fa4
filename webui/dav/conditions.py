"""The If header (RFC 4918 section 10.4) and the plainer conditions of HTTP, as values."""

from __future__ import annotations

import re
from dataclasses import dataclass

from firmware import limits
from firmware.errors import Misused

_TOKEN = re.compile(r'\s*(?:(\()|(\))|(Not)\b|<([^<>\s]*)>|\[((?:W/)?"[^"]*")\])', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing to hold: a lock token or an entity tag, perhaps negated."""

    negated: bool
    token: str | None
    etag: str | None


@dataclass(frozen=True, slots=True)
class StateList:
    """Conditions that must hold together; ``resource`` is the address they are about, None = the request's own."""

    resource: str | None
    conditions: tuple[Condition, ...]

    def holds(self, tokens: set[str], etag: str | None) -> bool:
        """Judge it against the locks that cover the resource and its entity tag."""
        for one in self.conditions:
            is_so = one.token in tokens if one.token is not None else etag is not None and one.etag == etag
            if is_so == one.negated:
                return False
        return True


def parse_if(header: str) -> list[StateList]:
    """Return the lists of an If header (an empty one has none); raises Misused."""
    if not header.strip():
        return []
    if len(header) > limits.DAV_IF_BYTES:
        raise _broken()
    found: list[StateList] = []
    resource: str | None = None
    at = 0
    while header[at:].strip():
        step = _TOKEN.match(header, at)
        if step is None or len(found) >= limits.DAV_IF_LISTS:
            raise _broken()
        at = step.end()
        if step[4] is not None:
            resource = step[4]
        elif step[1]:
            conditions, at = _conditions(header, at)
            found.append(StateList(resource, conditions))
        else:
            raise _broken()
    return found


def _conditions(header: str, at: int) -> tuple[tuple[Condition, ...], int]:
    found: list[Condition] = []
    negated = False
    while (step := _TOKEN.match(header, at)) is not None and not step[1]:
        at = step.end()
        if step[2]:
            if negated or not found:
                break
            return tuple(found), at
        if step[3]:
            negated = True
            continue
        found.append(Condition(negated, step[4], step[5]))
        negated = False
    raise _broken()


def _broken() -> Misused:
    return Misused(why="the If header cannot be read.")


def tokens_in(lists: list[StateList]) -> set[str]:
    """Return every lock token an If header shows."""
    return {one.token for some in lists for one in some.conditions if one.token is not None}


def matches(header: str, etag: str | None) -> bool:
    """Whether an If-Match or If-None-Match header names ``etag`` (None: nothing is there)."""
    if header.strip() == "*":
        return etag is not None
    return etag is not None and etag in re.findall(r'"[^"]*"', header)
