"""What the system is made of: Debian packages by name, and what of them stays out. No package manager goes along."""

from __future__ import annotations

from typing import Final

SUITE: Final = "trixie"

SYSTEM: Final = (
    "systemd", "systemd-sysv", "systemd-repart", "systemd-resolved", "systemd-zram-generator", "udev", "kmod", "mount",
    "e2fsprogs", "dosfstools", "nftables", "chrony", "ca-certificates", "tzdata", "python3.13", "ffmpeg",
    "rauc-service", "efibootmgr",
)  # fmt: skip
"""What runs on the box, beside what Debian calls essential; the same for all boards, so that they share one tree."""

TOOLS: Final = (
    "dosfstools", "e2fsprogs", "erofs-utils", "fdisk", "kmod", "mtools", "openssl", "python3", "rauc", "squashfs-tools",
    "systemd-ukify",
)  # fmt: skip
"""The tools root, for this machine's own processor."""

BESIDE: Final = ("busybox-static",)
"""Unpacked beside the system, never installed: what the first steps of a start are made of."""

NEVER_UNPACKED: Final = (
    "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/doc/*", "/usr/share/bug/*",
    "/usr/share/lintian/*", "/usr/share/bash-completion/*", "/usr/share/zsh/*", "/usr/share/fonts/*",
    "/usr/lib/*/libLLVM*", "/usr/lib/*/libgallium*", "/usr/lib/*/dri/*", "/usr/lib/*/libz3*",
    "/usr/lib/*/libclang*", "/usr/share/X11/*", "/usr/share/icons/*", "/usr/share/pocketsphinx/*",
)  # fmt: skip
"""Left in their packages: pages nobody reads on a box, and what ffmpeg would only need for a screen."""
STILL_UNPACKED: Final = ("/usr/share/doc/*/copyright",)
"""Licences stay."""

REMOVED: Final = (
    # package managers and what they keep
    "etc/apt", "etc/dpkg", "etc/debconf.conf", "usr/bin/apt*", "usr/bin/dpkg*", "usr/bin/debconf*", "usr/sbin/dpkg*",
    "usr/lib/apt", "usr/lib/dpkg", "usr/share/debconf", "usr/share/dpkg",
    # other interpreters
    "usr/bin/perl*", "usr/lib/*/perl-base", "usr/share/perl*",
    # what is made anew on the data partition
    "var/*",
    # what this machine left behind
    "etc/hostname", "etc/resolv.conf", "etc/machine-id", "etc/*-", "etc/.pwd.lock", "vmlinuz*", "initrd.img*",
    # what nothing on a box reads
    "etc/cron*", "etc/init.d", "etc/rc?.d", "etc/logrotate.d", "etc/update-motd.d", "etc/ssh", "etc/issue.net",
    "boot", "home", "media", "mnt", "opt", "srv", "usr/games", "usr/include", "usr/local", "usr/src", "usr/share/menu",
    "usr/share/debianutils", "usr/share/mime", "usr/share/gdb", "usr/share/tabset", "usr/share/polkit-1",
    "usr/share/applications", "usr/share/pixmaps", "usr/lib/*/gconv", "usr/share/libmysofa", "usr/lib/udev/hwdb.d",
    "usr/lib/python3*/ensurepip", "usr/lib/python3*/idlelib", "usr/lib/python3*/pydoc_data", "usr/lib/python3*/test",
    "usr/lib/python3*/turtledemo", "usr/lib/python3*/tkinter", "usr/share/zsh",
    # what would start without being asked for
    "etc/systemd/system/*", "usr/lib/systemd/system/getty.target.wants",
    "usr/lib/systemd/system-generators/systemd-getty-generator",
    "usr/lib/systemd/system-generators/systemd-sysv-generator",
    "usr/lib/systemd/system-generators/systemd-ssh-generator", "usr/lib/tmpfiles.d/*ssh*",
    "usr/lib/systemd/system-generators/systemd-gpt-auto-generator",
)  # fmt: skip
"""What a finished system does without; patterns below its root."""
