"""One image from the beginning to the end."""

from __future__ import annotations

import hashlib
import re
import shutil
import time
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from image import boot, bundle, disk, sbom
from image.board import Board
from image.furnish import HOUSE, PACKAGES, PLACE, furnish
from image.programs import ImageTrouble, Tools, call
from image.rootfs import Bare, bare, cache, tools_root
from image.sources import Sources

_SUPPORTED_DAYS: Final = 730
"""New versions come at least so long after this one was made."""
_ADDRESS: Final = re.compile(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~%-]+)*/?", re.ASCII)
_EROFS: Final = ("-zzstd,5", "-C65536", "--all-root", "-Enosbcrc")


@dataclass(frozen=True, slots=True)
class Built:
    """A finished image, its parts and what it is made of."""

    image: Path
    root: Path
    boot: Path
    bundle: Path
    components: int
    seconds: float

    def digests(self) -> dict[str, str]:
        """Return SHA-256 of every file, by name; the bundle is left out: a signature is another one every time."""
        found = {}
        for path in sorted(self.image.parent.iterdir()):
            if path.name != "SHA256SUMS" and path.suffix != bundle.SUFFIX:
                with path.open("rb") as file:
                    found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
        return found


def epoch() -> int:
    """Return the one date in the image, seconds since 1970: that of the last commit. Raises ImageTrouble."""
    return int(call(["git", "-C", str(HOUSE), "log", "-1", "--format=%ct"]))


def version() -> str:
    """Return the version of this clone: the product's, and the commit. Raises ImageTrouble."""
    number = tomllib.loads((HOUSE / "pyproject.toml").read_text())["project"]["version"]
    return f"{number}+{call(['git', '-C', str(HOUSE), 'rev-parse', '--short=12', 'HEAD']).strip()}"


def build(
    board: Board, sources: Sources, target: Path, fresh: bool = False, keys: bundle.Keys | None = None, news: str = ""
) -> Built:
    """Build the image of ``board`` into the folder ``target`` (emptied); ``fresh``: Debian's part too.

    ``keys`` sign the bundle, and are the only ones the image takes bundles of; without them, keys for trying are made.
    ``news``: the address (https://…) a box asks for new versions; without one it takes them from a stick alone.
    Raises ImageTrouble.
    """
    began, date = time.monotonic(), epoch()
    state = sources.for_system().state()
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    debian = bare(board, sources, state, date, fresh)
    work = cache() / f"work-{board.name}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        tools = Tools(tools_root(sources, state, date), work, date)
        keys = keys or bundle.keys_for_trying(tools, cache() / "keys-for-trying")
        told = system(board, version(), date, news)
        built = _build(board, debian, tools, target, date, keys, told)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    with built.bundle.open("rb") as file:
        sums = built.digests() | {built.bundle.name: hashlib.file_digest(file, "sha256").hexdigest()}
    (target / "SHA256SUMS").write_text("".join(f"{sums[name]}  {name}\n" for name in sorted(sums)))
    return replace(built, seconds=round(time.monotonic() - began, 1))


