"""The spawner: a small process forked before any loop or thread exists, which forks the workers.

Everything a worker needs is imported and frozen (gc.freeze) before the first fork, so that the pages of main process,
spawner and workers stay shared. It reads one message per worker, with the worker's end of its private channel
attached, and ends when the main process ends. It holds no key and no socket of the outside.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from firmware.linux.memory import settle
from services.lockerd.control import pair

_MESSAGE_MAX = 4096

WorkerMain = Callable[[str, Path, Path, frozenset[int], socket.socket], None]
"""(member, locker folder, socket path, allowed uids, channel): the body of a worker; returns when it is over."""


class Spawner:
    """The main process's handle on the spawner."""

    def __init__(self, sock: socket.socket, pid: int) -> None:
        """Made by ``start``."""
        self.sock, self.pid = sock, pid

    def spawn(self, member: str, folder: Path, path: Path, uids: frozenset[int]) -> socket.socket:
        """Ask for a worker and return the main process's end of its channel."""
        ours, theirs = pair()
        with theirs:
            message = {"member": member, "folder": str(folder), "path": str(path), "uids": sorted(uids)}
            socket.send_fds(self.sock, [json.dumps(message).encode()], [theirs.fileno()])
        return ours


def start(worker_main: WorkerMain) -> Spawner:
    """Fork the spawner. Call it after importing everything and before any thread or event loop starts.

    What only the start needed goes back first: three processes would each keep it (`./box bench locker`,
    ingest_peak_pss_mib).
    """
    settle()
    gc.freeze()
    ours, theirs = pair()
    pid = os.fork()
    if pid:
        theirs.close()
        return Spawner(ours, pid)
    ours.close()
    try:
        _serve(theirs, worker_main)
    finally:
        os._exit(0)


def _serve(sock: socket.socket, worker_main: WorkerMain) -> None:
    os.setsid()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    while True:
        raw, fds, _, _ = socket.recv_fds(sock, _MESSAGE_MAX, 1)
        if not raw:
            return
        if os.fork() == 0:
            sock.close()
            _become(json.loads(raw), socket.socket(fileno=fds[0]), worker_main)
        for fd in fds:
            os.close(fd)


def _become(found: dict[str, Any], channel: socket.socket, worker_main: WorkerMain) -> NoReturn:
    """Live as a worker in this freshly forked process, then end it without unwinding what belongs to the spawner."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    status = 1
    try:
        worker_main(found["member"], Path(found["folder"]), Path(found["path"]), frozenset(found["uids"]), channel)
        status = 0
    finally:
        if status:
            traceback.print_exc()
        sys.stderr.flush()
        os._exit(status)
