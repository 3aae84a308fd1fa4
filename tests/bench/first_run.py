"""How much a newcomer has to do: taps on our pages and around them, seconds from the label to the first photo seen.

``taps`` are what the browser counts as trusted pointer events; ``os_taps`` is what a phone asks around our pages;
typing takes no time here.
"""

from __future__ import annotations

import sys
from dataclasses import asdict

from tests.bench.options import Figures, Options, main, workplace
from tests.web.first_run import newcomer


def bench(options: Options) -> Figures:
    """Set one box up by touch."""
    with workplace(options) as folder:
        return asdict(newcomer(folder))


if __name__ == "__main__":
    sys.exit(main(bench, __doc__ or ""))
