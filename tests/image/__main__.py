"""The command line of the image's test: ``./box image-test --board NAME [--json]``: boots what was built."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from image.board import boards, read_board
from image.programs import ImageTrouble
from tests.image import emulated, raspberry
from tests.image.cuts import pull
from tests.image.judging import judge, stages_held
from tests.image.matrix import matrix
from tests.image.monitor import MonitorTrouble
from tests.image.qemu import BUSY, SOFT, TALK, Card, Machine, keep, scratch
from tests.image.rescue import lied_to, rescued
from tests.image.settings import give

HOUSE: Final = Path(__file__).resolve().parents[2]
_SAID: Final = 600
_BOOT_S, _LOOK_S = 900.0, 2100.0
_WHOLE: Final = ("x86-64",)
"""Boards on which updates and power cuts are tried too; an emulated arm64 machine takes too long for that."""


def main(words: list[str]) -> int:
    """Boot and look; 0 when everything held, 1 when not, 2 without an image."""
    args = _parser().parse_args(words)
    image = args.images / args.board / f"locker-box-{args.board}.img"
    if not image.exists():
        print(f"image-test: there is no {image}; ./box image --board {args.board} makes it.", file=sys.stderr)
        return 2
    began = time.monotonic()
    with scratch() as name:
        folder = Path(name)
        try:
            told = everything(args, image, folder, " ".join([TALK] * args.talk + [BUSY] * args.busy))
        finally:
            if args.keep:
                keep(folder, args.keep)
    told["ok"] = told["ok"] and stages_held(told)
    told["seconds"] = round(time.monotonic() - began, 1)
    if args.json:
        print(json.dumps(told), flush=True)
    else:
        print("\n".join(f"{key}: {value}" for key, value in told.items()))
    return 0 if told["ok"] else 1


def everything(args: argparse.Namespace, image: Path, folder: Path, words: str) -> dict[str, Any]:
    """Look around; then, two machines at a time, updates and power cuts on copies of the card that was looked at."""
    if (board := read_board(args.board)).boot == "raspberrypi":
        return raspberry.look(board, image) | (emulated.boot(board, image, folder) if args.emulate else {})
    card = Card(image, folder, args.board)
    told = look(args.board, card, folder, words)
    if args.cuts is None:
        args.cuts = 20 if args.board in _WHOLE else 0
    args.updates = args.updates and args.board in _WHOLE
    args.rescue = args.rescue and args.board in _WHOLE
    if told["boot_to_ui_s"] is None or not (args.updates or args.cuts or args.rescue):
        return told
    words = f"{words} {SOFT}".strip()
    with ThreadPoolExecutor(2) as others:
        updates = others.submit(_updates, card, image, folder, words) if args.updates else None
        told |= _cuts(card, folder, args.cuts, others, words) if args.cuts else {}
        told |= updates.result() if updates else {}
        told |= _rescue(card, image, folder, words) if args.rescue else {}
    return told


def _updates(card: Card, image: Path, folder: Path, words: str) -> dict[str, Any]:
    try:
        return matrix(card.copied(folder / "ab"), image.parent, folder / "sticks", words)
    except (MonitorTrouble, ImageTrouble, ValueError, OSError) as trouble:
        return {"ab_matrix_ok": False, "ab_why": str(trouble)[:_SAID]}


def _cuts(card: Card, folder: Path, cuts: int, others: ThreadPoolExecutor, words: str) -> dict[str, Any]:
    try:
        return pull(card, folder / "cuts", cuts, others, words)
    except (MonitorTrouble, ValueError, OSError) as trouble:
        return {"bootable_after_every_cut": False, "acked_uploads_lost": None, "cuts_why": str(trouble)[:_SAID]}


def _rescue(card: Card, image: Path, folder: Path, words: str) -> dict[str, Any]:
    try:
        return rescued(card, folder / "rescue", words) | lied_to(image, card.board, folder / "lied-to", words)
    except (subprocess.SubprocessError, ValueError, OSError) as trouble:
        return {"rescue_page_ok": False, "rescue_bytes_changed": None, "rescue_why": str(trouble)[:_SAID]}


def look(board: str, card: Card, folder: Path, words: str) -> dict[str, Any]:
    """Boot once with a settings file, see the pages from outside and everything else from inside; search the card."""
    given = give(card.path, folder / "settings")
    with Machine(board, card, folder, script="selftest", words=words, cores=2) as machine:
        up = machine.wait_for_pages(_BOOT_S)
        found = machine.wait_for_findings(_LOOK_S)
        ports = {port: machine.answers(port, tls) for port, tls in ((machine.http, False), (machine.https, True))}
    told = judge(up, found, all(ports.values())) | given.found()
    told["ok"] = told["ok"] and told["settings_taken"]
    if canary := (found or {}).get("canary"):
        told["canary_hits"] = occurrences(card.path, str(canary).encode())
        told["ok"] = told["ok"] and not told["canary_hits"]
    return told


def occurrences(path: Path, wanted: bytes) -> int:
    """How often ``wanted`` stands in a file."""
    count, tail = 0, b""
    with path.open("rb") as file:
        while piece := file.read(1 << 22):
            count += (tail + piece).count(wanted)
            tail = piece[-(len(wanted) - 1) :]
    return count


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./box image-test", description="Boot an image and look at it.")
    parser.add_argument("--board", required=True, choices=boards())
    parser.add_argument(
        "--images", type=Path, default=HOUSE / "build" / "image", metavar="DIR", help="default: build/image"
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep what the machine said")
    parser.add_argument("--cuts", type=int, metavar="N", help="pull the plug N times (default: 20; arm64: none)")
    parser.add_argument("--no-updates", dest="updates", action="store_false", help="leave the updates out")
    parser.add_argument(
        "--no-rescue",
        dest="rescue",
        action="store_false",
        help="leave the damaged data partition and the card that lies out",
    )
    parser.add_argument("--emulate", action="store_true", help="start a Raspberry Pi's card on an emulated Pi 3")
    parser.add_argument("--talk", action="store_true", help="the machine says all it does on its console")
    parser.add_argument("--busy", action="store_true", help="this host may stand still for minutes: no watchdog counts")
    parser.add_argument("--json", action="store_true", help="the last line of standard output is JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
