"""The fonts of the pages: cuts from two open families, made again by ``python -m tests.house.fonts FOLDER --write``.

``FOLDER`` holds the unpacked npm packages ``@fontsource-variable/figtree`` and ``@fontsource-variable/literata``, both
5.3.0, as ``figtree/`` and ``literata/``; fontTools and brotli must be installed. Both families are under the SIL Open
Font Licence 1.1 without a reserved name; their licences are copied beside the cuts. The box itself never runs this.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.house.tree import ROOT

STATIC = ROOT / "webui/static"
_GERMAN = "U+00C4,U+00D6,U+00DC,U+00DF,U+00E4,U+00F6,U+00FC"
_LATIN = (
    f"U+0020-007E,U+00A0,U+00A9,U+00AB,U+00B0,U+00B7,U+00BB,U+00D7,{_GERMAN},U+2009,U+200A,U+2010-2015,U+2018-201E,"
    "U+2022,U+2026,U+202F,U+2030,U+2039-203A,U+20AC,U+2122,U+2190-2193,U+2212"
)
_ACCENTS = (
    "U+00A1-00A8,U+00AA,U+00AC-00AF,U+00B1-00B6,U+00B8-00BA,U+00BC-00C3,U+00C5-00D5,U+00D8-00DB,U+00DD-00DE,"
    "U+00E0-00E3,U+00E5-00F5,U+00F7-00FB,U+00FD-00FF,U+0152-0153"
)
_EXTENDED = "U+0100-017F"
_VOICE = (
    f"U+0020-0022,U+0025-003F,U+0041-005A,U+0061-007A,U+00A0,U+00AB,U+00BB,{_GERMAN},"
    "U+2013-2014,U+2018-201A,U+201C-201E,U+2026,U+202F"
)
CUTS = (
    ("figtree-latin", "figtree/files/figtree-latin-wght-normal.woff2", ("wght=400:700",), _LATIN),
    ("figtree-accents", "figtree/files/figtree-latin-wght-normal.woff2", ("wght=400:700",), _ACCENTS),
    ("figtree-ext", "figtree/files/figtree-latin-ext-wght-normal.woff2", ("wght=400:700",), _EXTENDED),
    ("literata-voice-latin", "literata/files/literata-latin-opsz-normal.woff2", ("opsz=40", "wght=520"), _VOICE),
    ("literata-voice-accents", "literata/files/literata-latin-opsz-normal.woff2", ("opsz=40", "wght=520"), _ACCENTS),
    ("literata-voice-ext", "literata/files/literata-latin-ext-opsz-normal.woff2", ("opsz=40", "wght=520"), _EXTENDED),
)
"""Name, source, axes kept or pinned, characters."""


def make(packages: Path, target: Path) -> None:
    """Write the cuts and the two licences to ``target``."""
    with tempfile.TemporaryDirectory() as folder:
        for name, source, axes, characters in CUTS:
            instance = Path(folder) / f"{name}.ttf"
            _fonttools("varLib.instancer", str(packages / source), *axes, "-o", str(instance))
            made = f"--output-file={target / name}.woff2"
            features = "--layout-features=kern,liga,tnum"
            shape = ("--flavor=woff2", "--no-hinting", "--desubroutinize", "--name-IDs=0,1,2,13,14", features)
            _fonttools("subset", str(instance), f"--unicodes={characters}", made, *shape)
    for family in ("figtree", "literata"):
        (target / f"{family}-OFL.txt").write_bytes((packages / family / "LICENSE").read_bytes())


def _fonttools(tool: str, *words: str) -> None:
    subprocess.run([sys.executable, "-m", f"fontTools.{tool}", *words], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__" and "--write" in sys.argv:
    make(Path(sys.argv[1]), STATIC)
