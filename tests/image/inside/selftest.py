"""Runs inside a booted box as root, under the box's own Python, and says what it found: one line, FOUND and JSON.

Put there by the test, not part of the image. Knows no secret and needs no network.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

SERVICES = ("lockerd", "webd", "peerd", "certifier")
ALSO = ("boxd", "fetcher", "console", "firstboot", "clear-card")
LISTENS = {("tcp", 80), ("tcp", 443), ("udp", 5353), ("udp", 4919)}
CANARY = b"canary-" + os.urandom(8).hex().encode()
_DENIED = ("sh", "pip", "pip3", "gcc", "cc", "apt-get", "dpkg", "perl", "sshd", "curl", "wget")
_BOX = Path("/run/inside/box")
_CLI = ("/usr/lib/locker-box/.venv/bin/python", "-m", "services.cli")

checks: dict[str, bool] = {}
notes: dict[str, object] = {}


def said(*words: str, limit_s: float = 120) -> str:
    """What a program printed, whatever its end."""
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=limit_s)
    return done.stdout + done.stderr


def check(name: str, ok: bool, note: object = None) -> None:
    """Keep one finding."""
    checks[name] = bool(ok)
    if not ok and note is not None:
        notes[name] = str(note)[-600:]


def until(condition: Callable[[], bool], limit_s: float) -> bool:
    """Whether it became true in time."""
    end = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(1)
    return True


def pids(service: str) -> list[int]:
    """Every process of a unit."""
    path = Path(f"/sys/fs/cgroup/system.slice/{service}.service")
    found = []
    for each in [path, *path.glob("**/")]:
        with contextlib.suppress(OSError):
            found += [int(word) for word in (each / "cgroup.procs").read_text().split()]
    return sorted(set(found))


def pss_kib(service: str) -> int:
    """Memory of a unit's processes, shared pages divided among their users."""
    total = 0
    for pid in pids(service):
        with contextlib.suppress(OSError):
            told = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += sum(int(each) for each in re.findall(r"^Pss: +(\d+)", told, re.MULTILINE))
    return total


def files() -> None:
    """What is mounted, what may be written, what is not there."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    by_place = {each[1]: each for each in mounts}
    check("root_is_erofs_read_only", by_place["/"][2] == "erofs" and "ro" in by_place["/"][3].split(","), by_place["/"])
    data = by_place.get("/var", ["", "", "", ""])
    check("data_is_ext4_nosuid_nodev", data[2] == "ext4" and {"nosuid", "nodev"} <= set(data[3].split(",")), data)
    written = {each[1]: each[0] for each in mounts if each[0].startswith("/dev/") and "rw" in each[3].split(",")}
    check("only_data_is_written", set(written.values()) == {data[0]}, written)
    for place in ("/usr/x", "/etc/x", "/root/x", "/boot/x"):
        try:
            Path(place).write_bytes(b"")
            check(f"cannot_write_{place[1:-2]}", False)
        except OSError:
            check(f"cannot_write_{place[1:-2]}", True)
    there = [name for name in _DENIED[1:] for folder in ("/usr/bin", "/usr/sbin") if Path(folder, name).exists()]
    check("no_pip_compiler_apt_ssh", not there, there)
    raised = said("find", "/usr", "-xdev", "-perm", "/6000", "-type", "f").split()
    check("no_setuid_programs", not raised, raised)
    shadow = Path("/etc/shadow").read_text().splitlines()
    check("nobody_has_a_password", all(line.split(":")[1] in ("*", "!*", "!") for line in shadow), "shadow")
    check("no_swap_but_zram", all("zram" in line for line in Path("/proc/swaps").read_text().splitlines()[1:]))
    check("no_core_dumps", Path("/proc/sys/kernel/core_pattern").read_text().strip() == "|/usr/bin/false")
    check("journal_is_volatile", not Path("/var/log/journal").is_dir() or not any(Path("/var/log/journal").iterdir()))
    size = os.statvfs("/var")
    check("data_fills_the_card", size.f_blocks * size.f_frsize > 2 << 30, size.f_blocks * size.f_frsize)
    check(
        "memory_cgroup_and_psi",
        "memory" in Path("/sys/fs/cgroup/cgroup.controllers").read_text() and Path("/proc/pressure/memory").exists(),
    )


def units() -> None:
    """What runs, and how walled in it is."""
    failed = said("systemctl", "list-units", "--failed", "--plain", "--no-legend").strip()
    check("no_failed_units", not failed, failed)
    for each in SERVICES:
        check(f"{each}_is_active", said("systemctl", "is-active", each).strip() == "active")
    exposure = {}
    for each in (*SERVICES, *(name for name in ALSO if Path(f"/usr/lib/systemd/system/{name}.service").exists())):
        told = said("systemd-analyze", "security", "--no-pager", f"{each}.service")
        found = re.search(r"Overall exposure level for \S+: ([\d.]+)", told)
        exposure[each] = float(found[1]) if found else None
    notes["exposure"] = exposure
    told = said("journalctl", "-b", "--no-pager", "-o", "cat", "-t", "systemd-udevd", "-t", "(udev-worker)")
    check("every_rule_is_understood", "61-locker-box" not in told, told)
    check(
        "caps_are_enforced",
        all(
            Path(f"/sys/fs/cgroup/system.slice/{each}.service/memory.max").read_text().strip() != "max"
            for each in SERVICES
        ),
    )
    check(
        "watchdog_is_armed",
        "15s" in said("systemctl", "show", "-p", "RuntimeWatchdogUSec"),
        said("systemctl", "show", "-p", "RuntimeWatchdogUSec"),
    )


def listening() -> set[tuple[str, int]]:
    """What listens beyond loopback, in this machine's own network."""
    found = set()
    for kind in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/net/{kind}").read_text().splitlines()[1:]:
            words = line.split()
            address, port = words[1].split(":")
            here = address in ("0100007F", "00000000000000000000000001000000")
            if (
                here
                or (kind.startswith("tcp") and words[3] != "0A")
                or (kind.startswith("udp") and words[2][-4:] != "0000")
            ):
                continue
            found.add((kind[:3], int(port, 16)))
    return found


