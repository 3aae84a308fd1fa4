"""The walk past the ways back: a key split among friends, friends who bring somebody back, a box that was replaced.

Over a box that is made up: nobody waits three days, and nothing has to burn.
"""

from __future__ import annotations

from dataclasses import replace

from firmware.errors import Missing
from services.api.drill_types import Drill, DrillFriend, DrillIs
from services.api.key_types import Keys, StolenBox
from services.api.restore_types import RestoreNear
from services.api.shelf_types import DiskIs, MountedDisk, ShelfDisks
from tests.web import keys_made_up as keys
from tests.web import restores_made_up as restores
from tests.web.circle_made_up import DAY_MS, GB, NOW_MS, MadeUpFront, circle, friend, front
from tests.web.walk import Walk

STOPS = (
    "62-keys-none", "63-keys-split", "63-keys-split-wrong", "64-keys-made", "65-keys", "66-keys-kept",
    "66-keys-kept-ticket", "67-stolen", "67-stolen-reported", "69-moves", "69-moves-gone", "52-circle-replaced",
    "70-drill", "70-drill-short", "68-regain", "68-regain-digits", "68-regain-told", "68-regain-words",
    "71-restore-shelf",
)  # fmt: skip
"""Every stop, in order."""

_DISK = MountedDisk("/media/stick", DiskIs.OTHER, "ext4", 64 << 30, 1 << 30, is_read_only=False, label="Novak home")
_GAVE = DrillFriend(friend(0).peer, "Lindqvist family", 9, 3_000_000)
_PASSED = Drill(
    "0" * 32, DrillIs.PASSED, NOW_MS - 3 * DAY_MS, NOW_MS + 87 * DAY_MS, packs=9, size=6_000_000, opened=True,
    files=120, file_bytes=5_000_000, friends=(_GAVE, replace(_GAVE, label="Tom & Ana")),
)  # fmt: skip
_SHORT = replace(
    _PASSED, state=DrillIs.SHORT, ended_ms=NOW_MS - DAY_MS // 24, due_ms=NOW_MS + DAY_MS // 24 * 23, lacking=1,
    friends=(_GAVE, DrillFriend(friend(1).peer, "Tom & Ana", 0, 0, away=True)),
)  # fmt: skip


def ways_back(walk: Walk) -> None:
    """Every page of a kit's other ways, in all their states."""
    with front() as home:
        other = walk.somebody_else(base_url=home.for_browsers())
        _own_key(other, home)
        _friends_keys(other, home)
        _replaced(other, home)
        _back_again(other, home)
        other.page.context.close()


def _own_key(walk: Walk, home: MadeUpFront) -> None:
    page = walk.page
    home.sure(True)
    nobody_tells = Missing(what="news of a box that is made up")
    home.box.answers |= {"upload_list": nobody_tells, "keys": keys.NOTHING, "part_boxes": keys.BOXES}
    home.box.answers["key_make"] = keys.MADE
    page.goto("/circle/keys")
    walk.snap("62-keys-none")
    page.goto("/circle/keys/split")
    walk.snap("63-keys-split")
    page.locator("#need").select_option("3")
    for one in page.locator("[role=switch]:enabled").all()[1:]:
        one.uncheck()
    walk.press("form .button.wide")
    walk.snap("63-keys-split-wrong")
    page.goto("/circle/keys/split")
    page.locator("#papers").select_option("1")
    walk.press("form .button.wide")
    walk.snap("64-keys-made")
    home.box.answers["keys"] = Keys((keys.own(keys.ask(), keys.ask("confirm", name=keys.OTHER)),), (), ())
    page.goto("/circle/keys")
    walk.snap("65-keys")


def _friends_keys(walk: Walk, home: MadeUpFront) -> None:
    page, peer = walk.page, friend(2).peer
    home.box.answers |= {"keys": Keys((), (keys.kept(keys.ask("confirm"), heir=True),), ()), "key_ticket": keys.TICKET}
    page.goto("/circle/keys/kept")
    walk.snap("66-keys-kept")
    walk.press("form .button.wash.wide")
    walk.snap("66-keys-kept-ticket")
    home.box.answers["keys"] = keys.NOTHING
    page.goto(f"/circle/peer/{peer}/stolen")
    walk.snap("67-stolen")
    home.box.answers["keys"] = Keys((), (), (StolenBox(peer, "Grandma Ilse", NOW_MS - DAY_MS),))
    page.goto(f"/circle/peer/{peer}/stolen")
    walk.snap("67-stolen-reported")


def _replaced(walk: Walk, home: MadeUpFront) -> None:
    page, six = walk.page, home.box.circle
    (mine,) = circle(friend(0)).lockers
    for stop, safety in (
        ("69-moves", replace(mine, moves_ms=NOW_MS + 3 * DAY_MS)),
        ("69-moves-gone", replace(mine, custody=False, moved_ms=NOW_MS - DAY_MS)),
    ):
        home.box.answers["safety"] = safety
        page.goto("/circle/moves")
        walk.snap(stop)
    gone = circle(friend(0), friend(1), waits=GB)
    home.box.circle = replace(gone, lockers=(replace(mine, custody=False, moved_ms=NOW_MS - DAY_MS),))
    page.goto("/circle")
    walk.snap("52-circle-replaced")
    home.box.circle = six
    for stop, drill in (
        ("70-drill", _PASSED),
        ("70-drill-short", _SHORT),
    ):
        home.box.answers["drill"] = drill
        page.goto("/circle/drill")
        walk.snap(stop)


def _back_again(walk: Walk, home: MadeUpFront) -> None:
    """On a new box, with no kit at hand; at last with a disk."""
    page, under_way = walk.page, keys.UNDER_WAY
    home.be_newcomer()
    home.box.answers["claimed"] = False
    page.goto("/regain")
    walk.snap("68-regain")
    words = replace(under_way, have=2, words=restores.WORDS)
    for stop, found in (("digits", under_way), ("told", keys.TOLD), ("words", words)):
        home.box.answers["regain"] = found
        page.goto("/regain")
        page.locator("#ticket").evaluate("(one, text) => { one.value = text; }", keys.TICKET.text)
        walk.press(".foot .button")
        walk.snap(f"68-regain-{stop}")
        page.context.clear_cookies()
    home.be_newcomer()
    home.box.answers |= {"shelf_disks": ShelfDisks((_DISK,)), "restore_near": RestoreNear()}
    page.goto("/restore")
    page.locator("#words").fill(restores.WORDS)
    walk.press()
    page.goto("/restore/shelf")
    walk.snap("71-restore-shelf")
