"""``/restore``: a recovery kit on a box nobody owns yet: its words, a friend's box, who it is, a new passphrase.

The claim code comes first, as ever. Words and codes live in this browser's session until the locker is on its way;
nothing of them stands in an address. What comes then is told by ``coming``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from firmware.errors import AlreadyClaimed, BoxError, ClaimExpired, Misused, UnknownWord, WeakPassphrase, WrongClaimCode
from firmware.limits import CONTACT_CHARS, RESTORE_CONTACTS
from services.api.kit_words import check_words, contact_on_sheet, typed_words, words_on_sheet
from services.api.restore_types import RestoreAsked, RestoreBegun, RestoreBox, RestoreFound, RestoreNear
from services.api.shelf_types import ShelfDisks
from webui.copying import begin
from webui.language import Language
from webui.pages.door import device
from webui.pages.page import Page
from webui.pages.shown import readable
from webui.session import Kit, Session

PROGRESS: Final = "/restore/progress"
_WORDS, _FRIENDS, _FOUND, _PASSPHRASE = range(1, 5)
_LONGEST = CONTACT_CHARS
_LONGEST_NAME, _LONGEST_OFFER = 80, 256
_OTHER_SQUARES = (("lbk1", "ticket"), ("lbx1", "invitation"), ("http", "address"), ("wifi:", "address"))
"""What else is scanned in the place of a kit: how its text begins, and the key of what is said then."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What one friend's box said to the kit, in words."""

    peer: str
    name: str
    said: str
    look: str
    """``fine``, ``need`` for an older or another copy, ``gone`` for one that showed nothing."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A sentence with its next step, as pages show it; ``fixed`` are the words with the nearest one put in."""

    said: dict[str, str]
    answer: int
    nearest: str = ""
    fixed: str = ""


class Returning(Page):
    """What the steps share: the kit in the session, and asking friends with it."""

    def typed(self) -> Session:
        """Return the session; raises Misused where nothing was begun."""
        if self.session is None:
            raise Misused(why="nothing was typed yet.")
        return self.session

    def is_home(self) -> bool:
        """Lead whoever is a member already to the progress; say whether that was so."""
        if self.session is not None and self.session.is_member:
            self.go(PROGRESS)
            return True
        return False

    async def look(self, kit: Kit, typed: str = "") -> None:
        """Ask friends what the words open, and go on; what keeps it from going on is said beside the code ``typed``."""
        session, kit.disk = self.typed(), ""
        try:
            kit.found = await self.front.box.call(
                "restore_look", code=session.code, words=kit.words, contacts=kit.contacts
            )
        except (WrongClaimCode, ClaimExpired):
            self.to_code()
        except AlreadyClaimed:
            await self.taken()
        except BoxError as error:
            await self.ask_friends(kit, typed, error)
        else:
            self.go("/restore/found")

    def to_code(self) -> None:
        """The claim code is good no more."""
        self.typed().code = ""
        self.go("/claim?kit=1")

    async def taken(self) -> None:
        """Somebody was faster."""
        household = (await self.status_of_box()).household or ""
        self.show("taken.html", answer=AlreadyClaimed.http, household=household, mood="village")

    async def ask_friends(self, kit: Kit, typed: str = "", error: BoxError | None = None) -> None:
        """Show the page for codes of friends' boxes, and the boxes on this network that help just now."""
        answer, said = (error.http, self.said(error)) if error is not None else (None, None)
        unnamed = self.language.say("restore.friend")
        near = [(readable(each.label) or unnamed, each.contact) for each in await self._near()]
        known = len(kit.contacts)
        self.show(
            "restore-friends.html", step=_FRIENDS, answer=answer, trouble=said, typed=typed, known=known, near=near
        )

    async def ask_disk(
        self, kit: Kit, error: BoxError | None = None, *, said: dict[str, str] | None = None, answer: int | None = None
    ) -> None:
        """Show the page for a disk with a second copy, and those that are plugged in."""
        session, size = self.typed(), self.language.size
        try:
            found: ShelfDisks = await self.front.box.call("shelf_disks", code=session.code)
        except (WrongClaimCode, ClaimExpired):
            self.to_code()
            return
        room = [self.language.say("restore.shelf.room", size=size(each.total)) for each in found.disks]
        titles = [readable(each.label) or readable(each.at.rpartition("/")[2]) or each.at for each in found.disks]
        self.show(
            "restore-shelf.html",
            step=_FOUND,
            answer=error.http if error is not None else answer,
            trouble=self.said(error) if error is not None else said,
            disks=list(zip((each.at for each in found.disks), titles, room, strict=True)),
            disk=kit.disk,
            home=session.household,
            name=session.name,
        )

    async def _near(self) -> tuple[RestoreBox, ...]:
        try:
            found: RestoreNear = await self.front.box.call("restore_near", code=self.typed().code)
        except BoxError:
            return ()  # nobody can say; a code does as well
        return found.boxes