def network() -> None:
    """What listens, what the firewall lets in, that names are looked up without offering a port."""
    heard = listening()
    notes["listening"] = sorted(f"{kind}/{port}" for kind, port in heard)
    extra = {each for each in heard - LISTENS if each not in {("udp", 68), ("udp", 546)}}
    check("only_what_must_listens", {("tcp", 80), ("tcp", 443)} <= heard and not extra, sorted(heard))
    told = Path("/run/systemd/network/40-fixed.network")
    address = said("networkctl", "status", "--all", "--no-pager")
    check("settings_file_is_in_force", told.exists() and "10.0.2.15" in address and "DHCPv4" not in address, address)
    rules = said("nft", "list", "ruleset")
    check("firewall_drops_by_default", "policy drop" in rules and "fib daddr . iif type" in rules, rules)


def locker() -> None:
    """Make a household, put a file with a canary in, read it back, lock."""
    _BOX.mkdir(parents=True)
    (_BOX / "box").symlink_to("/var/lib/private/locker-box/box")
    (_BOX / "run").symlink_to("/run/locker-box")
    secret, photo = Path("/run/inside/secret"), Path("/run/inside/photo.jpg")
    secret.write_text("six plain words for a test box\n")
    plain = Path("/run/inside/plain.jpg")
    told = said("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=640x480", "-frames:v", "1", str(plain))
    picture, comment = plain.read_bytes(), (CANARY + b"\n") * 512
    photo.write_bytes(picture[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + picture[2:])
    told += said(
        *_CLI,
        "--data",
        str(_BOX),
        "init",
        "--passphrase-file",
        str(secret),
        "--words-out",
        "/run/inside/words",
        limit_s=300,
    )
    told += said(*_CLI, "--data", str(_BOX), "put", str(photo), limit_s=600)
    back = Path("/run/inside/back")
    back.mkdir()
    told += said(*_CLI, "--data", str(_BOX), "get", "photo.jpg", str(back), limit_s=300)
    check(
        "photo_round_trip",
        (back / "photo.jpg").exists() and (back / "photo.jpg").read_bytes() == photo.read_bytes(),
        told,
    )
    told = said(*_CLI, "--data", str(_BOX), "lock")
    os.sync()
    notes["canary"] = CANARY.decode()


def probe(service: str) -> object:
    """Run the probe within the walls of a unit: a copy of it that does nothing else."""
    unit, out = f"probe-{service}", Path(f"/run/inside/probe-{service}.json")
    kept = [
        line
        for line in said("systemctl", "cat", f"{service}.service").splitlines()
        if not line.startswith(
            (
                "#",
                "Exec",
                "Type=",
                "Notify",
                "Watchdog",
                "RuntimeDirectory",
                "Requires=",
                "Restart=",
                "WantedBy",
                "StartLimit",
            )
        )
    ]
    program = f"/usr/lib/locker-box/.venv/bin/python /run/inside/probe.py {service}"
    added = f"[Service]\nType=oneshot\nUser={service}\nExecStart={program}\nStandardOutput=truncate:{out}\n"
    Path(f"/run/systemd/system/{unit}.service").write_text("\n".join([*kept, added]))
    said("systemctl", "daemon-reload")
    told = said("systemctl", "start", unit)
    try:
        return json.loads(out.read_text())
    except (OSError, ValueError):
        return {
            "denied": 0,
            "allowed": ["the probe did not run"],
            "why": (told + said("journalctl", "-u", unit, "--no-pager", "-o", "cat"))[-800:],
        }


def main() -> None:
    """Look at everything and say what was found."""
    until(lambda: all(said("systemctl", "is-active", each).strip() == "active" for each in SERVICES), 300)
    until(lambda: ("tcp", 443) in listening(), 60)
    until(lambda: said("systemctl", "is-system-running").strip() in ("running", "degraded"), 5)
    notes["pss_kib"] = {each: pss_kib(each) for each in SERVICES}
    notes["uptime_s"] = float(Path("/proc/uptime").read_text().split()[0])
    notes["slot"] = Path("/run/locker-box-image/slot").read_text().strip()
    notes["kernel"] = os.uname().release
    for step in (files, units, network, locker):
        try:
            step()
        except (OSError, ValueError, KeyError, IndexError, TypeError, subprocess.SubprocessError) as error:
            check(f"{step.__name__}_could_be_looked_at", False, repr(error))
    notes["probe"] = {each: probe(each) for each in SERVICES}
    notes["journal"] = (
        said("journalctl", "-b", "-p", "warning", "--no-pager", "-o", "cat")[-6000:] if not all(checks.values()) else ""
    )
    print("FOUND " + json.dumps({"host": socket.gethostname(), "checks": checks, **notes}), flush=True)


if __name__ == "__main__":
    main()
