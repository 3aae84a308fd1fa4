"""Who lives here: ``household.json``, the members and their roles. Nothing in it is secret but their chosen names."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from firmware.errors import AlreadyClaimed, BoxError, Conflict, Damaged, Missing, NewerFormat, NoSuchMember
from firmware.linux.disk import LinuxDisk
from services.api.types import Role

_FORMAT = 1
_FILE = "household.json"
_SIZE_MAX = 1 << 20
MEMBERS_MAX = 64
"""Members of one household; guards the lock page and the household file against a runaway client."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member: id (16 hex digits), the name she chose, her role."""

    id: str
    name: str
    role: Role


class Household:
    """The members, kept in the data folder; every change is durable before it shows."""

    def __init__(self, data: Path) -> None:
        """Read the file when there is one; raises Damaged, NewerFormat."""
        self._disk = LinuxDisk(data)
        self.name: str | None = None
        self.members: tuple[Member, ...] = ()
        self._load()

    @property
    def claimed(self) -> bool:
        """Whether somebody owns this box."""
        return bool(self.members)

    def find(self, word: str) -> Member:
        """Return the member of this id or name; raises Missing."""
        for member in self.members:
            if word in (member.id, member.name):
                return member
        raise NoSuchMember(name=word[:80])

    def found(self, name: str, owner: Member) -> None:
        """Write down a new household; raises AlreadyClaimed."""
        if self.claimed:
            raise AlreadyClaimed
        self._save(name, (owner,))

    def check_name(self, name: str) -> None:
        """Raise Conflict when a member has this name or the house is full."""
        if any(member.name.casefold() == name.casefold() for member in self.members):
            raise Conflict(why=f"a member called “{name}” lives here already.")
        if len(self.members) >= MEMBERS_MAX:
            raise Conflict(why=f"a household has at most {MEMBERS_MAX} members.")

    def add(self, member: Member) -> None:
        """Write down a further member; raises Conflict."""
        self.check_name(member.name)
        self._save(self.name or "", (*self.members, member))

    def _save(self, name: str, members: tuple[Member, ...]) -> None:
        listed = [{"id": one.id, "name": one.name, "role": one.role.value} for one in members]
        body = {"format": _FORMAT, "household": name, "members": listed}
        self._disk.replace(_FILE, json.dumps(body, ensure_ascii=False, indent=1).encode() + b"\n")
        self.name, self.members = name, members

    def _load(self) -> None:
        try:
            raw = self._disk.read(_FILE, 0, _SIZE_MAX)
        except Missing:
            return
        try:
            found = json.loads(raw)
            if found["format"] > _FORMAT:
                raise NewerFormat(what=_FILE, found=found["format"], known=_FORMAT)
            members = tuple(Member(str(one["id"]), str(one["name"]), Role(one["role"])) for one in found["members"])
            self.name, self.members = str(found["household"]), members
        except BoxError:
            raise
        except (ValueError, KeyError, TypeError) as error:
            raise Damaged(what=_FILE) from error
