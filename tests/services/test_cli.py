"""`./box locker` against a real box: what goes in comes out bit for bit, and everything left out is named."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.api.blocking import Blocking
from services.cli.secrets_io import Tokens
from tests.services.hasty import python
from tests.services.running import DEADLINE_SECONDS, HOUSE, Running, until

PASSPHRASE = "seven brave otters ate 91 pickles"
OTHER = "eleven calm herons sold 45 lanterns"


class Locker:
    """A claimed box and its owner's shell."""

    def __init__(self, folder: Path, *, owned: bool = True) -> None:
        self.folder = folder
        self.box = Running(folder / "box", python=python())
        self.passphrase = folder / "passphrase"
        self.passphrase.write_text(PASSPHRASE + "\n")
        self.words = folder / "words"
        if not owned:
            return
        done = self.run("init", "--passphrase-file", self.passphrase, "--words-out", self.words)
        assert done.returncode == 0, done.stderr

    def run(self, *words: str | bytes | Path) -> subprocess.CompletedProcess[str]:
        """Run one command as a person would."""
        command = [sys.executable, "-m", "services.cli", "--data", str(self.box.data), *words]
        return subprocess.run(
            command,
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(HOUSE), "TZ": "UTC"},
            capture_output=True,
            text=True,
            errors="surrogateescape",
            stdin=subprocess.DEVNULL,
            timeout=DEADLINE_SECONDS * 2,
            check=False,
        )

    def ok(self, *words: str | bytes | Path) -> str:
        """Run a command that has to succeed; returns what it printed."""
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    def refused(self, *words: str | bytes | Path) -> str:
        """Run a command that has to fail with a sentence and an advice; returns them."""
        done = self.run(*words)
        assert done.returncode == 1, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert len(done.stderr.strip().splitlines()) == 2
        return done.stderr

    def listed(self, *words: str) -> list[str]:
        """Names of everything that `ls` (or another listing) shows."""
        *records, _ = self.ok(*(words or ("ls",)), "--json").splitlines()
        return [json.loads(each)["name"] for each in records]


@pytest.fixture(scope="module")
def locker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locker]:
    made = Locker(tmp_path_factory.mktemp("cli"))
    yield made
    made.box.kill()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Locker]:
    made = Locker(tmp_path)
    yield made
    made.box.kill()


