"""One planning step: time passes, states turn, and what should be done next comes out as actions.

A step looks at a bounded number of packs, however many there are; ``Facts.work`` counts them.
"""

from __future__ import annotations

from firmware.backup import auditing, health, retention, shipping, telling
from firmware.backup.actions import Action
from firmware.backup.chance import Chance
from firmware.backup.states import HOUR
from firmware.backup.view import CircleView
from firmware.ports import Entropy


def plan(view: CircleView, now_ms: int, entropy: Entropy) -> list[Action]:
    """Return what to do now; call it every few seconds and after outcomes. Never asks for what is under way.

    ``now_ms`` is wall time. Time between two steps counts as awake up to ``Rules.step_ms``; a clock that goes back
    counts as no time at all. The actions of one step may be carried out in any order and at once.
    """
    chance = Chance(entropy)
    pass_time(view, now_ms)
    for action in view.overdue():
        view.gave_up(action)
    shipping.check_ladder(view)
    shipping.release(view, chance)
    shipping.sweep_on(view)
    shipping.retry(view)
    health.refresh(view)
    shipping.place(view)
    out = shipping.ships(view)
    out += shipping.gives_back(view)
    out += telling.news(view)
    out += auditing.audits(view, chance)
    out += auditing.wholes(view, chance)
    out += retention.cancels(view)
    out += retention.deletes(view)
    out += shipping.waiting(view)
    view.news, alarms = [], view.news
    return out + alarms


def pass_time(view: CircleView, now_ms: int) -> None:
    """Count the time since the last step; ``plan`` does so first, and nothing is asked for here."""
    before, view.now_ms = view.now_ms, now_ms
    passed = max(0, min(now_ms - before, view.rules.step_ms)) if before else 0
    hour, day = view.awake_ms // HOUR, view.awake_ms // view.rules.audit_every_ms
    view.awake_ms += passed
    view.changes.times = view.changes.times or passed > 0
    auditing.pass_time(view, passed)
    if not before or now_ms - before != passed:  # it slept, or its clock was set: else both times went on alike
        auditing.doubt_old(view)
    telling.new_manifests(view, hour != view.awake_ms // HOUR, day != view.awake_ms // view.rules.audit_every_ms)
