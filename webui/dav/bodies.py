"""XML bodies of WebDAV requests, read with expat: bounded, and without document types, so nothing can expand.

What is kept of a dead property is its element, written again in one plain way (``plain``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from firmware import limits
from firmware.errors import Misused

DAV = "DAV:"
XML = "http://www.w3.org/XML/1998/namespace"
_GLUE = "\x1f"

Name = tuple[str, str]
"""(namespace, local name)."""


@dataclass(slots=True)
class Element:
    """One element; ``inside`` holds texts and elements in their order."""

    name: Name
    attributes: dict[Name, str]
    inside: list[Element | str] = field(default_factory=list)

    @property
    def elements(self) -> list[Element]:
        """Its child elements."""
        return [one for one in self.inside if isinstance(one, Element)]

    @property
    def text(self) -> str:
        """The text right inside it."""
        return "".join(one for one in self.inside if isinstance(one, str)).strip()

    def child(self, local: str) -> Element | None:
        """Its first child DAV:``local``."""
        return next((one for one in self.elements if one.name == (DAV, local)), None)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a PROPFIND asks for; ``names`` None = all properties, ``only_names`` = without their values."""

    names: tuple[Name, ...] | None = None
    more: tuple[Name, ...] = ()
    only_names: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One step of a PROPPATCH; ``value`` None removes."""

    name: Name
    value: Element | None


@dataclass(frozen=True, slots=True)
class LockWish:
    """What a LOCK asks for; ``owner`` is the plain text of its element."""

    shared: bool
    owner: str


def parse(body: bytes) -> Element:
    """Return the root element of ``body``; raises Misused."""
    try:
        return _Builder().build(body)
    except (expat.ExpatError, UnicodeError, ValueError):
        raise Misused(why="the body is not XML.") from None


class _Builder:
    def __init__(self) -> None:
        self._root: Element | None = None
        self._open: list[Element] = []
        self._count = 0

    def build(self, body: bytes) -> Element:
        parser = expat.ParserCreate(namespace_separator=_GLUE)
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._refuse
        parser.EntityDeclHandler = self._refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.Parse(body, True)
        assert self._root is not None
        return self._root

    def _refuse(self, *_: object) -> None:
        raise Misused(why="a document type has no place in the body.")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._count += 1 + len(attributes)
        if self._count > limits.DAV_XML_ELEMENTS or len(self._open) >= limits.DAV_XML_DEPTH:
            raise Misused(why="the body has too many elements.")
        made = Element(_name(tag), {_name(key): value for key, value in attributes.items()})
        if self._open:
            self._open[-1].inside.append(made)
        else:
            self._root = made
        self._open.append(made)

    def _end(self, _tag: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        self._open[-1].inside.append(text)


def _name(glued: str) -> Name:
    space, glue, local = glued.rpartition(_GLUE)
    return (space, local) if glue else ("", glued)


def plain(element: Element) -> str:
    """Write ``element`` again: every element names its own namespace."""
    parts = [f"<{element.name[1]} xmlns={quoteattr(element.name[0])}"]
    for at, ((space, local), value) in enumerate(element.attributes.items()):
        if space == XML:
            parts.append(f" xml:{local}={quoteattr(value)}")
        elif space:
            parts.append(f" xmlns:n{at}={quoteattr(space)} n{at}:{local}={quoteattr(value)}")
        else:
            parts.append(f" {local}={quoteattr(value)}")
    parts.append(">")
    parts += [escape(one) if isinstance(one, str) else plain(one) for one in element.inside]
    return "".join([*parts, f"</{element.name[1]}>"])


def wanted(body: bytes) -> Wanted:
    """Read the body of a PROPFIND; an empty one asks for everything. Raises Misused."""
    if not body.strip():
        return Wanted()
    root = parse(body)
    if root.name != (DAV, "propfind"):
        raise Misused(why="the body is no propfind.")
    if root.child("propname") is not None:
        return Wanted(only_names=True)
    asked = root.child("prop")
    if asked is not None:
        return Wanted(tuple(dict.fromkeys(one.name for one in asked.elements)))
    if root.child("allprop") is None:
        raise Misused(why="the body asks for nothing.")
    more = root.child("include")
    return Wanted(more=tuple(one.name for one in more.elements) if more is not None else ())


def changes(body: bytes) -> list[Change]:
    """Read the body of a PROPPATCH, in its order; raises Misused."""
    root = parse(body)
    if root.name != (DAV, "propertyupdate"):
        raise Misused(why="the body is no propertyupdate.")
    found = []
    for step in root.elements:
        prop = step.child("prop")
        if step.name not in ((DAV, "set"), (DAV, "remove")) or prop is None:
            continue
        language = step.attributes.get((XML, "lang")) or prop.attributes.get((XML, "lang"))
        for one in prop.elements:
            if language:
                one.attributes.setdefault((XML, "lang"), language)
            found.append(Change(one.name, one if step.name[1] == "set" else None))
    if not found:
        raise Misused(why="the body changes nothing.")
    return found


def lock_wish(body: bytes) -> LockWish | None:
    """Read the body of a LOCK; None (no body) renews. Raises Misused."""
    if not body.strip():
        return None
    root = parse(body)
    scope, kind, owner = root.child("lockscope"), root.child("locktype"), root.child("owner")
    if root.name != (DAV, "lockinfo") or scope is None or kind is None or kind.child("write") is None:
        raise Misused(why="the body is no lockinfo of a write lock.")
    return LockWish(scope.child("shared") is not None, plain(owner) if owner is not None else "")
