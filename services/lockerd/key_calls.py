"""Split keys on the main socket: who may split, ask, say no. peerd talks to friends, a worker holds what is split."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from firmware import events
from firmware.errors import AlreadyClaimed, BoxError, Missing, Misused, WrongClaimCode
from firmware.linux.clock import SystemEntropy
from services.api import key_types as y
from services.api import types as t
from services.api.client import Client
from services.api.place import ASLEEP
from services.api.server import Call, Handler
from services.lockerd.desk import Desk
from services.lockerd.regaining import Regaining


class KeyCalls:
    """Handlers over the household and peerd; ``check_code`` raises when a claim code is not this box's."""

    def __init__(self, run: Path, desk: Desk, check_code: Callable[[str], None]) -> None:
        """``run`` is the folder of the sockets."""
        self._desk, self._check_code = desk, check_code
        self._peerd, self._asleep = Client(run), run / ASLEEP
        self._regaining = Regaining(desk.data, run, SystemEntropy())

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of every operation."""
        return {
            "part_boxes": self._boxes,
            "keys": self._keys,
            "key_make": self._make,
            "key_drop": self._drop,
            "key_no": self._no,
            "key_ticket": self._pass_on("key_ticket"),
            "key_answer": self._pass_on("key_answer"),
            "key_theft": self._theft,
            "key_heir": self._heir,
            "regain": self._regain,
        }

    def _pass_on(self, name: str) -> Callable[[Call], Awaitable[Any]]:
        async def passed(call: Call) -> Any:
            args = {each.name: getattr(call.args, each.name) for each in dataclasses.fields(call.args)}
            return await self._peerd.call(f"at_peerd_{name}", **args)

        return passed

    async def tell_members(self) -> None:
        """Every minute: what friends said about asks for keys of this box stands in everybody's activity."""
        if self._asleep.exists():
            return
        try:
            found: y.KeyNewsAll = await self._peerd.call("at_peerd_key_news")
        except BoxError:
            return
        for each in found.news:
            for member in self._desk.household.members:
                if each.state in ("open", "no"):
                    fields = {"name": self._name(each.member)}
                    self._desk.tell(events.KEY_ASK_OVER, fields, member=member.id, state=each.state)
                else:
                    self._desk.tell(events.KEY_ASKED, {"name": self._name(each.member)}, member=member.id)

    def _name(self, id: str) -> str:
        return next((each.name for each in self._desk.household.members if each.id == id), "")

    # -------- what members see and do

    async def _boxes(self, call: Call) -> y.PartBoxes:  # noqa: ARG002
        if self._asleep.exists():
            return y.PartBoxes(())
        found: y.PartBoxes = await self._peerd.call("at_peerd_part_boxes")
        return found

    async def _keys(self, call: Call) -> y.Keys:  # noqa: ARG002
        if self._asleep.exists():
            return y.Keys((), (), ())
        found: y.Keys = await self._peerd.call("at_peerd_keys")
        return found

    async def _make(self, call: Call) -> y.KeyMade:
        args, member = call.args, call.session.member
        made = await self._desk.workers.order(
            member.id,
            "friends_make",
            k=args.k,
            boxes=list(args.boxes),
            papers=args.papers,
            heir=args.heir or "",
            words=args.words or "",
            label=member.name,
        )
        n = len(args.boxes) + args.papers
        self._desk.tell(events.FRIENDS_KEY_MADE, member=member.id, k=args.k, n=n)
        if made["words"]:
            self._desk.tell(events.KIT_MADE, member=member.id)
        papers = tuple(y.PaperPart(number, words) for number, words in made["papers"])
        return y.KeyMade(papers, made["words"] or None)

    async def _drop(self, call: Call) -> t.Nothing:
        await self._desk.workers.order(call.session.member.id, "friends_drop")
        self._desk.tell(events.FRIENDS_KEY_DROPPED, member=call.session.member.id)
        return t.Nothing()

    async def _no(self, call: Call) -> y.Keys:
        args: y.KeyNo = call.args
        found: y.Keys = await self._peerd.call("at_peerd_key_no", locker=args.locker, ask=args.ask)
        return found

    # -------- theft

    async def _theft(self, call: Call) -> y.TheftHeard:
        args: y.KeyTheft = call.args
        signed: dict[str, Any] = {"reports": [], "cards": []}
        if args.stolen and args.words is not None:
            found: y.TheftPlaces = await self._peerd.call("at_peerd_theft_places", peer=args.peer)
            places = [{**dataclasses.asdict(each), "box": args.peer} for each in found.places]
            signed = await self._desk.workers.order(
                call.session.member.id, "sign_theft", words=args.words, places=places
            )
        heard: y.TheftHeard = await self._peerd.call(
            "at_peerd_key_theft", peer=args.peer, stolen=args.stolen, **signed
        )  # fmt: skip
        return heard

    # -------- asking

    async def _regain(self, call: Call) -> y.Regained:
        """On a box that belongs to nobody the claim code is asked for at the beginning, a ticket always."""
        args: y.Regain = call.args
        if args.place is not None or (args.handle is None and not args.tickets):
            raise Misused(why="it takes the ticket of a friend.")
        if args.handle is None and not self._desk.household.claimed:
            if args.code is None:
                raise WrongClaimCode(left=0)
            self._check_code(args.code)
        elif args.code is not None and self._desk.household.claimed:
            raise AlreadyClaimed
        return await self._regaining.regain(args)

    async def _heir(self, call: Call) -> y.Regained:
        """As the heir: everybody who has a part is asked, this box too."""
        args: y.Regain = call.args
        keys: y.Keys = await self._peerd.call("at_peerd_keys")
        kept = next((each for each in keys.kept if each.place == args.place and each.heir), None)
        if kept is None:
            raise Missing(what="key this box is the heir of")
        return await self._regaining.regain(args, kept.holders)
