"""The table of sub-commands: how each is called and which function does it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from services.api.place import default_data
from services.cli import circle, cost, drill, files, friends_key, keys, records, restore, shelf_restore
from services.cli.shell import Shell

Command = Callable[[Shell, argparse.Namespace], int]


class Word(NamedTuple):
    """One argument of a sub-command, as argparse takes it."""

    names: tuple[str, ...]
    options: dict[str, Any]


def _word(*names: str, **options: Any) -> Word:
    return Word(names, options)


_PASSPHRASE = _word("--passphrase-file", type=Path, metavar="FILE", help="its first line is the passphrase")
_NEW = _word("--new-passphrase-file", type=Path, metavar="FILE", help="its first line is the new passphrase")
_WORDS_OUT = _word("--words-out", type=Path, metavar="FILE", help="new file (0600) for the 24 words; else the screen")
_JSON = _word("--json", action="store_true", help="one JSON object a line; the last one holds the counts")
_IDS = _word("--ids", action="store_true", help="show the ids of the records too")
_FORCE = _word("--force", action="store_true", help="replace what is there and differs")
_WHAT = _word("what", nargs="+", metavar="NAME|ID")

COMMANDS: dict[str, tuple[Command, Sequence[Word]]] = {
    "init": (
        keys.init,
        (
            _PASSPHRASE,
            _WORDS_OUT,
            _word("--household", default="Home", help="what the household calls itself"),
            _word("--name", default="Owner", help="the first member's name"),
        ),
    ),
    "status": (keys.status, (_JSON,)),
    "open": (keys.open_, (_PASSPHRASE,)),
    "lock": (keys.lock, ()),
    "put": (
        files.put,
        (
            _word("what", nargs="+", metavar="FILE|FOLDER"),
            _word("--into", metavar="FOLDER", help="put it into this folder of the locker"),
            _word(
                "--beside", action="store_true", help="keep other bytes of the same name beside, not as a new version"
            ),
            _JSON,
        ),
    ),
    "get": (
        files.get,
        (
            _word("what", nargs="+", metavar="NAME|ID|FOLDER ... DESTINATION"),
            _word("--all", action="store_true", help="everything"),
            _word("--version", type=int, metavar="N", help="an older version (see history)"),
            _FORCE,
            _JSON,
        ),
    ),
    "ls": (records.ls, (_word("folder", nargs="?", metavar="FOLDER|NAME|ID"), _IDS, _JSON)),
    "search": (records.search, (_word("words", nargs="+", metavar="WORD"), _IDS, _JSON)),
    "history": (records.history, (_word("what", metavar="NAME|ID"), _JSON)),
    "rm": (records.rm, (_WHAT, _word("-r", "--recursive", action="store_true", help="folders with all in them"))),
    "undelete": (records.undelete, (_WHAT,)),
    "bin": (records.bin_, (_IDS, _JSON)),
    "empty": (records.empty, ()),
    "gone": (records.gone, (_WHAT, _PASSPHRASE)),
    "rename": (records.rename, (_word("what", metavar="NAME|ID"), _word("name", metavar="NEW-NAME"))),
    "tag": (
        records.tag,
        (
            _word("what", nargs="*", metavar="NAME|ID"),
            _word("--add", action="append", default=[], metavar="TAG", help="give them this tag"),
            _word("--remove", action="append", default=[], metavar="TAG", help="take this tag away"),
            _JSON,
        ),
    ),
    "note": (records.note, (_word("what", metavar="NAME|ID"), _word("text", nargs="?", metavar="TEXT"))),
    "verify": (records.verify, (_JSON,)),
    "rebuild": (records.rebuild, (_JSON,)),
    "stats": (records.stats, (_JSON,)),
    "export": (
        files.export,
        (
            _word("file", metavar="FILE.zip"),
            _word("--folder", metavar="FOLDER", help="only this folder"),
            _PASSPHRASE,
            _FORCE,
            _JSON,
        ),
    ),
    "passwd": (keys.passwd, (_PASSPHRASE, _NEW)),
    "recover": (
        keys.recover,
        (_word("--words-file", type=Path, metavar="FILE", help="a file with the 24 words"), _PASSPHRASE),
    ),
    "restore": (
        restore.restore,
        (
            _word("what", nargs="*", metavar="look|status"),
            _word("--words-file", type=Path, metavar="FILE", help="a file with the 24 words, or all a kit's code says"),
            _word("--contact", action="append", default=[], metavar="lbh1…|@FILE", help="code of a friend's box"),
            _PASSPHRASE,
            _word("--name", default="Owner", help="what the member is called"),
            _word("--household", default="Home", help="what the household of a new box calls itself"),
            _word("--role", choices=("owner", "adult", "child"), default="adult", help="on a box that is owned"),
            _word("--proof-file", type=Path, metavar="FILE", help="its first line is your own passphrase, there"),
            _word("--wait", action="store_true", help="until everything is here"),
            _JSON,
        ),
    ),
    "kit": (
        keys.kit,
        (
            _word("--state", action="store_true", help="does the page on paper still do?"),
            _word("--prove", type=Path, metavar="FILE", help="are the words in this file those of the newest kit?"),
            _PASSPHRASE,
            _WORDS_OUT,
            _JSON,
        ),
    ),
    "slots": (
        keys.slots,
        (
            _word("drop", nargs="*", metavar="drop KIND", help="close this way in for good: passphrase, kit, …"),
            _PASSPHRASE,
        ),
    ),
    "friends-key": (
        friends_key.friends_key,
        (
            _word("what", nargs="+", metavar="list|split|drop|no|help|answer|stolen|found|heir"),
            _word("--boxes", metavar="NAME,…", help="split: friends' boxes that get one part each"),
            _word("--papers", type=int, default=0, metavar="N", help="split: so many parts on paper"),
            _word("--papers-out", type=Path, metavar="FILE", help="split: new file (0600) for the words of these"),
            _word("--need", type=int, default=2, metavar="K", help="split: so many parts open the locker"),
            _word("--heir", metavar="NAME", help="split: the box that may ask after 30 days of silence"),
            _word("--words-file", type=Path, metavar="FILE", help="split, stolen: a file with the kit's 24 words"),
            _word("--handle", metavar="HANDLE", help="heir: what the first call gave"),
            _PASSPHRASE,
            _WORDS_OUT,
            _JSON,
        ),
    ),
    "regain": (
        friends_key.regain,
        (
            _word("--ticket", action="append", default=[], metavar="lbk1…|@FILE", help="a friend's ticket"),
            _word("--part-file", action="append", type=Path, default=[], metavar="FILE", help="parts on paper, lines"),
            _word("--code", metavar="CODE", help="the claim code of a box that belongs to nobody yet"),
            _word("--handle", metavar="HANDLE", help="what the first call gave"),
            _WORDS_OUT,
            _JSON,
        ),
    ),
    "circle": (
        circle.circle,
        (
            _word("what", nargs="+", metavar="list|invite|join|confirm|now|let-go|caps|peer|leave|copies|help-restore"),
            _word("--by-words", action="store_true", help="invite: six words for one network instead of a ticket"),
            _word("--gib", type=float, metavar="N", help="confirm, peer: room the other box gets"),
            _word("--delegate", action=argparse.BooleanOptionalAction, help="peer: it repairs while this box is away"),
            _word("--up", type=int, metavar="KIB", help="caps: KiB a second out; -1 no cap, 0 a pause"),
            _word("--down", type=int, metavar="KIB", help="caps: KiB a second in"),
            _word("--total-gib", type=float, metavar="N", help="caps: room for all friends; -1 as the disk has"),
            _PASSPHRASE,
            _JSON,
        ),
    ),
    "shelf": (
        shelf_restore.shelf,
        (
            _word("what", nargs="+", metavar="list|add|drop|now|check|carry|take|restore"),
            _word("--same-disk", action="store_true", help="add: a folder on the box's own disk, for trying it out"),
            _word("--words-file", type=Path, metavar="FILE", help="restore: a file with the 24 words"),
            _word("--name", default="Owner", help="restore: the member's name"),
            _word("--household", default="Home", help="restore: what the household calls itself"),
            _PASSPHRASE,
            _JSON,
        ),
    ),
    "cost": (
        cost.cost,
        (
            _word("--price", type=float, metavar="N", help="owners: what a kWh costs"),
            _word("--currency", metavar="WORD", help="owners: in what"),
            _word("--watts-idle", type=float, metavar="W", help="owners: what a meter at the wall shows at rest"),
            _word("--watts-core", type=float, metavar="W", help="owners: what one busy core adds"),
            _word("--endurance-tb", type=float, metavar="TB", help="owners: what the disk's maker vouches for"),
            _JSON,
        ),
    ),
    "drill": (drill.drill, (_word("--now", action="store_true", help="rehearse now, wait for the end"), _JSON)),
    "member": (
        keys.member,
        (
            _word("name", metavar="NAME"),
            _word("--role", choices=("owner", "adult", "child"), default="adult"),
            _PASSPHRASE,
            _word("--proof-file", type=Path, metavar="FILE", help="its first line is your own passphrase"),
            _WORDS_OUT,
        ),
    ),
}


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line; options may stand between names, as in ``get NAME --force FOLDER``."""
    top = _parser()
    args, rest = top.parse_known_args(words)
    if rest and (not isinstance(getattr(args, "what", None), list) or any(each.startswith("-") for each in rest)):
        top.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        args.what += rest
    return args


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--data",
        type=Path,
        default=argparse.SUPPRESS,
        metavar="DIR",
        help=f"data folder of the running box (default {default_data()})",
    )
    common.add_argument(
        "--member", default=argparse.SUPPRESS, metavar="NAME", help="whose locker, if several live here"
    )
    top = argparse.ArgumentParser(
        prog="./box locker",
        parents=[common],
        allow_abbrev=False,
        description="Use the locker of a running box from the shell.",
    )
    below = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (command, words) in COMMANDS.items():
        sentence = (command.__doc__ or "").split("\n", 1)[0]
        made = below.add_parser(name, parents=[common], help=sentence, description=sentence, allow_abbrev=False)
        for word in words:
            made.add_argument(*word.names, **word.options)
        made.set_defaults(do=command)
    return top