class RestoreWords(Returning):
    """``/restore``: the 24 words, typed or scanned from the page."""

    async def get(self) -> None:
        """Ask for them; what was typed before stands there."""
        if self.is_home():
            return
        session = self.typed()
        kept = self.kept("/restore").get("words", "")
        self._ask(kept or (session.kit.words if session.kit is not None else ""))

    async def post(self) -> None:
        """Look at the words; with the square of a kit's page, friends are asked at once."""
        if self.is_home():
            return
        text = self.field("words")[:_LONGEST].strip()
        if self.request.headers.get("Accept") == "application/json":
            self.finish(self._so_far(text))
            return
        words, contact = words_on_sheet(text), contact_on_sheet(text)
        trouble = judged(words, self.language)
        if trouble is not None:
            self._keep(contact if not typed_words(text)[1:] else "")
            self._ask(words, trouble)
            return
        before = self.typed().kit
        contacts = (contact,) if contact else ()
        kit = self.typed().kit = Kit(words, contacts or (before.contacts if before is not None else ()))
        if kit.contacts:
            await self.look(kit)
        else:
            self.go("/restore/friends")

    def _keep(self, contact: str) -> None:
        """The friends' page came before the words: where friends are is known already."""
        if contact:
            self.typed().kit = Kit("", (contact,))

    def _so_far(self, text: str) -> dict[str, Any]:
        """Say what can be said while words are typed: how many there are, and which one is not on the list."""
        words = words_on_sheet(text)
        trouble = judged(words, self.language, whole=False)
        found: dict[str, Any] = {"count": len(typed_words(words))}
        if trouble is not None:
            found |= trouble.said | {"nearest": trouble.nearest, "fixed": trouble.fixed}
        return found

    def _ask(self, words: str, trouble: Trouble | None = None) -> None:
        found = trouble if trouble is not None else Trouble({}, 200)
        self.show(
            "restore-words.html",
            step=_WORDS,
            answer=found.answer if trouble is not None else None,
            trouble=found.said or None,
            words=words,
            nearest=found.nearest,
            fixed=found.fixed,
        )


class RestoreFriends(Returning):
    """``/restore/friends``: where a friend's box is."""

    async def get(self) -> None:
        """Ask for a code."""
        kit = self.typed().kit
        if self.is_home():
            return
        if kit is None or not kit.words:
            self.go("/restore")
            return
        await self.ask_friends(kit)

    async def post(self) -> None:
        """Ask that box, those of the kit's page, and every friend they know of."""
        kit = self.typed().kit
        if self.is_home():
            return
        if kit is None or not kit.words:
            self.go("/restore")
            return
        typed = self.get_body_argument("contact", "")[:_LONGEST].strip()
        code = contact_in(self.get_body_argument("near", "")[:_LONGEST] or typed)
        before = kit.contacts
        if code and code not in before:
            kit.contacts = (code, *before)[:RESTORE_CONTACTS]
        try:
            await self.look(kit, typed)
        finally:
            if kit.found is None:
                kit.contacts = before  # a code that led nowhere is typed again, not carried along


