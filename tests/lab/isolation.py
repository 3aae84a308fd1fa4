"""What a box lives in: a systemd-nspawn container with the root of Debian trixie or of an image, or mere namespaces.

Both have processes, mounts and a network of their own; the network is laid by ``tests.lab.network`` in both cases. The
folder of the lab stands at the same path inside and outside.
"""

from __future__ import annotations

import os
import shutil
import site
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.lab import root
from tests.lab.clock import library
from tests.lab.network import Network
from tests.lab.shell import LabTrouble, absent, works

HOUSE = root.HOUSE
_CONTAINER_TOOLS = ("systemd-nspawn", "debootstrap", "chroot", "nsenter")


class Isolation(Protocol):
    """How a command becomes the first process of a box."""

    name: str
    house: str
    """The clone as the box sees it."""
    python: str
    """An interpreter that is no venv's, and where its packages are."""
    packages: str
    faketime: str | None
    environment: dict[str, str]

    def command(self, number: int, words: Sequence[str]) -> list[str]:
        """The command line that runs ``words`` as box ``number``."""
        ...


@dataclass
class Namespaces:
    """Processes, mounts, /run and network apart; the files are this machine's."""

    network: Network
    name: str = "namespaces"
    house: str = str(HOUSE)

    def __post_init__(self) -> None:
        """Take this interpreter's base and packages."""
        self.python = os.path.realpath(sys.executable)
        self.packages = site.getsitepackages()[0]
        self.faketime = library()
        self.environment = dict(os.environ)

    def command(self, number: int, words: Sequence[str]) -> list[str]:
        """Enter the network first, then begin new namespaces for processes and mounts with an empty /run."""
        first = 'mount -t tmpfs -o mode=755 lab /run && cd "$0" && exec "$@"'
        apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        net = f"--net={self.network.path(number)}"
        return ["nsenter", net, *apart, "sh", "-c", first, self.house, *words]


@dataclass
class Containers:
    """systemd-nspawn: a root of its own that nobody can write to, its own /run and /tmp in memory."""

    network: Network
    folder: Path
    base: Path
    name: str = "systemd-nspawn"
    house: str = root.INSIDE
    python: str = root.PYTHON
    packages: str = root.PACKAGES
    venv: str = root.VENV

    def __post_init__(self) -> None:
        """Make the place in the root where the folder of the lab will be seen."""
        (self.base / str(self.folder).lstrip("/")).mkdir(parents=True, exist_ok=True)
        self.faketime = library(self.base)
        self.environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "HOME": "/root",
        }

    def clone(self) -> list[str]:
        """How the boxes see the clone."""
        return [f"--bind-ro={HOUSE}:{self.house}"]

    def command(self, number: int, words: Sequence[str]) -> list[str]:
        """No systemd inside: the box is the second process, as under an init."""
        return [
            "env",
            "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1",
            "systemd-nspawn",
            "--quiet",
            "--register=no",
            "--keep-unit",
            "--as-pid2",
            "--read-only",
            "--console=pipe",
            "--resolv-conf=off",
            "--timezone=off",
            f"--machine={self.network.namespace(number)}",
            f"--directory={self.base}",
            f"--network-namespace-path={self.network.path(number)}",
            *self.clone(),
            f"--bind={self.folder}",
            f"--chdir={self.house}",
            *(f"--setenv={name}={value}" for name, value in self.environment.items()),
            "--",
            *words,
        ]


@dataclass
class ImageContainers(Containers):
    """The same with the system of an image, and the product in it instead of the clone's."""

    name: str = "systemd-nspawn, an image's root"
    house: str = "/usr/lib/locker-box"
    packages: str = "/usr/lib/locker-box/.venv/lib/python3.13/site-packages"
    venv: str = "/usr/lib/locker-box/.venv/bin/python"

    def clone(self) -> list[str]:
        """Not at all."""
        return []


def best(network: Network, folder: Path, wish: str | None = None, image: Path | None = None) -> tuple[Isolation, str]:
    """Return the isolation that runs here and, for namespaces, why it is not nspawn; ``wish`` decides if named.

    ``image``: an image's ``root.erofs`` for containers to live in; raises LabTrouble where that cannot be.
    """
    if image is not None:
        inside: Containers = ImageContainers(network, folder, root.of_image(image, folder))
        if not works(*inside.command(1, [inside.venv, "-c", "import iroh"])):
            raise LabTrouble("systemd-nspawn does not run on this machine, or not with this image")
        return inside, ""
    if wish == "namespaces":
        return Namespaces(network), "namespaces were asked for"
    if missing := absent(_CONTAINER_TOOLS):
        return _second(network, f"{', '.join(missing)} is not installed", wish)
    try:
        inside = Containers(network, folder, root.trixie())
    except LabTrouble as trouble:
        return _second(network, f"the trixie root cannot be built: {trouble}", wish)
    if not works(*inside.command(1, [inside.venv, "-c", "import iroh"])):
        return _second(network, "systemd-nspawn does not run on this machine", wish)
    return inside, ""


def _second(network: Network, why: str, wish: str | None) -> tuple[Isolation, str]:
    if wish:
        raise LabTrouble(why)
    return Namespaces(network), why


def unmade(isolation: Isolation) -> None:
    """Remove from the shared root the empty folders made for this lab."""
    if isinstance(isolation, ImageContainers):
        root.unmount(isolation.base)
    elif isinstance(isolation, Containers):
        place = isolation.base / str(isolation.folder).lstrip("/")
        if place.is_dir() and not any(place.iterdir()):
            shutil.rmtree(place, ignore_errors=True)
