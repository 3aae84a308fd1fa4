"""A process locks itself in: resource limits, no_new_privs, landlock, seccomp. By ctypes, without a dependency.

Order matters: limits and landlock need calls that the seccomp filter then takes away. Sources: landlock(7),
seccomp(2), linux/landlock.h, linux/seccomp.h, linux/filter.h. Nothing here can be undone by the process itself.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import resource
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from firmware.limits import MIB
from firmware.linux.syscalls import MACHINES, number
from firmware.linux.walls import Walls

_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _PR_GET_SECCOMP = 1, 4, 22, 38, 21
_NOBODY = 65534
_PAGE = resource.getpagesize()
_MOST_FILES = os.sysconf("SC_OPEN_MAX")

_FS_EXECUTE, _FS_WRITE, _FS_READ_FILE, _FS_READ_DIR = 1, 2, 4, 8
_FS_BITS = {1: 13, 2: 14, 3: 15, 4: 15}
"""How many file-system rights each landlock ABI knows; from 5 on there are 16."""
_NET_RIGHTS = 0b11
_SCOPES = 0b11

_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _JUMP_EQUAL, _JUMP_FROM, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_AT_NUMBER, _AT_ARCH, _AT_ARGS = 0, 4, 16
_CLONE_THREAD, _PROT_EXEC = 0x00010000, 4
_FILES_BYTES = 4 * MIB
"""What a child maps of its parent's libraries before it begins to work."""
_X32 = 0x40000000
"""From here on x86-64 counts its calls of the x32 kind, which nobody here makes."""

_libc = ctypes.CDLL(None, use_errno=True)
_prctl_call, _restrict_self = _libc["prctl"], _libc["syscall"]
_prctl_call.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
_restrict_self.argtypes = [ctypes.c_long] * 3


@dataclass(frozen=True, slots=True)
class Confinement:
    """What a process may still do once ``confine`` returned.

    ``calls`` are the only system calls allowed; with ``forbid`` set they are the only ones refused. A refused call
    answers EPERM, so that a library can go on without it. ``threads`` allows clone for threads (never processes);
    ``new_code`` allows mapping executable memory (what exec and dlopen need).
    """

    calls: frozenset[str]
    forbid: bool = False
    threads: bool = False
    new_code: bool = False
    read: tuple[str, ...] = ()
    execute: tuple[str, ...] = ()
    memory_bytes: int | None = None
    """Resident memory the process may reach, counted together with what it (its parent, with Ready) held before."""
    cpu_seconds: int | None = None
    cpu_warning_seconds: int | None = None
    """CPU time after which SIGXCPU asks to come to an end; at ``cpu_seconds`` comes SIGKILL."""
    open_files: int | None = None
    will_exec: bool = field(default=False)
    """True when another program takes over: its memory is then bounded as data, since its mappings start anew."""


def walls() -> Walls:
    """Ask the kernel which walls it offers, without raising any."""
    seccomp = platform.machine() in MACHINES and _libc.prctl(_PR_GET_SECCOMP, 0, 0, 0, 0) >= 0
    return Walls(landlock=_landlock_abi(), seccomp=seccomp)


