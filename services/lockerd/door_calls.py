"""Doors besides the passphrase: app passwords for programs, passkeys for people."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from firmware import events, limits
from firmware.errors import (
    Locked,
    PasskeyOpensNothing,
    PasskeyUnknown,
    Refused,
    WrongAppPassword,
    WrongPassphrase,
)
from services.api import household_types as h
from services.api import types as t
from services.api.server import Call, Handler
from services.lockerd import passkeys
from services.lockerd.desk import Desk
from services.lockerd.household import Member
from services.lockerd.household_calls import HouseholdCalls
from services.lockerd.sessions import Session, Terms

_ADD, _LOGIN = "add", "login"


class DoorCalls:
    """Handlers over app passwords and passkeys."""

    def __init__(self, desk: Desk, house: HouseholdCalls, host: Callable[[], str]) -> None:
        """``host`` is the box's name without ``.local``."""
        self._desk, self._house, self._host = desk, house, host
        self._challenges = passkeys.Challenges(desk.clock)

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of every operation."""
        return {
            "app_passwords": self._apps,
            "add_app_password": self._add_app,
            "drop_app_password": self._drop_app,
            "app_open": self._app_open,
            "passkey_list": self._passkeys,
            "passkey_options": self._passkey_options,
            "passkey_add": self._passkey_add,
            "passkey_drop": self._passkey_drop,
            "passkey_login_options": self._login_options,
            "passkey_login": self._login,
        }

    # -------- programs

    async def _apps(self, call: Call) -> h.AppPasswords:
        found = await self._order(call, "apps")
        listed = (
            h.AppPasswordInfo(one["id"], one["device"], one["created_ms"], one["used_ms"] or None)
            for one in found["apps"]
        )
        return h.AppPasswords(tuple(listed))

    async def _add_app(self, call: Call) -> h.AppPassword:
        made = await self._order(call, "add_app", device=call.args.device)
        self._desk.tell(events.APP_PASSWORD_MADE, {"device": made["device"]}, member=call.session.member.id)
        return h.AppPassword(made["id"], made["device"], made["password"], made["created_ms"])

    async def _drop_app(self, call: Call) -> t.Nothing:
        await self._order(call, "drop_app", id=call.args.id)
        await self._end_sessions_of(call.session, call.args.id)
        self._desk.tell(events.APP_PASSWORD_DROPPED, member=call.session.member.id)
        return t.Nothing()

    async def _app_open(self, call: Call) -> t.Opened:
        args: h.AppOpen = call.args
        member = self._desk.household.find(args.member)
        throttle = self._desk.throttle("app password", member, limits.APP_TRIES_PER_MINUTE)
        throttle.check()
        if not self._desk.workers.is_open(member.id):
            raise Locked
        try:
            found = await self._desk.workers.order(member.id, "check_app", password=args.password)
        except WrongAppPassword:
            throttle.wrong()
            self._desk.tell(events.WRONG_APP_PASSWORD, member=member.id)
            raise
        terms = Terms(rights=t.Rights.FILES, door=found["id"])
        token = await self._desk.mint(member, found["device"], terms)
        self._desk.tell(events.APP_OPENED, {"device": found["device"]}, member=member.id)
        return t.Opened(member.id, token)

    # -------- passkeys of a session's member

    async def _passkeys(self, call: Call) -> h.Passkeys:
        found = await self._order(call, "passkeys")
        return h.Passkeys(tuple(_info(one) for one in found["passkeys"]))

    async def _passkey_options(self, call: Call) -> h.PasskeyOptions:
        member: Member = call.session.member
        known = [bytes.fromhex(one["credential"]) for one in (await self._order(call, "passkeys"))["passkeys"]]
        challenge = self._challenges.make(_ADD, member.id)
        made = passkeys.creation_options(self._rp(), member.id, member.name, challenge, known)
        return h.PasskeyOptions(made)

    async def _passkey_add(self, call: Call) -> h.PasskeyInfo:
        args: h.PasskeyAdd = call.args
        answer, prf = passkeys.read_answer(args.credential), passkeys.prf_key(args.prf)
        self._challenges.take(answer.challenge, _ADD, call.session.member.id)
        made = await asyncio.to_thread(passkeys.verify_made, self._rp(), answer)
        found = await self._order(
            call,
            "add_passkey",
            label=args.label,
            credential=made.credential.hex(),
            public=made.public.hex(),
            count=made.count,
            prf=prf,
        )
        self._desk.tell(events.PASSKEY_ADDED, {"label": args.label}, member=call.session.member.id)
        return _info(found)

    async def _passkey_drop(self, call: Call) -> t.Nothing:
        await self._order(call, "drop_passkey", id=call.args.id)
        await self._end_sessions_of(call.session, call.args.id)
        self._desk.tell(events.PASSKEY_DROPPED, member=call.session.member.id)
        return t.Nothing()

    # -------- logging in

    async def _login_options(self, call: Call) -> h.PasskeyOptions:
        member = self._desk.household.find(call.args.member)
        challenge = self._challenges.make(_LOGIN, member.id)
        return h.PasskeyOptions(passkeys.request_options(self._rp(), member.id, challenge))

    async def _login(self, call: Call) -> t.Opened:
        args: h.PasskeyLogin = call.args
        member = self._desk.household.find(args.member)
        throttle = self._desk.throttle("passkey", member, limits.PASSPHRASE_TRIES_PER_MINUTE)
        throttle.check()
        try:
            passkey = await self._judged(member, args)
        except Refused as error:
            throttle.wrong()
            self._desk.tell(events.PASSKEY_REFUSED, member=member.id, why=error.code)
            raise
        self._desk.tell(events.PASSKEY_USED, {"label": passkey["label"], "device": args.device}, member=member.id)
        await self._house.settle(member)
        return t.Opened(member.id, await self._desk.mint(member, args.device, Terms(door=passkey["id"])))

    async def _judged(self, member: Member, args: h.PasskeyLogin) -> dict[str, Any]:
        """Return the passkey that answered rightly; a locker that was closed is open then.

        Raises PasskeyWrong, PasskeyTooLate, PasskeyUnknown, PasskeyOpensNothing. What is told about the passkey is
        sealed in the locker, so a closed one is opened first, by the passkey's key, and closed again if it lied.
        """
        answer, prf = passkeys.read_answer(args.credential), passkeys.prf_key(args.prf)
        passkeys.check_origin(self._rp(), answer.origin)
        self._challenges.take(answer.challenge, _LOGIN, member.id)
        workers = self._desk.workers
        was_open = workers.is_open(member.id)
        if not was_open:
            await self._opened_with(member, prf)
        try:
            found = await workers.order(member.id, "find_passkey", credential=answer.credential.hex())
            public = bytes.fromhex(found["public"])
            count = await asyncio.to_thread(passkeys.verify_used, self._rp(), answer, public, found["count"])
            await workers.order(member.id, "used_passkey", id=found["id"], count=count)
        except Refused:
            if not was_open and not self._desk.sessions.of(member.id):
                await workers.lock(member.id, "its passkey's answer was not right")
            raise
        return found

    async def _opened_with(self, member: Member, prf: str) -> None:
        if not prf:
            raise PasskeyOpensNothing
        try:
            await self._desk.workers.enter(member, "open_with", kind="passkey", secret=prf)
        except WrongPassphrase:
            raise PasskeyUnknown from None

    # -------- shared steps

    async def _order(self, call: Call, order: str, **fields: Any) -> dict[str, Any]:
        return await self._desk.workers.order(call.session.member.id, order, **fields)

    async def _end_sessions_of(self, asks: Session, door: str) -> None:
        """A dropped door ends what came through it; the session that asked was proven by the passphrase and stays."""
        mine = self._desk.sessions.of(asks.member.id)
        await self._desk.end_those([one for one in mine if one.terms.door == door and one is not asks])

    def _rp(self) -> str:
        return f"{self._host()}.local"


def _info(found: dict[str, Any]) -> h.PasskeyInfo:
    return h.PasskeyInfo(found["id"], found["label"], found["opens"], found["created_ms"], found["used_ms"] or None)
