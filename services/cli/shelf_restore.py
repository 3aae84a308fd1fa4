"""``./box locker shelf restore PATH``: a locker comes back from a disk with the 24 words alone, no friend is asked."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from firmware.errors import AlreadyClaimed, Misused
from services.api.kit_words import words_on_sheet
from services.cli import shelf as shelves
from services.cli.keys import claim_code
from services.cli.secrets_io import read_new_passphrase, read_words
from services.cli.shell import Shell
from services.cli.showing import Progress, counted, size

_LEFT_OUT = 3


def shelf(shell: Shell, args: argparse.Namespace) -> int:
    """Disks with a second copy: list, add PATH, drop SHELF, now, check, carry SHELF FRIEND, take PATH, restore PATH."""
    if args.what[0] != "restore":
        return shelves.shelf(shell, args)
    if len(args.what) != 2:
        raise Misused(why="shelf restore takes one word: where the disk is mounted.")
    return _restore(shell, args)


def _restore(shell: Shell, args: argparse.Namespace) -> int:
    if shell.status.claimed:
        raise AlreadyClaimed
    words = words_on_sheet(read_words(args.words_file))
    passphrase = read_new_passphrase(args.passphrase_file, f"New passphrase of {args.name}")
    asked = {"words": words, "passphrase": passphrase, "name": args.name, "household": args.household}
    at = str(Path(args.what[1]).expanduser().absolute())
    progress, last = Progress(), dict[str, Any]()
    with shell.box.stream("shelf_restore", code=claim_code(shell.data), at=at, device=shell.device, **asked) as answer:
        for last in answer.lines():
            if "of" in last:
                progress.show(f"{last['packs']} of {last['of']} packs, {size(last['bytes'])} are here")
    progress.clear()
    shell.enter_as(last["member"], last.pop("token"))
    if args.json:
        print(json.dumps(last))
    else:
        print(f"The locker of {args.name} is back and open: {counted(last['records'], 'record')}.")
    if last["left"]:
        if not args.json:
            print(f"{counted(last['left'], 'pack')} changed on the disk; `./box locker verify` names what is missing.")
        return _LEFT_OUT
    return 0
