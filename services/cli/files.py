"""Commands that move files: put, get, export."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from firmware.errors import BoxError, Locked, Missing, Misused, Unreachable
from firmware.limits import MIB
from firmware.model import Collide, SafeName
from services.api.bulk import END, block_prefix, encode_start
from services.api.types import RecordInfo
from services.cli.fetching import Receiving, Written
from services.cli.sending import Outcome, Sending
from services.cli.shell import Shell, text
from services.cli.showing import Progress, counted, last_line, size
from services.cli.walk import walk

SOME_LEFT = 3
"""Exit code when everything went its way but some files were left out; each is listed."""


def put(shell: Shell, args: argparse.Namespace) -> int:
    """Keep files and folders."""
    started = time.monotonic()
    into = SafeName(text(args.into).strip("/")).raw if args.into else b""
    outcome, progress = Outcome(), Progress()
    client = shell.mine
    sending = Sending(walk([os.fsencode(each) for each in args.what], into), outcome)
    try:
        for line in client.bulk_put(sending, collide=Collide.BESIDE if args.beside else Collide.VERSION):
            outcome.acknowledge(line)
            progress.show(f"{outcome.stored + outcome.same} files kept, {size(outcome.sent)} read")
    except (Locked, Unreachable):
        kept = outcome.stored + outcome.same
        if not kept:
            raise
        progress.clear()
        _interrupted(kept)
        return 1
    finally:
        progress.clear()
    _tell(outcome.problems, "was not kept")
    for advice in filter(None, outcome.advice):
        print(advice, file=sys.stderr)
    counts = {"files": outcome.stored + outcome.same, "stored": outcome.stored, "same": outcome.same}
    if args.json:
        last_line(started, {**counts, "left_out": len(outcome.problems), "bytes": outcome.size})
        return 0
    known = f" (there already: {outcome.same})" if outcome.same else ""
    print(f"{counted(counts['files'], 'file')} kept{known}, {size(outcome.size)}; {len(outcome.problems)} left out.")
    return SOME_LEFT if outcome.problems else 0


def _interrupted(kept: int) -> None:
    sentence = f"The box stopped answering after {counted(kept, 'file')}; those are safely kept."
    advice = "Open the locker again (`./box locker open`) and repeat the same put: what is there is recognised."
    print(f"{sentence}\n{advice}", file=sys.stderr)


def get(shell: Shell, args: argparse.Namespace) -> int:
    """Write records below a folder of this machine."""
    started = time.monotonic()
    *names, destination = args.what
    if bool(names) == args.all:
        raise Misused(why="say which records to get, or --all, and then the folder they go to.")
    progress = Progress()
    receiving = Receiving(Path(destination), force=args.force)
    try:
        for stream in _streams(shell, args, names):
            for piece in stream:
                receiving.feed(piece)
                progress.show(f"{receiving.written.files} files, {size(receiving.written.size)}")
            receiving.end()
    finally:
        receiving.close()
        progress.clear()
    return _told_written(receiving.written, args, started)


def _told_written(written: Written, args: argparse.Namespace, started: float) -> int:
    _tell(written.problems, "was not written")
    if args.json:
        counts = {"files": written.files, "same": written.same, "left_out": len(written.problems)}
        last_line(started, {**counts, "bytes": written.size})
        return 0
    known = f" (there already: {written.same})" if written.same else ""
    print(f"{counted(written.files, 'file')}{known}, {size(written.size)}; {len(written.problems)} left out.")
    return SOME_LEFT if written.problems else 0


def _streams(shell: Shell, args: argparse.Namespace, names: list[str]) -> Iterator[Iterator[bytes]]:
    """Yield the frames of everything asked for; a name that is no record is taken as a folder."""
    if args.all:
        yield _fetched(shell, all=True)
        return
    found = [(name, _record(shell, name)) for name in names]
    if args.version is not None:
        for name, record in found:
            if record is None:
                raise Misused(why=f"“{name}” is a folder; a version is asked for record by record.")
            yield _old_version(shell, record, args.version)
        return
    ids = [record.id for _, record in found if record is not None]
    for at in range(0, len(ids), 1000):
        yield _fetched(shell, ids=tuple(ids[at : at + 1000]))
    for name, record in found:
        if record is None:
            yield _fetched(shell, folder=text(name).rstrip("/"))


def _record(shell: Shell, name: str) -> RecordInfo | None:
    """Return the record ``name`` means, None for a folder; raises NoSuchRecord for neither."""
    try:
        return shell.find(name)
    except Missing:
        if not list(shell.mine.call("list", folder=text(name).rstrip("/"), limit=1).records):
            raise
        return None


def _fetched(shell: Shell, **args: Any) -> Iterator[bytes]:
    with shell.mine.stream("fetch", **args) as answer:
        yield from answer


def _old_version(shell: Shell, record: RecordInfo, number: int) -> Iterator[bytes]:
    """One older version, framed as ``fetch`` frames the newest ones."""
    versions = shell.mine.call("versions", id=record.id).versions
    chosen = next((each for each in versions if each.number == number), None)
    if chosen is None:
        raise Missing(what=f"version {number} of “{record.name}”")
    yield encode_start(SafeName(record.name).raw, chosen.mtime_ns, chosen.size, record.mime)
    with shell.mine.stream("content", id=record.id, version=number) as answer:
        for piece in answer:
            yield block_prefix(len(piece)) + piece
    yield END


def export(shell: Shell, args: argparse.Namespace) -> int:
    """Write everything (or a folder) into one ZIP archive, which appears only when it is whole."""
    started = time.monotonic()
    target = Path(args.file)
    if target.exists() and not args.force:
        raise Misused(why=f"{target} exists already; --force replaces it.")
    partial = target.with_name(f".{target.name}.part")
    progress, written = Progress(), 0
    fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb", buffering=MIB) as out:
            folder = text(args.folder).rstrip("/") if args.folder else None
            written = shell.surely(lambda: _received(shell, folder, out, progress), args.passphrase_file)
        partial.replace(target)
    except (BoxError, OSError, KeyboardInterrupt):
        partial.unlink(missing_ok=True)
        raise
    finally:
        progress.clear()
    if args.json:
        last_line(started, {"bytes": written})
    else:
        print(f"{target}: {size(written)}. It is not sealed: whoever has the file can read it.")
    return 0


def _received(shell: Shell, folder: str | None, out: BinaryIO, progress: Progress) -> int:
    """Write the archive to ``out`` as it arrives; return how many bytes it has."""
    written = 0
    with shell.mine.stream("export", folder=folder) as answer:
        for piece in answer:
            written += out.write(piece)
            progress.show(f"{size(written)} written")
    return written


def _tell(problems: list[tuple[str, str]], what: str) -> None:
    for name, why in problems:
        print(f"{name} {what}: {why}", file=sys.stderr)
