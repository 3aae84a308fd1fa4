"""Writes the pages below from code and tables: ``python -m tests.house.docs --write``."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from firmware import errors, events, limits
from tests.house import compliance
from tests.house.tree import ROOT

NOTE = "<!-- Written by `python -m tests.house.docs --write`; change the code instead. -->\n"


def _families() -> Iterator[tuple[type[errors.BoxError], list[type[errors.BoxError]]]]:
    everything = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.BoxError)]
    for family in (c for c in everything if c.__base__ is errors.BoxError):
        yield family, [c for c in everything if c is not family and issubclass(c, family)]


def _cell(text: object) -> str:
    return " ".join(str(text).replace("|", "\\|").split())


def errors_page() -> str:
    """Every error: code, HTTP status, what a person reads, what to do next."""
    lines = [
        "# Errors",
        "",
        NOTE,
        "An error names its family by what the caller must do, and always says the next step.",
    ]
    for family, members in _families():
        lines += ["", f"## {family.__name__}", "", _cell(family.__doc__), ""]
        lines += ["| code | HTTP | sentence | advice |", "|---|---|---|---|"]
        lines += [f"| `{e.code}` | {e.http} | {_cell(e.sentence)} | {_cell(e.advice)} |" for e in (family, *members)]
    return "\n".join(lines) + "\n"


def events_page() -> str:
    """Every journal event with its id, for ``journalctl MESSAGE_ID=``."""
    lines = [
        "# Events",
        "",
        NOTE,
        "What the box tells the journal; `journalctl MESSAGE_ID=...` finds every occurrence.",
    ]
    lines += [
        "Fields are sent as `LOCKER_BOX_<FIELD>`. None carries a record's name, a word of its contents or a secret."
    ]
    lines += ["", "| event | severity | sentence | fields | MESSAGE_ID |", "|---|---|---|---|---|"]
    for e in events.ALL:
        fields = ", ".join(f"`{field}`" for field in e.fields)
        lines.append(f"| {e.name} | {e.severity.name.lower()} | {_cell(e.sentence)} | {fields} | `{e.message_id}` |")
    return "\n".join(lines) + "\n"


def bounds() -> Iterator[tuple[list[str], str]]:
    """Yield the names in firmware/limits.py that one explanation covers, with that explanation ("" if none)."""
    names: list[str] = []
    body = ast.parse(Path(limits.__file__).read_text()).body
    for statement in body[1:]:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                names.append(name)
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield names, text
                names = []
            case _:
                pass
    if names:
        yield names, ""


def limits_page() -> str:
    """Every bound with its value and whom it guards against."""
    lines = [
        "# Limits",
        "",
        NOTE,
        "Every queue, body, retry and wait is bounded; sizes are bytes unless the name says more.",
    ]
    lines += ["", "| limit | value | why |", "|---|---|---|"]
    for names, why in bounds():
        lines += [f"| `{name}` | {_value(getattr(limits, name))} | {_cell(why)} |" for name in names]
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    if isinstance(value, int):
        for unit, size in (("GiB", limits.GIB), ("MiB", limits.MIB), ("KiB", limits.KIB)):
            if value >= size and value % size == 0:
                return f"{value:,} ({value // size} {unit})"
        return f"{value:,}"
    return str(value)


PAGES = {
    "docs/errors.md": errors_page,
    "docs/events.md": events_page,
    "docs/limits.md": limits_page,
    "docs/compliance.md": compliance.page,
}


def main() -> int:
    """Write the pages (``--write``), or name those that are not current and return 1."""
    stale = [name for name, page in PAGES.items() if not _same(name, page())]
    for name in stale:
        print(name)
        if "--write" in sys.argv:
            (ROOT / name).write_text(PAGES[name]())
    return 0 if "--write" in sys.argv else int(bool(stale))


def _same(name: str, text: str) -> bool:
    return (ROOT / name).is_file() and (ROOT / name).read_text() == text


if __name__ == "__main__":
    sys.exit(main())
