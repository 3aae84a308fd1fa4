"""Commands about shelves: ``./box locker shelf list``, add, drop, now, check, carry, take."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from firmware.errors import Misused
from services.api.circle_types import PeerInfo
from services.api.decode import encode
from services.api.shelf_types import DiskIs, Shelf, ShelfIs, ShelfTaken, Shelves
from services.cli.shell import Shell

_MIB: Final = 1 << 20
_STATES: Final = {
    ShelfIs.WHOLE: "has everything",
    ShelfIs.LOOKING: "is being looked through",
    ShelfIs.WRITING: "is being written",
    ShelfIs.CHECKING: "is being read back",
    ShelfIs.WAITING: "waits for its turn",
    ShelfIs.AWAY: "is not plugged in",
    ShelfIs.FULL: "is full",
    ShelfIs.SMALL: "is too small",
    ShelfIs.READ_ONLY: "can only be read",
    ShelfIs.FAULTY: "gives errors",
    ShelfIs.SOURCE: "lacks a pack that is damaged on the box (`./box locker verify` names it)",
}
_DISKS: Final = {
    DiskIs.FREE: "could be a shelf",
    DiskIs.SHELF: "is one",
    DiskIs.OTHER: "holds the shelf of another box",
    DiskIs.CARRIES: "carries shards for this box: `./box locker shelf take`",
}


def shelf(shell: Shell, args: argparse.Namespace) -> int:
    """Disks with a second copy: list, add PATH, drop SHELF, now, check, carry SHELF FRIEND, take PATH."""
    do, words = args.what[0], args.what[1:]
    if do not in _ACTIONS:
        raise Misused(why=f"shelf knows {', '.join(_ACTIONS)}; “{do}” is none of them.")
    action, least, most = _ACTIONS[do]
    if not least <= len(words) <= most:
        raise Misused(why=f"shelf {do} takes {'no word' if not most else f'{least} to {most} words'}.")
    action(shell, args, words)
    return 0


def _list(shell: Shell, args: argparse.Namespace, words: list[str]) -> None:  # noqa: ARG001
    _show_all(shell.mine.call("shelves"), args)


def _show_all(found: Shelves, args: argparse.Namespace) -> None:
    if args.json:
        print(json.dumps(encode(found)))
        return
    for each in found.shelves:
        _show(each)
    for disk in found.disks:
        room = f"{disk.free // _MIB} of {disk.total // _MIB} MiB free, {disk.kind}"
        whose = f" ({disk.label})" if disk.label else ""
        print(f"disk {disk.at}: {_DISKS[disk.state]}{whose}; {room}{', read-only' if disk.is_read_only else ''}")
    if not found.shelves:
        print("No shelf yet. Plug in a disk; `./box locker shelf add PATH` takes the disk mounted there.")


def _show(each: Shelf) -> None:
    seen = f"seen {day(each.seen_ms)}, whole {day(each.whole_ms)}, read back {day(each.checked_ms)}"
    waits = f", {each.waits // _MIB} MiB wait" if each.waits else ""
    under_way = f" ({100 * each.done // each.of} %)" if each.of else ""
    print(f"{each.id[:8]}  {each.label}: {_STATES[each.state]}{under_way}; {each.where}")
    print(f"          {each.packs} packs, {each.kept // _MIB} MiB{waits}; {seen}")
    if each.mended:
        print(f"          {each.mended} packs had changed or could not be read, and were written anew")
    if each.is_slow:
        print(f"          slow: {each.rate / _MIB:.1f} MiB a second")
    if each.is_fat:
        print("          FAT keeps no journal: unmount before you pull it, or format it as ext4 or exFAT")
    for one in each.carries:
        print(f"          carries {one.loaded // _MIB} MiB for {one.label or one.peer[:16]}")


def day(time_ms: int) -> str:
    """A moment as people write it; “never” for 0."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M") if time_ms else "never"


def _add(shell: Shell, args: argparse.Namespace, words: list[str]) -> None:
    at = Path(words[0]).expanduser().absolute()
    label = words[1] if len(words) > 1 else at.name[:63]
    _one(shell.mine.call("shelf_add", at=str(at), label=label, same_disk=args.same_disk), args)


def _drop(shell: Shell, args: argparse.Namespace, words: list[str]) -> None:
    gone: Shelf = shell.mine.call("shelf_drop", id=_named(shell, words[0]))
    if args.json:
        print(json.dumps(encode(gone)))
    else:
        print(f"{gone.label} is no shelf of this box any more. What is on the disk stays there.")


def _one(found: Shelf, args: argparse.Namespace) -> None:
    if args.json:
        print(json.dumps(encode(found)))
    else:
        _show(found)


def _now(shell: Shell, args: argparse.Namespace, words: list[str]) -> None:
    _show_all(shell.mine.call("shelf_now", id=_named(shell, words[0]) if words else None), args)


def _check(shell: Shell, args: argparse.Namespace, words: list[str]) -> None:
    _show_all(shell.mine.call("shelf_now", id=_named(shell, words[0]) if words else None, check=True), args)


def _carry(shell: Shell, args: argparse.Namespace, words: list[str]) -> None:
    found: Shelf = shell.mine.call("shelf_carry", id=_named(shell, words[0]), peer=_peer(shell, words[1]))
    _one(found, args)


def _take(shell: Shell, args: argparse.Namespace, words: list[str]) -> None:
    done: ShelfTaken = shell.mine.call("shelf_take", at=str(Path(words[0]).expanduser().absolute()))
    if args.json:
        print(json.dumps(encode(done)))
        return
    print(f"{done.taken} shards ({done.size // _MIB} MiB) of {done.label} taken in, {done.known} were here already.")
    if done.going:
        print("It goes on by itself; ask again to hear how far it is.")
    if done.left:
        print(f"{done.left} were left on the disk. {done.why}")


def _named(shell: Shell, word: str) -> str:
    found: Shelves = shell.mine.call("shelves")
    meant = [each.id for each in found.shelves if each.label == word or each.id.startswith(word.lower())]
    if len(meant) != 1:
        raise Misused(why=f"“{word}” names {len(meant)} shelves; one is needed.")
    return meant[0]


def _peer(shell: Shell, word: str) -> str:
    peers: tuple[PeerInfo, ...] = shell.mine.call("circle").peers
    meant = [each.peer for each in peers if each.label == word or each.peer.startswith(word.lower())]
    if len(meant) != 1:
        raise Misused(why=f"“{word}” names {len(meant)} boxes of friends; one is needed.")
    return meant[0]


_Action = Callable[[Shell, argparse.Namespace, list[str]], Any]
_ACTIONS: Final[dict[str, tuple[_Action, int, int]]] = {
    "list": (_list, 0, 0),
    "add": (_add, 1, 2),
    "drop": (_drop, 1, 1),
    "now": (_now, 0, 1),
    "check": (_check, 0, 1),
    "carry": (_carry, 2, 2),
    "take": (_take, 1, 1),
}
