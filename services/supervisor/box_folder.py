"""The data folder of one box: who may use it, what stands in it, and the one lock on it.

Layout (all of it 0700/0600): ``box.json`` (format, box id, host name), ``lock``, ``box/`` (box key, private
authority, leaf, claim code), ``run`` (a symbolic link to a short folder in memory with the sockets),
``household.json`` and ``lockers/`` (lockerd's), ``circle/`` and ``hosted/`` (peerd's), never touched here.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import time
from pathlib import Path

from firmware.errors import AlreadyRunning, Damaged, Misused, NewerFormat
from firmware.seal import Secret, SigningKey
from services.supervisor.prepared import RUN_PREFIX, BoxFolder, drop_run, write_private

FORMAT = 1
_OURS = {"box.json", "lock", "box", "run", "household.json", "lockers", "settings.toml", "lost+found"}
_OURS |= {"circle", "hosted"}
_LAST_BREATH_SECONDS = 10.0
"""How long a start waits for the children of a supervisor that was killed; they end within about 3 s."""


def prepare(data: Path) -> BoxFolder:
    """Make or take over the folder ``data``; raises Misused, NewerFormat, Damaged, AlreadyRunning.

    Nothing is changed in a folder that is not ours, or that a newer version wrote.
    """
    data = data.absolute()
    _look(data)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock_fd = _lock(data)
    data.chmod(0o700)
    box_id, host = identify(data)
    return BoxFolder(data, _new_run(data), box_id, host, lock_fd)


def identify(data: Path) -> tuple[str, str]:
    """Return box id and host name of the box in ``data``, made now if it is new; raises like ``prepare``."""
    found = _look(data)
    (data / "box").mkdir(mode=0o700, exist_ok=True)
    return found or _new_identity(data)


def _look(data: Path) -> tuple[str, str] | None:
    """Read box.json: (box id, host name), or None where a box may be made."""
    try:
        text = (data / "box.json").read_bytes()
    except FileNotFoundError:
        _refuse_foreign(data)
        return None
    except NotADirectoryError:
        raise Misused(why=f"{data} is not a folder.") from None
    try:
        found = json.loads(text)
        version, box_id, host = int(found["format"]), str(found["box_id"]), str(found["host"])
    except (ValueError, KeyError, TypeError):
        raise Damaged(what=f"{data}/box.json") from None
    if version > FORMAT:
        raise NewerFormat(what=str(data), found=version, known=FORMAT)
    return box_id, host


def _refuse_foreign(data: Path) -> None:
    if not data.exists():
        return
    if not data.is_dir():
        raise Misused(why=f"{data} is not a folder.")
    strange = sorted(each.name for each in data.iterdir() if each.name not in _OURS)
    if strange:
        raise Misused(why=f"{data} holds other things ({strange[0]}) and is no data folder; name an empty one.")


def _new_identity(data: Path) -> tuple[str, str]:
    seed = os.urandom(32)
    box_id = SigningKey.from_seed(Secret(seed)).public.hex()
    write_private(data / "box" / "box.key", seed)
    host = f"locker-{os.urandom(2).hex()}"
    body = json.dumps({"format": FORMAT, "box_id": box_id, "host": host}) + "\n"
    write_private(data / "box.json", body.encode())
    return box_id, host


def _lock(data: Path) -> int:
    """Take the lock; the descriptor is handed to the children too, so that it lives as long as any writer."""
    fd = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + _LAST_BREATH_SECONDS
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if _holder_lives(fd) or time.monotonic() > deadline:
                os.close(fd)
                raise AlreadyRunning(where=str(data)) from None
            time.sleep(0.05)
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd


def _holder_lives(fd: int) -> bool:
    try:
        os.kill(int(os.pread(fd, 32, 0) or b"0"), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True


def _new_run(data: Path) -> Path:
    """Make a fresh folder for sockets and tokens, in memory where the machine has such a place."""
    link = data / "run"
    drop_run(link)
    place = next((each for each in _places() if each.is_dir() and os.access(each, os.W_OK | os.X_OK)), None)
    run = Path(tempfile.mkdtemp(prefix=RUN_PREFIX, dir=place))
    (run / "lockers").mkdir(mode=0o700)
    link.symlink_to(run)
    return run


def _places() -> list[Path]:
    """Where the run folder may stand, best first; short, because a socket path has 107 bytes at most."""
    uid = os.getuid()
    wished = os.environ.get("XDG_RUNTIME_DIR", "")
    places = [Path(wished)] if wished.startswith("/") and len(wished) <= 48 else []
    places += [Path(f"/run/user/{uid}")] + ([Path("/run")] if uid == 0 else []) + [Path("/dev/shm")]  # noqa: S108 - mkdtemp below
    return places
