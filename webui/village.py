"""The picture of the home: a small village at dusk whose own house is lit when the locker is open.

Drawn on the server as inline SVG; all colours come from the stylesheet. The scene is wide and its middle is what a
phone shows (``slice``), so one picture serves every width. Hills are sums of two sines, heights in SVG units.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from itertools import pairwise

_WIDTH, _HEIGHT = 1640, 230
_MIDDLE = _WIDTH // 2
_STEP = 41
_HILLS = (
    (78.0, 15.0, 301.0, 0.9, 7.0, 127.0, 0.2),
    (108.0, 13.0, 263.0, 2.4, 6.0, 149.0, 1.1),
    (146.0, 11.0, 331.0, 0.2, 6.0, 171.0, 2.7),
    (188.0, 7.0, 287.0, 3.6, 4.0, 119.0, 0.4),
)
"""Per hill: height of its line from the top, then amplitude, wave length and phase of two sines."""

_PLACES = ((-158, 96), (-92, 74), (-38, 100), (74, 72), (148, 102), (-146, 130))
"""Where friends' houses stand: x from the middle, y from the top."""
_MARKS = 2
"""More amber marks are not drawn; the sentence counts."""

_TREES = (
    (1, -118, 12),
    (0, -86, 14),
    (0, -72, 12),
    (1, -60, 17),
    (1, 44, 14),
    (2, -128, 20),
    (2, -112, 16),
    (2, -56, 25),
    (2, 26, 21),
    (1, 120, 12),
    (3, -184, 22),
    (2, 176, 24),
    (3, 132, 22),
    (2, 188, 20),
    (1, 240, 16),
    (2, 330, 22),
    (1, 420, 15),
    (2, 505, 24),
    (1, 600, 14),
    (3, 690, 22),
    (2, -270, 22),
    (1, -340, 14),
    (2, -430, 24),
    (0, -510, 12),
    (3, -600, 22),
    (1, -700, 15),
    (0, 300, 12),
    (0, 470, 12),
    (0, -260, 12),
    (2, 640, 22),
    (2, -560, 18),
    (3, 420, 20),
    (3, -370, 20),
)
"""Hill, x from the middle, height."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What the picture says: is the window lit, does it light up just now, are there free places for friends."""

    lit: bool
    waking: bool = False
    free_places: bool = True
    friends: tuple[str, ...] = ()
    """Friends' houses, at most six: ``lit``, ``dark``, or ``alarm`` for a dark one with the amber mark."""


@functools.lru_cache(maxsize=16)
def draw(scene: Scene, sentence: str) -> str:
    """Return the SVG of ``scene``; ``sentence`` (escaped by the caller) tells it to people who do not see it."""
    names = " ".join(name for name, on in (("scene", True), ("lit", scene.lit), ("waking", scene.waking)) if on)
    parts = [
        (
            f'<svg class="{names}" role="img" aria-label="{sentence}" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
            'preserveAspectRatio="xMidYMax slice" focusable="false">'
        ),
        _sun(),
    ]
    for index in range(len(_HILLS)):
        parts.append(f'<path class="h{index + 1}" d="{_hill(index)}"/>')
        if index == 1 and scene.friends:
            parts.extend(_friends(scene.friends))
        elif index == 1 and scene.free_places:
            parts.extend(_free_place(x, y) for x, y in _PLACES)
        parts.extend(_tree(at, height, index) for hill, at, height in _TREES if hill == index)
        if index == len(_HILLS) - 2:
            parts.append(_own_house())
    return "".join(parts) + "</svg>"


def _line(index: int, x: float) -> float:
    top, high_a, long_a, shift_a, high_b, long_b, shift_b = _HILLS[index]
    return top + high_a * math.sin(x / long_a * math.pi + shift_a) + high_b * math.sin(x / long_b * math.pi + shift_b)


def _hill(index: int) -> str:
    points = [(x, _line(index, x)) for x in range(0, _WIDTH + 2 * _STEP, _STEP)]
    bends = (f"Q{x} {y:.0f} {x + _STEP / 2:g} {(y + after) / 2:.0f}" for (x, y), (_, after) in pairwise(points))
    return f"M0 {_HEIGHT}L0 {points[0][1]:.0f}{''.join(bends)}V{_HEIGHT}z"


