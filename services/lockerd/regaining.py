"""Asking friends for a key, on whatever box she stands before who lost it: who was asked, how far each is.

``regain/<name>`` in the data folder keeps the tickets, the seed that friends' parts are sealed to and what each box
said last, for the days that everybody has to say no: friends need not be there at the same hour. The handle, from which
the name is made, is with whoever asked. Enough parts give the secret, the secret opens the note, the note holds the
kit's words: what then happens is what happens with a kit.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from firmware.errors import BoxError, Missing, Misused, PartsDoNotFit, Unreachable
from firmware.linux.disk import LinuxDisk
from firmware.peer.parts import ask_code, note_info, part_info, read_part_ticket
from firmware.ports import Entropy
from firmware.seal import Secret, derive, open_from, public_key
from firmware.seal.words import entropy_to_words
from services.api import key_types as y
from services.api.client import Client

_FOLDER: Final = "regain"
_MOST: Final = 16
"""Asks under way on one box; guards its disk against a stranger with a browser."""
_FILE_BYTES: Final = 256 * 1024


@dataclass
class Asking:
    """One ask, as its file has it."""

    seed: str
    tickets: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    place: str | None = None
    holders: list[str] = field(default_factory=list)
    heard: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What each box said last (a ``KeyAsked``), by its ticket, or by its key where the heir asks."""


class Regaining:
    """Everything under way on this box."""

    def __init__(self, data: Path, run: Path, entropy: Entropy) -> None:
        """Files lie in ``data``; peerd does the asking."""
        self._folder, self._peerd, self._entropy = data / _FOLDER, Client(run), entropy

    async def regain(self, args: y.Regain, holders: tuple[str, ...] = ()) -> y.Regained:
        """Ask again everybody who was asked, and whoever is new; raises what the newest ticket or part raises."""
        handle = args.handle or self._entropy.bytes(32).hex()
        one = self._load(handle) if args.handle is not None else self._begin()
        for text in args.tickets:
            ticket = read_part_ticket(text, 0)
            if ticket.text() not in one.tickets:
                one.tickets.append(ticket.text())
        from firmware.seal.split import read_part  # SLIP-39 is in memory only where somebody wants it

        one.parts += [each for each in (read_part(text)[0] for text in args.parts) if each not in one.parts]
        if args.place is not None:
            one.place, one.holders = args.place, list(holders)
        if len(one.tickets) > _MOST or len(one.parts) > _MOST:
            raise Misused(why="so many parts no key has.")
        self._keep(handle, one)
        found = await self._ask(handle, one)
        self._keep(handle, one)
        return found

    async def _ask(self, handle: str, one: Asking) -> y.Regained:
        seed = Secret(bytes.fromhex(one.seed))
        public = (await asyncio.to_thread(public_key, seed)).hex()
        asks: dict[str, dict[str, Any]] = {each: {"ticket": each} for each in one.tickets}
        asks |= {each: {"place": one.place, "holder": each} for each in one.holders}
        known = {name: y.KeyAsked(**said) for name, said in one.heard.items()}
        found = await asyncio.gather(*(self._one(public, asks[name]) for name in asks))
        for name, said in zip(asks, found, strict=True):
            if isinstance(said, y.KeyAsked):
                known[name] = said
            elif not isinstance(said, Unreachable):
                known.pop(name, None)  # a friend who says no now takes back what was given
        one.heard = {name: _row(said) for name, said in known.items()}
        heard = [known[name] for name in asks if name in known]
        at = tuple(_shown(said, known.get(name)) for name, said in zip(asks, found, strict=True))
        parts = {*one.parts, *(_part(seed, each) for each in heard if each.part is not None)}
        words = await asyncio.to_thread(_joined, sorted(parts), heard)
        if not heard and found and isinstance(found[0], BoxError) and not parts:
            raise found[0]
        first = heard[0] if heard else None
        code = ask_code(bytes.fromhex(first.ask)) if first is not None else ""
        return y.Regained(
            handle, code, first.label if first else "", first.k if first else 0, len(parts), at, words
        )  # fmt: skip

    async def _one(self, public: str, ask: dict[str, Any]) -> y.KeyAsked | BoxError:
        try:
            found = await self._peerd.call("at_peerd_key_ask", public=public, **ask)
        except BoxError as error:
            return error
        assert isinstance(found, y.KeyAsked)
        return found

    # Files

    def _begin(self) -> Asking:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        files = sorted(self._folder.iterdir(), key=lambda each: each.stat().st_mtime_ns)
        for old in files[: max(0, len(files) - _MOST + 1)]:
            old.unlink(missing_ok=True)
        return Asking(self._entropy.bytes(32).hex())

    def _load(self, handle: str) -> Asking:
        try:
            found = json.loads(LinuxDisk(self._folder).read(_name(handle), 0, _FILE_BYTES))
            return Asking(**found)
        except (Missing, ValueError, TypeError, OSError):
            raise Missing(what="ask of this handle") from None

    def _keep(self, handle: str, one: Asking) -> None:
        mask = os.umask(0o077)
        try:
            LinuxDisk(self._folder).replace(_name(handle), json.dumps(one.__dict__).encode())
        finally:
            os.umask(mask)


def _name(handle: str) -> str:
    return hashlib.sha256(b"lockerbox regain\n" + bytes.fromhex(handle)).hexdigest()[:32]


def _row(said: y.KeyAsked) -> dict[str, Any]:
    return {each.name: getattr(said, each.name) for each in fields(said)}


def _shown(each: y.KeyAsked | BoxError, known: y.KeyAsked | None) -> y.RegainAt:
    if isinstance(each, BoxError):
        told = each.as_dict()
        if known is not None and known.part is not None:
            return y.RegainAt(known.box_label, known.state, known.until_ms)
        label, until_ms = (known.box_label, known.until_ms) if known is not None else ("", 0)
        return y.RegainAt(label, str(told["code"]), until_ms, f"{told['sentence']} {told['advice']}".strip())
    return y.RegainAt(each.box_label, each.state, each.until_ms)


def _part(seed: Secret, each: y.KeyAsked) -> str:
    info = part_info(bytes.fromhex(each.locker), bytes.fromhex(each.ask))
    return open_from(seed, bytes.fromhex(each.part or ""), info, "The part of a key").decode()


def _joined(parts: list[str], heard: list[y.KeyAsked]) -> str | None:
    """The words, once there are enough parts and a note from any friend's box; None before."""
    from firmware.seal.split import join_key

    notes = [(bytes.fromhex(each.locker), bytes.fromhex(each.note)) for each in heard if each.note]
    try:
        secret = join_key(parts)
    except PartsDoNotFit:
        return None
    slot = derive(secret, "slot/friends")
    for locker, note in notes:
        try:
            return entropy_to_words(open_from(slot, note, note_info(locker), "The note of a split key"))
        except BoxError:
            continue
    return None
