"""The look keeps its rules: measured contrasts, equal nights, no colour outside the tokens, one icon set, own fonts."""

from __future__ import annotations

import re

import pytest

from tests.house.tree import ROOT
from webui.files import HOME, StaticFiles

_TOKENS = (HOME / "styles/10-tokens.css").read_text()
_STYLES = {path.name: path.read_text() for path in sorted((HOME / "styles").glob("*.css"))}
_BLOCK = re.compile(r"(:root[^{]*)\{([^}]*)\}")
_TEXT, _GRAPHIC = 4.5, 3.0
PAIRS = (
    *((ink, ground, _TEXT) for ink in ("ink", "ink-2") for ground in ("paper", "card", "sunk")),
    ("ink-3", "paper", _TEXT),
    ("ink-3", "card", _TEXT),
    ("pine", "paper", _TEXT),
    ("pine", "card", _TEXT),
    ("pine", "pine-wash", _TEXT),
    ("on-pine", "pine", _TEXT),
    ("on-pine", "pine-press", _TEXT),
    *((level, f"{level}-wash", _TEXT) for level in ("safe", "need", "risk", "move")),
    *((level, "card", _TEXT) for level in ("safe", "need", "risk")),
    ("ink-2", "need-wash", _TEXT),
    ("ink-2", "risk-wash", _TEXT),
    ("ink", "need-wash", _TEXT),
    ("ink", "mark", _TEXT),
    ("ink-2", "sky-1", _TEXT),
    ("ink-2", "sky-2", _TEXT),
    *((f"t{number}i", f"t{number}", _TEXT) for number in range(1, 7)),
    ("line-strong", "card", _GRAPHIC),
    ("line-strong", "paper", _GRAPHIC),
    ("safe-fill", "card", _GRAPHIC),
    ("move-fill", "card", _GRAPHIC),
    ("move-fill", "sunk", _GRAPHIC),
    ("pine", "sunk", _GRAPHIC),
    ("need-fill", "card", _GRAPHIC),
    ("risk-fill", "card", _GRAPHIC),
)
"""What stands on what, and the least contrast (WCAG 2.2) it needs."""


def _values(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z0-9-]+):\s*([^;]+);", block))


def _blocks() -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    found = [(name.strip(), _values(block)) for name, block in _BLOCK.findall(re.sub(r"/\*.*?\*/", "", _TOKENS))]
    day = next(values for name, values in found if name == ":root")
    wished = next(values for name, values in found if name.startswith(":root:not"))
    chosen = next(values for name, values in found if "dark" in name and values)
    return day, wished, chosen


def contrast(first: str, second: str) -> float:
    """Return the WCAG 2 contrast of two ``#rrggbb`` colours."""
    one, two = sorted((_light(first), _light(second)), reverse=True)
    return (one + 0.05) / (two + 0.05)


def _light(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(("ink", "ground", "least"), PAIRS, ids=lambda one: str(one))
def test_everything_can_be_read_by_day_and_by_night(ink: str, ground: str, least: float) -> None:
    day, night, _ = _blocks()
    for colours in (day, {**day, **night}):
        assert contrast(colours[ink], colours[ground]) >= least


def test_the_documented_contrasts_are_the_measured_ones() -> None:
    day, night, _ = _blocks()
    table = (ROOT / "docs/design-language.md").read_text()
    rows = re.findall(r"\| ([a-z0-9-]+) on ([a-z0-9-]+) \| ([0-9.]+) \| ([0-9.]+) \|", table)
    assert len(rows) == len(PAIRS)
    for ink, ground, by_day, by_night in rows:
        assert contrast(day[ink], day[ground]) == pytest.approx(float(by_day), abs=0.051)
        both = {**day, **night}
        assert contrast(both[ink], both[ground]) == pytest.approx(float(by_night), abs=0.051)


def test_night_by_wish_and_night_by_choice_are_the_same() -> None:
    _, wished, chosen = _blocks()
    assert wished == chosen


def test_colours_come_from_the_tokens() -> None:
    own = re.compile(r"(?<![\w&-])#[0-9A-Fa-f]{3,8}\b")
    allowed = {"10-tokens.css", "95-print.css", "74-viewer.css"}  # paper is always day, the picture viewer always night
    found = [(name, hit) for name, text in _STYLES.items() if name not in allowed for hit in own.findall(text)]
    assert not [one for one in found if one[1].lower() not in ("#fbf9f2", "#000", "#fff")], found


def test_no_text_is_smaller_than_the_floor() -> None:
    for name, text in _STYLES.items():
        for size in re.findall(r"font-size:\s*(\d*\.?\d+)rem", text) + re.findall(r"font:\s*\d+ (\d*\.?\d+)rem", text):
            assert float(size) >= 0.8125, name


def test_every_icon_that_is_asked_for_exists() -> None:
    icons = set(re.findall(r'<symbol id="([a-z0-9-]+)"', (HOME / "static/icons.svg").read_text()))
    asked = {
        name
        for path in (HOME / "templates").glob("*.html")
        for name in re.findall(r"""\bicon\(["']([a-z0-9-]+)["']""", path.read_text())
    }
    assert asked <= icons


def test_the_fonts_are_ours_and_their_licences_lie_beside_them() -> None:
    files = StaticFiles()
    style = files.find("style.css")
    assert style is not None
    sources = re.findall(rb"url\(([^)]*)\)", style.body)
    assert sources and all(source.startswith(b"/static/") for source in sources)
    for family in ("figtree", "literata"):
        assert "SIL Open Font License" in (HOME / f"static/{family}-OFL.txt").read_text()
