"""Commands about friends' boxes: ``./box locker circle list``, invite, join, confirm, now, peer, leave, …"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any, Final

from firmware.errors import Misused
from services.api.circle_types import (
    Circle,
    CircleCaps,
    InviteWay,
    LockerSafety,
    Pairing,
    PairingIs,
    PeerInfo,
    SafetyIs,
)
from services.api.decode import encode
from services.api.restore_types import RestoreContact
from services.cli.shelf import day
from services.cli.shell import Shell

_GIB: Final = 1 << 30
_BADGES: Final = {SafetyIs.HERE: "on this box only", SafetyIs.GOING: "on its way", SafetyIs.SAFE: "safe with friends"}


def circle(shell: Shell, args: argparse.Namespace) -> int:
    """Friends' boxes: list, invite, join TEXT, confirm CODE, now, let-go|let-in, caps, peer|leave PEER, copies NAME."""
    do, words = args.what[0], args.what[1:]
    if do not in _ACTIONS:
        raise Misused(why=f"circle knows {', '.join(_ACTIONS)}; “{do}” is none of them.")
    action, most = _ACTIONS[do]
    if most is not None and len(words) > most:
        raise Misused(why=f"circle {do} takes fewer words.")
    action(shell, args, words)
    return 0


def _list(shell: Shell, args: argparse.Namespace, words: list[str]) -> None:  # noqa: ARG001
    _show_circle(shell.mine.call("circle"), args)


def _now(shell: Shell, args: argparse.Namespace, words: list[str]) -> None:  # noqa: ARG001
    _show_circle(shell.mine.call("circle_now"), args)


def _let_go(shell: Shell, args: argparse.Namespace, words: list[str]) -> None:  # noqa: ARG001
    _show_circle(shell.surely(lambda: shell.mine.call("let_go"), args.passphrase_file), args)


def _show_circle(found: Circle, args: argparse.Namespace) -> None:
    if args.json:
        print(json.dumps(encode(found)))
        return
    for each in found.peers:
        gives, gets = each.gives / _GIB, each.gets / _GIB
        print(f"{each.peer[:16]}  {each.label}: {each.state.value}, {each.reach.value}; {_room(gives, gets)}")
    for one in found.lockers:
        parts = ((one.safe_bytes, SafetyIs.SAFE), (one.going_bytes, SafetyIs.GOING), (one.here_bytes, SafetyIs.HERE))
        told = ", ".join(f"{size} bytes {_BADGES[badge]}" for size, badge in parts)
        print(f"locker {one.locker}: {told}" + ("" if one.custody else "; it has no kit, so nothing ships"))
        _show_questions(one)
    if found.short_until_ms is not None:
        when = day(found.short_until_ms)
        print(f"One household is missing: invite another, or everything is laid out anew for fewer on {when}.")
    if not found.peers:
        print("No friends' boxes yet; `./box locker circle invite` makes an invitation.")


def _show_questions(one: LockerSafety) -> None:
    """What a person should look at."""
    if one.moves_ms:
        print(f"locker {one.locker}: another box that has its words may act for it from {day(one.moves_ms)} on.")
        print("If that is you, `./box locker circle let-in` says that it need not wait.")
    if one.moved_ms:
        print(f"locker {one.locker}: another box acts for it since {day(one.moved_ms)}; nothing ships from here.")
    if one.held_bytes:
        print(f"locker {one.locker}: it does without {one.held_bytes} bytes, more than a fifth. Was that you?")
        print("Friends keep them until `./box locker circle let-go` says that they may go, and 30 days more.")


def _room(gives: float, gets: float) -> str:
    return f"gives {gives:.1f} GiB, gets {gets:.1f} GiB"


def _invite(shell: Shell, args: argparse.Namespace, words: list[str]) -> None:  # noqa: ARG001
    way = InviteWay.WORDS if args.by_words else InviteWay.TICKET
    made = shell.surely(lambda: shell.mine.call("invite", way=way), args.passphrase_file)
    _show_pairing(made, args)


def _join(shell: Shell, args: argparse.Namespace, words: list[str]) -> None:
    if not words:
        raise Misused(why="circle join takes an invitation: lbx1… or six words.")
    _show_pairing(shell.mine.call("join", invitation=" ".join(words)), args)


def _confirm(shell: Shell, args: argparse.Namespace, words: list[str]) -> None:
    """With the six digits both boxes show; without, list what waits for them."""
    pairings = shell.mine.call("pairing").pairings
    if not words:
        for each in pairings:
            _show_pairing(each, args)
        return
    met = [each for each in pairings if each.state is PairingIs.MET and each.code == words[0]]
    if not met:
        raise Misused(why="no box that waits for a confirmation shows these six digits.")
    gets = None if args.gib is None else int(args.gib * _GIB)
    _show_pairing(shell.mine.call("pairing_confirm", id=met[0].id, yes=True, gets=gets), args)


