"""Debian's Chromium, as the tests start it.

The pages are walked through in its headless shell where that is installed (``./box test`` sees to it): the same engine
without a window nobody looks at, for half the processor. Benches, the first run and whatever has to do with the browser
itself (whom it trusts, passkeys, killed uploads) take the whole browser. ``CHROMIUM`` names another one for both.
"""

from __future__ import annotations

import os
from pathlib import Path

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic")
"""A browser without a screen, in a container, that reaches the box by TCP."""
_WHOLE = "/usr/bin/chromium"
_SHELL = "/usr/lib/chromium/chromium-headless-shell"


def whole() -> str:
    """Return the path of the whole browser."""
    return os.environ.get("CHROMIUM", _WHOLE)


def shell() -> str:
    """Return the path of the headless shell, or of the whole browser where there is none."""
    return os.environ.get("CHROMIUM", _SHELL if Path(_SHELL).exists() else _WHOLE)
