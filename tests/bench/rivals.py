"""The peers we measure against: restic and borg, got by ordinary means and run as their manuals say.

restic comes from the Debian release the bench names (``RESTIC_SUITE``), through a throw-away apt state beside the
machine's own, so nothing is installed and no root is needed; where that cannot be had, the installed one is used and
the version printed says so. borg comes from PyPI, else from Debian.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.measure import Cost, folder_bytes, median, run

RESTIC_SUITE: Final = "trixie"
BORG_LOCK: Final = Path(__file__).resolve().parents[2] / "locks" / "bench.txt"
BORG_NEEDS: Final = ("borgbackup==", "msgpack==", "packaging==")
_PASSPHRASE: Final = "a passphrase for the bench only"


@dataclass(frozen=True)
class Program:
    """An executable with what the report says of it."""

    path: Path
    version: str
    sha256: str
    origin: str


class Restic:
    """restic's repository format 2 with its defaults (zstd, packs of 16 MiB); the key is derived by scrypt."""

    def __init__(self, program: Program, repo: Path, cache: Path) -> None:
        self.name = "restic"
        self._program, self._repo, self._cache = program, repo, cache

    def _run(self, *arguments: str | Path, cwd: Path | None = None) -> Cost:
        env = {"RESTIC_PASSWORD": _PASSPHRASE, "RESTIC_CACHE_DIR": str(self._cache)}
        return run([self._program.path, "-q", "-r", self._repo, *arguments], env=env, cwd=cwd)

    def init(self) -> None:
        self._run("init")

    def key_cpu(self) -> float:
        start_up = median([run([self._program.path, "version"]).cpu for _ in range(3)])
        return max(0.0, median([self._run("cat", "config").cpu for _ in range(3)]) - start_up)

    def put(self, tree: Path, label: str) -> Cost:
        return self._run("backup", "--tag", label, "--host", "bench", ".", cwd=tree)

    def stored_bytes(self) -> int:
        return folder_bytes(self._repo)

    def verify(self) -> Cost:
        return self._run("check", "--read-data")

    def restore(self, label: str, target: Path) -> tuple[Cost, Path]:
        return self._run("restore", "latest", "--tag", label, "--target", target), target

    def own_figures(self) -> dict[str, float]:
        return {}

    def close(self) -> None:
        return


class Borg:
    """borg's repository format 1 with repokey-blake2 and zstd level 3; the key is derived by PBKDF2."""

    def __init__(self, program: Program, repo: Path, cache: Path) -> None:
        self.name = "borg"
        self._program, self._repo, self._base = program, repo, cache

    def _run(self, *arguments: str | Path, cwd: Path | None = None) -> Cost:
        env = {"BORG_PASSPHRASE": _PASSPHRASE, "BORG_BASE_DIR": str(self._base)}
        return run([self._program.path, *arguments], env=env, cwd=cwd)

    def init(self) -> None:
        self._run("init", "--encryption", "repokey-blake2", self._repo)

    def key_cpu(self) -> float:
        start_up = median([self._run("info", "--help").cpu for _ in range(3)])
        return max(0.0, median([self._run("info", self._repo).cpu for _ in range(3)]) - start_up)

    def put(self, tree: Path, label: str) -> Cost:
        return self._run("create", "--compression", "zstd,3", f"{self._repo}::{label}", ".", cwd=tree)

    def stored_bytes(self) -> int:
        return folder_bytes(self._repo)

    def verify(self) -> Cost:
        return self._run("check", "--verify-data", self._repo)

    def restore(self, label: str, target: Path) -> tuple[Cost, Path]:
        target.mkdir(parents=True)
        return self._run("extract", f"{self._repo}::{label}", cwd=target), target

    def own_figures(self) -> dict[str, float]:
        return {}

    def close(self) -> None:
        return


