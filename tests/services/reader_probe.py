"""A zygote whose parser is a burglar: the file it gets names what to try. Started by the tests, never by the product.

Without arguments it serves like the reader, with one second for every child. With two (probe, walls) it runs one
probe in a child behind ``parser``, ``tool`` or no walls (``free``: the control that shows the probe itself works).
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from firmware.linux.sandbox import Ready
from firmware.model import Analysis, Facts
from services.reader.child import OUTPUT, run_child
from services.reader.walls import PARSER, tool_walls
from services.reader.zygote import Job, Tasks, serve

_libc = ctypes.CDLL(None, use_errno=True)
SPACE = 8 * 1024**3


def _call(result: int) -> str:
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return "done"


def read_secret() -> str:
    handle = os.open("/etc/passwd", os.O_RDONLY)
    return f"done {len(os.read(handle, 10))}"


def list_folder() -> str:
    return f"done {len(os.listdir('/etc'))}"


def write_file() -> str:
    handle = os.open(f"/tmp/reader-probe-{os.getpid()}", os.O_CREAT | os.O_WRONLY, 0o600)
    os.unlink(f"/tmp/reader-probe-{os.getpid()}")
    return f"done {handle}"


def make_folder() -> str:
    os.mkdir(f"/tmp/reader-probe-{os.getpid()}.d")
    os.rmdir(f"/tmp/reader-probe-{os.getpid()}.d")
    return "done"


def open_socket() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM):
        return "done"


def open_unix_socket() -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM):
        return "done"


def fork() -> str:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return "done"


def shell() -> str:
    os.execv("/bin/sh", ["sh", "-c", "echo done"])


def signal_parent() -> str:
    os.kill(os.getppid(), signal.SIGURG)
    return "done"


def trace() -> str:
    return _call(_libc.ptrace(0, 0, None, None))


def namespace() -> str:
    return _call(_libc.unshare(0x10000000))


def map_code() -> str:
    _libc.mmap.restype = ctypes.c_ssize_t
    return _call(_libc.mmap(None, ctypes.c_size_t(4096), 7, 0x22, -1, ctypes.c_long(0)))


def see_descriptors() -> str:
    open_ones = []
    for number in range(3, 200):
        try:
            os.fstat(number)
            open_ones.append(number)
        except OSError:
            continue
    if not open_ones:
        raise PermissionError(1, "nothing but the file and the pipe")
    return "done"


def hog() -> str:
    return f"done {len([bytearray(b'x' * (16 << 20)) for _ in range(64)])}"


def many_threads() -> str:
    stop = threading.Event()
    try:
        for _ in range(500):
            threading.Thread(target=stop.wait, daemon=True).start()
    except RuntimeError:
        raise PermissionError(1, "no more threads") from None
    finally:
        stop.set()
    return "done"


def loop() -> str:
    while True:
        pass


def crash() -> str:
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    ctypes.string_at(8)
    return "done"


def lie() -> str:
    os.write(OUTPUT, b'\0\0\0\x1e{"facts":{"width":"a lot"}}   ')
    os._exit(0)


def flood() -> str:
    while True:
        os.write(OUTPUT, bytes(1 << 16))


def hello() -> str:
    return "done"


PROBES: dict[str, Callable[[], str]] = {
    probe.__name__: probe
    for probe in (
        read_secret, list_folder, write_file, make_folder, open_socket, open_unix_socket, fork, shell, signal_parent,
        trace, namespace, map_code, see_descriptors, hog, many_threads, loop, crash, lie, flood, hello,
    )
}  # fmt: skip


def attempt(name: str) -> str:
    """Run one probe; say what came of it."""
    try:
        return PROBES[name]()
    except OSError as error:
        return f"refused {error.errno}"


def parse(job: Job, source: int) -> Analysis:
    """Do what the file says."""
    return Analysis(facts=Facts(text=attempt(os.read(source, min(job.size, 100)).decode())))


def tell(name: str) -> None:
    """Run in the child: one probe, its answer as the output."""
    os.write(OUTPUT, attempt(name).encode())


def once(name: str, walls: str) -> None:
    """Run one probe in one child behind ``walls`` and print how it ended."""
    if walls == "free":
        print(json.dumps({"said": attempt(name), "trouble": None}))
        return
    rules = tool_walls("/usr/bin/ffprobe") if walls == "tool" else PARSER
    end = run_child(lambda: tell(name), 0, Ready(rules), seconds=5)
    print(json.dumps({"said": end.output.decode(), "trouble": end.trouble, "rss": end.rss_bytes}))


if __name__ == "__main__":
    if len(sys.argv) == 3:
        once(*sys.argv[1:])
    else:
        with socket.socket(fileno=0) as sock:
            serve(sock, Tasks(parse=parse, command=lambda _: ["ffprobe", "-version"]), seconds=1.5)
