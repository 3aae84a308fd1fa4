"""The CDDL of every message between boxes, from the classes that read and write them; docs/formats/peer.md has it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from firmware.peer.fields import Part, Row, kinds, rule_name
from firmware.peer.manifests import ManifestPack
from firmware.peer.messages import ALL
from firmware.peer.signed import Card, Custody, Handover, Permit, Receipt, Report

SHORT = {
    "bytes .size 16": "id",
    "bytes .size 32": "hash",
    "bytes .size (1..2048)": "signed",
    "1..16842752": "length",
}
"""What is used often has a name; in the page these stand above the rules."""


def rules() -> Iterator[str]:
    """One line for each rule, in the order of the page."""
    told: set[type[Any]] = set()
    for request in ALL:
        yield from _with_parts(request, told, f'"op": "{request.OP}"')
        if request.ANSWER is not request:
            yield from _with_parts(request.ANSWER, told, "")
    signed = {"card": Card, "custody": Custody, "handover": Handover, "permit": Permit, "receipt": Receipt}
    signed |= {"stolen": Report}
    for name, of in signed.items():
        inside = Row(of).cddl.removeprefix("[ ").removesuffix(" ]")
        yield _short(f'{name} = [ "{name}", 1, {inside} ]')
    yield _short(f"manifest-pack = {Row(ManifestPack).cddl}")


def _with_parts(part: type[Any], told: set[type[Any]], first: str) -> Iterator[str]:
    if part in told:
        return
    told.add(part)
    for _, kind in kinds(part):
        if isinstance(kind, Part):
            yield from _with_parts(kind.of, told, "")
    yield _short(f"{rule_name(part)} = {{ {', '.join(_keys(part, first))} }}")


def _keys(part: type[Any], first: str) -> list[str]:
    keys = [first] if first else []
    for field in dataclasses.fields(part):
        mark = "" if field.default is dataclasses.MISSING else "? "
        keys.append(f'{mark}"{field.name}": {field.metadata["kind"].cddl}')
    return [*keys, "more"]


def _short(rule: str) -> str:
    for long, short in SHORT.items():
        rule = rule.replace(long, short)
    return rule


if __name__ == "__main__":
    print("\n".join(rules()))
