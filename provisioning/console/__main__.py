"""``python -m provisioning.console --credentials DIR --name FILE --trouble FILE``: prints the screen once.

systemd runs it anew when something it shows has changed (console.path).
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from firmware.linux.netlink import addresses
from provisioning.console.screen import CLEAR, Shown, screen


def main(words: list[str]) -> int:
    """Print what is known now; returns 0."""
    parser = argparse.ArgumentParser(prog="provisioning.console")
    parser.add_argument("--credentials", type=Path, required=True, help="the folder with box.json and claim")
    parser.add_argument("--name", type=Path, required=True, help="where peerd tells which name the box has now")
    parser.add_argument(
        "--trouble", type=Path, required=True, help="what was wrong with the settings file, if anything"
    )
    args = parser.parse_args(words)
    try:
        reachable = tuple(str(each) for each in addresses().lan)
    except OSError:
        reachable = ()
    host = _text(args.name).strip() or str(_object(args.credentials / "box.json").get("host", ""))
    code = str(_object(args.credentials / "claim").get("code", ""))
    sys.stdout.write(CLEAR + screen(Shown(host, code, reachable, _text(args.trouble).strip())))
    return 0


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def _object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(_text(path) or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
