"""``/restore/shelf``: a recovery kit and a disk with a second copy; no friend and no network is needed."""

from __future__ import annotations

from typing import Final

from firmware.errors import Misused
from webui.pages.restore import Returning

COPYING: Final = "/restore/shelf/progress"
_LONGEST_NAME = 80
_AGAIN_SECONDS = 2


class ShelfRestorePage(Returning):
    """Which disk, and who comes home; the words were typed before."""

    async def get(self) -> None:
        """Show the disks that are plugged in."""
        if self.is_home():
            return
        kit = self.typed().kit
        if kit is None or not kit.words:
            self.go("/restore")
        elif kit.copying is not None and kit.copying.error is None:
            self.go(COPYING)
        else:
            error, kit.copying = (kit.copying.error if kit.copying is not None else None), None
            await self.ask_disk(kit, error)

    async def post(self) -> None:
        """Keep what was chosen and go on to the new passphrase."""
        session = self.typed()
        if self.is_home():
            return
        if session.kit is None or not session.kit.words:
            self.go("/restore")
            return
        home, name = self.field("household").strip(), self.field("name").strip()
        session.household, session.name = home[:_LONGEST_NAME], name[:_LONGEST_NAME]
        session.kit.disk = self.get_body_argument("disk", "")
        if not (0 < len(home) <= _LONGEST_NAME and 0 < len(name) <= _LONGEST_NAME and session.kit.disk):
            key = "household.long" if max(len(home), len(name)) > _LONGEST_NAME else "restore.shelf.missing"
            said = {"sentence": self.language.say(key), "advice": "", "code": ""}
            await self.ask_disk(session.kit, said=said, answer=Misused.http)
            return
        self.go("/restore/passphrase")


class ShelfRestoreProgress(Returning):
    """``/restore/shelf/progress``: how much is here; at the end the locker is open."""

    async def get(self) -> None:
        """Look again every other second, as long as it goes on."""
        session = self.typed()
        kit = session.kit
        if kit is None or kit.copying is None:
            self.go("/home" if session.is_member else "/restore/shelf")
            return
        found = kit.copying
        if found.error is not None:
            self.go("/restore/shelf")
            return
        if found.token:
            session.member, session.token = found.member, found.token
            session.code, session.kit = "", None
            if not found.left:
                self.go("/home")
                return
        else:
            self.set_header("Refresh", str(_AGAIN_SECONDS))
        size = self.language.size
        amount = self.language.say("restore.shelf.amount", here=size(found.bytes), all=size(found.of_bytes))
        self.show(
            "restore-shelf-coming.html",
            step=0,
            done=bool(found.token),
            amount=amount if found.of_bytes else "",
            left=found.left,
            name=session.name,
        )
