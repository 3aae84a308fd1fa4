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
    """What children can be asked to do: ``parse`` in Python, after ``command`` (ffmpeg) when the file is media."""

    parse: Parse
    command: Command


def serve(sock: socket.socket, tasks: Tasks, seconds: float = READER_SECONDS) -> None:
    """Answer jobs from ``sock`` until its other end closes or nothing came for IDLE_SECONDS."""
    sandbox.stay_unseen()
    sandbox.first_to_die()
    found = sandbox.walls()
    with contextlib.suppress(OSError):
        sandbox.confine(ZYGOTE)
    gc.collect()
    gc.freeze()
    sock.sendall(pack({"landlock": found.landlock, "seccomp": found.seccomp}))
    while select.select([sock], [], [], IDLE_SECONDS)[0]:
        message, handles, _, _ = socket.recv_fds(sock, JOB_BYTES, 1)
        if not message or len(handles) != 1:
            return
        try:
            job = Job(**json.loads(message))
            end = _answer(job, handles[0], tasks, seconds, sock.fileno()) if found.seccomp else _refusal()
        except Abandoned:
            return
        finally:
            for handle in handles:
                os.close(handle)
        sock.sendall(_reply(end))


def _refusal() -> End:
    return End(b"", Trouble.NO_SANDBOX, 0, 0)


def _reply(end: End) -> bytes:
    head = {"trouble": end.trouble, "rss": end.rss_bytes, "cpu_ms": end.cpu_ms, "size": len(end.output)}
    return pack(head) + end.output


def _answer(job: Job, source: int, tasks: Tasks, seconds: float, watch: int) -> End:
    """Run the one or two children a job takes; the second one reads what ffmpeg said about a media file."""
    deadline = time.monotonic() + seconds
    if not is_media(job.mime):
        end = _ask_parser(job, source, tasks, deadline, watch)
        if end.trouble is not Trouble.MEMORY or job.task != "previews" or job.mime not in _SPARING:
            return end
    first = _ask_tool(job, source, tasks, deadline, watch)
    if first.trouble is not None:
        return first if is_media(job.mime) else replace(first, trouble=Trouble.MEMORY)
    said = _in_memory(first.output)
    try:
        last = _ask_parser(job, said, tasks, deadline, watch)
    finally:
        os.close(said)
    rss = max(first.rss_bytes, last.rss_bytes)
    return End(last.output, last.trouble, rss, first.cpu_ms + last.cpu_ms)


def _ask_parser(job: Job, source: int, tasks: Tasks, deadline: float, watch: int) -> End:
    left = max(deadline - time.monotonic(), 0.0)
    return run_child(lambda: _parse(tasks.parse, job, INPUT), source, PARSER, seconds=left, watch=watch)


def _ask_tool(job: Job, source: int, tasks: Tasks, deadline: float, watch: int) -> End:
    words = tasks.command(job)
    program = tool(words[0])
    if program is None:
        return End(b"", Trouble.NO_TOOL, 0, 0)
    end = run_child(
        lambda: os.execve(program, words, {"LANG": "C.UTF-8"}),  # noqa: S606 - no shell is the point
        source,
        tool_walls(program),
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
    os.lseek(handle, 0, os.SEEK_SET)
    return handle


def _parse(parse: Parse, job: Job, source: int) -> None:
    """Run in the child: parse, and write the one answer."""
    os.lseek(source, 0, os.SEEK_SET)
    signal.signal(signal.SIGXCPU, _overtime)
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
