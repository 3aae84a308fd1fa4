"""The command line of the builder: ``./box image --board NAME [--twice] [--json]``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from image.board import boards, read_board
from image.build import Built, build
from image.bundle import Keys
from image.furnish import HOUSE
from image.programs import ImageTrouble
from image.sources import sources


def main(words: list[str]) -> int:
    """Build; 0 when it was built (and, with --twice, alike), 1 when not, 2 for a command line that cannot be."""
    args = _parser().parse_args(words)
    if os.geteuid():
        print("image: Debian's packages are installed as root; please run it with sudo.", file=sys.stderr)
        return 2
    try:
        board = read_board(args.board)
        board = board.given(args.kernel) if args.kernel else board
        where = sources(backports=board.kernel_suite.endswith("-backports"))
        keys = Keys(*args.sign) if args.sign else None
        built = build(board, where, args.out / board.name, args.fresh, keys, args.news)
        told: dict[str, Any] = {"board": board.name, **_measured(built), "image": str(built.image)}
        if args.twice:
            again = build(board, where, args.out / f"{board.name}-again", True, keys, args.news)
            differ = sorted(name for name, digest in again.digests().items() if built.digests().get(name) != digest)
            told |= {"reproducible": not differ, "differ": differ, "seconds_again": again.seconds}
    except ImageTrouble as trouble:
        print(f"image: {trouble}", file=sys.stderr)
        return 1
    if args.json:
        print(json.dumps(told), flush=True)
    else:
        print("\n".join(f"{name}: {value}" for name, value in told.items()))
    return 0 if told.get("reproducible", True) else 1


def _measured(built: Built) -> dict[str, Any]:
    files = {"image": built.image, "root": built.root, "boot": built.boot, "bundle": built.bundle}
    mib = {name: round(path.stat().st_size / (1 << 20), 1) for name, path in files.items()}
    return {
        "seconds": built.seconds,
        "image_mib": mib["image"],
        "bundle_mib": mib["bundle"],
        "root_mib": mib["root"],
        "boot_mib": mib["boot"],
        "sbom_components": built.components,
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./box image", description="Build the system of a box.")
    parser.add_argument("--board", required=True, choices=boards())
    parser.add_argument(
        "--out", type=Path, default=HOUSE / "build" / "image", metavar="DIR", help="default: build/image"
    )
    parser.add_argument("--twice", action="store_true", help="build everything again and compare every byte")
    parser.add_argument("--fresh", action="store_true", help="install Debian's packages anew instead of from the cache")
    parser.add_argument(
        "--sign",
        type=Path,
        nargs=3,
        metavar=("CERTIFICATE", "KEY", "RELEASE-KEYS"),
        help="who signs the bundle (PEM), and whose releases the box takes; without it, keys for trying",
    )
    parser.add_argument(
        "--kernel", type=Path, metavar="PATH", help="Raspberry Pi's own kernel: a folder or an archive (docs/image.md)"
    )
    parser.add_argument(
        "--news", default="", metavar="ADDRESS", help="where boxes ask for new versions (https://…); none: sticks alone"
    )
    parser.add_argument("--json", action="store_true", help="the last line of standard output is JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
