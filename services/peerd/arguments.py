"""The words peerd is started with."""

from __future__ import annotations

import argparse
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    """Return the parser of peerd's command line."""
    made = argparse.ArgumentParser(prog="peerd")
    made.add_argument("--data", required=True, help="data folder of the box (box.json is read)")
    made.add_argument("--run", required=True, help="folder of the sockets")
    made.add_argument("--http-port", type=int, required=True)
    made.add_argument("--https-port", type=int, required=True)
    made.add_argument("--bind", action="append", default=[], help="an address the web front listens on")
    made.add_argument("--name", type=Path, help="a file that always holds the name the box has now")
    made.add_argument("--quiet", action="store_true", help="do not announce the box on the home network")
    made.add_argument("--circle-port", type=int, default=0, help="UDP port friends' boxes dial (0: any)")
    made.add_argument("--state", type=Path, help="folder of circle/ and hosted/ (default: DATA)")
    made.add_argument("--seed", type=Path, help="the box's seed, made if missing (default: DATA/box/peer.seed)")
    made.add_argument("--lockers", type=Path, help="folder of the lockers, read only (default: DATA/lockers)")
    made.add_argument("--allow-user", action="append", default=[], help="may connect too (lockerd's user)")
    made.add_argument("--ready-fd", type=int, default=-1, help="where to write one JSON line when announced")
    return made
