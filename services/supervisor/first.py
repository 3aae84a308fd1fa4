"""What a unit does before lockerd's first start: ``python -m services.supervisor.first --data DIR``.

Gives the box its identity (``box.json``) and, until it is claimed, a claim code: what the first life of ``./box run``
does for itself. A box that has both is left as it is. Makes no certificate and takes no lock.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from firmware.errors import BoxError
from services.supervisor.box_folder import identify
from services.supervisor.claim import claim_code
from services.supervisor.prepared import BoxFolder


def main(words: list[str]) -> int:
    """Prepare the folder; returns 0, or 1 when it is not one of ours or cannot be written."""
    parser = argparse.ArgumentParser(prog="services.supervisor.first")
    parser.add_argument("--data", type=Path, required=True, help="the data folder of the box")
    data = parser.parse_args(words).data.absolute()
    os.umask(0o077)
    try:
        box_id, host = identify(data)
        claim_code(BoxFolder(data, data / "run", box_id, host, lock_fd=-1))
    except (BoxError, OSError) as error:
        print(f"first: the data folder cannot be prepared: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
