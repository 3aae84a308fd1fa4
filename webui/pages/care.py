"""``/circle/care``: friends' lockers this box repairs while their own boxes are away."""

from __future__ import annotations

from dataclasses import dataclass

from services.api.circle_types import InCare
from webui.pages.circle import CirclePage

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Cared:
    """One friend's locker: ``look`` is plain, move or need; ``facts`` only once repairs began."""

    peer: str
    name: str
    look: str
    icon: str
    says: str
    facts: tuple[tuple[str, str], ...]


class CarePage(CirclePage):
    """The page."""

    async def get(self) -> None:
        """Show every locker in this box's care, those that need repairs first."""
        found = await self.found()
        labels = {each.peer: each.label for each in found.peers}
        ordered = sorted(found.care, key=lambda each: (-each.acting, -each.silent_ms))
        cared = [self._cared(each, labels.get(each.peer, "")) for each in ordered]
        acting = sum(each.acting for each in found.care)
        key = "acting" if acting else "waiting" if cared else "nobody"
        self.show("care.html", key=key, acting=acting, cared=cared, place="circle")

    def _cared(self, each: InCare, name: str) -> Cared:
        language, days = self.language, each.silent_ms // _DAY_MS
        number = language.number
        if each.acting:
            key, look, icon = ("lacking", "need", "circle-alert") if each.lacking else ("whole", "move", "rotate-ccw")
            facts = (
                (language.say("care.silent"), language.say("care.days", count=days)),
                (language.say("care.away"), number(each.away)),
                (language.say("care.lacking"), number(each.lacking)),
                (language.say("care.made"), number(each.made)),
            )
            return Cared(each.peer, name, look, icon, language.say(f"care.is.{key}"), facts)
        says = language.say("care.is.silent", count=days) if days else language.say("care.is.there")
        return Cared(each.peer, name, "plain", "shield-check", says, ())
