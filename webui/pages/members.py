"""Who lives here: members and roles, inviting, joining on one's own phone, a guardian's way in, leaving."""

from __future__ import annotations

from typing import Any

import segno

from firmware import limits
from firmware.errors import Conflict, Locked, Misused, Refused, TooManyTries, WeakPassphrase, WrongPassphrase
from services.api.household_types import MemberCard
from services.api.types import NewMember, Opened, Role
from webui.invitations import Invitation
from webui.pages.door import Entering, device
from webui.pages.page import Page, SessionGone
from webui.pages.porch import private_address
from webui.session import Session

_LONGEST_NAME = 80
_LONGEST_CODE = 64


class Household(Page):
    """What the pages about people share."""

    async def cards(self) -> tuple[MemberCard, ...]:
        """Return everybody who lives here."""
        found: tuple[MemberCard, ...] = (await self.ask("members")).members
        return found

    async def card(self, member: str) -> MemberCard:
        """Return one of them; raises Misused for a stranger."""
        for one in await self.cards():
            if one.id == member:
                return one
        raise Misused(why="nobody of that name lives here.")

    async def me(self) -> MemberCard:
        """Return the one who asks."""
        return await self.card(self.member().member)


class Members(Household):
    """``/members``."""

    async def get(self) -> None:
        """List everybody, with what this member may do about each."""
        cards = await self.cards()
        me = next(one for one in cards if one.id == self.member().member)
        joined = self.get_query_argument("joined", "")
        by_id = {one.id: one for one in cards}
        joined = joined if joined in by_id else ""
        returned = by_id.get(self.get_query_argument("returned", ""))
        self.show("members.html", cards=cards, me=me, by_id=by_id, joined=joined, returned=returned, place="box")


class MemberPage(Household):
    """``/members/<id>``: one member: role, guardian, leaving."""

    async def get(self, member: str) -> None:
        """Show what can be changed."""
        cards = {one.id: one for one in await self.cards()}
        card, me = cards.get(member), cards[self.member().member]
        if card is None:
            self.go("/members")
            return
        guardian = cards.get(card.guardian or "")
        typed = self.kept(f"/members/{member}")
        self.show("member.html", card=card, me=me, guardian=guardian, typed=typed, place="box")

    async def post(self, member: str) -> None:
        """Give another role."""
        await self.ask("set_role", member=member, role=_role(self.field("role")))
        self.go(f"/members/{member}")


class Leaving(Household):
    """``/members/<id>/leave``: the one question, with the passphrase of the one who asks."""

    async def get(self, member: str) -> None:
        """Ask."""
        await self._ask(member)

    async def post(self, member: str) -> None:
        """Let go; whoever left herself is outside afterwards."""
        session = self.member()
        erase = self.get_body_argument("erase", "") == "yes"
        try:
            await self.ask("leave", member=member, proof=self.field("passphrase"), erase=erase)
        except (WrongPassphrase, TooManyTries, Conflict, Misused) as error:
            await self._ask(member, self.said(error), error.http)
            return
        if member == session.member:
            for one in self.front.sessions.of_member(member):
                self.front.sessions.end(one)
            self.go("/")
            return
        self.go("/members")

    async def _ask(self, member: str, trouble: dict[str, str] | None = None, answer: int | None = None) -> None:
        card = await self.card(member)
        herself = card.id == self.member().member
        self.show("leaving.html", card=card, herself=herself, trouble=trouble, answer=answer, place="box")


class Invite(Household):
    """``/members/invite``: an owner opens the door for somebody new."""

    async def get(self) -> None:
        """Ask as what; or show the invitation that waits."""
        invitation = self.front.invitations.of(self.member().key)
        if invitation is not None and invitation.joined:
            cards = await self.cards()
            new = next((one.id for one in cards if one.name == invitation.joined), "")
            self.go(f"/members?joined={new}")
        elif invitation is not None and self.get_query_argument("again", "") != "1":
            self._wait(invitation)
        else:
            self.show("invite.html", me=await self.me(), typed=self.kept("/members/invite"), place="box")

    async def post(self) -> None:
        """Make the invitation; the right to add is proven now, so that nothing is missing on the other phone."""
        session, role = self.member(), _role(self.field("role"))
        if (await self.me()).role is not Role.OWNER:
            raise Refused
        if session.sure_until_ms - self.front.now_ms() < limits.INVITATION_SECONDS * 1000:
            self.to_sure()
            return
        until = self.get_body_argument("until", "") if role is Role.CHILD else ""
        guardian = session.member if until else None
        self.front.invitations.make(session.key, role.value, guardian, until or None)
        self.go("/members/invite")

    def _wait(self, invitation: Invitation) -> None:
        link = private_address(self, "/join") + "#" + invitation.typed
        code = segno.make(link, error="m", micro=False)
        qr = code.svg_inline(omitsize=True, border=2, svgclass="qr", lineclass="dark", dark="#101512")
        self.show("invited.html", invitation=invitation, qr=qr, address=link.partition("#")[0], place="box")


