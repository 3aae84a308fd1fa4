"""What a parser that was taken over can still do: nothing. Each probe runs behind the real walls, and once without."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.limits import READER_RSS_BYTES
from firmware.linux.sandbox import Confinement, seccomp_program
from firmware.linux.syscalls import MACHINES, number
from services.reader.client import Reader
from services.reader.walls import PARSER, ZYGOTE, tool_walls

PROBE = Path(__file__).with_name("reader_probe.py")
BURGLARIES = [
    "read_secret", "list_folder", "write_file", "make_folder", "open_socket", "open_unix_socket", "fork", "shell",
    "signal_parent", "trace", "namespace", "see_descriptors", "many_threads",
]  # fmt: skip
ALLOWED_TO_FFMPEG = {"many_threads"}
"""Threads are ffmpeg's way of working; their number is bounded by its memory."""
NO_CONTROL = {"see_descriptors"}


def run(probe: str, walls: str) -> dict[str, str]:
    done = subprocess.run([sys.executable, "-I", str(PROBE), probe, walls], capture_output=True, check=True, text=True)
    if walls == "free" and probe == "shell":
        return {"said": done.stdout.strip(), "trouble": ""}
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("probe", [*BURGLARIES, "map_code"])
def test_a_parser_is_refused(probe: str) -> None:
    assert run(probe, "parser")["said"].startswith("refused")


@pytest.mark.parametrize("probe", [name for name in BURGLARIES if name not in ALLOWED_TO_FFMPEG])
def test_a_child_that_becomes_ffmpeg_is_refused(probe: str) -> None:
    assert run(probe, "tool")["said"].startswith("refused")


@pytest.mark.parametrize("probe", [name for name in [*BURGLARIES, "map_code"] if name not in NO_CONTROL])
def test_control_without_walls_every_probe_succeeds(probe: str) -> None:
    assert run(probe, "free")["said"].startswith("done")


def test_memory_is_bounded() -> None:
    end = run("hog", "parser")
    assert (end["trouble"], end["said"]) == ("memory", "")
    assert int(end["rss"]) <= READER_RSS_BYTES


@pytest.fixture(scope="module")
def burglar() -> Iterator[Reader]:
    reader = Reader(main=PROBE)
    yield reader
    reader.close()


def ask(reader: Reader, probe: str) -> str | None:
    found = reader.facts("text/html", "x.html", probe.encode())
    return found.trouble or (found.facts.text if found.facts else None)


@pytest.mark.parametrize(
    ("probe", "trouble"),
    [("loop", "timeout"), ("crash", "crashed"), ("hog", "memory"), ("lie", "bad-answer"), ("flood", "bad-answer")],
)
def test_a_bad_end_is_named_and_the_next_file_is_read(burglar: Reader, probe: str, trouble: str) -> None:
    assert ask(burglar, probe) == trouble
    assert ask(burglar, "hello") == "done"
    assert burglar.walls is not None and burglar.walls.seccomp


def decide(program: bytes, arch: int, call: int, args: tuple[int, ...] = (0, 0, 0)) -> int:
    """A small interpreter of the filter's five instructions (linux/filter.h): what would the kernel answer?"""
    data = struct.pack("<IIQ", call, arch, 0) + struct.pack(f"<{len(args)}Q", *args)
    code = [struct.unpack_from("<HBBI", program, at) for at in range(0, len(program), 8)]
    at = held = 0
    while True:
        kind, true, false, value = code[at]
        at += 1
        if kind == 0x06:
            return int(value)
        if kind == 0x20:
            held = struct.unpack_from("<I", data, value)[0]
        else:
            at += true if {0x15: held == value, 0x35: held >= value, 0x45: bool(held & value)}[kind] else false


ALLOW, EPERM, ENOSYS, KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000


@pytest.mark.parametrize("machine", MACHINES)
def test_the_filter_decides_the_same_on_both_machines(machine: str) -> None:
    arch = MACHINES[machine][1]
    parser, tool = seccomp_program(PARSER, machine), seccomp_program(tool_walls("/usr/bin/ffmpeg"), machine)

    def says(program: bytes, name: str, *args: int) -> int:
        return decide(program, arch, number(name, machine), (*args, 0, 0, 0))

    for name in ("socket", "openat", "execve", "ptrace", "io_uring_setup", "kill", "bpf", "mount", "prlimit64"):
        assert says(parser, name) == EPERM
        assert says(tool, name) == (ALLOW if name in ("openat", "execve") else EPERM)
    assert says(parser, "read") == says(tool, "read") == ALLOW
    assert says(parser, "mmap", 0, 4096, 3) == ALLOW
    assert says(parser, "mmap", 0, 4096, 7) == says(parser, "mprotect", 0, 4096, 5) == EPERM
    assert says(tool, "mprotect", 0, 4096, 5) == ALLOW
    assert says(tool, "clone", 0x3D0F00) == ALLOW
    assert says(tool, "clone", 17) == says(parser, "clone", 17) == EPERM
    assert says(tool, "clone3") == says(parser, "clone3") == ENOSYS
    assert decide(parser, 0x40000003, 0) == KILL
    for name in ("read", "socket"):
        for program in (parser, tool, seccomp_program(ZYGOTE, machine)):
            assert decide(program, arch, 0x40000000 | number(name, machine)) == EPERM


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("rules", [PARSER, ZYGOTE, tool_walls("/usr/bin/ffmpeg")], ids=["parser", "mother", "tool"])
def test_the_filter_gives_every_number_its_fate(rules: Confinement, machine: str) -> None:
    """Looked up by halving or one after the other: each listed call is (dis)allowed, and no other one beside it."""
    program, arch = seccomp_program(rules, machine), MACHINES[machine][1]
    special = set() if rules.forbid else {number("clone3", machine), number("clone", machine)}
    special |= set() if rules.new_code else {number("mmap", machine), number("mprotect", machine)}
    listed = {number(name, machine) for name in rules.calls} - special - {-1}
    for call in {*range(600), 0x3FFFFFFF} - special:
        assert decide(program, arch, call) == (EPERM if (call in listed) is rules.forbid else ALLOW)
    for call in (0x40000000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF):
        assert decide(program, arch, call) == EPERM
