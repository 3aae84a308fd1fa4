"""One throw-away child: forked, walled in, watched, reaped. Runs in the zygote, which has one thread and no key."""

from __future__ import annotations

import functools
import os
import resource
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from firmware.limits import READER_OUTPUT_BYTES, READER_RSS_BYTES, READER_SECONDS
from firmware.linux import sandbox
from services.reader.answer import Trouble

INPUT, OUTPUT = 0, 1
"""The only descriptors of a child: its file, and the pipe for its answer (2 is /dev/null)."""
_LOOK_SECONDS = 0.1
_PIECE = 1 << 16

_FAILED, _NO_MEMORY, _NO_WALLS = 70, 71, 72
_EXITS: dict[int, Trouble | None] = {0: None, _NO_MEMORY: Trouble.MEMORY, _NO_WALLS: Trouble.NO_SANDBOX}


@dataclass(frozen=True, slots=True)
class End:
    """How a child ended: what it wrote, why it was stopped (None = it ended well), and what it cost."""

    output: bytes
    trouble: Trouble | None
    rss_bytes: int
    cpu_ms: int


class Abandoned(Exception):
    """The process that asked went away while a child was working."""


def run_child(
    task: Callable[[], None],
    source: int,
    walls: sandbox.Ready,
    *,
    seconds: float = READER_SECONDS,
    output_bytes: int = READER_OUTPUT_BYTES,
    watch: int | None = None,
) -> End:
    """Fork, wall the child in by ``walls``, run ``task`` there with descriptor ``source`` as INPUT; wait for its end.

    Whatever it does, it is killed after ``seconds`` of wall time, beyond ``output_bytes`` of answer, or when its
    resident memory passes READER_RSS_BYTES. Raises Abandoned when ``watch`` becomes readable (the caller left).
    """
    reading, writing = os.pipe()
    mother = os.getpid()
    _null()
    pid = os.fork()
    if pid == 0:
        _child(task, source, writing, walls, mother)
    os.close(writing)
    trouble: Trouble | None = Trouble.CRASHED
    output = b""
    try:
        output, trouble = _collect(pid, reading, time.monotonic() + seconds, output_bytes, watch)
    finally:
        os.close(reading)
        if trouble is not None:
            os.kill(pid, signal.SIGKILL)
        _, status, usage = os.wait4(pid, 0)
    if trouble is None:
        trouble = _why(status, usage, walls.cpu_seconds)
    return End(output, trouble, usage.ru_maxrss * 1024, int((usage.ru_utime + usage.ru_stime) * 1000))


def _collect(pid: int, reading: int, deadline: float, limit: int, watch: int | None) -> tuple[bytes, Trouble | None]:
    """Read until the pipe ends (the child closed it or died); the caller then reaps."""
    parts: list[bytes] = []
    size = 0
    handles = (reading,) if watch is None else (reading, watch)
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return b"", Trouble.TIMEOUT
        ready = select.select(handles, [], [], min(left, _LOOK_SECONDS))[0]
        if reading in ready:
            part = os.read(reading, _PIECE)
            if not part:
                return b"".join(parts), _linger(pid, deadline)
            parts.append(part)
            size += len(part)
            if size > limit:
                return b"", Trouble.BAD_ANSWER
        elif ready:
            raise Abandoned
        elif _resident(pid) > READER_RSS_BYTES:
            return b"", Trouble.MEMORY


def _linger(pid: int, deadline: float) -> Trouble | None:
    """Wait for a child that closed its pipe to end by itself, so that its exit status is its own."""
    ending = os.pidfd_open(pid)
    try:
        ended = select.select([ending], [], [], max(deadline - time.monotonic(), 0.0))[0]
    finally:
        os.close(ending)
    return None if ended else Trouble.TIMEOUT


@functools.cache
def _null() -> int:
    """Open what children get for complaints, once; the walls let nothing be written there."""
    return os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)


def _resident(pid: int) -> int:
    try:
        return sandbox.memory_of(pid)[1]
    except OSError:
        return 0


def _why(status: int, usage: resource.struct_rusage, cpu_limit: int | None) -> Trouble | None:
    if os.WIFEXITED(status):
        return _EXITS.get(os.WEXITSTATUS(status), Trouble.CRASHED)
    if os.WTERMSIG(status) != signal.SIGKILL:
        return Trouble.TIMEOUT if os.WTERMSIG(status) == signal.SIGXCPU else Trouble.CRASHED
    # Killed, but not by us: by its limit on CPU time, else by a kernel out of memory.
    used = usage.ru_utime + usage.ru_stime
    return Trouble.TIMEOUT if cpu_limit is not None and used >= cpu_limit - 1 else Trouble.MEMORY


def _child(task: Callable[[], None], source: int, writing: int, walls: sandbox.Ready, mother: int) -> None:
    """Never returns: becomes INPUT/OUTPUT/null, locks itself in, works, exits with a code _EXITS knows."""
    code = _NO_WALLS
    try:
        sandbox.die_with_parent()
        if os.getppid() != mother:
            os._exit(_FAILED)  # it died before this child asked to die with it
        os.dup2(source, INPUT)
        os.dup2(writing, OUTPUT)
        os.dup2(_null(), 2)
        walls.enter(close_from=3)
        code = _FAILED
        task()
        code = 0
    except MemoryError:
        code = _NO_MEMORY
    finally:
        os._exit(code)