def _show_pairing(found: Pairing, args: argparse.Namespace) -> None:
    if args.json:
        print(json.dumps(encode(found)))
        return
    code = f" {found.code}" if found.code else ""
    print(f"{found.id} {found.state.value}{code}{f': {found.label}' if found.label else ''}")
    if found.text is not None:
        print(found.text)
    if found.state is PairingIs.MET and found.mine is None:
        print(f"If the other box shows the same digits: `./box locker circle confirm {found.code}`.")
    if found.sentence is not None:
        print(f"{found.sentence} {found.advice or ''}".strip())


def _caps(shell: Shell, args: argparse.Namespace, words: list[str]) -> None:  # noqa: ARG001
    caps: CircleCaps = shell.mine.call("circle_caps")
    wanted = {
        name: None if value < 0 else value
        for name, value in (("up_kib_s", args.up), ("down_kib_s", args.down))
        if value is not None
    }
    if args.total_gib is not None:
        wanted["total"] = None if args.total_gib < 0 else int(args.total_gib * _GIB)
    if wanted:
        kept = {name: getattr(caps, name) for name in ("up_kib_s", "down_kib_s", "windows", "total", "paused_until_ms")}
        caps = shell.mine.call("set_circle_caps", **(kept | wanted))
    if args.json:
        print(json.dumps(encode(caps)))
        return
    print(f"out: {_cap(caps.up_kib_s)}, in: {_cap(caps.down_kib_s)}, {len(caps.windows)} parts of the day of their own")
    print("room for friends: " + ("as much as the disk has" if caps.total is None else f"{caps.total / _GIB:.1f} GiB"))


def _cap(kib_s: int | None) -> str:
    return "no cap" if kib_s is None else f"{kib_s} KiB/s"


def _set_peer(shell: Shell, args: argparse.Namespace, words: list[str]) -> None:
    """Change what stands behind the options; without one, show how the box stands."""
    if not words:
        raise Misused(why="circle peer takes a friend's box: its name, or the first digits of its key.")
    peer = _peer(shell, words[0])
    wanted: dict[str, Any] = {} if args.delegate is None else {"delegate": args.delegate}
    if args.gib is not None:
        wanted["gets"] = int(args.gib * _GIB)
    found: PeerInfo = shell.mine.call("peer_set", peer=peer, **wanted)
    if args.json:
        print(json.dumps(encode(found)))
        return
    repairs = "repairs for this box while it is away" if found.delegate else "repairs nothing"
    print(f"{found.label}: {found.state.value}, {_room(found.gives / _GIB, found.gets / _GIB)}; {repairs}")


def _leave(shell: Shell, args: argparse.Namespace, words: list[str]) -> None:
    if not words:
        raise Misused(why="circle leave takes a friend's box: its name, or the first digits of its key.")
    peer = _peer(shell, words[0])
    left: PeerInfo = shell.surely(lambda: shell.mine.call("peer_leave", peer=peer), args.passphrase_file)
    print(json.dumps(encode(left)) if args.json else f"{left.label}: {left.state.value}")


def _copies(shell: Shell, args: argparse.Namespace, words: list[str]) -> None:
    if not words:
        raise Misused(why="circle copies takes names or ids of records.")
    records = [shell.find(each) for each in words]
    states = shell.mine.call("copies", ids=tuple(each.id for each in records)).states
    for record, state in zip(records, states, strict=True):
        if args.json:
            print(json.dumps({"id": record.id, **encode(state)}))
            continue
        more = f": any {state.may_fail} of {state.of} may fail" if state.may_fail else ""
        seen = f"; a second copy on the shelf {state.shelf}, seen {day(state.shelf_ms)}" if state.shelf else ""
        print(f"{record.name}  {_BADGES[state.state]}{more}{seen}")


def _peer(shell: Shell, word: str) -> str:
    peers: tuple[PeerInfo, ...] = shell.mine.call("circle").peers
    meant = [each.peer for each in peers if each.label == word or each.peer.startswith(word.lower())]
    if len(meant) != 1:
        raise Misused(why=f"“{word}” names {len(meant)} boxes of friends; one is needed.")
    return meant[0]


def _help_restore(shell: Shell, args: argparse.Namespace, words: list[str]) -> None:  # noqa: ARG001
    """The code a friend scans or types who comes back with a kit; nothing in it is secret."""
    found: RestoreContact = shell.mine.call("contact")
    print(json.dumps(encode(found)) if args.json else found.text)


def _let_in(shell: Shell, args: argparse.Namespace, words: list[str]) -> None:  # noqa: ARG001
    """Another box has the words of this locker: friends need not make it wait for three days."""
    found: LockerSafety = shell.mine.call("agree_move")
    print(json.dumps(encode(found)) if args.json else f"locker {found.locker}: friends let the other box in.")


_Action = Callable[[Shell, argparse.Namespace, list[str]], Any]
_ACTIONS: Final[dict[str, tuple[_Action, int | None]]] = {
    "list": (_list, 0),
    "invite": (_invite, 0),
    "join": (_join, None),
    "confirm": (_confirm, 1),
    "now": (_now, 0),
    "let-go": (_let_go, 0),
    "let-in": (_let_in, 0),
    "caps": (_caps, 0),
    "peer": (_set_peer, 1),
    "leave": (_leave, 1),
    "copies": (_copies, None),
    "help-restore": (_help_restore, 0),
}