def _build(board: Board, debian: Bare, tools: Tools, target: Path, date: int, keys: bundle.Keys, told: str) -> Built:
    work, root, beside = tools.work, tools.work / "root", debian.beside
    call(["cp", "-a", "--reflink=auto", str(debian.root), str(root)])
    packages = (root / "var/lib/dpkg/status").read_text()
    kernel = boot.unpack(beside, work / "beside", board.own_kernel)
    packages += "\n\n" + "\n\n".join(call(["dpkg-deb", "-f", str(each)]) for each in boot.used(beside))
    tools.call("depmod", "-b", kernel.beside, next(kernel.modules.iterdir()).name)
    furnish(root, kernel.modules, board, tools)
    name = version()
    release = _os_release(root, board, name)
    (root / PLACE / "system.toml").write_text(told)
    (root / "etc/rauc").mkdir(exist_ok=True)
    (root / "etc/rauc/system.conf").write_text(bundle.system_conf(board))
    (root / "etc/rauc/keyring.pem").write_bytes(keys.certificate.read_bytes())
    (root / PLACE / "release-keys").write_bytes(keys.release.read_bytes())
    parts = _parts(board, kernel, tools, root, release, date)
    listed = [*sbom.debian(packages), *sbom.python(root / PACKAGES)]
    listed.append({"type": "application", "name": "locker-box", "version": name, "bom-ref": "locker-box"})
    if board.own_kernel:
        number = next(kernel.modules.iterdir()).name
        listed.append({"type": "operating-system", "name": "linux", "version": number, "bom-ref": "linux"})
    product = {"name": f"locker-box-{board.name}", "version": name}
    (target / f"locker-box-{board.name}.cdx.json").write_text(sbom.document(product, listed, date))
    update = bundle.make(tools, board, name, parts["boot-a"], parts["root-a"], keys)
    shutil.move(update, target / update.name)
    image = target / f"locker-box-{board.name}.img"
    disk.assemble(tools, board, parts, work / image.name)
    shutil.move(work / image.name, image)
    for part in ("root-a", "boot-a"):
        shutil.move(parts[part], target / parts[part].name)
    root, start = (target / parts[each].name for each in ("root-a", "boot-a"))
    return Built(image, root, start, target / update.name, len(listed), 0.0)


def _parts(board: Board, kernel: boot.Kernel, tools: Tools, root: Path, release: Path, date: int) -> dict[str, Path]:
    """Make the file systems of the flashed image."""
    work = tools.work
    initrd = work / "initrd.img"
    boot.first_steps(board, kernel, initrd, date)
    started, asked = boot.files(board, kernel, tools, initrd, release), boot.settings_files(board, work)
    made = {name: work / f"{name}.part" for name in ("settings", "boot-b")}
    made |= {"boot-a": work / "boot.vfat", "root-a": work / "root.erofs"}
    sizes = {each.name: each.size_mib for each in disk.layout(board.boot)}
    for name, label, files in (("settings", "LOCKERBOX", asked), ("boot-a", "BOOT", started), ("boot-b", "BOOT", {})):
        boot.one_date(files, date)
        volume = disk.identifier(board.name, name)[:8]
        wide = board.boot == "raspberrypi" and name != "settings"
        disk.fat(tools, made[name], sizes[name], label, volume, files, wide)
    if "data" in sizes:
        made["data"] = work / "data.part"
        disk.data(tools, made["data"], board.name)
    unique = disk.identifier(board.name, "root")
    tools.call("mkfs.erofs", "--quiet", *_EROFS, f"-T{date}", "-U", unique, made["root-a"], root)
    return made


def system(board: Board, name: str, date: int, news: str = "") -> str:
    """Return what the image says of itself to the box (``services/boxd/facts.py``).

    Raises ImageTrouble when ``news`` is no address a box could ask.
    """
    if news and not _ADDRESS.fullmatch(news):
        raise ImageTrouble(f"“{news}” is no address like https://updates.example/locker-box")
    numbers = [*name.partition("+")[0].split("."), "0", "0"][:3]
    until = time.strftime("%Y-%m-%d", time.gmtime(date + _SUPPORTED_DAYS * 86_400))
    told = {"board": board.name, "version": ".".join(numbers), "boot": board.tries, "supported_until": until}
    told |= {"source": news} if news else {}
    return "".join(f'{key} = "{value}"\n' for key, value in told.items()) + f"made = {date}\n"


def _os_release(root: Path, board: Board, name: str) -> Path:
    path = root / "usr/lib/os-release"
    told = {
        "NAME": "Locker Box", "ID": "locker-box", "ID_LIKE": "debian", "PRETTY_NAME": f"Locker Box {name}",
        "VERSION_ID": name, "IMAGE_ID": f"locker-box-{board.name}", "IMAGE_VERSION": name,
    }  # fmt: skip
    path.write_text("".join(f'{key}="{value}"\n' for key, value in told.items()))
    return path
