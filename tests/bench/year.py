"""A household's year as seen from its locker: what arrives, changes and goes, day by day, from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from blake3 import blake3

from tests.bench.words import Prose

KB: Final = 1000
PAGE: Final = 4096
DATABASE_PAGES: Final = 2048
"""A phone's message database of 8 MiB, put every night with the day's changes."""
BURST: Final = 4
PREVIEW_SHARES: Final = ((256, 9 * KB), (768, 60 * KB), (1600, 220 * KB))
"""Edge and typical bytes of the three previews of a photograph."""


@dataclass(frozen=True)
class Arrival:
    """One file that comes in. ``new_bytes`` are those nobody has seen before (for edits of databases: new pages)."""

    name: str
    data: bytes
    new_bytes: bytes
    is_photo: bool = False
    is_video: bool = False


class Household:
    """Four people: photographs, a film a week, papers, notes that are edited, one database, things thrown away.

    Means per day at ``shrink`` 1: 5.8 photographs of 1.2 to 4 MB, 0.14 films of 30 to 90 MB, 1.2 papers of 30 to
    800 kB, 6 notes of 0.3 to 4 kB (most of them edits), 120 changed and 4 new pages of the database; 4 % of what
    came is deleted again. ``shrink`` divides the sizes of photographs and films, for smoke tests.
    """

    def __init__(self, seed: int, shrink: int = 1) -> None:
        """Begin with nothing."""
        self._dice = random.Random(f"year-{seed}")
        self._prose = Prose(seed, "year")
        self._shrink = shrink
        self._made = 0
        self._seed = seed
        self._notes: list[str] = []
        self._pages = [self._page() for _ in range(max(8, DATABASE_PAGES // shrink))]
        self._pages[0] = b"SQLite format 3\0" + self._pages[0][16:]

    def day(self, number: int) -> list[list[Arrival]]:
        """Return what comes in on one day, in order and in bursts: phones send up to four photographs at once."""
        dice = self._dice
        photos = dice.randrange(0, 8) if number % 7 < 5 else dice.randrange(4, 20)
        taken = [self._photo(number, each) for each in range(photos)]
        found: list[Arrival] = []
        if number % 7 == 6:
            data = self._noise(dice.randrange(30_000, 90_000) * KB // self._shrink)
            found.append(Arrival(f"films/{number:03d}.mp4", data, data, is_video=True))
        found += [self._paper(number, each) for each in range(dice.choice((0, 1, 1, 2, 2)))]
        found += [self._note() for _ in range(6)]
        bursts = [taken[at : at + BURST] for at in range(0, photos, BURST)] + [[each] for each in found]
        dice.shuffle(bursts)
        return [*bursts, [self._database(number)]]

    def _noise(self, size: int) -> bytes:
        """Bytes nothing can make smaller, as in photographs and films."""
        self._made += 1
        return blake3(f"{self._seed} {self._made}".encode()).digest(length=size)

    def _photo(self, number: int, each: int) -> Arrival:
        data = b"\xff\xd8\xff\xe1" + self._noise(self._dice.randrange(1200, 4000) * KB // self._shrink)
        return Arrival(f"photos/{number:03d}-{each:02d}.jpg", data, data, is_photo=True)

    def _paper(self, number: int, each: int) -> Arrival:
        data = b"%PDF-1.4\n" + self._noise(self._dice.randrange(30, 800) * KB)
        return Arrival(f"papers/{number:03d}-{each}.pdf", data, data)

    def _note(self) -> Arrival:
        if len(self._notes) < 40 or self._dice.random() < 0.25:
            self._notes.append(f"notes/{len(self._notes):04d}.md")
        data = self._prose.text(self._dice.randrange(300, 4000)).encode()
        return Arrival(self._dice.choice(self._notes[-60:]), data, data)

    def _page(self) -> bytes:
        return self._prose.text(3000).encode() + self._noise(PAGE - 3000)

    def _database(self, number: int) -> Arrival:
        fresh: list[bytes] = []
        if number:
            for _ in range(max(1, 120 // self._shrink)):
                at = self._dice.randrange(1, len(self._pages))
                self._pages[at] = self._page()
                fresh.append(self._pages[at])
            added = [self._page() for _ in range(4)]
            self._pages += added
            fresh += added
        data = b"".join(self._pages)
        return Arrival("phone/messages.sqlite", data, b"".join(fresh) if number else data)

    def previews(self) -> list[tuple[int, bytes]]:
        """Return (edge, bytes) of the previews of one photograph."""
        return [(edge, self._noise(size // self._shrink)) for edge, size in PREVIEW_SHARES]

    def thrown_away(self, live: list[str]) -> list[str]:
        """Return which of the records that came today are deleted again (4 %)."""
        return [id for id in live if self._dice.random() < 0.04]
