"""The words on the screen, in English and in German: nobody has chosen a language yet."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

CLEAR = "\033[2J\033[H"
_COLUMNS = 78


@dataclass(frozen=True, slots=True)
class Shown:
    """What is known about the box."""

    host: str
    """Its name in the home network without ``.local``; empty while there is none."""
    code: str
    """The claim code; empty once the box is claimed."""
    addresses: tuple[str, ...]
    trouble: str
    """What was wrong with the settings file; empty when nothing was."""


def screen(shown: Shown) -> str:
    """Return the whole screen; nothing in it can move the cursor, whatever the box is called."""
    lines = ["", "Locker Box", ""]
    if shown.host:
        lines += [f"http://{shown.host}.local", *(f"http://{bracketed(each)}" for each in shown.addresses[:3]), ""]
    else:
        lines += ["The box is getting ready.", "Die Box richtet sich ein.", ""]
    if shown.code:
        lines += ["Claim code · Code zum Übernehmen", "", f"    {shown.code}", ""]
        lines += ["Open the address on a phone in the same network and type the code."]
        lines += ["Öffne die Adresse auf einem Telefon im selben Netz und tippe den Code ein.", ""]
    if not shown.addresses:
        lines += [
            "No network yet. Plug a cable from the router in.",
            "Noch kein Netz. Stecke ein Kabel vom Router ein.",
            "",
        ]
    if shown.trouble:
        lines += ["Settings file · Einstellungsdatei", *(f"    {each}" for each in shown.trouble.splitlines()[:6]), ""]
    return lines_of(lines)


def lines_of(lines: Iterable[str]) -> str:
    """Return ``lines`` as a terminal takes them, cut to its width."""
    return "".join(f"  {_printable(line)[:_COLUMNS]}\r\n" for line in lines)


def bracketed(address: str) -> str:
    """Return an address as it stands in a URL."""
    return f"[{address}]" if ":" in address else address


def _printable(line: str) -> str:
    return re.sub(r"[^\x20-\x7e\xa0-\uffff]", "?", line)
