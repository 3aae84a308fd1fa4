"""Small pictures of numbers: the rings of storage and circle. Inline SVG without ids; colours come from the style."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

_EDGE = 64
_STROKE = 9
_GAP = 2.0
_LEAST = 1.5
"""Percent of the ring below which a part would not be seen."""
_FRIENDS_STROKE = 7
"""As `templates/circle-ring.html` draws it, with a radius of 28.5."""
_MOST_SEGMENTS = 12


class Segment(NamedTuple):
    """One friend in the ring of the circle: its class (``held``, ``gone``), stroke-dasharray and stroke-dashoffset."""

    look: str
    dashes: str
    offset: str


def segments(present: Sequence[bool]) -> tuple[Segment, ...]:
    """Return one segment for each friend, clockwise from the top; of more than twelve one ring by their share."""
    radius = (_EDGE - _FRIENDS_STROKE) / 2
    around = 2 * math.pi * radius
    if len(present) > _MOST_SEGMENTS:
        share = around * sum(present) / len(present)
        return (Segment("held", f"{share:.1f} {around:.1f}", "0"),)
    if len(present) == 1:
        return (Segment("held" if present[0] else "gone", f"{around:.1f} 0", "0"),)
    gap = 1.75 * _FRIENDS_STROKE
    step = around / max(1, len(present))
    seen = max(0.1, step - gap)
    return tuple(
        Segment("held" if there else "gone", f"{seen:.1f} {around - seen:.1f}", f"{-(at * step + gap / 2):.1f}")
        for at, there in enumerate(present)
    )


def ring(parts: Sequence[tuple[str, float]], sentence: str) -> str:
    """Draw parts of a whole clockwise from the top: (class of the colour, share from 0 to 1); the rest is the track.

    ``sentence`` (escaped by the caller) says the same in words.
    """
    radius = (_EDGE - _STROKE) / 2
    around = 2 * math.pi * radius
    middle = _EDGE / 2
    circle = f'cx="{middle:g}" cy="{middle:g}" r="{radius:g}"'
    drawn, at = [f'<circle class="track" {circle}/>'], 0.0
    for name, share in parts:
        if share <= 0:
            continue
        length = min(around, max(around * share, around * _LEAST / 100))
        seen = max(length - _GAP, 1.0)
        dashes = f'stroke-dasharray="{seen:.1f} {around:.1f}" stroke-dashoffset="{-at:.1f}"'
        drawn.append(f'<circle class="{name}" {circle} {dashes}/>')
        at += length
    return (
        f'<svg class="storage-ring" viewBox="0 0 {_EDGE} {_EDGE}" role="img" aria-label="{sentence}" focusable="false">'
        f'<g transform="rotate(-90 {middle:g} {middle:g})">{"".join(drawn)}</g></svg>'
    )
