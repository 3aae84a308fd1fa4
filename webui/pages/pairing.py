"""Two boxes become friends: inviting, accepting, the same six digits on both screens, both owners' word.

The invitation is a secret: it stands in pages of the owner, in a form body, behind the # of a link; never in a path,
a query or a line of a log. What is under way lives in the box (16 pairings at most), so any owner's browser goes on.
"""

from __future__ import annotations

from typing import Any

import segno

from firmware.errors import BoxError, InvitationMissing, Misused
from services.api.circle_types import Circle, InviteWay, Pairing, PairingIs, PeerInfo
from webui.pages.circle import CirclePage
from webui.pages.porch import private_address

_GB = 1_000_000_000
_STEPS = (1, 2, 5, 10, 20, 40, 60, 80, 100, 150, 200, 300, 400, 500, 750, 1000, 1500, 2000, 3000, 4000, 6000, 8000)
"""What another household may be given, in GB: round numbers, closer together where they are small."""
_USUAL = 60 * _GB
_LEAST = 10 * _GB
_MINUTE_MS, _HOUR_MS = 60_000, 3_600_000
_UNDER_WAY = (PairingIs.OPEN, PairingIs.LOOKING, PairingIs.MET)
_SECRET = "code"
"""The name of the field an invitation is typed into: fields of this name are kept nowhere."""