def odd_folder(root: Path) -> tuple[Path, dict[bytes, bytes]]:
    """A folder with everything that can stand in a folder; returns it and the regular files by name."""
    top = root / "Odd things"
    kept: dict[bytes, bytes] = {
        b"empty": b"",
        b"plain.txt": b"hello\n",
        b"deep/er/still/a file": b"x" * 70_000,
        "emoji 👩‍🚀🎉.txt".encode(): b"launch",
        "right \u202eto left\u200f.txt".encode(): b"abc",
        "עברית.txt".encode(): b"shalom",
        b"not utf-8 \xff\xfe.bin": bytes(range(256)),
        b"line\nbreak": b"two lines",
        ("n" * 255).encode(): b"long name",
        b"large.bin": os.urandom(1 << 20) * 5 + b"tail",
        b"just above the joining size": os.urandom((256 << 10) + 1),
    }
    for name, data in kept.items():
        path = os.path.join(os.fsencode(top), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as out:
            out.write(data)
        os.utime(path, ns=(1_500_000_000_123_456_789, 1_500_000_000_123_456_789))
    return top, {b"Odd things/" + name: data for name, data in kept.items()}


def add_what_cannot_be_sent(top: Path) -> set[str]:
    """Put a socket, a FIFO, links and unreadable things beside the files; returns their names."""
    os.mkfifo(top / "pipe")
    (top / "loop").symlink_to(top)
    (top / "link to a file").symlink_to("plain.txt")
    (top / "dangling").symlink_to("nowhere")
    listening = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    os.chdir(top)
    listening.bind("socket")
    os.chdir(here)
    listening.close()
    names = {"pipe", "loop", "link to a file", "dangling", "socket"}
    if os.geteuid() == 0:
        os.mknod(top / "device", stat.S_IFCHR | 0o600, os.makedev(1, 3))
        return names | {"device"}
    (top / "secret").write_text("not for us")
    (top / "secret").chmod(0)
    return names | {"secret"}


def contents(folder: Path) -> dict[bytes, bytes]:
    """Every regular file below ``folder`` by its relative raw name."""
    found = {}
    top = os.fsencode(folder)
    for path, _, names in os.walk(top):
        for name in names:
            full = os.path.join(path, name)
            with open(full, "rb") as file:
                found[os.path.relpath(full, top)] = file.read()
    return found


def test_everything_comes_back_bit_for_bit_and_what_cannot_be_sent_is_named(locker: Locker, tmp_path: Path) -> None:
    top, kept = odd_folder(tmp_path)
    left_out = add_what_cannot_be_sent(top)
    done = locker.run("put", top, "--into", "first")
    assert done.returncode == 3, done.stderr
    assert f"{len(kept)} files kept" in done.stdout
    assert f"{len(left_out)} left out" in done.stdout
    complaints = done.stderr.strip().splitlines()
    assert len(complaints) == len(left_out)
    assert all(sum(f"/{name} was not kept: " in line for line in complaints) == 1 for name in left_out)

    out = tmp_path / "out"
    assert f"{len(kept)} files" in locker.ok("get", "first", out)
    assert contents(out) == {b"first/" + name: data for name, data in kept.items()}
    back = os.stat(os.path.join(os.fsencode(out), b"first/Odd things/plain.txt"))
    assert back.st_mtime_ns == 1_500_000_000_123_456_789


def test_the_same_put_again_recognises_everything(locker: Locker, tmp_path: Path) -> None:
    top, kept = odd_folder(tmp_path)
    locker.ok("put", top, "--into", "twice")
    last = json.loads(locker.ok("put", top, "--into", "twice", "--json").splitlines()[-1])
    assert (last["same"], last["stored"], last["files"]) == (len(kept), 0, len(kept))
    assert last["left_out"] == 0


def test_a_single_file_and_its_history(locker: Locker, tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    for text in ("first", "second"):
        letter.write_text(text)
        locker.ok("put", letter)
    assert len(locker.ok("history", "letter.txt").splitlines()) == 2
    out = tmp_path / "out"
    locker.ok("get", "letter.txt", out)
    assert (out / "letter.txt").read_text() == "second"
    locker.ok("get", "letter.txt", "--version", "1", "--force", out)
    assert (out / "letter.txt").read_text() == "first"
    assert "version 9" in locker.refused("get", "letter.txt", "--version", "9", out)


def test_get_leaves_other_files_alone_unless_forced(locker: Locker, tmp_path: Path) -> None:
    (tmp_path / "note").write_text("mine")
    locker.ok("put", tmp_path / "note", "--into", "calm")
    out = tmp_path / "out" / "calm"
    out.mkdir(parents=True)
    (out / "note").write_text("very different")
    done = locker.run("get", "calm/note", tmp_path / "out")
    assert done.returncode == 3
    assert "--force" in done.stderr
    assert (out / "note").read_text() == "very different"
    (out / "note").write_text("mime")
    assert locker.run("get", "calm/note", tmp_path / "out").returncode == 3
    assert (out / "note").read_text() == "mime"
    locker.ok("get", "calm/note", tmp_path / "out", "--force")
    assert (out / "note").read_text() == "mine"
    assert "(there already: 1)" in locker.ok("get", "calm/note", tmp_path / "out")
    assert sorted(each.name for each in out.iterdir()) == ["note"]


def test_get_never_follows_a_link_out_of_its_folder(locker: Locker, tmp_path: Path) -> None:
    (tmp_path / "bait").write_text("bait")
    locker.ok("put", tmp_path / "bait", "--into", "trap")
    out, outside = tmp_path / "out", tmp_path / "outside"
    out.mkdir()
    outside.mkdir()
    (out / "trap").symlink_to(outside)
    assert locker.run("get", "trap/bait", out, "--force").returncode == 3
    assert list(outside.iterdir()) == []


def test_deleted_records_come_back_exactly(locker: Locker, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
    locker.ok("put", tmp_path / "one", tmp_path / "two", "--into", "bin test")
    assert "-r" in locker.refused("rm", "bin test")
    locker.ok("rm", "-r", "bin test")
    assert "bin test/one" not in locker.listed()
    assert set(locker.listed("bin")) >= {"bin test/one", "bin test/two"}
    locker.ok("undelete", "bin test/one")
    out = tmp_path / "out"
    locker.ok("get", "bin test/one", out)
    assert contents(out) == {b"bin test/one": b"one"}
    locker.ok("empty")
    assert locker.listed("bin") == []
    assert "bin test/two" in locker.refused("undelete", "bin test/two")


def test_tags_and_notes(locker: Locker, tmp_path: Path) -> None:
    (tmp_path / "harbour plan.txt").write_text("jetty")
    locker.ok("put", str(tmp_path / "harbour plan.txt"))
    locker.ok("tag", "harbour plan.txt", "--add", "Boat", "--add", "summer trip")
    locker.ok("tag", "harbour plan.txt", "--remove", "Boat")
    assert "summer trip" in locker.ok("tag") and "Boat" not in locker.ok("tag")
    locker.ok("note", "harbour plan.txt", "ask the lighthouse keeper")
    assert "lighthouse" in locker.ok("note", "harbour plan.txt")
    assert "harbour plan" in locker.ok("search", "keeper")


def test_search_rename_and_gone(locker: Locker, tmp_path: Path) -> None:
    (tmp_path / "pumpkin soup.txt").write_text("a recipe with nutmeg")
    locker.ok("put", tmp_path / "pumpkin soup.txt")
    assert locker.listed("search", "pumpk") == ["pumpkin soup.txt"]
    locker.ok("rename", "pumpkin soup.txt", "kitchen/soup.txt")
    assert locker.listed("ls", "kitchen") == locker.listed("ls", "kitchen/soup.txt") == ["kitchen/soup.txt"]
    locker.ok("gone", "kitchen/soup.txt")
    assert locker.listed("search", "soup") == []
    assert "kitchen/soup.txt" in locker.refused("history", "kitchen/soup.txt")


def test_verify_rebuild_stats_and_export(locker: Locker, tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(b"kept" * 100)
    locker.ok("put", tmp_path / "kept", "--into", "export")
    assert json.loads(locker.ok("stats", "--json").splitlines()[-1])["stored_bytes"] > 0, "open packs count too"
    report = json.loads(locker.ok("verify", "--json").splitlines()[-1])
    assert report["ok"] is True
    assert report["records"] > 0
    assert all(isinstance(value, int | float) for value in report.values())
    before = locker.listed()
    assert json.loads(locker.ok("rebuild", "--json").splitlines()[-1])["records"] == len(before)
    assert locker.listed() == before
    assert json.loads(locker.ok("stats", "--json").splitlines()[-1])["records"] >= 1
    archive = tmp_path / "all.zip"
    locker.ok("export", archive, "--folder", "export")
    with zipfile.ZipFile(archive) as found:
        assert {name: found.read(name) for name in found.namelist()} == {"export/kept": b"kept" * 100}
    assert archive.stat().st_mode & 0o077 == 0
    assert "--force" in locker.refused("export", archive)


def test_lock_open_passwd_kit_and_recover(fresh: Locker, tmp_path: Path) -> None:
    note = tmp_path / "note"
    note.write_text("stays")
    fresh.ok("put", note)
    fresh.ok("lock")
    assert "locker open" in fresh.refused("ls")
    wrong = tmp_path / "wrong"
    wrong.write_text("wrong")
    assert "does not open the locker" in fresh.refused("open", "--passphrase-file", wrong)
    fresh.ok("open", "--passphrase-file", fresh.passphrase)
    assert fresh.listed() == ["note"]

    other = tmp_path / "other"
    other.write_text(OTHER)
    fresh.ok("passwd", "--passphrase-file", fresh.passphrase, "--new-passphrase-file", other)
    fresh.ok("lock")
    fresh.refused("open", "--passphrase-file", fresh.passphrase)
    fresh.ok("open", "--passphrase-file", other)
    new_words = tmp_path / "new words"
    fresh.ok("kit", "--passphrase-file", other, "--words-out", new_words)
    assert "exists already" in fresh.refused("kit", "--passphrase-file", other, "--words-out", new_words)

    assert set(fresh.ok("slots").split()) == {"passphrase", "kit"}
    fresh.ok("slots", "drop", "passphrase", "--passphrase-file", other)
    fresh.ok("lock")
    fresh.refused("open", "--passphrase-file", other)
    fresh.refused("recover", "--words-file", fresh.words, "--passphrase-file", fresh.passphrase)
    fresh.ok("recover", "--words-file", new_words, "--passphrase-file", fresh.passphrase)
    assert fresh.listed() == ["note"]
    fresh.ok("lock")
    fresh.ok("open", "--passphrase-file", fresh.passphrase)


def test_what_cannot_be_undone_asks_for_the_passphrase_when_it_was_typed_long_ago(
    fresh: Locker, tmp_path: Path
) -> None:
    fresh.ok("put", fresh.passphrase)
    box = Blocking(run := (fresh.box.data / "run").resolve())
    member = box.call("status").members[0].id
    session = box.as_session(str(Tokens(run).of(member)), member)
    archive = tmp_path / "all.zip"
    for command in (("export", archive), ("gone", "passphrase"), ("member", "Ben", "--passphrase-file", fresh.words)):
        session.call("step_down")
        assert "passphrase is needed" in fresh.refused(*command)
        file = "--proof-file" if command[0] == "member" else "--passphrase-file"
        assert "does not open the locker" in fresh.refused(*command, file, fresh.words)
        fresh.ok(*command, file, fresh.passphrase)
    assert zipfile.ZipFile(archive).namelist() == ["passphrase"] and fresh.listed() == []


def test_words_are_written_for_the_owner_only_and_no_secret_is_shown(locker: Locker) -> None:
    assert locker.words.stat().st_mode & 0o777 == 0o600
    assert len(locker.words.read_text().split()) == 24
    log = locker.box.log.read_text()
    assert PASSPHRASE not in log
    assert locker.words.read_text().split()[3] + " " + locker.words.read_text().split()[4] not in log
    run = (locker.box.data / "run").resolve()
    token = json.loads(next((run / "cli").iterdir()).read_text())["token"]
    assert token not in log
    assert all(each.stat().st_mode & 0o077 == 0 for each in (run / "cli").iterdir())


def test_a_second_init_is_refused(locker: Locker, tmp_path: Path) -> None:
    words = tmp_path / "words"
    assert "already belongs" in locker.refused("init", "--passphrase-file", locker.passphrase, "--words-out", words)
    assert not words.exists()


def test_a_weak_passphrase_leaves_no_empty_file_of_words(tmp_path: Path) -> None:
    box = Running(tmp_path / "box")
    try:
        (tmp_path / "weak").write_text("password1")
        command = [sys.executable, "-m", "services.cli", "init", "--data", str(box.data), "--passphrase-file"]
        done = subprocess.run(
            [*command, str(tmp_path / "weak"), "--words-out", str(tmp_path / "words")],
            cwd=HOUSE,
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )
        assert done.returncode == 1
        assert "too easy to guess" in done.stderr
        assert not (tmp_path / "words").exists()
        assert not list((box.data / "lockers").iterdir()), "what was refused leaves an empty locker"
    finally:
        box.kill()


def test_a_box_that_does_not_run_is_said_so(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "services.cli", "ls", "--data", str(tmp_path)]
    done = subprocess.run(command, cwd=HOUSE, capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"No box is running on {tmp_path}.\nStart it")


def test_missing_things_are_named(locker: Locker, tmp_path: Path) -> None:
    assert "there is no" in locker.refused("put", tmp_path / "not here")
    assert "no record" in locker.refused("get", "not/here", tmp_path / "out")
    assert "no record" in locker.refused("ls", "no such folder")
    assert "No member “Nobody”" in locker.refused("ls", "--member", "Nobody")
    assert "say which records" in locker.refused("get", tmp_path / "out")
    assert "no terminal" in locker.refused("open")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_text("1")
    (tmp_path / "x").write_text("2")
    assert "same name" in locker.refused("put", tmp_path / "a" / "x", tmp_path / "x")


def test_a_put_that_the_box_interrupts_says_so_and_can_be_repeated(fresh: Locker, tmp_path: Path) -> None:
    top = tmp_path / "many"
    top.mkdir()
    for number in range(300):
        (top / f"{number:03}").write_bytes(os.urandom(20_000))
    long = tmp_path / "a long one"
    long.write_bytes(os.urandom(64 << 20))
    command = [sys.executable, "-m", "services.cli", "--data", str(fresh.box.data), "put", str(top), str(long)]
    put = subprocess.Popen(command, cwd=HOUSE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    packs = fresh.box.data / "lockers"
    until(
        lambda: (
            put.poll() is not None or sum(each.stat().st_size for each in packs.rglob("*") if each.is_file()) > 3 << 20
        )
    )
    os.kill(fresh.box.children()["lockerd"], 9)
    _, errors = put.communicate(timeout=DEADLINE_SECONDS)
    assert "Traceback" not in errors
    if put.returncode != 0:  # the machine was not faster than the kill
        assert put.returncode == 1
        assert "locker open" in errors
    until(lambda: fresh.box.status() is not None)
    fresh.ok("open", "--passphrase-file", fresh.passphrase)
    assert json.loads(fresh.ok("put", top, long, "--json").splitlines()[-1])["files"] == 301
    out = tmp_path / "out"
    fresh.ok("get", "--all", out)
    sent = {b"many/" + name: data for name, data in contents(top).items()}
    assert contents(out) == sent | {b"a long one": long.read_bytes()}
