"""The spare key: 24 words on the screen and on paper, typed back in part, and made anew.

The words stay in the memory of this process until three of them were typed back (or two hours passed); then no page
can show them any more and only a new kit can be made, whose making ends the old one.
"""

from __future__ import annotations

import segno

from firmware.errors import OtherKit, UnknownWord, WordsDoNotMatch, WrongWordCount
from services.api.kit_types import KitSheet, KitState
from services.api.kit_words import listed, nearest
from webui.pages.page import Page
from webui.session import Session

_LONGEST_WORD, _LONGEST_SHEET = 24, 8000
_AROUND_A_WORD = "0123456789.,;:!?()[]„“”‘’\"' "


class KitPage(Page):
    """``/kit``: the 24 words while they are not proven yet; afterwards the way to a new kit."""

    async def get(self) -> None:
        """Show the words, or what can be done without them."""
        session = self.member()
        if session.words:
            self.show("kit.html", step=3, words=session.words.split(), name=session.name, qr=qr(session.words))
        else:
            await self._state()

    async def post(self) -> None:
        """Make a new kit; the old page opens nothing any more. Needs the passphrase once more (``/sure``)."""
        await self.once(self._renew)

    async def _state(self) -> None:
        found: KitState = await self.ask("kit_state")
        say, now_ms = self.language.say, self.front.now_ms()
        need = found.needs[0].value if found.needs else ""
        reached = [each for each in found.friends if each.printed and each.reachable]
        proven = self.language.time(found.proven_ms, now_ms) if found.proven_ms else say("kit.state.never")
        printed = self.language.time(found.printed_ms, now_ms) if found.printed_ms else say("kit.state.never")
        facts = [(say("kit.state.number"), self.language.number(found.number)), (say("kit.state.proven"), proven)]
        if found.friends:
            facts.append((say("kit.state.printed"), printed))
            facts.append((say("kit.state.on"), ", ".join(each.label for each in reached) or say("kit.state.nobody")))
        done = "proven" if self.get_query_argument("done", "") == "proven" else ""
        self.show("kit-again.html", need=need, facts=facts, friends=found.friends, done=done, place="box")

    async def _renew(self) -> str:
        session = self.member()
        self.front.sessions.give_words(session, (await self.ask("kit")).words)
        return "/kit"


class _ForPrinter(Page):
    """What both pages for the printer share."""

    async def sheet(self) -> KitSheet:
        """Take what the page says of friends; the box remembers that it was printed."""
        session = self.member()
        if not session.household:
            session.household = (await self.status_of_box()).household or ""
        found: KitSheet = await self.ask("kit_sheet")
        return found


class KitPaper(_ForPrinter):
    """``/kit/paper``: the page for the printer: the words, and where friends are."""

    async def get(self) -> None:
        """Show it while the words are not proven yet."""
        session = self.member()
        if not session.words:
            self.go("/kit")
            return
        sheet = await self.sheet()
        square = qr(f"{session.words} {sheet.contact}".strip())
        self.show("kit-paper.html", words=session.words.split(), qr=square, sheet=sheet)


class KitFriends(_ForPrinter):
    """``/kit/friends``: where friends are, for the printer, to be put with the words on paper; nothing secret in it."""

    async def get(self) -> None:
        """Show it as soon as there is a friend."""
        sheet = await self.sheet()
        if not sheet.contact:
            self.go("/kit")
            return
        self.show("kit-friends.html", qr=qr(sheet.contact), sheet=sheet)


class KitProve(Page):
    """``/kit/prove``: all 24 words of the paper, compared with the newest kit."""

    async def get(self) -> None:
        """Ask for them."""
        self.show("kit-prove.html", words="", trouble=None, place="box")

    async def post(self) -> None:
        """Compare; what was typed stays where it is when something is wrong with it."""
        words = self.field("words")[:_LONGEST_SHEET]
        try:
            await self.ask("kit_prove", words=words)
        except (OtherKit, UnknownWord, WordsDoNotMatch, WrongWordCount) as error:
            self.show("kit-prove.html", answer=error.http, words=words, trouble=self.said(error), place="box")
            return
        self.member().fresh_kit = False
        self.go("/kit?done=proven")


class KitCheck(Page):
    """``/kit/check``: three words of the page, typed back one at a time."""

    async def get(self) -> None:
        """Ask for the next one."""
        session = self.member()
        if session.words:
            self._ask(session)
        else:
            self.go("/kit" if session.fresh_kit else "/home")

    async def post(self) -> None:
        """Look at one word; a wrong one stays in its field and says what is wrong with it."""
        session = self.member()
        if not session.words:
            self.go("/guide?first=1")
            return
        typed = self.get_body_argument("use", "") or self.get_body_argument("word", "")
        word = typed.strip(_AROUND_A_WORD).lower()[:_LONGEST_WORD]
        position = session.asked[session.proven]
        said = self._judged(word, position, session.words.split())
        if not said:
            session.proven += 1
        if session.proven == len(session.asked):
            await self.ask("kit_prove", words=session.words)
            self.front.sessions.take_words(session)
        if self.request.headers.get("Accept") == "application/json":
            self.finish({"right": not said, "done": not session.words, **(said or {})})
        elif not session.words:
            self.go("/guide?first=1")
        elif said:
            self._ask(session, typed=word, said=said)
        else:
            self.go("/kit/check")

    def _ask(self, session: Session, typed: str = "", said: dict[str, str] | None = None) -> None:
        words = session.words.split()
        asked = [(at, words[at - 1] if number < session.proven else "") for number, at in enumerate(session.asked)]
        answer = 400 if said else None
        self.show("kit-check.html", step=4, answer=answer, asked=asked, typed=typed, said=said)

    def _judged(self, word: str, position: int, words: list[str]) -> dict[str, str] | None:
        """Return None for the right word, else a sentence, its rest and, for a word off the list, the nearest one."""
        say = self.language.say
        if word == words[position - 1]:
            return None
        if not word:
            return {"sentence": say("kit.check.none", position=position), "rest": ""}
        if word not in listed():
            near = nearest(word)
            return {
                "sentence": say("kit.check.off-list", word=word),
                "rest": say("kit.check.nearest", word=near),
                "nearest": near,
            }
        if word in words:
            at = words.index(word) + 1
            return {
                "sentence": say("kit.check.order", word=word, at=at),
                "rest": say("kit.check.order.rest", position=position),
            }
        return {
            "sentence": say("kit.check.other", word=word),
            "rest": say("kit.check.other.rest", position=position),
        }


def qr(text: str) -> str:
    """Return words, or where friends are, as a QR code: inline SVG with its quiet zone (capitals make it smaller)."""
    code = segno.make(text.upper(), error="m", micro=False)
    svg: str = code.svg_inline(omitsize=True, border=2, svgclass="qr", lineclass="dark", dark="#101512")
    return svg
