"""Passphrases, words and session tokens on their way between a person, files and the box. Nothing here is printed."""

from __future__ import annotations

import getpass
import json
import os
import sys
from pathlib import Path

from firmware.errors import Misused
from firmware.limits import KIT_TEXT_CHARS, PASSPHRASE_BYTES

_TOKENS = "cli"


def read_passphrase(path: Path | None, prompt: str) -> str:
    """Read a passphrase from ``path`` (its first line) or, without one, from the terminal; raises Misused."""
    if path is not None:
        text = _read(path, PASSPHRASE_BYTES + 2)
        return text.split("\n", 1)[0].removesuffix("\r")
    if not sys.stdin.isatty():
        raise Misused(why="a passphrase is needed and there is no terminal to ask on; name a file that holds it.")
    return getpass.getpass(f"{prompt}: ")


def read_new_passphrase(path: Path | None, prompt: str) -> str:
    """Like ``read_passphrase``, but a terminal is asked twice; raises Misused when the two differ."""
    first = read_passphrase(path, prompt)
    if path is None and getpass.getpass(f"{prompt}, once more: ") != first:
        raise Misused(why="the two passphrases are not the same.")
    return first


def read_words(path: Path | None) -> str:
    """Read the 24 words of a recovery kit from a file or the terminal; line breaks and numbering spaces are fine."""
    if path is not None:
        return " ".join(_read(path, KIT_TEXT_CHARS).split())
    if not sys.stdin.isatty():
        raise Misused(why="the 24 words are needed and there is no terminal to ask on; name a file that holds them.")
    return " ".join(getpass.getpass("The 24 words of the kit (not shown): ").split())


class WordsOut:
    """A place for new words, opened before they exist so that no kit is ever made and then lost."""

    def __init__(self, path: Path | None) -> None:
        """Create ``path`` with mode 0600 (raises Misused when it exists); without one the terminal shows the words."""
        self._path = path
        self._fd = -1
        if path is None:
            return
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except FileExistsError:
            raise Misused(why=f"{path} exists already and might hold a kit; name a new file for the words.") from None

    def write(self, words: str) -> None:
        """Write the words durably, or show them."""
        if self._path is None:
            print(f"\nThe recovery kit. Write it down now, it is never shown again:\n\n{_numbered(words)}\n")
            return
        os.write(self._fd, words.encode() + b"\n")
        os.fsync(self._fd)
        os.close(self._fd)
        self._fd = -1

    def discard(self) -> None:
        """Remove the empty file when no words came."""
        if self._fd >= 0 and self._path is not None:
            os.close(self._fd)
            self._path.unlink(missing_ok=True)
            self._fd = -1


class Tokens:
    """Session tokens of this user, one file for each member, in the box's run folder (memory, 0700)."""

    def __init__(self, run: Path) -> None:
        """Nothing is read yet."""
        self._folder = run / _TOKENS

    def keep(self, member: str, token: str) -> None:
        """Remember the session of ``member``."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        fresh = self._folder / f".{member}.{os.getpid()}"
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(fd, "w") as out:
            json.dump({"token": token}, out)
        fresh.replace(self._folder / member)

    def of(self, member: str) -> str | None:
        """Return the remembered token of ``member``, if any."""
        try:
            return str(json.loads((self._folder / member).read_bytes())["token"])
        except (OSError, ValueError, KeyError):
            return None

    def forget(self, member: str) -> None:
        """Drop it."""
        (self._folder / member).unlink(missing_ok=True)


def _read(path: Path, most: int) -> str:
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise Misused(why=f"{path} is too long to be what was asked for.")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Misused(why=f"{path} is not text in UTF-8.") from None


def _numbered(words: str) -> str:
    each = words.split()
    rows = [each[at : at + 6] for at in range(0, len(each), 6)]
    return "\n".join(
        "  " + "".join(f"{6 * row + at + 1:>3} {word:<12}" for at, word in enumerate(line))
        for row, line in enumerate(rows)
    )
