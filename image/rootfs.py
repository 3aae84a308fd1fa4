"""Debian's part: the bare system of a processor and the tools root, made by mmdebstrap, and a board's kernel beside it.

Each is kept under what it was made from; boards of one processor share one tree. That of another processor than this
machine's is unpacked instead of installed (``image/foreign.py``).
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from image import foreign
from image.board import Board
from image.packages import BESIDE, NEVER_UNPACKED, STILL_UNPACKED, SUITE, SYSTEM, TOOLS
from image.programs import ImageTrouble, call
from image.sources import Sources

_KEYRINGS: Final = "/usr/share/keyrings/"


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
        _make(final, told, sources.for_system(), epoch)
    return final / "root"


def bare(board: Board, sources: Sources, state: str, epoch: int, fresh: bool = False) -> Bare:
    """Return the system of ``board`` as Debian has it (``fresh``: made again); raises ImageTrouble.

    ``state``: that of the archives without backports.
    """
    tree = _tree(board.arch, sources.for_system(), state, epoch, fresh)
    wanted = [each for each in (board.kernel, *BESIDE, *board.beside) if each]
    backported = board.kernel_suite != SUITE
    beside = cache() / f"beside-{board.name}-{key(sources.state() if backported else state, wanted)}"
    if fresh:
        shutil.rmtree(beside, ignore_errors=True)
    if not beside.is_dir():
        suite = ["-t", board.kernel_suite] if backported else []
        _download(beside, sources, board.arch, tree / "root/var/lib/dpkg/status", [*suite, *wanted])
    return Bare(tree / "root", beside)


def _tree(arch: str, sources: Sources, state: str, epoch: int, fresh: bool) -> Path:
    """Return the folder with the installed system of ``arch`` (``root``)."""
    here = call(["dpkg", "--print-architecture"]).strip()
    told = words(arch, SYSTEM, sources.options, leave_out=True)
    final = cache() / f"{arch}-{key(state, told, *([[here]] if arch != here else []))}"
    if fresh:
        shutil.rmtree(final, ignore_errors=True)
    if final.is_dir():
        return final
    if arch == here:
        _make(final, told, sources, epoch)
        return final
    native = _tree(here, sources, state, epoch, fresh)
    making = final.with_name(f"{final.name}.{os.getpid()}")
    making.mkdir(parents=True)
    try:
        _download(making / "packages", sources, arch, Path("/dev/null"), [foreign.ESSENTIAL, *SYSTEM])
        foreign.tree(making / "root", making / "packages", native / "root", arch, here)
        shutil.rmtree(making / "packages")
        _keep(making, final)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return final


def _download(final: Path, sources: Sources, arch: str, status: Path, wanted: Sequence[str]) -> None:
    """Have this machine's apt fetch packages of ``arch`` and what they need beyond those installed in ``status``."""
    making = final.with_name(f"{final.name}.{os.getpid()}")
    archives = making / "cache" / "archives"
    for each in (making / "lists" / "partial", archives / "partial"):
        each.mkdir(parents=True)
    (making / "sources.list").write_text("\n".join(sources.lines) + "\n")
    set_ = {
        "Dir::Etc::SourceList": making / "sources.list", "Dir::Etc::SourceParts": "/dev/null",
        "Dir::Etc::Preferences": "/dev/null", "Dir::Etc::PreferencesParts": "/dev/null",
        "Dir::Etc::TrustedParts": _KEYRINGS, "Dir::State::Lists": making / "lists", "Dir::State::Status": status,
        "Dir::Cache": making / "cache", "APT::Architecture": arch, "APT::Architectures": arch,
        "APT::Sandbox::User": "root", "APT::Install-Recommends": "false", "Debug::NoLocking": "true",
    }  # fmt: skip
    apt = ["apt-get", *(f"-o{name}={value}" for name, value in set_.items()), *sources.words(), "-yq"]
    try:
        call([*apt, "update"])
        call([*apt, "install", "--download-only", *wanted])
        (archives / "partial").rmdir()
        (archives / "lock").unlink(missing_ok=True)
        _keep(archives, final)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _keep(made: Path, final: Path) -> None:
    """Put what was made in its place, unless another build was faster."""
    try:
        made.rename(final)
    except OSError:
        if not final.is_dir():
            raise
        shutil.rmtree(made)


def _make(final: Path, told: list[str], sources: Sources, epoch: int) -> None:
    making = final.with_name(f"{final.name}.{os.getpid()}")
    making.mkdir(parents=True)
    try:
        text = "\n".join(sources.lines) + "\n"
        call([*told, SUITE, str(making / "root"), "-"], {"SOURCE_DATE_EPOCH": str(epoch)}, text)
        _keep(making, final)
    except ImageTrouble:
        shutil.rmtree(making, ignore_errors=True)
        raise