class Invited(Page):
    """``GET /members/invited``: has she come in yet? For the page that waits."""

    async def get(self) -> None:
        """Say so as JSON."""
        invitation = self.front.invitations.of(self.member().key)
        self.finish({"joined": bool(invitation and invitation.joined), "over": invitation is None})


class Ward(Household):
    """``POST /members/<id>/open``: a guardian looks after the locker of her ward."""

    async def post(self, member: str) -> None:
        """Change places; the way back stays in the session."""
        session = self.member()
        card = await self.card(member)
        opened: Opened = await self.ask("open_ward", member=member, device=f"{session.name}")
        session.own = (session.token, session.member, session.name)
        session.token, session.member, session.name = opened.token, opened.member, card.name
        self.go("/home")


class WardBack(Page):
    """``POST /back``: the guardian returns to her own locker."""

    async def post(self) -> None:
        """End the session in the ward's locker."""
        session = self.member()
        own, session.own = session.own, None
        if own is not None:
            await self._end()
            session.token, session.member, session.name = own
        self.go("/members")

    async def _end(self) -> None:
        try:
            found = await self.ask("session")
            await self.ask("end_session", session=found.id)
        except SessionGone:
            return  # it ended by itself


class Join(Page):
    """``/join``: the invitation on the new member's own phone."""

    async def get(self) -> None:
        """Ask for the code; a link brings it along in its fragment."""
        self.show("join.html", typed="", name="", mood="village")

    async def post(self) -> None:
        """Check code and name, then go on to the passphrase."""
        code, name = self.field("code").strip()[:_LONGEST_CODE], self.field("name").strip()
        trouble = self._wrong(code, name)
        if trouble:
            key = {"sentence": self.language.say(trouble), "advice": "", "code": ""}
            self.show("join.html", answer=400, typed=code, name=name, trouble=key, mood="village", brief=True)
            return
        session = self._begin(self.session)
        session.invite, session.name = code, name
        self.go("/join/passphrase")

    def _wrong(self, code: str, name: str) -> str:
        if self.front.invitations.find(code) is None:
            return "join.over"
        if not 0 < len(name) <= _LONGEST_NAME:
            return "join.name-missing"
        return ""


class JoinPassphrase(Entering):
    """``/join/passphrase``: her own five words; then her locker exists and the kit is next."""

    async def get(self) -> None:
        """Offer five words."""
        if self._invitation() is None:
            self.go("/join")
            return
        offered = (await self.front.box.call("offer")).passphrase
        own = self.get_query_argument("own", "") == "1"
        self.show("passphrase.html", step=2, typed="", **self._words(offered, own))

    async def post(self) -> None:
        """Make the member. Sent twice, it happens once."""
        if self.session is not None and self.session.is_member:
            self.go("/kit")
            return
        try:
            await self.once(self._join)
        except (WeakPassphrase, Conflict) as error:
            words = self._words(self.field("offered")[:256], self.get_body_argument("own", "") == "1")
            typed, said = self.field("passphrase"), self.said(error)
            self.show("passphrase.html", step=2, answer=error.http, trouble=said, typed=typed, **words)
        except (Refused, Locked) as error:  # the owner's proof or her locker closed in between
            said = {"sentence": self.language.say("join.over"), "advice": "", "code": ""}
            self.show("join.html", answer=error.http, typed="", name=self._setup().name, trouble=said, mood="village")

    async def _join(self) -> str:
        session, invitation = self._setup(), self._invitation()
        host = self.front.sessions.by_key(invitation.by) if invitation else None
        if invitation is None or host is None:
            return "/join"
        box = self.front.box.as_session(host.token, host.member)
        passphrase = self.field("passphrase").strip()
        more: dict[str, Any] = {"guardian": invitation.guardian, "guardian_until": invitation.guardian_until}
        role = Role(invitation.role)
        made: NewMember = await box.call("add_member", name=session.name, passphrase=passphrase, role=role, **more)
        invitation.joined = session.name
        opened: Opened = await self.front.box.call(
            "open", member=made.member, passphrase=passphrase, device=device(self)
        )
        await self.welcome(opened)
        self.front.sessions.give_words(self.member(), made.words)
        return "/kit"

    def _setup(self) -> Session:
        if self.session is None:
            raise Misused(why="the invitation has not been opened.")
        return self.session

    def _invitation(self) -> Invitation | None:
        return self.front.invitations.find(self.session.invite) if self.session else None

    def _words(self, offered: str, own: bool) -> dict[str, Any]:
        name = self._setup().name
        where = {"action": "/join/passphrase", "back": "/join", "carried": ()}
        return {"offered": offered, "own": own, "name": name, **where}


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError:
        raise Misused(why="there is no such role.") from None
