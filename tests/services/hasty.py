"""A Python of the tests' own for boxes that open many lockers: passphrases cost the least a key file may ask for.

``calibrate`` looks for parameters that take a second; here it is told to aim at nothing and stays at the floor every
reader insists on, whatever else this machine does. Nothing in ``firmware`` or ``services`` knows of it: a box is hasty
only because the interpreter it was started with is, and so are the processes it starts. Simulations, benches and
`tests/web/test_first_run.py` take the real one.
"""

from __future__ import annotations

import atexit
import functools
import shutil
import site
import tempfile
import venv
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_AT_START = "import firmware.limits; firmware.limits.ARGON2_TARGET_NS = 1"


@functools.cache
def python() -> str:
    """Return the path of the interpreter; it is made once in every process and goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="hasty-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    venv.EnvBuilder(symlinks=True).create(folder)
    (packages,) = folder.glob("lib/python3*/site-packages")
    there = [f"import site; site.addsitedir({place!r})" for place in site.getsitepackages()]
    (packages / "hasty.pth").write_text("\n".join([str(_ROOT), *there, _AT_START, ""]))
    return str(folder / "bin" / "python")
