"""Small pictures of numbers: the storage ring. Inline SVG without ids; colours come from the style sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence

_EDGE = 64
_STROKE = 9
_GAP = 2.0
_LEAST = 1.5
"""Percent of the ring below which a part would not be seen."""


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
