"""The reader's mother process: imports the parsers once, then forks one walled-in child per foreign file.

It talks over one stream socket (its standard input): a job is a length-prefixed JSON object with one descriptor (the
file, in memory), a reply the same with the child's answer behind it. It looks into no file itself.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from firmware.limits import MIB, READER_SECONDS
from firmware.linux import sandbox
from firmware.model import Analysis
from firmware.model.mime import is_media
from services.reader.answer import Overtime, ReadError, Trouble, encode, pack
from services.reader.child import INPUT, OUTPUT, Abandoned, End, run_child
from services.reader.walls import PARSER, ZYGOTE, tool, tool_walls

IDLE_SECONDS = 30
_REHEARSALS = 12
JOB_BYTES = 2048
"""Longest job message; names do not travel, only their ending."""
TOOL_BYTES = 16 * MIB
"""Most that ffmpeg may say: one frame of a poster as JPEG, or the facts as JSON."""

_SPARING = frozenset({"image/webp", "image/png"})
"""Pictures that ffmpeg decodes in less memory than Pillow; it gets the ones that were too large for Pillow."""


@dataclass(frozen=True, slots=True)
class Job:
    """One question: ``task`` (facts or previews) about ``size`` bytes that are probably ``mime``."""

    task: str
    mime: str
    size: int


Parse = Callable[[Job, int], Analysis]
"""A parser: runs in the child, reads the descriptor, answers; raises whatever it likes."""
Command = Callable[[Job], list[str]]


@dataclass(frozen=True, slots=True)
class Tasks:
    """What children can be asked to do: ``parse`` in Python, after ``command`` (ffmpeg) when the file is media.

    ``samples`` (media type, bytes) of ours are parsed before the first fork, so that children find everything
    imported, specialised and cached; a page first written by a child is a page copied.
    """

    parse: Parse
    command: Command
    samples: tuple[tuple[str, bytes], ...] = ()


def serve(sock: socket.socket, tasks: Tasks, seconds: float = READER_SECONDS) -> None:
    """Answer jobs from ``sock`` until its other end closes or nothing came for IDLE_SECONDS."""
    signal.signal(signal.SIGXCPU, _overtime)
    _rehearse(tasks)
    sandbox.first_to_die()
    sandbox.drop_root()
    sandbox.stay_unseen()
    found = sandbox.walls()
    with contextlib.suppress(OSError):
        sandbox.confine(ZYGOTE)
    walls = _Walls() if found.seccomp else None
    gc.collect()
    gc.freeze()
    gc.disable()
    sock.sendall(pack({"landlock": found.landlock, "seccomp": found.seccomp}))
    while select.select([sock], [], [], IDLE_SECONDS)[0]:
        message, handles, _, _ = socket.recv_fds(sock, JOB_BYTES, 1)
        if not message or len(handles) != 1:
            return
        try:
            job = Job(**json.loads(message))
            end = _answer(job, handles[0], tasks, walls, time.monotonic() + seconds, sock.fileno())
        except Abandoned:
            return
        finally:
            for handle in handles:
                os.close(handle)
        sock.sendall(_reply(end))


class _Walls:
    """The walls of the children, made ready once; those of ffmpeg's programs when one is first needed."""

    def __init__(self) -> None:
        self.parser = sandbox.Ready(PARSER)
        self._tools: dict[str, sandbox.Ready] = {}

    def tool(self, program: str) -> sandbox.Ready:
        if program not in self._tools:
            self._tools[program] = sandbox.Ready(tool_walls(program))
        return self._tools[program]


def _rehearse(tasks: Tasks) -> None:
    """Do here, a few times, what children will do with foreign files; OUTPUT is /dev/null in this process."""
    for mime, sample in tasks.samples:
        handle = _in_memory(sample)
        try:
            for _ in range(_REHEARSALS):
                _parse(tasks.parse, Job("facts", mime, len(sample)), handle)
        finally:
            os.close(handle)


def _reply(end: End) -> bytes:
    head = {"trouble": end.trouble, "rss": end.rss_bytes, "cpu_ms": end.cpu_ms, "size": len(end.output)}
    return pack(head) + end.output


def _answer(job: Job, source: int, tasks: Tasks, walls: _Walls | None, deadline: float, watch: int) -> End:
    """Run the one or two children a job takes; the second one reads what ffmpeg said about a media file."""
    if walls is None:
        return End(b"", Trouble.NO_SANDBOX, 0, 0)
    if not is_media(job.mime):
        end = _ask_parser(job, source, tasks, walls, deadline, watch)
        if end.trouble is not Trouble.MEMORY or job.task != "previews" or job.mime not in _SPARING:
            return end
    first = _ask_tool(job, source, tasks, walls, deadline, watch)
    if first.trouble is not None:
        return first if is_media(job.mime) else replace(first, trouble=Trouble.MEMORY)
    said = _in_memory(first.output)
    try:
        last = _ask_parser(replace(job, size=len(first.output)), said, tasks, walls, deadline, watch)
    finally:
        os.close(said)
    rss = max(first.rss_bytes, last.rss_bytes)
    return End(last.output, last.trouble, rss, first.cpu_ms + last.cpu_ms)


def _ask_parser(job: Job, source: int, tasks: Tasks, walls: _Walls, deadline: float, watch: int) -> End:
    left = max(deadline - time.monotonic(), 0.0)
    return run_child(lambda: _parse(tasks.parse, job, INPUT), source, walls.parser, seconds=left, watch=watch)


def _ask_tool(job: Job, source: int, tasks: Tasks, walls: _Walls, deadline: float, watch: int) -> End:
    words = tasks.command(job)
    program = tool(words[0])
    if program is None:
        return End(b"", Trouble.NO_TOOL, 0, 0)
    end = run_child(
        lambda: os.execve(program, words, {"LANG": "C.UTF-8"}),  # noqa: S606 - no shell is the point
        source,
        walls.tool(program),
        seconds=max(deadline - time.monotonic(), 0.0),
        output_bytes=TOOL_BYTES,
        watch=watch,
    )
    if end.trouble is Trouble.CRASHED or (end.trouble is None and not end.output):
        return End(b"", Trouble.NOT_UNDERSTOOD, end.rss_bytes, end.cpu_ms)
    return end


def _in_memory(data: bytes) -> int:
    handle = os.memfd_create("said", os.MFD_CLOEXEC)
    with open(handle, "wb", closefd=False) as file:
        file.write(data)
    return handle


def _parse(parse: Parse, job: Job, source: int) -> None:
    """Run in the child: parse, and write the one answer."""
    os.lseek(source, 0, os.SEEK_SET)
    try:
        answer = encode(parse(job, source))
    except ReadError as error:
        answer = encode(Analysis(trouble=error.trouble))
    except Overtime:
        answer = encode(Analysis(trouble=Trouble.TIMEOUT))
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, OSError, EOFError, AssertionError,
            RuntimeError, struct.error):  # fmt: skip
        answer = encode(Analysis(trouble=Trouble.NOT_UNDERSTOOD))
    view = memoryview(answer)
    while view:
        view = view[os.write(OUTPUT, view) :]


def _overtime(*_: object) -> None:
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)  # it comes again every second; once is enough
    raise Overtime
