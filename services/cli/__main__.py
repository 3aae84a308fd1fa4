"""``./box locker``: read the command line, run one command, turn every error into a sentence and an advice."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from pathlib import Path

from firmware.errors import BoxError, Locked, Misused, NotRunning, Unreachable
from services.api.place import default_data
from services.cli.commands import parse
from services.cli.shell import Shell

_ERROR, _STOPPED = 1, 130


def main(words: list[str]) -> int:
    """Run one command; returns 0, 3 when some files were left out (or damage found), 1 for errors."""
    args = parse(words)
    data = Path(getattr(args, "data", None) or default_data()).expanduser().absolute()
    try:
        code = _run(Shell(data, getattr(args, "member", None)), args)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _ERROR
    except BoxError as error:
        _tell(error, data)
        return _ERROR
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        where = f"{error.filename}: " if error.filename else ""
        print(f"{where}{error.strerror}.", file=sys.stderr)
        print("Free some space there." if full else "Check the path and who may use it.", file=sys.stderr)
        return _ERROR
    except KeyboardInterrupt:
        print("\nStopped. What was acknowledged so far is kept.", file=sys.stderr)
        return _STOPPED
    return code


def _run(shell: Shell, args: argparse.Namespace) -> int:
    if args.command == "slots" and (args.drop and (len(args.drop) != 2 or args.drop[0] != "drop")):
        raise Misused(why="slots takes nothing, or “drop” and a kind: passphrase, kit, friends, passkey, member.")
    if args.command == "slots" and not args.drop:
        args.drop = None
    code = args.do(shell, args)
    assert isinstance(code, int)
    return code


def _tell(error: BoxError, data: Path) -> None:
    if isinstance(error, Unreachable) and not (data / "run").exists():
        error = NotRunning(where=str(data))
    told = error.as_dict()
    advice = told["advice"]
    if isinstance(error, Locked):
        advice = "Open it with `./box locker open`, then repeat this."
    elif type(error) is Misused:
        advice = "`./box locker COMMAND --help` says what a command takes."
    print(f"{told['sentence']}\n{advice}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
