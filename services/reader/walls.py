"""The three confinements of the reader: the zygote, a parsing child, and a child that becomes ffmpeg."""

from __future__ import annotations

import glob
import os
import shutil

from firmware.limits import MIB, READER_RSS_BYTES, READER_SECONDS
from firmware.linux.sandbox import Confinement

_QUIET_CALLS = frozenset(
    {
        "read", "write", "pread64", "readv", "writev", "lseek", "fstat", "close", "dup", "fcntl", "mmap", "munmap",
        "mprotect", "mremap", "brk", "madvise", "futex", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
        "sigaltstack", "exit", "exit_group", "getrandom", "clock_gettime", "clock_getres", "clock_nanosleep",
        "nanosleep", "gettimeofday", "time", "getpid", "gettid", "getuid", "geteuid", "getgid", "getegid",
        "sched_yield", "restart_syscall", "membarrier", "getrusage", "sched_getaffinity", "rseq", "set_robust_list",
    }
)  # fmt: skip
"""What arithmetic on bytes needs: memory, time, and reading and writing what is open already."""

_TOOL_CALLS = _QUIET_CALLS | frozenset(
    {
        "execve", "openat", "open", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "stat", "lstat",
        "newfstatat", "statx", "getdents64", "getcwd", "uname", "sysinfo", "arch_prctl", "set_tid_address", "poll",
        "ppoll", "select", "pselect6", "eventfd2", "getrlimit", "times", "sched_getparam", "sched_getscheduler",
        "fstatfs", "statfs",
    }
)  # fmt: skip

_NEVER = frozenset(
    {
        "socket", "socketpair", "connect", "bind", "listen", "accept", "accept4", "ptrace", "process_vm_readv",
        "process_vm_writev", "keyctl", "add_key", "request_key", "bpf", "perf_event_open", "userfaultfd",
        "io_uring_setup", "io_uring_enter", "io_uring_register", "mount", "umount2", "pivot_root", "chroot", "setns",
        "unshare", "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr",
        "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "reboot", "swapon",
        "swapoff", "acct", "quotactl", "syslog", "pidfd_getfd", "process_madvise", "personality", "iopl", "ioperm",
        "modify_ldt", "name_to_handle_at", "open_by_handle_at", "fanotify_init", "mbind", "move_pages",
        "migrate_pages", "settimeofday", "clock_settime", "adjtimex", "clock_adjtime", "sethostname",
        "setdomainname", "vhangup", "memfd_secret", "mknod", "mknodat",
    }
)  # fmt: skip

ZYGOTE = Confinement(calls=_NEVER, forbid=True, new_code=True, read=("/",), execute=("/",))
"""Before the first file: no network, no writing to any disk, no tracing; children inherit all of it."""

PARSER = Confinement(
    calls=_QUIET_CALLS,
    threads=True,
    memory_bytes=READER_RSS_BYTES - 4 * MIB,
    cpu_seconds=READER_SECONDS,
    cpu_warning_seconds=READER_SECONDS // 2,
    open_files=8,
)
"""Opens nothing, starts nothing, maps no new code: reads its one file and writes its one answer."""


def tool_walls(program: str) -> Confinement:
    """Return the confinement of a child about to exec ``program``: it may load its libraries and nothing else."""
    loaders = [os.path.realpath(path) for path in glob.glob("/lib*/ld-linux*.so.*")]
    return Confinement(
        calls=_TOOL_CALLS,
        threads=True,
        new_code=True,
        read=("/usr/lib", "/lib", "/lib64", "/usr/local/lib", "/etc/ld.so.cache"),
        execute=(os.path.realpath(program), *loaders),
        memory_bytes=READER_RSS_BYTES - 56 * MIB,
        cpu_seconds=READER_SECONDS,
        open_files=64,
        will_exec=True,
    )


def tool(name: str) -> str | None:
    """Find one of ffmpeg's programs where Debian puts them."""
    return shutil.which(name, path="/usr/bin:/usr/local/bin")