class Pairs(CirclePage):
    """What the pages of two boxes that meet share."""

    async def pairings(self) -> list[Pairing]:
        """Return what is under way and what has ended; nothing while nobody asked for a circle."""
        if (await self.found()).asleep:
            return []
        return list((await self.ask("pairing")).pairings)

    async def pairing(self, id: str) -> Pairing | None:
        """Return one of them."""
        return next((one for one in await self.pairings() if one.id == id), None)

    async def only_owners(self) -> bool:
        """Lead everybody else back to the circle; returns whether the page goes on."""
        if not await self.owns():
            self.go("/circle")
            return False
        return True

    async def room(self) -> dict[str, Any]:
        """Return what the form about room offers: steps in bytes and words, the chosen one, the free room."""
        free = (await self.found()).free_bytes
        fits = [step * _GB for step in _STEPS if step * _GB <= free * 0.9]
        steps = [one for one in fits if one >= _LEAST] or fits or [_GB]
        session = self.member()
        wish = session.room or min(_USUAL, free // 4)
        chosen = max((one for one in steps if one <= wish), default=steps[0])
        size = self.language.size
        return {
            "steps": [(one, size(one)) for one in steps],
            "chosen": chosen,
            "chosen_words": size(chosen),
            "free": size(free),
        }

    def asked_room(self) -> int:
        """Return the room of the form in bytes; raises Misused."""
        asked = self.field("room")
        if not (asked.isascii() and asked.isdigit() and int(asked) <= _STEPS[-1] * _GB):
            raise Misused(why="this is not a size on the list.")
        return int(asked)

    def lasts(self, until_ms: int) -> str:
        """Say how long something is still good: minutes or hours."""
        left = max(0, until_ms - self.front.now_ms())
        if left < 2 * _HOUR_MS:
            return self.language.say("pair.minutes", count=max(1, -(-left // _MINUTE_MS)))
        return self.language.say("pair.hours", count=left // _HOUR_MS)


class InviteFriend(Pairs):
    """``/circle/invite``: how much room, then the square, the link and the words, until somebody comes."""

    async def get(self) -> None:
        """Show the open invitation, or what inviting means."""
        if not await self.only_owners():
            return
        given = [one for one in await self.pairings() if one.id.startswith("i")]
        met = next((one for one in reversed(given) if one.state is PairingIs.MET and one.mine is None), None)
        if met is not None:
            self.go(f"/circle/pairing/{met.id}")
            return
        ticket, words = _newest(given, InviteWay.TICKET), _newest(given, InviteWay.WORDS)
        if ticket is None and words is None:
            self.show("circle-invite.html", **await self.room(), place="circle")
            return
        self._wait(ticket, words)

    async def post(self) -> None:
        """Open an invitation both ways, or end the open ones."""
        if self.field("do") == "end":
            for one in await self.pairings():
                if one.id.startswith("i") and one.state is PairingIs.OPEN:
                    await self.ask("invite_end", id=one.id)
            self.go("/circle")
            return
        self.member().room = self.asked_room()
        given = await self.pairings()
        for way in InviteWay:
            if _newest(given, way) is None:
                await self.ask("invite", way=way)
        self.go("/circle/invite")

    def _wait(self, ticket: Pairing | None, words: Pairing | None) -> None:
        shown: dict[str, Any] = {"link": "", "qr": "", "ticket_lasts": "", "words": [], "words_last": ""}
        if ticket is not None:
            link = f"{private_address(self, '/invitation')}#{ticket.text}"
            code = segno.make(link, error="l", micro=False)
            shown["qr"] = code.svg_inline(omitsize=True, border=0, svgclass="qr", lineclass="dark", dark="#101512")
            shown |= {"link": link, "ticket_lasts": self.lasts(ticket.expires_ms)}
        if words is not None:
            shown |= {"words": (words.text or "").split(), "words_last": self.lasts(words.expires_ms)}
        room = self.member().room or 0
        self.show("circle-invited.html", **shown, room=self.language.size(room) if room else "", place="circle")


class JoinFriend(Pairs):
    """``/circle/join``: a friend's invitation: scanned, pasted or typed."""

    async def get(self) -> None:
        """Ask for it; a link brings it along behind its #."""
        if await self.only_owners():
            self.show("circle-join.html", typed="", place="circle")

    async def post(self) -> None:
        """Look for the other box; a no keeps what was typed."""
        typed = self.field(_SECRET)
        try:
            met = await self.ask("join", invitation=typed)
        except BoxError as error:
            if error.http == 403 and not await self.owns():
                raise
            self.show("circle-join.html", typed=typed, trouble=self.said(error), answer=error.http, place="circle")
            return
        self.go(f"/circle/pairing/{met.id}")


class Invitation(CirclePage):
    """``/invitation``: where the link of an invitation leads, on whichever box; the secret stays in the browser."""

    async def get(self) -> None:
        """Members go on by themselves; everybody else hears where to paste it."""
        is_member = bool(self.session and self.session.is_member)
        self.show("circle-invitation.html", is_member=is_member, mood="village")


class OnePairing(Pairs):
    """``/circle/pairing/<id>``: from looking for the other box to its place in the circle, or a clear no."""

    async def get(self, id: str) -> None:
        """Show how far it is."""
        if not await self.only_owners():
            return
        one = await self.pairing(id)
        if one is None:
            self.go("/circle")
        elif one.state is PairingIs.OPEN:
            self.go("/circle/invite")
        elif one.state is PairingIs.LOOKING:
            self.show("circle-looking.html", one=one, **_ours(await self.found()), place="circle")
        elif one.state is PairingIs.MET:
            self.show("circle-compare.html", **await self._compared(one), place="circle")
        elif one.state is PairingIs.PAIRED:
            await self._paired(one)
        else:
            self.show("circle-ended.html", **self._ended(one), place="circle")

    async def post(self, id: str) -> None:
        """Say that the digits are the same, that they are not, or stop."""
        say = self.field("say")
        try:
            if say == "yes":
                room = self.asked_room()
                self.member().room = room
                await self.ask("pairing_confirm", id=id, yes=True, gets=room)
                await self._end_others(id)
            elif say == "no":
                await self.ask("pairing_confirm", id=id, yes=False)
            elif say == "stop":
                await self.ask("invite_end", id=id)
            else:
                raise Misused(why="nothing was said about the digits.")
        except InvitationMissing:
            pass  # it ended meanwhile, or was answered on another screen: its page says so
        self.go(f"/circle/pairing/{id}")

    async def _end_others(self, id: str) -> None:
        """The square and the six words are one invitation to a person: once used, the other way ends."""
        if not id.startswith("i"):
            return
        for one in await self.pairings():
            if one.id.startswith("i") and one.state is PairingIs.OPEN:
                await self.ask("invite_end", id=one.id)

    async def _compared(self, one: Pairing) -> dict[str, Any]:
        code = one.code or ""
        found = await self.found()
        pairs = [code[at : at + 2] for at in range(0, len(code), 2)]
        given = one.id.startswith("i")
        return {"one": one, "pairs": pairs, "given": given, **_ours(found), **await self.room()}

    async def _paired(self, one: Pairing) -> None:
        found = await self.found()
        peer = next((each for each in found.peers if each.peer == one.peer), None)
        gives, gets = _sizes(peer)
        size = self.language.size
        self.show(
            "circle-paired.html",
            one=one,
            **_ours(found),
            gives=size(gives) if gives else "",
            gets=size(gets) if gets else "",
            place="circle",
        )

    def _ended(self, one: Pairing) -> dict[str, Any]:
        """Return fact, reason and next step of an end that is no beginning."""
        words = self.language.words
        kind = one.state.value
        if one.state is PairingIs.REFUSED:
            kind = "refused-here" if one.mine is False else "refused-there"
        if one.state is PairingIs.BROKEN and one.error:
            fact, advice = self._told(one)
        else:
            fact, advice = words[f"pair.ended.{kind}"], words[f"pair.ended.{kind}.text"]
        return {
            "one": one,
            "fact": fact,
            "advice": advice,
            "again": "/circle/invite" if one.id[0] == "i" else "/circle/join",
        }

    def _told(self, one: Pairing) -> tuple[str, str]:
        """Return the sentence of an ended pairing in the reader's language; one with numbers stays as it was said."""
        found = [self.language.words.get(f"error.{one.error}.{part}", "{") for part in ("sentence", "advice")]
        fact, advice = (plain if "{" not in plain else "" for plain in found)
        return fact or one.sentence or "", advice or one.advice or ""


class PairingNews(Pairs):
    """``GET /circle/pairing``: how far everything is, for pages that wait: states, never an invitation."""

    async def get(self) -> None:
        """Say so as JSON."""
        found = await self.pairings() if await self.owns() else []
        states = [{"id": one.id, "state": one.state.value, "mine": one.mine, "theirs": one.theirs} for one in found]
        self.finish({"pairings": states})


def _newest(given: list[Pairing], way: InviteWay) -> Pairing | None:
    """Return the newest open invitation of one way."""
    return next((one for one in reversed(given) if one.way is way and one.state is PairingIs.OPEN), None)


def _ours(found: Circle) -> dict[str, Any]:
    """Return our own box as friends see it: its name and its key, which gives it its colour."""
    return {"ours": found.label, "box": found.box}


def _sizes(peer: PeerInfo | None) -> tuple[int, int]:
    return (peer.gives, peer.gets) if peer is not None else (0, 0)
