"""``./box locker restore``: a locker comes back from friends' boxes with the 24 words, and how far it is."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Final

from firmware.errors import Misused
from services.api.blocking import Blocking
from services.api.decode import encode
from services.api.kit_words import contact_on_sheet, words_on_sheet
from services.api.restore_types import RestoreBegun, RestoreFound, RestoreIs, RestoreStatus
from services.cli.keys import claim_code
from services.cli.secrets_io import read_new_passphrase, read_words
from services.cli.shelf import day
from services.cli.shell import Shell

_LOOK_SECONDS: Final = 1.0
_MIB: Final = 1 << 20
_WORDS: Final = {
    RestoreIs.NONE: "nothing was restored here",
    RestoreIs.WAITING: "friends wait for the old box",
    RestoreIs.NAMES: "the names are on their way",
    RestoreIs.SMALL: "names are here; what is small or precious comes",
    RestoreIs.REST: "names are here; the rest comes",
    RestoreIs.FRIENDS: "friends are missing",
    RestoreIs.FULL: "the disk is full",
    RestoreIs.DONE: "everything is here",
}


def restore(shell: Shell, args: argparse.Namespace) -> int:
    """Bring a locker back from friends' boxes with its 24 words; or: look (changes nothing), status"""
    do = args.what[0] if args.what else "begin"
    if len(args.what) > 1 or do not in ("begin", "look", "status"):
        raise Misused(why="restore takes nothing, “look” or “status”.")
    if do == "status":
        return _status(shell, args)
    sheet = read_words(args.words_file)
    words, contacts = words_on_sheet(sheet), _contacts(args.contact, contact_on_sheet(sheet))
    if do == "look":
        found: RestoreFound = shell.box.call(
            "restore_look", code=claim_code(shell.data), words=words, contacts=contacts
        )
        _show_found(found, args)
        return 0
    begun, client = _begin(shell, args, words, contacts)
    _show_found(begun.found, args)
    return _wait(client, args) if args.wait else 0


def _contacts(given: list[str], on_sheet: str) -> tuple[str, ...]:
    """What was said with --contact, a file's contents where it names one, and what stands on the kit."""
    texts = [Path(each[1:]).read_text().strip() if each.startswith("@") else each for each in given]
    return tuple(dict.fromkeys([*texts, *([on_sheet] if on_sheet else [])]))


def _begin(
    shell: Shell, args: argparse.Namespace, words: str, contacts: tuple[str, ...]
) -> tuple[RestoreBegun, Blocking]:
    """Begin it; return what began, and a client in a session of the member who comes back."""
    passphrase = read_new_passphrase(args.passphrase_file, f"New passphrase of {args.name}")
    same = {"words": words, "contacts": contacts, "passphrase": passphrase, "name": args.name}
    begun: RestoreBegun
    if shell.status.claimed:
        owner = shell.mine
        begun = shell.surely(lambda: owner.call("restore_member", role=args.role, **same), args.proof_file)
        opened = shell.box.call("open", member=begun.member, passphrase=passphrase, device=shell.device)
        token = str(opened.token)
    else:
        code = claim_code(shell.data)
        begun = shell.box.call("restore", code=code, household=args.household, device=shell.device, **same)
        token = str(begun.token)
    shell.enter_as(begun.member, token)
    return begun, shell.box.as_session(token, begun.member)


def _show_found(found: RestoreFound, args: argparse.Namespace) -> None:
    if args.json:
        print(json.dumps(encode(found)))
        return
    newest = sum(1 for each in found.asked if each.number and not each.older and not each.forked)
    print(f"The newest of {newest} of {len(found.asked)} boxes: locker {found.locker}, as of {day(found.until_ms)}.")
    for each in found.asked:
        if each.older or each.forked or each.error:
            why = "an older one" if each.older else "another one of the same time" if each.forked else each.sentence
            print(f"  {each.label}: {why}")
    if found.waits:
        print("Friends heard the old box within a day: they wait for a yes there, or for 72 hours.")


def _status(shell: Shell, args: argparse.Namespace) -> int:
    found: RestoreStatus = shell.mine.call("restore_status")
    _show(found, args)
    return 0


def _show(found: RestoreStatus, args: argparse.Namespace) -> None:
    if args.json:
        print(json.dumps(encode(found)))
        return
    print(_line(found))
    for each in found.friends:
        wrong = f", {each.wrong} pieces wrong or missing" if each.wrong else ""
        there = "" if each.there else f" ({each.sentence or 'away'})"
        print(f"  {each.label}: {each.bytes / _MIB:.1f} MiB{wrong}{there}")
    if found.sentence is not None:
        print(f"{found.sentence} {found.advice or ''}".strip())
    for need in found.needs:
        who = ", ".join(need.labels) or "nobody has it"
        print(f"  {need.wanted} of: {who}; {found.now_bytes / _MIB:.1f} MiB can be had now")


def _line(found: RestoreStatus) -> str:
    here, all_ = found.here_bytes / _MIB, found.needed_bytes / _MIB
    return f"{_WORDS[found.state]}: {found.names_listed} names, {found.files} files whole, {here:.1f} of {all_:.1f} MiB"


def _wait(client: Blocking, args: argparse.Namespace) -> int:
    """Until everything is here; says a line whenever something changed."""
    before = ""
    while True:
        found: RestoreStatus = client.call("restore_status")
        line = _line(found)
        if line != before:
            print(line, file=sys.stderr)
            before = line
        if found.state in (RestoreIs.DONE, RestoreIs.NONE):
            _show(found, args)
            return 0
        if found.sentence is not None and not args.json:
            print(f"{found.sentence} {found.advice}", file=sys.stderr)
        time.sleep(_LOOK_SECONDS)
