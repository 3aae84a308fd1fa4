"""What every command needs: the box's run folder, whose locker is meant, a client with her session."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from firmware.errors import Misused, NoSuchMember, NoSuchRecord, StepUpNeeded
from firmware.limits import PAGE_RECORDS
from firmware.model import RecordState
from services.api.blocking import Blocking
from services.api.place import run_folder
from services.api.types import ID, MemberInfo, NewMember, Opened, RecordInfo, Records, Status
from services.cli.secrets_io import Tokens, read_passphrase

_T = TypeVar("_T")


class Shell:
    """One command's view of a running box."""

    def __init__(self, data: Path, member: str | None) -> None:
        """``member`` is a name or an id, or None where one member is enough to know whose locker is meant."""
        self.data, self._wanted = data, member

    @cached_property
    def run(self) -> Path:
        """The folder of the sockets; raises NotRunning, Refused."""
        return run_folder(self.data)

    @cached_property
    def box(self) -> Blocking:
        """A client without a session."""
        return Blocking(self.run)

    @cached_property
    def tokens(self) -> Tokens:
        """This user's sessions."""
        return Tokens(self.run)

    @cached_property
    def status(self) -> Status:
        """What the box says to anybody."""
        found = self.box.call("status")
        assert isinstance(found, Status)
        return found

    @cached_property
    def member(self) -> MemberInfo:
        """Whose locker is meant; raises Misused when that is not clear."""
        members = self.status.members
        if self._wanted is not None:
            for each in members:
                if self._wanted in (each.id, each.name):
                    return each
            raise NoSuchMember(name=self._wanted)
        known = [each for each in members if self.tokens.of(each.id)] or list(members)
        if not known:
            raise Misused(why="nobody owns this box yet; `./box locker init` makes the first member.")
        if len(known) > 1:
            names = ", ".join(each.name for each in known)
            raise Misused(why=f"several members live here ({names}); say which with --member NAME.")
        return known[0]

    @cached_property
    def mine(self) -> Blocking:
        """A client that acts in the remembered session of the member."""
        return self.box.as_session(self.tokens.of(self.member.id) or "none", self.member.id)

    def enter(self, opened: Opened | NewMember) -> None:
        """Remember a session."""
        if opened.token is not None:
            self.tokens.keep(opened.member, opened.token)

    def enter_as(self, member: str, token: str) -> None:
        """Remember the session of a member who just came to live here."""
        self.tokens.keep(member, token)
        self.__dict__.pop("status", None)

    def step_up(self, passphrase_file: Path | None) -> None:
        """Prove once more who asks: with the file's first line, or the passphrase typed. Raises WrongPassphrase."""
        proof = read_passphrase(passphrase_file, f"Passphrase of {self.member.name}")
        self.mine.call("step_up", proof=proof)

    def surely(self, action: Callable[[], _T], passphrase_file: Path | None) -> _T:
        """Run ``action``; ask for the passphrase and run it again when the box wants to be sure who asks."""
        try:
            return action()
        except StepUpNeeded:
            self.step_up(passphrase_file)
            return action()

    @property
    def device(self) -> str:
        """How the session is called in the list of sessions."""
        return f"shell on {socket.gethostname()}"[:80]

    def pages(self, operation: str, **args: Any) -> Iterator[RecordInfo]:
        """Yield every record of ``list`` or ``search``, page by page."""
        cursor: str | None = None
        while True:
            page = self.mine.call(operation, cursor=cursor, limit=PAGE_RECORDS, **args)
            assert isinstance(page, Records)
            yield from page.records
            cursor = page.next
            if cursor is None:
                return

    def find(self, word: str) -> RecordInfo:
        """Return the live record of this id or path; raises NoSuchRecord."""
        name = text(word)
        found = self.mine.call("get", id=name) if re.fullmatch(ID, name) else self.mine.call("find", path=name)
        assert isinstance(found, RecordInfo)
        return found

    def below(self, word: str) -> list[RecordInfo]:
        """Return everything live in the folder ``word``; raises NoSuchRecord when there is nothing."""
        records = list(self.pages("list", folder=text(word).rstrip("/"), order="name"))
        if not records:
            raise NoSuchRecord(what=f"“{word}”")
        return records

    def in_bin(self, word: str) -> list[str]:
        """Return the ids of what lies in the bin under this id or path; raises NoSuchRecord."""
        name = text(word)
        if re.fullmatch(ID, name):
            return [name]
        found = [each.id for each in self.pages("list", state=RecordState.BIN) if each.name == name]
        if not found:
            raise NoSuchRecord(what=f"“{word}” in the bin,")
        return found


def text(word: str) -> str:
    """A command line word as the API writes names: UTF-8 with surrogate escapes, whatever the locale says."""
    return os.fsencode(word).decode("utf-8", "surrogateescape")
