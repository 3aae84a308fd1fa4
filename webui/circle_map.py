"""The picture of a circle: the own house in the middle, friends' boxes round it, free places in outline.

Inline SVG in CSS pixels; colours come from the style sheet. It is a picture: the list beside it says the same in words.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tornado.escape import xhtml_escape

_WIDTH, _HEIGHT, _NO_NAME = 350, 308, 24
_X, _Y = 175.0, 143.0
_WIDE, _HIGH = 119.0, 113.0
_PLACES = 6
_MOST = 12
_SIDE, _SMALL = 46.0, 34.0
_NAME_CHARS, _LEAST_CHARS = 12, 4
_HEART = 40.0
_GAP = 7.0


@dataclass(frozen=True, slots=True)
class Friend:
    """One box on the picture: its name, its colour class, whether it is in touch, whether it needs somebody."""

    name: str
    tint: str
    there: bool
    needs: bool


def draw(friends: Sequence[Friend], sentence: str) -> str:
    """Return the SVG; ``sentence`` (escaped by the caller) tells it to people who do not see it.

    Up to six friends have fixed places, so that nobody moves when another one joins; of more than twelve, the first
    twelve are drawn (the caller puts those first that need a look) and a number stands for the others.
    """
    shown = friends[:_MOST]
    places = max(_PLACES, len(shown))
    side = _SIDE if places == _PLACES else _SMALL
    high = _HEIGHT if len(friends) > places // 2 else _HEIGHT - _NO_NAME
    parts = [
        f'<svg class="circle-map" role="img" aria-label="{sentence}" viewBox="0 0 {_WIDTH} {high}">',
        f'<ellipse class="path" cx="{_X:g}" cy="{_Y:g}" rx="{_WIDE:g}" ry="{_HIGH:g}"/>',
    ]
    for at in range(places):
        x, y = _place(at, places)
        friend = shown[at] if at < len(shown) else None
        parts.append(_box(x, y, side, friend, named=places == _PLACES))
    parts.append(_heart())
    if len(friends) > len(shown):
        parts.append(f'<text class="name" x="{_X:g}" y="{_HEIGHT - 6}">+{len(friends) - len(shown)}</text>')
    return "".join(parts) + "</svg>"


def _place(at: int, places: int) -> tuple[float, float]:
    angle = -math.pi / 2 + 2 * math.pi * at / places
    return _X + _WIDE * math.cos(angle), _Y + _HIGH * math.sin(angle)


def _box(x: float, y: float, side: float, friend: Friend | None, *, named: bool) -> str:
    half = side / 2
    square = f'x="{x - half:.1f}" y="{y - half:.1f}" width="{side:g}" height="{side:g}" rx="{side * 0.3:.1f}"'
    ground = f'<rect class="gap" x="{x - half - _GAP:.1f}" y="{y - half - _GAP:.1f}" width="{side + 2 * _GAP:g}" '
    ground += f'height="{side + (34 if named and friend else 2 * _GAP):g}" rx="{side * 0.4:.1f}"/>'
    if friend is None:
        return f'{ground}<rect class="free" {square}/>'
    letter = xhtml_escape(friend.name[:1].upper())
    parts = [
        ground,
        _line(x, y, half, friend, named=named),
        f'<rect class="{friend.tint}" {square}/>',
        f'<text class="letter {friend.tint}i" x="{x:.1f}" y="{y + 6:.1f}">{letter}</text>',
        _mark(x + half - 3, y - half + 3, friend),
    ]
    if named:
        parts.append(
            f'<text class="name" x="{x:.1f}" y="{y + half + 16:.1f}">{xhtml_escape(_short(friend.name))}</text>'
        )
    return "".join(parts)


def _line(x: float, y: float, half: float, friend: Friend, *, named: bool) -> str:
    """From the house to the box, ending before both; below a box its name is in the way."""
    dx, dy = x - _X, y - _Y
    length = math.hypot(dx, dy)
    dx, dy = dx / length, dy / length
    below = half + (26 if named and dy < -0.9 else _GAP)
    end = length - min(below / max(abs(dy), 1e-6), (half + _GAP) / max(abs(dx), 1e-6))
    begin = _HEART + 4
    kind = "thread" if friend.there else "thread away"
    return (
        f'<path class="{kind}" d="M{_X + dx * begin:.1f} {_Y + dy * begin:.1f}'
        f'L{_X + dx * end:.1f} {_Y + dy * end:.1f}"/>'
    )


def _mark(x: float, y: float, friend: Friend) -> str:
    if not (friend.needs or friend.there):
        return f'<circle class="sign away" cx="{x:.1f}" cy="{y:.1f}" r="7"/>'
    kind = "need" if friend.needs else "safe"
    tick = f"M{x - 3.4:.1f} {y + 0.2:.1f}l2.4 2.4 4.4 -4.6"
    alert = f"M{x:.1f} {y - 4:.1f}v4.4M{x:.1f} {y + 3.8:.1f}v.01"
    drawn = f'<path class="stroke" d="{alert if friend.needs else tick}"/>'
    return f'<circle class="sign {kind}" cx="{x:.1f}" cy="{y:.1f}" r="9"/>{drawn}'


def _short(name: str) -> str:
    """Return what fits below a box: the name, else as many of its first words as fit, else its beginning."""
    if len(name) <= _NAME_CHARS:
        return name
    words = name[: _NAME_CHARS + 1].rpartition(" ")[0].rstrip(" &,-")
    return words if len(words) >= _LEAST_CHARS else name[: _NAME_CHARS - 1].rstrip() + "…"


def _heart() -> str:
    x, y = _X, _Y + 17
    return (
        '<defs><radialGradient id="map-glow"><stop class="glow-in"/><stop class="glow-out" offset="1"/>'
        f'</radialGradient></defs><circle class="heart" cx="{_X:g}" cy="{_Y:g}" r="{_HEART:g}"/>'
        f'<path class="brick" d="M{x + 9:g} {y - 37:g}h6.6v16h-6.6z"/>'
        f'<path class="wall" d="M{x - 21:g} {y:g}v-23l21 -18l21 18v23z"/>'
        f'<path class="roof" d="M{x - 26:g} {y - 18:g}l26 -21l26 21"/>'
        f'<circle fill="url(#map-glow)" cx="{x - 6:g}" cy="{y - 13:g}" r="34"/>'
        f'<circle class="pane" cx="{x:g}" cy="{y - 27:g}" r="2.9"/>'
        f'<rect class="pane" x="{x - 14:g}" y="{y - 18:g}" width="13" height="12.4" rx="1.8"/>'
        f'<path class="cross" d="M{x - 7.5:g} {y - 18:g}v12.4M{x - 14:g} {y - 11.8:g}h13"/>'
        f'<path class="brick" d="M{x + 6:g} {y:g}v-12.4a1.8 1.8 0 0 1 1.8 -1.8h5.1a1.8 1.8 0 0 1 1.8 1.8v12.4z"/>'
    )
