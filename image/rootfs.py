"""The bare Debian system of a board, and the tools root: made by mmdebstrap, kept under what they were made from."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from image.board import Board
from image.packages import BESIDE, BY_BOOT, NEVER_UNPACKED, STILL_UNPACKED, SUITE, SYSTEM, TOOLS
from image.programs import ImageTrouble, call
from image.sources import Sources

_BESIDE: Final = """
set -eu
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
rm -f "$1"/var/cache/apt/archives/*.deb
apt-get install -yq --no-install-recommends --download-only {options} {packages} >&2
mkdir -p {folder}
cp "$1"/var/cache/apt/archives/*.deb {folder}/
"""


@dataclass(frozen=True, slots=True)
class Bare:
    """A tree of installed packages, and the packages that are unpacked beside it."""

    root: Path
    beside: Path


def cache() -> Path:
    """Where trees and downloads are kept between builds."""
    return Path(os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))) / "locker-box-image"


def key(state: str, *what: Sequence[str]) -> str:
    """Name a tree after what it was made from: the state of the archives and every word mmdebstrap is told."""
    return hashlib.sha256("\0".join([state, *("\1".join(each) for each in what)]).encode()).hexdigest()[:16]


def words(arch: str, packages: Sequence[str], options: Sequence[str], leave_out: bool) -> list[str]:
    """Return mmdebstrap's command line, without target and sources."""
    told = ["mmdebstrap", "--mode=root", "--variant=essential", "--format=directory", f"--architectures={arch}"]
    told += ["--dpkgopt=force-unsafe-io", '--aptopt=Apt::Install-Recommends "false"']
    told += [f"--aptopt={each}" for each in options]
    if leave_out:
        told += [f"--dpkgopt=path-exclude={each}" for each in NEVER_UNPACKED]
        told += [f"--dpkgopt=path-include={each}" for each in STILL_UNPACKED]
    return [*told, f"--include={','.join(sorted(packages))}"]


def tools_root(sources: Sources, state: str, epoch: int) -> Path:
    """Return the tools root of this machine's processor; raises ImageTrouble."""
    arch = call(["dpkg", "--print-architecture"]).strip()
    told = words(arch, TOOLS, sources.options, leave_out=False)
    final = cache() / f"tools-{arch}-{key(state, told)}"
    if not final.is_dir():
        _make(final, told, sources, epoch)
    return final / "root"


def bare(board: Board, sources: Sources, state: str, epoch: int, fresh: bool = False) -> Bare:
    """Return the system of ``board`` as Debian has it (``fresh``: made again); raises ImageTrouble."""
    told = words(board.arch, (*SYSTEM, *BY_BOOT[board.boot]), sources.options, leave_out=True)
    beside = (board.kernel, *BESIDE, *board.beside)
    final = cache() / f"{board.arch}-{key(state, told, beside, [board.kernel_suite])}"
    if fresh:
        shutil.rmtree(final, ignore_errors=True)
    if not final.is_dir():
        suite = f"-t {board.kernel_suite}" if board.kernel_suite != SUITE else ""
        hook = _BESIDE.format(packages=" ".join(beside), options=suite, folder="{folder}")
        _make(final, told, sources, epoch, hook)
    return Bare(final / "root", final / "beside")


def _make(final: Path, told: list[str], sources: Sources, epoch: int, hook: str = "") -> None:
    making = final.with_name(f"{final.name}.{os.getpid()}")
    making.mkdir(parents=True)
    try:
        if hook:
            script = making / "hook"
            script.write_text("#!/bin/sh" + hook.replace("{folder}", str(making / "beside")))
            script.chmod(0o755)
            told = [*told, f"--customize-hook={script}"]
        text = "\n".join(sources.lines) + "\n"
        call([*told, SUITE, str(making / "root"), "-"], {"SOURCE_DATE_EPOCH": str(epoch)}, text)
        making.rename(final)
    except ImageTrouble:
        shutil.rmtree(making, ignore_errors=True)
        raise
