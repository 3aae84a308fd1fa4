"""``python -m provisioning.firstboot``: run at every start.

A good settings file is kept on the data partition; ``clearing`` then takes it off the card, which is only read here. A
wrong one stays where it is, with the line and the reason on the screen, and what was kept before stays in force.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from firmware.errors import BadSetting
from provisioning.firstboot.durable import sync_folder
from provisioning.firstboot.settings import FILE, FILE_BYTES, read_card, read_kept


def main(words: list[str]) -> int:
    """Take over what the card says; returns 0 also when there was nothing or it was wrong."""
    parser = argparse.ArgumentParser(prog="provisioning.firstboot")
    for name, what in (
        ("card", "the folder the settings partition is mounted at"),
        ("kept", "the file on the data partition"),
        ("network", "the file for systemd-networkd"),
        ("trouble", "what the screen has to say"),
        ("taken", "is there from when the file on the card was kept"),
    ):
        parser.add_argument(f"--{name}", type=Path, required=True, help=what)
    args = parser.parse_args(words)
    args.taken.unlink(missing_ok=True)
    why = take_over(args.card / FILE, args.kept, args.taken)
    args.trouble.write_text(why)
    unit = read_kept(args.kept.read_bytes()).unit() if args.kept.exists() else ""
    if unit:
        args.network.write_text(unit)
    else:
        args.network.unlink(missing_ok=True)
    return 0


def take_over(file: Path, kept: Path, taken: Path) -> str:
    """Keep what ``file`` says, durably, and then say so with ``taken``; return why not, or an empty text."""
    try:
        with file.open("rb") as found:
            raw = found.read(FILE_BYTES + 1)
    except OSError:
        return ""
    if len(raw) > FILE_BYTES:
        return f"{FILE}, line 1: it is larger than {FILE_BYTES // 1024} KiB"
    try:
        network = read_card(raw)
    except BadSetting as bad:
        why = str(bad.fields["why"])
        line, _, reason = why.partition(": ")
        print(f"firstboot: {FILE}, {why}", file=sys.stderr)
        return f"{FILE}, {line}: {reason}"
    _keep(kept, network.kept().encode())
    taken.touch()
    return ""


def _keep(path: Path, content: bytes) -> None:
    fresh = path.with_name(f".new-{path.name}")
    with fresh.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