class RestoreFoundPage(Returning):
    """``/restore/found``: what friends have, as it was when; and who comes home."""

    async def get(self) -> None:
        """Show what was found and ask for both names."""
        if self.is_home() or (found := self._found()) is None:
            return
        kept = self.kept("/restore/found")
        session = self.typed()
        self._show(found, kept.get("household", session.household), kept.get("name", session.name))

    async def post(self) -> None:
        """Keep the names and go on."""
        if self.is_home() or (found := self._found()) is None:
            return
        session = self.typed()
        home, name = self.field("household").strip(), self.field("name").strip()
        if not (0 < len(home) <= _LONGEST_NAME and 0 < len(name) <= _LONGEST_NAME):
            key = "household.missing" if not (home and name) else "household.long"
            self._show(found, home, name, {"sentence": self.language.say(key), "advice": "", "code": ""})
            return
        session.household, session.name = home, name
        self.go("/restore/passphrase")

    def _found(self) -> RestoreFound | None:
        kit = self.typed().kit
        if kit is None or kit.found is None:
            self.go("/restore/friends" if kit is not None and kit.words else "/restore")
            return None
        return kit.found

    def _show(self, found: RestoreFound, home: str, name: str, trouble: dict[str, str] | None = None) -> None:
        language, now_ms = self.language, self.front.now_ms()
        self.show(
            "restore-found.html",
            step=_FOUND,
            answer=Misused.http if trouble else None,
            trouble=trouble,
            when=language.time(found.until_ms, now_ms),
            asked=[answered(each, language, now_ms) for each in found.asked],
            waits=found.waits,
            home=home,
            name=name,
        )


class RestorePassphrase(Returning):
    """``/restore/passphrase``: a new one; then the box is hers, and her locker on its way."""

    async def get(self) -> None:
        """Offer five words."""
        if self.is_home():
            return
        session = self.typed()
        if not _is_ready(session):
            self.go("/restore/found")
            return
        offered = (await self.front.box.call("offer")).passphrase
        own = self.get_query_argument("own", "") == "1"
        self.show("passphrase.html", step=_PASSPHRASE, typed="", **self._words(offered, own=own))

    async def post(self) -> None:
        """Begin. Sent twice, it happens once."""
        session = self.typed()
        try:
            await self.once(self._begin_it)
        except WeakPassphrase as error:
            own = self.get_body_argument("own", "") == "1"
            values = self._words(self.field("offered")[:_LONGEST_OFFER], own=own)
            typed, said = self.field("passphrase"), self.said(error)
            self.show("passphrase.html", step=_PASSPHRASE, answer=error.http, trouble=said, typed=typed, **values)
        except (WrongClaimCode, ClaimExpired):
            self.to_code()
        except AlreadyClaimed:
            await self.taken()
        except BoxError as error:
            if session.kit is None:
                raise
            if session.kit.disk:
                await self.ask_disk(session.kit, error)
            else:
                await self.ask_friends(session.kit, error=error)

    def _words(self, offered: str, *, own: bool) -> dict[str, Any]:
        kit = self.typed().kit
        back = "/restore/shelf" if kit is not None and kit.disk else "/restore/found"
        where = {"action": "/restore/passphrase", "back": back, "carried": ()}
        return {"offered": offered, "own": own, "name": self.typed().name, **where}

    async def _begin_it(self) -> str:
        session = self.typed()
        if session.is_member:
            return PROGRESS
        if session.kit is None or not _is_ready(session):
            return "/restore/found"
        if session.kit.disk:
            return await self._begin_copy(session.kit)
        begun: RestoreBegun = await self.front.box.call(
            "restore",
            code=session.code,
            words=session.kit.words,
            contacts=session.kit.contacts,
            passphrase=self.field("passphrase").strip(),
            name=session.name,
            household=session.household,
            device=device(self),
        )
        session.code, session.kit = "", None
        session.member, session.token = begun.member, begun.token or ""
        return PROGRESS

    async def _begin_copy(self, kit: Kit) -> str:
        """From a disk it goes on beside: raises what keeps it from beginning."""
        session = self.typed()
        asked = {"code": session.code, "at": kit.disk, "words": kit.words, "device": device(self)}
        asked |= {"name": session.name, "household": session.household, "passphrase": self.field("passphrase").strip()}
        copying = begin(self.front.box, asked)
        await copying.began.wait()
        if copying.error is not None:
            raise copying.error
        kit.copying = copying
        return "/restore/shelf/progress"


