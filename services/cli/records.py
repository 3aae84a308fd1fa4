"""Commands about records that are there: ls, search, history, rm, undelete, bin, gone, rename, tag; and the store."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable

from firmware.errors import Missing, Misused
from firmware.model import RecordState, SafeName
from services.api.decode import encode
from services.api.types import RecordInfo
from services.cli.shell import Shell, text
from services.cli.showing import Progress, counted, day, last_line, shown, size

_DAMAGE_FOUND = 3


def ls(shell: Shell, args: argparse.Namespace) -> int:
    """List what is in the locker or in one of its folders."""
    folder = text(args.folder).rstrip("/") if args.folder else None
    if folder:
        here = shell.mine.call("look", path=folder)
        if not here.folder:
            return _listed([shell.find(folder)], args)
    return _listed(shell.pages("list", folder=folder, order="name"), args)


def search(shell: Shell, args: argparse.Namespace) -> int:
    """Find records by words of their names and texts."""
    return _listed(shell.pages("search", q=" ".join(text(each) for each in args.words)), args)


def bin_(shell: Shell, args: argparse.Namespace) -> int:
    """List what was deleted and can still be had back."""
    return _listed(shell.pages("list", state=RecordState.BIN), args)


def _listed(records: Iterable[RecordInfo], args: argparse.Namespace) -> int:
    started = time.monotonic()
    count = total = 0
    for each in records:
        count += 1
        total += each.size
        if args.json:
            print(json.dumps(encode(each)))
        else:
            number = f"{each.id}  " if args.ids else ""
            print(f"{number}{day(each.when_ms)}  {size(each.size):>10}  {shown(each.name)}")
    if args.json:
        last_line(started, {"records": count, "bytes": total})
    elif sys.stdout.isatty():
        print(f"{counted(count, 'record')}, {size(total)}")
    return 0


def history(shell: Shell, args: argparse.Namespace) -> int:
    """List the versions of one record."""
    started = time.monotonic()
    versions = shell.mine.call("versions", id=shell.find(args.what).id).versions
    for each in versions:
        if args.json:
            print(json.dumps(encode(each)))
        else:
            print(f"{each.number:>4}  {day(each.stored_ms)}  {size(each.size):>10}")
    if args.json:
        last_line(started, {"versions": len(versions)})
    return 0


def rm(shell: Shell, args: argparse.Namespace) -> int:
    """Put records into the bin."""
    ids: list[str] = []
    for word in args.what:
        try:
            ids.append(shell.find(word).id)
        except Missing:
            below = [each.id for each in shell.below(word)]
            if not args.recursive:
                raise Misused(why=f"“{shown(word)}” is a folder with {len(below)} records; -r deletes them.") from None
            ids += below
    count = _many(shell, "delete_many", ids)
    print(f"In the bin: {counted(count, 'record')}. For 30 days `./box locker undelete` gets them back exactly.")
    return 0


def undelete(shell: Shell, args: argparse.Namespace) -> int:
    """Take records out of the bin."""
    ids = [id for word in args.what for id in shell.in_bin(word)]
    print(f"Back again: {counted(_many(shell, 'undelete', ids), 'record')}.")
    return 0


def empty(shell: Shell, args: argparse.Namespace) -> int:  # noqa: ARG001
    """Empty the bin."""
    left = counted(shell.mine.call("empty").count, "record")
    print(f"The bin is empty: {left} left it; the next repack gives their room back.")
    return 0


def gone(shell: Shell, args: argparse.Namespace) -> int:
    """Destroy records and the key they were sealed with."""
    ids = []
    for word in args.what:
        try:
            ids.append(shell.find(word).id)
        except Missing:
            ids += shell.in_bin(word)
    shell.surely(lambda: shell.mine.call("gone", ids=tuple(ids)), args.passphrase_file)
    print(f"Gone for good: {counted(len(ids), 'record')}.")
    return 0


def rename(shell: Shell, args: argparse.Namespace) -> int:
    """Give a record another name."""
    shell.mine.call("rename", id=shell.find(args.what).id, name=str(SafeName(text(args.name))))
    return 0


def tag(shell: Shell, args: argparse.Namespace) -> int:
    """Give records tags or take them away; without names: list every tag."""
    if not args.what:
        started, found = time.monotonic(), shell.mine.call("tags").tags
        for each in found:
            print(json.dumps(encode(each)) if args.json else f"{each.count:>8}  {each.tag}")
        if args.json:
            last_line(started, {"tags": len(found)})
        return 0
    ids = tuple(shell.find(word).id for word in args.what)
    added, removed = (tuple(text(each) for each in words) for words in (args.add, args.remove))
    count = shell.mine.call("annotate", ids=ids, add_tags=added, remove_tags=removed).count
    print(f"Changed: {counted(count, 'record')}.")
    return 0


def note(shell: Shell, args: argparse.Namespace) -> int:
    """Write a note on a record (“” for none), or show it."""
    record = shell.find(args.what)
    if args.text is None:
        print(shown(record.note))
    else:
        shell.mine.call("annotate", ids=(record.id,), note=text(args.text))
    return 0


def stats(shell: Shell, args: argparse.Namespace) -> int:
    """Say how much is kept."""
    return _counted(shell.mine.call("stats").counts, args, time.monotonic())


def rebuild(shell: Shell, args: argparse.Namespace) -> int:
    """Make the catalog anew from the packs."""
    started = time.monotonic()
    return _counted(shell.mine.call("rebuild").counts, args, started)


def verify(shell: Shell, args: argparse.Namespace) -> int:
    """Open and check every byte that is kept; damage is listed with the records it touches."""
    started, progress = time.monotonic(), Progress()
    last: dict[str, object] = {}
    with shell.mine.stream("verify") as answer:
        for last in answer.lines():
            progress.show(f"{last.get('records', 0)} records, {size(int(str(last.get('bytes_read', 0))))} checked")
    progress.clear()
    found = last.pop("problems", None)
    problems = found if isinstance(found, list) else []
    for each in problems:
        print(f"{each['sentence']} ({each['where']})", file=sys.stderr)
        for id in each["records"]:
            print(f"    touched: {id}", file=sys.stderr)
    if args.json:
        last_line(started, {**last, "problems": len(problems)})
        return 0
    checked = f"{_noun(last, 'record')} in {_noun(last, 'pack')}, {size(int(str(last.get('bytes_read', 0))))}"
    print(
        f"Everything is whole: {checked}."
        if last.get("ok")
        else f"{counted(len(problems), 'damage')} found in {checked}."
    )
    return 0 if last.get("ok") else _DAMAGE_FOUND


def _noun(last: dict[str, object], noun: str) -> str:
    return counted(int(str(last.get(f"{noun}s", 0))), noun)


def _counted(counts: dict[str, int], args: argparse.Namespace, started: float) -> int:
    if args.json:
        last_line(started, counts)
    else:
        for name, count in counts.items():
            print(f"{name.replace('_', ' '):<24}{count:>16,}")
    return 0


def _many(shell: Shell, operation: str, ids: list[str]) -> int:
    """Call an operation on all of ``ids``, a thousand at a time; returns how many records it touched."""
    return sum(int(shell.mine.call(operation, ids=tuple(ids[at : at + 1000])).count) for at in range(0, len(ids), 1000))
