"""Who lives here: ``household.json``, the members and their roles. Nothing in it is secret but their chosen names."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from firmware.errors import (
    AlreadyClaimed,
    BoxError,
    Conflict,
    Damaged,
    LastOwner,
    Missing,
    NewerFormat,
    NoSuchMember,
)
from firmware.linux.disk import LinuxDisk
from services.api.types import Role

_FORMAT = 2
"""2 added since when, guardians and who left; 1 is read too."""

_FILE = "household.json"
_SIZE_MAX = 1 << 20
MEMBERS_MAX = 64
"""Members of one household; guards the lock page and the household file against a runaway client."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member: id (16 hex digits), the name she chose, her role, since when, and who is her guardian until when."""

    id: str
    name: str
    role: Role
    since_ms: int = 0
    guardian: str | None = None
    guardian_until: str | None = None
    """The day (YYYY-MM-DD) on which the guardianship ends."""
    unguarded: bool = False
    """True while a guardian's keyslot of a guardianship that ended is still in the key file."""


class Household:
    """The members, kept in the data folder; every change is durable before it shows."""

    def __init__(self, data: Path) -> None:
        """Read the file when there is one; raises Damaged, NewerFormat."""
        self._disk = LinuxDisk(data)
        self.name: str | None = None
        self.members: tuple[Member, ...] = ()
        self.left: tuple[str, ...] = ()
        """Ids of those who left and whose lockers may still have to be moved out."""
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

    def change(self, member: Member) -> None:
        """Write down what changed about a member who lives here; raises LastOwner."""
        self._keep_an_owner(tuple(member if one.id == member.id else one for one in self.members))

    def remove(self, member: Member) -> None:
        """Write down that ``member`` left; whoever she was guardian of has none any more. Raises LastOwner."""
        kept = tuple(_without(one, member.id) for one in self.members if one.id != member.id)
        self._keep_an_owner(kept, (*self.left, member.id))

    def moved_out(self, id: str) -> None:
        """Write down that nothing is left to do for one who left."""
        self._save(self.name or "", self.members, tuple(one for one in self.left if one != id))

    def wards_of(self, guardian: str) -> list[Member]:
        """Return everybody whose guardian is the member ``guardian``."""
        return [one for one in self.members if one.guardian == guardian]

    def _keep_an_owner(self, members: tuple[Member, ...], left: tuple[str, ...] | None = None) -> None:
        if not any(one.role is Role.OWNER for one in members):
            raise LastOwner
        self._save(self.name or "", members, left)

    def _save(self, name: str, members: tuple[Member, ...], left: tuple[str, ...] | None = None) -> None:
        left = self.left if left is None else left
        listed = [_plain(one) for one in members]
        body = {"format": _FORMAT, "household": name, "members": listed, "left": list(left)}
        self._disk.replace(_FILE, json.dumps(body, ensure_ascii=False, indent=1).encode() + b"\n")
        self.name, self.members, self.left = name, members, left

    def _load(self) -> None:
        try:
            raw = self._disk.read(_FILE, 0, _SIZE_MAX)
        except Missing:
            return
        try:
            found = json.loads(raw)
            if found["format"] > _FORMAT:
                raise NewerFormat(what=_FILE, found=found["format"], known=_FORMAT)
            self.name, self.members = str(found["household"]), tuple(_member(one) for one in found["members"])
            self.left = tuple(str(one) for one in found.get("left", ()))
        except BoxError:
            raise
        except (ValueError, KeyError, TypeError) as error:
            raise Damaged(what=_FILE) from error


def unguarded(member: Member) -> Member:
    """Return ``member`` without guardian, remembering that the guardian's keyslot is still to be dropped."""
    if member.guardian is None:
        return member
    return replace(member, guardian=None, guardian_until=None, unguarded=True)


def _without(member: Member, guardian: str) -> Member:
    return unguarded(member) if member.guardian == guardian else member


def _plain(member: Member) -> dict[str, object]:
    made: dict[str, object] = {"id": member.id, "name": member.name, "role": member.role.value}
    made["since_ms"] = member.since_ms
    if member.guardian is not None:
        made |= {"guardian": member.guardian, "guardian_until": member.guardian_until}
    return made | ({"unguarded": True} if member.unguarded else {})


def _member(found: dict[str, object]) -> Member:
    guardian, until = found.get("guardian"), found.get("guardian_until")
    since = found.get("since_ms", 0)
    return Member(
        str(found["id"]),
        str(found["name"]),
        Role(str(found["role"])),
        since if isinstance(since, int) else 0,
        str(guardian) if guardian else None,
        str(until) if until else None,
        bool(found.get("unguarded", False)),
    )