def _sun() -> str:
    x, y = _MIDDLE + 118, 60
    soft = (
        '<defs><radialGradient id="halo"><stop class="halo-in"/><stop class="halo-out" offset="1"/></radialGradient>'
        '<radialGradient id="glow"><stop class="glow-in" offset=".15"/><stop class="glow-out" offset="1"/>'
        "</radialGradient></defs>"
    )
    return f'{soft}<circle fill="url(#halo)" cx="{x}" cy="{y}" r="86"/><circle class="sun" cx="{x}" cy="{y}" r="16"/>'


def _tree(at: int, height: int, hill: int) -> str:
    x = _MIDDLE + at
    foot = _line(hill, x) + 4
    if (at + height) % 3:
        radii = f'rx="{height * 0.24:.1f}" ry="{height * 0.56:.1f}"'
        crown = f'<ellipse class="tree" cx="{x:g}" cy="{foot - height * 0.72:.0f}" {radii}/>'
    else:
        crown = f'<circle class="tree" cx="{x:g}" cy="{foot - height * 0.85:.0f}" r="{height * 0.42:.1f}"/>'
    return f'<path class="trunk" stroke-width="1.6" d="M{x:g} {foot:.0f}v-{height * 0.6:.0f}"/>{crown}'


def _free_place(dx: int, y: int) -> str:
    x = _MIDDLE + dx
    return f'<path class="free" stroke-width="1.4" d="M{x - 10:.0f} {y}v-11l10 -8l10 8v11z"/>'


def _friends(looks: tuple[str, ...]) -> list[str]:
    marked = [at for at, look in enumerate(looks) if look == "alarm"][:_MARKS]
    return [
        _friend(x, y, look == "lit", at in marked)
        for at, (look, (x, y)) in enumerate(zip(looks, _PLACES, strict=False))
    ]


def _friend(dx: int, y: int, lit: bool, marked: bool) -> str:
    x = _MIDDLE + dx
    sign = (
        f'<circle class="amber" stroke-width="1.5" cx="{x}" cy="{y - 29}" r="6"/>'
        f'<path class="sign" stroke-width="1.7" d="M{x} {y - 32}v3.6M{x} {y - 26.2}v.4"/>'
    )
    return (
        f'<g class="far{"" if lit else " dark"}"><path class="wall" d="M{x - 10} {y}v-11l10 -8l10 8v11z"/>'
        f'<path class="roof" stroke-width="3" d="M{x - 13} {y - 9}l13 -10.5l13 10.5"/>'
        f'<circle class="glow" fill="url(#glow)" cx="{x}" cy="{y - 6}" r="21"/>'
        f'<path class="pane" d="M{x - 4} {y - 9}h3.4v6.5h-3.4zM{x + 0.6} {y - 9}h3.4v6.5h-3.4z"/>'
        f"{sign if marked else ''}</g>"
    )


def _own_house() -> str:
    x, y = _MIDDLE, 176
    return (
        f'<path class="brick" d="M{x + 12} {y - 50}h9v22h-9z"/>'
        f'<path class="wall" d="M{x - 29} {y}v-32l29 -25l29 25v32z"/>'
        f'<path class="roof" stroke-width="6.5" stroke-linejoin="miter" d="M{x - 36} {y - 25}l36 -29l36 29"/>'
        f'<circle class="glow" fill="url(#glow)" cx="{x - 8}" cy="{y - 18}" r="58"/>'
        f'<circle class="pane" cx="{x}" cy="{y - 37}" r="4"/>'
        f'<rect class="pane" x="{x - 19}" y="{y - 25}" width="18" height="17" rx="2.5"/>'
        f'<path class="cross" stroke-width="1.8" d="M{x - 10} {y - 25}v17M{x - 19} {y - 16.5}h18"/>'
        f'<path class="brick" d="M{x + 8} {y}v-17a2.5 2.5 0 0 1 2.5 -2.5h7a2.5 2.5 0 0 1 2.5 2.5v17z"/>'
    )
