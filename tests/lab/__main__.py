"""The command line of the lab: `./box lab N --scenario S --json`."""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from tests.lab import scenarios
from tests.lab.lab import Findings, Wish, say
from tests.lab.shell import LabTrouble

SCENARIOS = tuple(sorted(each.name.replace("_", "-") for each in pkgutil.iter_modules(scenarios.__path__)))


def main(words: list[str]) -> int:
    """Tell one story; 0 when it was told to its end, 1 when not, 2 for a command line that cannot be.

    Checks that do not hold are named in ``failed``; ``ok`` says that there are none.
    """
    args = _parser().parse_args(words)
    story = importlib.import_module(f"tests.lab.scenarios.{args.scenario.replace('-', '_')}")
    if args.boxes < story.NEEDS:
        say(f"{args.scenario} takes {story.NEEDS} boxes or more.")
        return 2
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _ended)
    began, ended = time.monotonic(), True
    wish = Wish(args.boxes, args.data, args.keep, args.seed, args.mib, args.isolation, args.members, args.image)
    try:
        found: Findings = story.tell(wish)
    except LabTrouble as trouble:
        say(str(trouble))
        found, ended = Findings(dict(trouble.found or {}), [f"the story did not end: {trouble}"]), False
    seconds = round(time.monotonic() - began, 1)
    told = {
        "scenario": args.scenario,
        **found.values,
        "seconds": seconds,
        "failed": found.failed,
        "ok": not found.failed,
    }
    if args.json:
        print(json.dumps(told), flush=True)
    else:
        for name, value in told.items():
            print(f"{name}: {value}")
    return 0 if ended else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./box lab", description="Real boxes on one bridge, telling a story.")
    parser.add_argument("boxes", type=int, metavar="N", help="how many boxes")
    parser.add_argument("--scenario", required=True, choices=SCENARIOS)
    parser.add_argument("--json", action="store_true", help="the last line of standard output is JSON")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="your own files instead of generated phones")
    parser.add_argument("--mib", type=int, metavar="N", help="size of the generated phones together")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep data folders and logs below DIR")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--members", type=int, default=1, choices=(1, 2), help="members of the household (burn)")
    parser.add_argument("--isolation", choices=("systemd-nspawn", "namespaces"), help="default: what runs here")
    parser.add_argument("--image", type=Path, metavar="FILE", help="the boxes live in an image: its root.erofs")
    return parser


def _ended(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