def _is_ready(session: Session) -> bool:
    """Whether it is known what comes home from where, and who she is."""
    kit = session.kit
    return kit is not None and bool(kit.found is not None or kit.disk) and bool(session.name)


def judged(words: str, language: Language, *, whole: bool = True) -> Trouble | None:
    """Return what is wrong with typed words and what to do about it; None for a kit."""
    other = other_square(words)
    if other and whole:
        said = {"sentence": language.say(f"restore.square.{other}"), "code": ""}
        return Trouble({**said, "advice": language.say(f"restore.square.{other}.advice")}, Misused.http)
    try:
        check_words(words, whole=whole)
    except BoxError as error:
        sentence, advice = language.trouble(error)
        said = {"sentence": sentence, "advice": advice, "code": error.code if whole else ""}
        if not isinstance(error, UnknownWord):
            return Trouble(said, error.http)
        nearest = str(error.fields["nearest"])
        return Trouble(said, error.http, nearest, replaced(words, str(error.fields["word"]), nearest))
    return None


def other_square(text: str) -> str:
    """Return which square was scanned in the place of a kit's: key of its sentence, empty where it may be a kit."""
    letters = text.strip().lower()
    if len(typed_words(text)) == 1 and contact_on_sheet(text):
        return "friends"
    if len(letters.split()) > 1:
        return ""
    plain = letters.replace("-", "")
    found = next((name for start, name in _OTHER_SQUARES if letters.startswith(start)), "")
    return found or ("label" if len(plain) == 16 and plain.isalnum() and any(map(str.isdigit, plain)) else "")


def contact_in(text: str) -> str:
    """Return the code in what was typed or scanned: alone, broken over lines, or behind the words of a kit's page."""
    return contact_on_sheet(text) or "".join(text.split())


def replaced(words: str, wrong: str, right: str) -> str:
    """Return ``words`` with the first ``wrong`` replaced; the rest stays as it was typed."""
    at = words.lower().find(wrong.lower()) if wrong else -1
    return words[:at] + right + words[at + len(wrong) :] if at >= 0 else words


def answered(each: RestoreAsked, language: Language, now_ms: int) -> Answered:
    """Put into words what one friend's box said to the kit."""
    say, name = language.say, readable(each.label) or language.say("restore.friend")
    when = language.time(each.number, now_ms) if each.number else ""
    if each.forked:
        return Answered(each.peer, name, say("restore.asked.forked"), "need")
    if each.older:
        return Answered(each.peer, name, say("restore.asked.older"), "need")
    if each.number:
        return Answered(each.peer, name, say("restore.asked.newest", when=when), "fine")
    if each.error is not None:
        said = plain(language, f"error.{each.error}.sentence", each.sentence)
        return Answered(each.peer, name, said or say("restore.asked.nothing"), "gone")
    return Answered(each.peer, name, say("restore.asked.nothing"), "gone")


def plain(language: Language, key: str, given: str | None) -> str:
    """Return the sentence of ``key`` in the reader's language; one with fields nobody told here as it was given."""
    known = language.words.get(key, "")
    return known if known and "{" not in known else given or ""
