"""``/box/update``: which version runs, what is new, when the box takes it, and how the last one went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from firmware.errors import BoxError, NothingNew, Unreachable, UpdateBusy
from services.api.box_types import Said, Update, UpdateStep
from webui.language import Language
from webui.pages.circle import CirclePage

_AS_IT_SHOULD: Final = ("", "release-older")
"""What is no news to anybody: a stick or a page offers what the box has or had."""
_REFUSED: Final = frozenset(
    {"release-board", "release-expired", "release-garbled", "release-too-far", "release-unsigned", "bundle-wrong"}
)


@dataclass(frozen=True, slots=True)
class Told:
    """What the page says first: a picture, a heading, a sentence; ``mood`` colours it."""

    picture: str
    heading: str
    text: str
    mood: str = ""


class UpdatePage(CirclePage):
    """The page; owners say when, and now. A guardian in her ward's locker has nothing to do here."""

    async def get(self) -> None:
        """Show it."""
        if self.member().own is not None:
            self.go("/box")
            return
        await self._show()

    async def post(self) -> None:
        """Take the new version now, or keep the hours."""
        try:
            if self.field("do") == "now":
                await self.ask("update_now")
            else:
                automatic = self.get_body_argument("automatic", "") == "yes"
                await self.ask("set_update", automatic=automatic, begins=self.field("begins"), ends=self.field("ends"))
        except (NothingNew, UpdateBusy) as error:
            await self._show(error)
            return
        self.go("/box/update?done=" + ("now" if self.field("do") == "now" else "hours"))

    async def _show(self, error: BoxError | None = None) -> None:
        try:
            found: Update | None = await self.ask("update")
        except Unreachable:
            found = None
        language, now_ms = self.language, self.front.now_ms()
        done = self.get_query_argument("done", "")
        self.show(
            "update.html",
            answer=error.http if error else None,
            trouble=self.said(error) if error else None,
            found=found,
            told=told(found, language),
            happened=happened(found, language) if found else None,
            news=said(found.offer.notes, language.code) if found and found.offer else "",
            risk=said(found.offer.risk, language.code) if found and found.offer else "",
            until=language.day_of(found.supported_until, now_ms) if found else "",
            owner=await self.owns(),
            done=done if done in ("now", "hours") else "",
            place="box",
        )


def told(found: Update | None, language: Language) -> Told:
    """Return what is the case, in one heading and one sentence."""
    say = language.say
    if found is None:
        return Told("hard-drive", say("update.folder"), say("update.folder.text"))
    if found.step is UpdateStep.TRYING:
        return Told("refresh-cw", say("update.trying", version=found.version), say("update.trying.text"))
    if found.offer is None:
        return Told("circle-check", say("update.newest"), say("update.newest.text"), "fine")
    version = found.offer.version
    if found.step is UpdateStep.WRITING:
        return Told("refresh-cw", say("update.writing", version=version), say("update.writing.text"))
    if found.returned is not None and found.returned.version == version:
        return Told("undo-2", say("update.left", version=version), say("update.left.text"))
    if found.step is UpdateStep.FETCHING:
        return Told("download", say("update.fetching", version=version), say("update.fetching.text"))
    hours = say("update.ready.night", begins=found.begins, ends=found.ends)
    return Told("zap", say("update.ready", version=version), hours if found.automatic else say("update.ready.asked"))


def happened(found: Update, language: Language) -> Told | None:
    """Return how the last new version went, when it did not go well; or why the newest offer was left alone."""
    say, returned = language.say, found.returned
    if returned is not None:
        why = {"silent": say("update.back.silent"), "older": say("update.back.older")}
        text = why.get(returned.why, say("update.back.unhealthy"))
        return Told("undo-2", say("update.back", version=returned.version), text, "need")
    if found.refused in _AS_IT_SHOULD:
        return None
    key = found.refused if found.refused in _REFUSED else "other"
    return Told("shield-check", say("update.refused"), language.words[f"update.refused.{key}"], "need")


def said(sentences: tuple[Said, ...], code: str) -> str:
    """Return what a release says in the reader's language, in English, or in any."""
    by_language = {each.language: each.text for each in sentences}
    return by_language.get(code) or by_language.get("en") or next(iter(by_language.values()), "")
