"""Commands about a key split among friends: ``./box locker friends-key list``, split, drop, no, help, answer, …"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from firmware.errors import BoxError, Misused
from services.api.decode import encode
from services.api.key_types import KeptPart, KeyAsk, Keys, Regained
from services.cli.secrets_io import WordsOut, read_words
from services.cli.shelf import day
from services.cli.shell import Shell

_STATES: Final = {
    "confirm": "the friend has to compare the six digits",
    "waiting": "everybody was told and may say no",
    "open": "given",
    "no": "refused",
}


def friends_key(shell: Shell, args: argparse.Namespace) -> int:
    """A key split with friends: list, split, drop, no ASK, help NAME, answer ASK yes|no, stolen|found BOX, heir NAME"""
    do, words = args.what[0], args.what[1:]
    if do not in _ACTIONS:
        raise Misused(why=f"friends-key knows {', '.join(_ACTIONS)}; “{do}” is none of them.")
    action, count = _ACTIONS[do]
    if len(words) != count:
        raise Misused(why=f"friends-key {do} takes {count or 'no'} more words.")
    action(shell, args, words)
    return 0


def _list(shell: Shell, args: argparse.Namespace, words: list[str]) -> None:  # noqa: ARG001
    _show(shell.mine.call("keys"), args)


def _show(found: Keys, args: argparse.Namespace) -> None:
    if args.json:
        print(json.dumps(encode(found)))
        return
    for own in found.own:
        if own.holders:
            there = sum(each.kept for each in own.holders)
            print(f"{own.member}: any {own.k} of {len(own.holders)} parts; {there} boxes have theirs")
        _show_asks(own.asks)
    for kept in found.kept:
        print(f"here for {kept.label} of {kept.box_label}: one of {kept.n} parts" + (", as heir" if kept.heir else ""))
        _show_asks(kept.asks)
    for each in found.stolen:
        print(f"{each.label}: reported stolen on {day(each.when_ms)}")
    if not (found.own or found.kept or found.stolen):
        print("No key is split; `./box locker friends-key split --boxes NAME,NAME --need 2` does it.")


def _show_asks(asks: tuple[KeyAsk, ...]) -> None:
    for each in asks:
        until = f" until {day(each.until_ms)}" if each.state == "waiting" else ""
        who = f"{each.label or 'a box'}{' (the heir)' if each.heir else ''}"
        code = f" {each.code}" if each.code and each.state == "confirm" else ""
        print(f"  {each.ask[:16]} {who}{code}: {_STATES[each.state]}{until}")


def _split(shell: Shell, args: argparse.Namespace, words: list[str]) -> None:  # noqa: ARG001
    known = shell.mine.call("part_boxes").boxes
    boxes = [_box(known, each) for each in (args.boxes or "").split(",") if each]
    heir = _box(known, args.heir) if args.heir else None
    typed = read_words(args.words_file) if args.words_file is not None else None
    out = WordsOut(args.words_out) if typed is None else None
    papers = args.papers_out
    if args.papers and papers is None:
        raise Misused(why="parts on paper need a new file for their words: --papers-out FILE.")
    paper_out = WordsOut(papers) if args.papers else None
    try:
        made = shell.surely(
            lambda: shell.mine.call(
                "key_make", k=args.need, boxes=tuple(boxes), papers=args.papers, heir=heir, words=typed
            ),
            args.passphrase_file,
        )
    except BoxError:
        for each in (out, paper_out):
            if each is not None:
                each.discard()
        raise
    if out is not None:
        out.write(made.words)
    if paper_out is not None:
        paper_out.write("\n".join(each.words for each in made.papers))
    print(f"Any {args.need} of {len(boxes) + args.papers} parts open the locker; friends' boxes get theirs now.")


def _drop(shell: Shell, args: argparse.Namespace, words: list[str]) -> None:  # noqa: ARG001
    shell.surely(lambda: shell.mine.call("key_drop"), args.passphrase_file)
    print("The parts open nothing any more; friends' boxes forget theirs.")


def _no(shell: Shell, args: argparse.Namespace, words: list[str]) -> None:
    keys: Keys = shell.mine.call("keys")
    meant = [(own.locker, each.ask) for own in keys.own for each in own.asks if each.ask.startswith(words[0])]
    if not meant:
        raise Misused(why=f"“{words[0]}” names nobody who asks for a key of this box.")
    _show(shell.mine.call("key_no", locker=meant[0][0], ask=meant[0][1]), args)


def _help(shell: Shell, args: argparse.Namespace, words: list[str]) -> None:
    kept = _kept(shell, words[0])
    made = shell.mine.call("key_ticket", place=kept.place)
    print(json.dumps(encode(made)) if args.json else made.text)


def _answer(shell: Shell, args: argparse.Namespace, words: list[str]) -> None:
    if words[1] not in ("yes", "no"):
        raise Misused(why="friends-key answer takes what begins an ask, and yes or no.")
    keys: Keys = shell.mine.call("keys")
    meant = [(kept.place, each.ask) for kept in keys.kept for each in kept.asks if words[0] in (each.ask, each.code)]
    if len(meant) != 1:
        raise Misused(why=f"“{words[0]}” names {len(meant)} asks; take the six digits or the whole id.")
    place, ask = meant[0]
    _show(shell.mine.call("key_answer", place=place, ask=ask, yes=words[1] == "yes"), args)


def _theft(shell: Shell, args: argparse.Namespace, words: list[str]) -> None:
    peers = shell.mine.call("circle").peers
    meant = [each for each in peers if each.label == words[0] or each.peer.startswith(words[0].lower())]
    if len(meant) != 1:
        raise Misused(why=f"“{words[0]}” names {len(meant)} boxes of friends; one is needed.")
    stolen = args.what[0] == "stolen"
    typed = read_words(args.words_file) if stolen and args.words_file is not None else None
    heard = shell.surely(
        lambda: shell.mine.call("key_theft", peer=meant[0].peer, stolen=stolen, words=typed), args.passphrase_file
    )
    if args.json:
        print(json.dumps(encode(heard)))
    elif stolen:
        print(f"This box refuses {meant[0].label} from now on, and so do {heard.friends} more.")
    else:
        print(f"{meant[0].label} is welcome here again.")


def _heir(shell: Shell, args: argparse.Namespace, words: list[str]) -> None:
    place = None if args.handle else _kept(shell, words[0]).place
    call = {"place": place or _kept(shell, words[0]).place, "handle": args.handle}
    _regained(shell.surely(lambda: shell.mine.call("key_heir", **call), args.passphrase_file), args)


def _kept(shell: Shell, word: str) -> KeptPart:
    keys: Keys = shell.mine.call("keys")
    meant = [each for each in keys.kept if word in (each.label, each.box_label, each.place)]
    if len(meant) != 1:
        raise Misused(why=f"“{word}” names {len(meant)} people whose part is kept here; one is needed.")
    return meant[0]


def _box(known: Any, word: str) -> str:
    meant = [each.peer for each in known if each.label == word or each.peer.startswith(word.lower())]
    if len(meant) != 1:
        raise Misused(why=f"“{word}” names {len(meant)} boxes of friends; one is needed.")
    return str(meant[0])


def regain(shell: Shell, args: argparse.Namespace) -> int:
    """Ask friends for a key, with the tickets they gave; again with the handle until enough of them gave their part."""
    tickets = tuple(_ticket(each) for each in args.ticket)
    parts = tuple(line for path in args.part_file for line in path.read_text().splitlines() if line.strip())
    found = shell.box.call("regain", tickets=tickets, parts=parts, code=args.code, handle=args.handle)
    _regained(found, args)
    return 0


def _ticket(word: str) -> str:
    return Path(word[1:]).read_text().strip() if word.startswith("@") else word


def _regained(found: Regained, args: argparse.Namespace) -> None:
    if found.words is not None:
        WordsOut(args.words_out).write(found.words)
    if args.json:
        told = encode(found)
        told.pop("words", None)
        print(json.dumps(told | {"done": found.words is not None}))
        return
    for each in found.at:
        until = f" until {day(each.until_ms)}" if each.state == "waiting" else ""
        print(f"{each.label or 'a friend'}: {each.sentence or _STATES.get(each.state, each.state)}{until}")
    print(f"{found.have} of {found.k or '?'} parts are here." + (f" Digits: {found.code}" if found.code else ""))
    if found.words is None:
        print(f"Ask again with: --handle {found.handle}")


_Action = Callable[[Shell, argparse.Namespace, list[str]], Any]
_ACTIONS: Final[dict[str, tuple[_Action, int]]] = {
    "list": (_list, 0),
    "split": (_split, 0),
    "drop": (_drop, 0),
    "no": (_no, 1),
    "help": (_help, 1),
    "answer": (_answer, 2),
    "stolen": (_theft, 1),
    "found": (_theft, 1),
    "heir": (_heir, 1),
}
