"""``/box/cost``: what the box uses, measured; what a year of it costs, estimated; the owner's own figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from firmware.errors import BoxError, Misused
from services.api.cost_types import CostModel, Costs
from webui.language import THIN, Language
from webui.pages.circle import CirclePage

_HOUR, _DAY = 3600, 86_400
_TEN, _HUNDRED = 10, 100
_NUMBERS: Final = ("price", "watts_idle", "watts_core", "endurance_tb")
_LONGEST: Final = 16


@dataclass(frozen=True, slots=True)
class Figure:
    """One of the owner's figures: field, what stands in it."""

    name: str
    value: str


class CostPage(CirclePage):
    """The page; owners can change what is assumed. A guardian in her ward's locker has nothing to do here."""

    async def get(self) -> None:
        """Show it."""
        if self.member().own is not None:
            self.go("/box")
            return
        await self._show(await self.ask("costs"))

    async def post(self) -> None:
        """Take the owner's figures; what was typed stays when one of them is no number."""
        typed = {name: self.field(name).strip()[:_LONGEST] for name in (*_NUMBERS, "currency")}
        try:
            values: dict[str, Any] = {name: _number(typed[name]) for name in _NUMBERS}
            await self.ask("set_costs", currency=typed["currency"][:4], **values)
        except BoxError as error:
            await self._show(await self.ask("costs"), typed=typed, trouble=self.said(error), answer=error.http)
            return
        self.go("/box/cost?done=1")

    async def _show(
        self,
        found: Costs,
        typed: dict[str, str] | None = None,
        trouble: dict[str, str] | None = None,
        answer: int | None = None,
    ) -> None:
        language, model = self.language, found.model
        kept = {name: plain(getattr(model, name), language) for name in _NUMBERS} | {"currency": model.currency}
        self.show(
            "cost.html",
            answer=answer,
            trouble=trouble,
            owner=await self.owns(),
            kwh=plain(found.kwh_year, language),
            money=money(found.money_year, model, language),
            measured=self._measured(found),
            estimated=self._estimated(found),
            since=language.date(found.since_ms, self.front.now_ms()),
            hours=language.number(found.seconds // _HOUR),
            early=found.seconds < _DAY,
            figures=[Figure(name, (typed or kept)[name]) for name in (*_NUMBERS, "currency")],
            watts=(plain(model.watts_idle, language), plain(model.watts_core, language)),
            done=self.get_query_argument("done", "") == "1",
            place="box",
        )

    def _measured(self, found: Costs) -> list[tuple[str, str, str]]:
        """Return (name, CPU time, bytes) of every service, then of the whole disk."""
        language, say = self.language, self.language.say
        rows = []
        for each in found.services:
            name = language.words.get(f"cost.service.{each.name}", each.name)
            size = say("cost.unknown") if each.written is None else language.size(each.written)
            rows.append((name, say("cost.cpu", seconds=language.number(round(each.cpu_seconds))), size))
        disk = say("cost.unknown") if found.disk_written is None else language.size(found.disk_written)
        return [*rows, (say("cost.disk"), say("cost.disk.text"), disk)]

    def _estimated(self, found: Costs) -> list[tuple[str, str]]:
        language, say = self.language, self.language.say
        early = say("cost.early")
        written = early if found.written_year is None else language.size(found.written_year)
        facts = [
            (say("cost.kwh"), f"{plain(found.kwh_year, language)}{THIN}kWh"),
            (say("cost.own"), f"{plain(found.own_kwh_year, language)}{THIN}kWh"),
            (say("cost.written"), written),
        ]
        if found.disk_written_year is not None:
            facts.append((say("cost.disk-written"), language.size(found.disk_written_year)))
        if found.disk_years is not None:
            years = min(round(found.disk_years), 1000)
            facts.append((say("cost.years"), say("cost.years.value", years=language.number(years))))
        return facts


def plain(value: float, language: Language) -> str:
    """Write a number with at most three digits that say something."""
    digits = 0 if value >= _HUNDRED else 1 if value >= _TEN else 2
    text = f"{value:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace(".", language.words["number.point"])


def money(amount: float | None, model: CostModel, language: Language) -> str:
    """Write an amount in the owner's currency; empty while she named no price."""
    if amount is None:
        return ""
    return f"{amount:.2f}".replace(".", language.words["number.point"]) + f"{THIN}{model.currency}"


def _number(typed: str) -> float:
    try:
        return float(typed.replace(",", ".") or 0)
    except ValueError:
        raise Misused(why=f"“{typed}” is no number.") from None