class Ready:
    """A confinement made ready once, so that many children can enter it for the price of a few system calls."""

    def __init__(self, rules: Confinement) -> None:
        """Build filter and rule set of ``rules``; raises OSError for a machine without a call table."""
        self.cpu_seconds = rules.cpu_seconds
        self._limits = tuple(_limits(rules))
        self._memory = None if rules.will_exec else rules.memory_bytes
        self.measure()
        program = seccomp_program(rules, platform.machine())
        self._code = ctypes.create_string_buffer(program, len(program))
        # struct sock_fprog: the number of instructions, padding, their address (64-bit machines only).
        head = struct.pack("<H6xQ", len(program) // 8, ctypes.addressof(self._code))
        self._head = ctypes.create_string_buffer(head)
        self._filter = ctypes.addressof(self._head)
        abi = _landlock_abi()
        self.walls = Walls(landlock=abi, seccomp=True)
        self._ruleset = _landlock(abi, rules) if abi else -1

    def measure(self) -> None:
        """Count memory from what this process holds now; children that come from it inherit the sum."""
        if self._memory is not None:
            virtual, resident, files = memory_of()
            held = resident - max(files - _FILES_BYTES, 0)  # a child maps anew what its parent mapped of files
            self._space = virtual + max(self._memory - held, MIB)

    def enter(self, close_from: int | None = None) -> None:
        """Lock this process (single-threaded) in; descriptors from ``close_from`` on are closed on the way.

        Raises OSError when seccomp cannot be had: a parser without it must not run.
        """
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        if self._ruleset >= 0 and _restrict_self(_LANDLOCK_RESTRICT, self._ruleset, 0) != 0:
            raise OSError(ctypes.get_errno(), "landlock_restrict_self")
        if close_from is not None:
            os.closerange(close_from, _MOST_FILES)
        for what, soft, hard in self._limits:
            resource.setrlimit(what, (soft, hard))
        if self._memory is not None:
            resource.setrlimit(resource.RLIMIT_AS, (self._space, self._space))
        _prctl(_PR_SET_SECCOMP, 2, self._filter)

    def close(self) -> None:
        """Give the rule set's descriptor back."""
        if self._ruleset >= 0:
            os.close(self._ruleset)
            self._ruleset = -1


def confine(rules: Confinement) -> Walls:
    """Lock this process (single-threaded) in and return the walls that now stand.

    Raises OSError when seccomp cannot be had: a parser without it must not run. A kernel without landlock is
    tolerated, because the filter alone already refuses opening, sockets and processes to a parser.
    """
    ready = Ready(rules)
    try:
        ready.enter()
    finally:
        ready.close()
    return ready.walls


def die_with_parent() -> None:
    """Ask the kernel to SIGKILL this process when the thread that forked it ends."""
    _prctl(_PR_SET_PDEATHSIG, 9)


def stay_unseen() -> None:
    """Forbid core dumps, ptrace and /proc/<pid>/mem of this process to others of the same user."""
    _prctl(_PR_SET_DUMPABLE, 0)


def drop_root() -> None:
    """Become nobody when running as root; a container that has no such user keeps the one it is (walls still stand)."""
    if os.geteuid() == 0:
        with contextlib.suppress(OSError):
            os.setgroups([])
            os.setresgid(_NOBODY, _NOBODY, _NOBODY)
            os.setresuid(_NOBODY, _NOBODY, _NOBODY)


def first_to_die() -> None:
    """Tell the kernel to take this process and its children before any other when memory runs out."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:
        score.write("900")


def memory_of(pid: int | str = "self") -> tuple[int, int, int]:
    """Return (virtual, resident, resident of files) bytes of a process; raises OSError when it is gone."""
    statm = os.open(f"/proc/{pid}/statm", os.O_RDONLY | os.O_CLOEXEC)
    try:
        pages = os.read(statm, 200).split()
    finally:
        os.close(statm)
    if len(pages) < 3:
        raise ProcessLookupError(errno.ESRCH, "no memory left")
    return int(pages[0]) * _PAGE, int(pages[1]) * _PAGE, int(pages[2]) * _PAGE


def seccomp_program(rules: Confinement, machine: str) -> bytes:
    """Build the BPF program of ``rules`` for ``machine``; raises OSError for a machine without a call table.

    The call's number is looked up by halving: the kernel walks the program once per number when a child enters.
    """
    if machine not in MACHINES:
        raise OSError(errno.ENOSYS, f"no system call table for {machine}")
    refused = _ERRNO | errno.EPERM
    listed, other = (refused, _ALLOW) if rules.forbid else (_ALLOW, refused)
    ends = {number(name, machine): [_op(_RETURN, listed)] for name in rules.calls}
    if not rules.forbid:
        ends[number("clone3", machine)] = [_op(_RETURN, _ERRNO | errno.ENOSYS)]
        for name, arg, bit in _special(rules):
            ends[number(name, machine)] = _unless_bit(arg, bit, allow_when_set=name == "clone")
    ends.pop(-1, None)
    code = [_op(_LOAD, _AT_ARCH), _op(_JUMP_EQUAL, MACHINES[machine][1], 1, 0), _op(_RETURN, _KILL)]
    code.append(_op(_LOAD, _AT_NUMBER))
    return b"".join(code + _halved(_stretches(ends, [_op(_RETURN, other)], [_op(_RETURN, refused)])))


def _stretches(ends: dict[int, list[bytes]], other: list[bytes], last: list[bytes]) -> list[tuple[int, list[bytes]]]:
    """Cut all numbers into stretches of one fate each: (first number, what happens), ascending from 0."""
    found: list[tuple[int, list[bytes]]] = []
    marks = {0: other} | {call + 1: other for call in ends} | ends | {_X32: last}
    for start, end in sorted(marks.items()):
        if not found or found[-1][1] != end:
            found.append((start, end))
    return found


def _halved(stretches: list[tuple[int, list[bytes]]]) -> list[bytes]:
    if len(stretches) == 1:
        return stretches[0][1]
    middle = len(stretches) // 2
    low, high = _halved(stretches[:middle]), _halved(stretches[middle:])
    return [_op(_JUMP_FROM, stretches[middle][0], len(low), 0), *low, *high]


def _special(rules: Confinement) -> tuple[tuple[str, int, int], ...]:
    found: list[tuple[str, int, int]] = []
    if rules.threads:
        found.append(("clone", 0, _CLONE_THREAD))
    if not rules.new_code:
        found += [("mmap", 2, _PROT_EXEC), ("mprotect", 2, _PROT_EXEC)]
    return tuple(found)


def _op(code: int, value: int, when_true: int = 0, when_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, when_true, when_false, value)


def _unless_bit(arg: int, bit: int, *, allow_when_set: bool) -> list[bytes]:
    """Decide a call by one bit of one argument (low half: both machines are little-endian)."""
    yes, no = (_ALLOW, _ERRNO | errno.EPERM) if allow_when_set else (_ERRNO | errno.EPERM, _ALLOW)
    return [_op(_LOAD, _AT_ARGS + 8 * arg), _op(_JUMP_ANY_BIT, bit, 0, 1), _op(_RETURN, yes), _op(_RETURN, no)]


def _limits(rules: Confinement) -> Iterator[tuple[int, int, int]]:
    """Yield (resource, soft, hard) of the limits known before a child is there."""
    yield _lower(resource.RLIMIT_CORE, 0)
    if rules.open_files is not None:
        yield _lower(resource.RLIMIT_NOFILE, rules.open_files)
    if rules.cpu_seconds is not None:
        yield _lower(resource.RLIMIT_CPU, rules.cpu_seconds, rules.cpu_warning_seconds)
    if rules.memory_bytes is not None:
        yield _lower(resource.RLIMIT_FSIZE, 0)
        if rules.will_exec:
            yield _lower(resource.RLIMIT_STACK, 2 * MIB)
            yield _lower(resource.RLIMIT_DATA, rules.memory_bytes)


def _lower(what: int, value: int, soft: int | None = None) -> tuple[int, int, int]:
    """Give ``what`` with ``value`` as its soft and hard limit, or with the hard limit when that is lower already."""
    hard = resource.getrlimit(what)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    return what, value if soft is None else min(soft, value), value


def _prctl(option: int, value: int, pointer: int = 0) -> None:
    if _prctl_call(option, value, pointer, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl {option}: {os.strerror(code)}")


def _landlock_abi() -> int:
    abi = _libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    return max(int(abi), 0)


def _landlock(abi: int, rules: Confinement) -> int:
    """Return a rule set: no file-system right but ``rules.read`` and ``rules.execute``, no TCP, no signal outwards."""
    handled = (1 << _FS_BITS.get(abi, 16)) - 1
    attr = struct.pack("<QQQ", handled, _NET_RIGHTS, _SCOPES)[: 8 if abi < 4 else 16 if abi < 6 else 24]
    ruleset = _libc.syscall(_LANDLOCK_CREATE, attr, ctypes.c_size_t(len(attr)), ctypes.c_uint32(0))
    if ruleset < 0:
        raise OSError(ctypes.get_errno(), "landlock_create_ruleset")
    try:
        _permit(ruleset, rules.read, _FS_READ_FILE | _FS_READ_DIR)
        _permit(ruleset, rules.execute, _FS_READ_FILE | _FS_READ_DIR | _FS_EXECUTE)
    except OSError:
        os.close(ruleset)
        raise
    return int(ruleset)


def _permit(ruleset: int, paths: Iterable[str], rights: int) -> None:
    for path in paths:
        if not os.path.exists(path):
            continue
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            fitting = rights if os.path.isdir(path) else rights & ~_FS_READ_DIR
            rule = struct.pack("<Qi", fitting, handle)
            if _libc.syscall(_LANDLOCK_ADD, ruleset, ctypes.c_int(1), rule, ctypes.c_uint32(0)) != 0:
                raise OSError(ctypes.get_errno(), f"landlock_add_rule {path}")
        finally:
            os.close(handle)