def get_restic(cache: Path) -> Program:
    """Return the newest restic to be had: Debian's package of ``RESTIC_SUITE``, else the one installed; or raise."""
    kept = cache / f"restic-{RESTIC_SUITE}" / "usr" / "bin" / "restic"
    origin = f"Debian package of {RESTIC_SUITE}"
    try:
        if not kept.exists():
            _unpack_debian("restic", RESTIC_SUITE, cache, kept.parents[2])
        return _described(kept, origin, "version")
    except (OSError, RuntimeError, subprocess.CalledProcessError) as trouble:
        installed = shutil.which("restic")
        if installed is None:
            raise RuntimeError(f"no restic: {trouble}; install it with `apt-get install restic`") from trouble
        return _described(Path(installed), f"installed ({RESTIC_SUITE} not to be had)", "version")


def get_borg(cache: Path) -> Program:
    """Return borg from PyPI (beside this Python, else in an environment of its own), else Debian's; or raise."""
    beside, own = Path(sys.executable).parent / "borg", cache / "borg" / "bin" / "borg"
    try:
        if not beside.exists() and not own.exists():
            _install_borg(cache / "borg")
        return _described(beside if beside.exists() else own, "PyPI", "--version")
    except (OSError, RuntimeError, subprocess.CalledProcessError) as trouble:
        shutil.rmtree(cache / "borg", ignore_errors=True)
        installed = shutil.which("borg")
        if installed is None:
            need = "libssl-dev libacl1-dev liblz4-dev libxxhash-dev libzstd-dev pkg-config python3-dev gcc"
            raise RuntimeError(f"no borg: {trouble}; `apt-get install borgbackup`, or to build it: {need}") from trouble
        return _described(Path(installed), "Debian (PyPI's did not build)", "--version")


def _install_borg(home: Path) -> None:
    """Build the borg of locks/bench.txt, hashes checked, in a virtual environment at ``home``."""
    venv.create(home, with_pip=True, clear=True)
    blocks = re.split(r"\n(?=\S)", BORG_LOCK.read_text())
    (home / "lock.txt").write_text("\n".join(block for block in blocks if block.startswith(BORG_NEEDS)) + "\n")
    run(
        [
            home / "bin" / "python",
            "-m",
            "pip",
            "install",
            "-q",
            "--no-deps",
            "--require-hashes",
            "-r",
            home / "lock.txt",
        ]
    )


def _described(path: Path, origin: str, ask: str) -> Program:
    version = run([path, ask]).output.strip().splitlines()[0]
    with path.open("rb") as program:
        digest = hashlib.file_digest(program, "sha256").hexdigest()
    return Program(path, version, digest, origin)


def _unpack_debian(package: str, suite: str, cache: Path, target: Path) -> None:
    """Unpack ``package`` of ``suite`` from this machine's own mirror, verified by Debian's keyring, into ``target``."""
    state = cache / f"apt-{suite}"
    for folder in ("lists/partial", "archives/partial"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    mirror, keyring = _debian_mirror()
    (state / "sources.list").write_text(f"deb [signed-by={keyring}] {mirror} {suite} main\n")
    settings = {
        "Dir::Etc::sourcelist": state / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": state / "lists",
        "Dir::Cache": state,
        "Dir::Cache::archives": state / "archives",
        "APT::Sandbox::User": "",
        "Debug::NoLocking": "true",
    }
    apt = ["apt-get", *(part for name, value in settings.items() for part in ("-o", f"{name}={value}"))]
    run([*apt, "-q", "update"])
    run([*apt, "-q", "download", package], cwd=state)
    archive = max(state.glob(f"{package}_*.deb"), key=lambda path: path.stat().st_mtime)
    run(["dpkg-deb", "-x", archive, target])


def _debian_mirror() -> tuple[str, str]:
    """Ask apt which mirror serves Debian's main component here; add Debian's keyring. Raises when there is none."""
    listed = run(
        ["apt-get", "indextargets", "--format", "$(SITE)|$(RELEASE)|$(COMPONENT)|$(CREATED_BY)|$(ORIGIN)"]
    ).output
    for line in listed.splitlines():
        site, release, component, made_by, origin = line.split("|")
        plain = re.fullmatch(r"[a-z]+", release) is not None
        if made_by == "Packages" and component == "main" and plain and origin == "Debian":
            return site, "/usr/share/keyrings/debian-archive-keyring.gpg"
    raise RuntimeError("apt knows no Debian mirror")
