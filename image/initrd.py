"""The first steps of a start: busybox, the modules that reach the disk, one script. About 2 MB.

The archive is written here (newc, Documentation/driver-api/early-userspace/buffer-format.rst of the kernel) so that its
bytes depend on what goes in and on nothing else.
"""

from __future__ import annotations

import lzma
import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from image.programs import ImageTrouble

_FOLDERS: Final = ("bin", "dev", "modules", "proc", "root", "run", "sys")
_END: Final = "TRAILER!!!"


def archive(files: Mapping[str, tuple[int, bytes]], epoch: int) -> bytes:
    """Return a newc archive: names to (mode with file type, content); all owned by root, all of one date."""
    parts = []
    for number, (name, (mode, content)) in enumerate([*sorted(files.items()), (_END, (0, b""))], 1):
        links = 2 if stat.S_ISDIR(mode) else 1
        last = name == _END
        numbers = (0 if last else number, mode, 0, 0, 1 if last else links, 0 if last else epoch, len(content))
        written = name.encode() + b"\0"
        head = b"070701" + b"".join(b"%08X" % each for each in (*numbers, 0, 0, 0, 0, len(written), 0))
        parts += [_padded(head + written), _padded(content)]
    whole = b"".join(parts)
    return whole + bytes(-len(whole) % 512)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def load_order(wanted: Iterable[str], dependencies: str, built_in: str) -> list[str]:
    """Return the paths of the ``wanted`` modules and of all they need, each after what it needs.

    ``dependencies`` and ``built_in`` are depmod's files of these names. Raises ImageTrouble for a module nobody knows.
    """
    needs = {path: rest.split() for path, _, rest in (line.partition(":") for line in dependencies.splitlines())}
    by_name = {_name(path): path for path in needs}
    inside = {_name(line) for line in built_in.splitlines()}
    order: list[str] = []

    def add(path: str) -> None:
        for each in reversed(needs[path]):
            if each not in order:
                add(each)
        if path not in order:
            order.append(path)

    for name in wanted:
        if path := by_name.get(name.replace("-", "_")):
            add(path)
        elif name.replace("-", "_") not in inside:
            raise ImageTrouble(f"this kernel has no module {name}")
    return order


def _name(path: str) -> str:
    return path.rpartition("/")[2].partition(".ko")[0].replace("-", "_")


def contents(
    busybox: bytes, told: Mapping[str, bytes], modules: Path, order: Sequence[str]
) -> dict[str, tuple[int, bytes]]:
    """Return what goes into the archive.

    ``told``: the script and what it reads, by name; ``modules``: the folder ``order`` is relative to.
    """
    found: dict[str, tuple[int, bytes]] = dict.fromkeys(_FOLDERS, (stat.S_IFDIR | 0o755, b""))
    found["bin/busybox"] = (stat.S_IFREG | 0o755, busybox)
    found |= {name: (stat.S_IFREG | 0o755, content) for name, content in told.items()}
    for path in order:
        raw = (modules / path).read_bytes()
        plain = lzma.decompress(raw) if path.endswith(".xz") else raw
        found[f"modules/{_name(path)}.ko"] = (stat.S_IFREG | 0o644, plain)
    found["modules/order"] = (stat.S_IFREG | 0o644, "".join(f"{_name(path)}\n" for path in order).encode())
    return found
