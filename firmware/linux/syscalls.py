"""System call numbers of x86-64 and aarch64, as far as the sandbox names them.

Source: Linux UAPI headers (arch table of x86-64; asm-generic/unistd.h for aarch64), which never renumber a call.
-1 marks a call the architecture does not have (aarch64 dropped the ones a newer call replaces).
"""

from __future__ import annotations

NUMBERS: dict[str, tuple[int, int]] = {
    "accept": (43, 202), "accept4": (288, 242), "access": (21, -1), "acct": (163, 89), "add_key": (248, 217),
    "adjtimex": (159, 171), "arch_prctl": (158, -1), "bind": (49, 200), "bpf": (321, 280), "brk": (12, 214),
    "chroot": (161, 51), "clock_adjtime": (305, 266), "clock_getres": (229, 114), "clock_gettime": (228, 113),
    "clock_nanosleep": (230, 115), "clock_settime": (227, 112), "clone": (56, 220), "clone3": (435, 435),
    "close": (3, 57), "connect": (42, 203), "delete_module": (176, 106), "dup": (32, 23), "eventfd2": (290, 19),
    "execve": (59, 221), "exit": (60, 93), "exit_group": (231, 94), "faccessat": (269, 48), "faccessat2": (439, 439),
    "fanotify_init": (300, 262), "fcntl": (72, 25), "finit_module": (313, 273), "fork": (57, -1),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fsopen": (430, 430), "fspick": (433, 433), "fstat": (5, 80),
    "fstatfs": (138, 44), "futex": (202, 98), "getcwd": (79, 17), "getdents64": (217, 61), "getegid": (108, 177),
    "geteuid": (107, 175), "getgid": (104, 176), "getpid": (39, 172), "getppid": (110, 173), "getrandom": (318, 278),
    "getrlimit": (97, 163), "getrusage": (98, 165), "gettid": (186, 178), "gettimeofday": (96, 169),
    "getuid": (102, 174), "init_module": (175, 105), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425), "ioctl": (16, 29), "ioperm": (173, -1), "iopl": (172, -1),
    "kexec_file_load": (320, 294), "kexec_load": (246, 104), "keyctl": (250, 219), "kill": (62, 129),
    "listen": (50, 201), "lookup_dcookie": (212, 18), "lseek": (8, 62), "lstat": (6, -1), "madvise": (28, 233),
    "mbind": (237, 235), "membarrier": (324, 283), "memfd_secret": (447, 447), "migrate_pages": (256, 238),
    "mknod": (133, -1), "mknodat": (259, 33), "mmap": (9, 222), "modify_ldt": (154, -1), "mount": (165, 40),
    "mount_setattr": (442, 442), "move_mount": (429, 429), "move_pages": (279, 239), "mprotect": (10, 226),
    "mremap": (25, 216), "munmap": (11, 215), "name_to_handle_at": (303, 264), "nanosleep": (35, 101),
    "newfstatat": (262, 79), "nfsservctl": (180, 42), "open": (2, -1), "open_by_handle_at": (304, 265),
    "open_tree": (428, 428), "openat": (257, 56), "perf_event_open": (298, 241), "personality": (135, 92),
    "pidfd_getfd": (438, 438), "pidfd_open": (434, 434), "pidfd_send_signal": (424, 424), "pipe2": (293, 59),
    "pivot_root": (155, 41), "poll": (7, -1), "ppoll": (271, 73), "prctl": (157, 167), "pread64": (17, 67),
    "prlimit64": (302, 261), "process_madvise": (440, 440), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "pselect6": (270, 72), "ptrace": (101, 117), "quotactl": (179, 60),
    "read": (0, 63), "readlink": (89, -1), "readlinkat": (267, 78), "readv": (19, 65), "reboot": (169, 142),
    "request_key": (249, 218), "restart_syscall": (219, 128), "rseq": (334, 293), "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135), "rt_sigqueueinfo": (129, 138), "rt_sigreturn": (15, 139),
    "rt_tgsigqueueinfo": (297, 240), "sched_getaffinity": (204, 123), "sched_getparam": (143, 121),
    "sched_getscheduler": (145, 120), "sched_setaffinity": (203, 122), "sched_yield": (24, 124), "select": (23, -1),
    "sendmmsg": (307, 269), "sendmsg": (46, 211), "sendto": (44, 206), "set_robust_list": (273, 99),
    "set_tid_address": (218, 96), "setdomainname": (171, 162), "sethostname": (170, 161), "setns": (308, 268),
    "settimeofday": (164, 170), "sigaltstack": (131, 132), "socket": (41, 198), "socketpair": (53, 199),
    "stat": (4, -1), "statfs": (137, 43), "statx": (332, 291), "swapoff": (168, 225), "swapon": (167, 224),
    "sysinfo": (99, 179), "syslog": (103, 116), "tgkill": (234, 131), "time": (201, -1), "times": (100, 153),
    "tkill": (200, 130), "umask": (95, 166), "umount2": (166, 39), "uname": (63, 160), "unshare": (272, 97),
    "userfaultfd": (323, 282), "vfork": (58, -1), "vhangup": (153, 58), "vmsplice": (278, 75), "write": (1, 64),
    "writev": (20, 66),
}  # fmt: skip

MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""Per machine name: its column above and the AUDIT_ARCH value seccomp reports (linux/audit.h)."""


def number(name: str, machine: str) -> int:
    """Return the number of call ``name`` on ``machine``, -1 when it has none; raises KeyError for unknown words."""
    return NUMBERS[name][MACHINES[machine][0]]
