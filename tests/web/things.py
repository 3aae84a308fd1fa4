"""A locker with a little of everything in it, for the tests of finding: photos, papers, a song, an archive."""

from __future__ import annotations

import base64
import time
import urllib.parse
from datetime import UTC, datetime

from services.api.blocking import Blocking
from tests.services import reader_files as files
from tests.services.running import Running
from tests.web.front import PASSPHRASE, Visitor
from tests.web.scenery import letter, photograph

JULY_MS, MARCH_MS = 1_752_580_800_000, 1_741_521_600_000
"""15 July and 9 March 2025, at noon."""
SECONDS = 60
_BOOKING = (
    "The house by the water, 12 to 19 July 2025",
    "",
    "Dear Marta,",
    "",
    "we look forward to your week with us. Please plan your",
    "arrival at the lake side gate after 15:00. If nobody is at home,",
    "the key lies under the third flowerpot.",
    "",
    "Two canoes and the paddles are in the shed. Bread comes",
    "every morning at eight; tell us by evening what you would like.",
    "",
    "With kind regards",
    "Anna and Pekka",
    "",
    "Seven nights, four persons          980.00 EUR",
    "Paid on 2 March 2025                 490.00 EUR",
)


def photo(when: str, colour: str) -> bytes:
    """A photo taken at ``when`` (EXIF); each ``colour`` is another place."""
    taken = datetime.strptime(when, "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC)
    return photograph(sum(colour.encode()), taken) + colour.encode()


def put(member: Visitor, name: str, data: bytes, changed_ms: int) -> None:
    """Upload a file that was last changed at ``changed_ms``."""
    fields = {"filename": name, "mtime": str(changed_ms)}
    known = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in fields.items())
    assert member.put(name, data, Upload_Metadata=known).status == 201


def fill(member: Visitor) -> None:
    """Put everything in, and wait until the box has read it."""
    for number in range(3):
        put(member, f"Camera/lake {number}.jpg", photo(f"2025:07:1{number} 12:00:00", "red" * number), JULY_MS)
    put(member, "Camera/snow.jpg", photo("2024:01:05 12:00:00", "blue"), JULY_MS)
    put(member, "Papers/Booking.pdf", letter("Booking", _BOOKING), JULY_MS)
    covers = "<w:p><w:r><w:t>The policy covers canoe and paddles on every lake.</w:t></w:r></w:p>"
    put(member, "Papers/Home/Insurance 2024.docx", files.docx(covers), MARCH_MS)
    put(member, "Papers/Packing list lake.txt", b"Life vests\n\nthe blue towel", JULY_MS)
    put(member, "Papers/Budget.csv", b"Month;Rent;Food\nMay;980;420\nJune;980;433\n", MARCH_MS)
    put(member, "old.zip", files.archive({"a.txt": "x"}), MARCH_MS)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if member.get("/find?q=flowerpot").text.count("data-record=") and len(_previews(member, "lake")) >= 4:
            return
        time.sleep(0.2)
    raise AssertionError("the box did not read its files")


def version(member: Visitor, name: str, data: bytes) -> None:
    """Put a file as the next version of its name, as a program over WebDAV or the shell does."""
    run = (member.box.data / "run").resolve()
    token = Blocking(run).call("open", member="Marta", passphrase=PASSPHRASE)
    Blocking(run, token.token, token.member).call("put", body=[data], name=name, mtime_ns=JULY_MS * 10**6)


def _previews(member: Visitor, words: str) -> list[str]:
    return member.get(f"/find?q={urllib.parse.quote(words)}").text.split('src="/preview/')[1:]


def record_of(member: Visitor, words: str) -> str:
    """Return the id of the first record found."""
    page = member.get(f"/find?q={urllib.parse.quote(words)}").text
    return page.partition('data-record="')[2][:32]


def cookies(box: Running, member: Visitor) -> list[dict[str, object]]:
    """The member's cookies as a browser takes them."""
    where = str(box.hello["https"])
    return [{"name": name, "value": value, "url": where, "secure": True} for name, value in member.cookies.items()]
