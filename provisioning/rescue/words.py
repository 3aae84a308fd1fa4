"""The page and the screen of a box that cannot use its data partition, in English and German: values in, text out."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from provisioning.console.screen import bracketed, lines_of

LANGUAGES: Final = ("en", "de")
_SAID_CHARS: Final = 4000
_GB: Final = 1_000_000_000


class Trouble(StrEnum):
    """What is wrong with the data partition, or with the card before there is one."""

    MISSING = "missing"
    """It is not on the disk the system came from, or the disk has not answered for two minutes."""
    DAMAGED = "damaged"
    """It is there, and neither the check at the start nor the kernel makes anything of it."""
    SMALL = "small"
    """The card has no room for one."""
    FAKE = "fake"
    """The card says that it is larger than it is."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found out by reading alone."""

    trouble: Trouble
    host: str = ""
    """The name the box had, without ``.local``; empty where it could not be read."""
    said: str = ""
    """The last lines of the check and of the mount, as they were written."""
    says: int = 0
    """How many bytes the card says that it has (SMALL, FAKE)."""
    keeps: int = 0
    """Beyond so many bytes it keeps nothing (FAKE)."""


@dataclass(frozen=True, slots=True)
class _About:
    heading: str
    why: str
    """With the sizes in GB for ``{says}`` and ``{keeps}``."""
    safe: str
    steps: Mapping[str, str]
    """What to do, in order, each with why."""


@dataclass(frozen=True, slots=True)
class _Words:
    about: Mapping[Trouble, _About]
    details: str
    name: str
    point: str
    """Before tenths."""


_STORAGE: Final = _About(
    heading="This box cannot read its storage.",
    why="The part of the card or disk that keeps your things is damaged in a way the box does not mend by itself.",
    safe="Nothing was formatted and nothing was deleted. This page only reads.",
    steps={
        "Pull the plug, wait ten seconds, plug it in again.": "A loose card or cable is found that way. Do it twice.",
        "If this page comes back, put the card or disk aside.": "Do not format it. What is on it is sealed, "
        "and somebody who knows Linux may still mend it: with fsck.ext4, on a copy.",
        "Flash a new card and bring your locker home.": "Your 24 words and one friend’s box are enough, "
        "or your 24 words and the disk with your second copy.",
    },
)
_SPEICHER: Final = _About(
    heading="Diese Box kann ihren Speicher nicht lesen.",
    why="Der Teil der Karte oder Platte, der deine Sachen aufhebt, ist so beschädigt, "
    "dass die Box ihn nicht von selbst in Ordnung bringt.",
    safe="Es wurde nichts formatiert und nichts gelöscht. Diese Seite liest nur.",
    steps={
        "Zieh den Stecker, warte zehn Sekunden, steck ihn wieder ein.": "Eine lockere Karte oder ein loses Kabel "
        "zeigt sich so. Mach es zweimal.",
        "Kommt diese Seite wieder, leg die Karte oder Platte beiseite.": "Formatiere sie nicht. Was darauf liegt, ist "
        "versiegelt, und wer Linux kennt, bringt sie vielleicht noch in Ordnung: mit fsck.ext4, an einer Kopie.",
        "Beschreibe eine neue Karte und hol dein Schließfach heim.": "Deine 24 Wörter und die Box eines Freundes "
        "genügen, oder deine 24 Wörter und die Platte mit deiner zweiten Kopie.",
    },
)
_EN: Final = _Words(
    about={
        Trouble.DAMAGED: _STORAGE,
        Trouble.MISSING: replace(
            _STORAGE,
            why="The part of the card or disk that keeps your things does not answer. The card may be failing.",
        ),
        Trouble.SMALL: _About(
            heading="This card is too small.",
            why="It has {says} GB. A box needs 4 GB to start, and more for everything you want to keep.",
            safe="Nothing of yours is on it. The box has not begun.",
            steps={
                "Flash a larger card or disk, and start with that.": "64 GB is a good beginning for a household.",
            },
        ),
        Trouble.FAKE: _About(
            heading="This card is not as large as it says.",
            why="It says {says} GB. The box wrote all over it and looked again: beyond {keeps} GB nothing was kept. "
            "Cards like this are sold as larger ones, and lose your photos without a word. Some are just worn out.",
            safe="Nothing of yours is on it. The box has not begun.",
            steps={
                "Flash another card or disk, and start with that.": "A box keeps nothing on a card that forgets.",
                "Give this one back to the shop.": "Do not use it in a camera either.",
            },
        ),
    },
    details="For somebody who knows Linux",
    name="English",
    point=".",
)
_DE: Final = _Words(
    about={
        Trouble.DAMAGED: _SPEICHER,
        Trouble.MISSING: replace(
            _SPEICHER,
            why="Der Teil der Karte oder Platte, der deine Sachen aufhebt, antwortet nicht. "
            "Vielleicht geht die Karte kaputt.",
        ),
        Trouble.SMALL: _About(
            heading="Diese Karte ist zu klein.",
            why="Sie hat {says} GB. Eine Box braucht 4 GB, um anzufangen, und mehr für alles, was du aufheben willst.",
            safe="Es ist nichts von dir darauf. Die Box hat noch nicht angefangen.",
            steps={
                "Beschreibe eine größere Karte oder Platte und fang mit der an.": "64 GB sind ein guter Anfang "
                "für einen Haushalt.",
            },
        ),
        Trouble.FAKE: _About(
            heading="Diese Karte ist kleiner, als sie sagt.",
            why="Sie sagt {says} GB. Die Box hat überall etwas hingeschrieben und nachgesehen: Jenseits von {keeps} GB "
            "blieb nichts davon. Solche Karten werden als größere verkauft und verlieren deine Fotos, ohne ein Wort. "
            "Manche sind auch nur verschlissen.",
            safe="Es ist nichts von dir darauf. Die Box hat noch nicht angefangen.",
            steps={
                "Beschreibe eine andere Karte oder Platte und fang mit der an.": "Auf eine Karte, die vergisst, "
                "legt eine Box nichts.",
                "Gib diese im Laden zurück.": "Nimm sie auch nicht für eine Kamera.",
            },
        ),
    },
    details="Für jemanden, der Linux kennt",
    name="Deutsch",
    point=",",
)
_WORDS: Final = {"en": _EN, "de": _DE}

_STYLE: Final = """
:root{color-scheme:light dark;--paper:#F5F2EA;--card:#FEFCF7;--line:#DED8CA;--ink:#1C221E;--ink-2:#51564D;\
--pine:#1D4C3E;--safe:#1C6447;--safe-wash:#DFEEE3;--risk:#9E2B25;--risk-wash:#FAE2DD}
@media(prefers-color-scheme:dark){:root{--paper:#121513;--card:#1B1F1C;--line:#303730;--ink:#F2EFE6;\
--ink-2:#BFC1B4;--pine:#A9D8BF;--safe:#93D3B0;--safe-wash:#1A3227;--risk:#F6A99F;--risk-wash:#421F1B}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:1.0625rem/1.5625rem system-ui,-apple-system,\
"Segoe UI",Roboto,"Noto Sans",sans-serif}
main{max-width:34rem;margin:0 auto;padding:24px 20px 48px}
header{display:flex;align-items:center;gap:12px;margin-bottom:28px;font-weight:620}
header svg{width:36px;height:36px}
header a{margin-left:auto;min-height:44px;display:flex;align-items:center;color:var(--pine);font-weight:400}
h1{font:500 2.125rem/2.4375rem "Iowan Old Style",Charter,"Noto Serif",Georgia,serif;margin:0 0 12px;\
text-wrap:balance}
p{margin:0 0 16px}
.safe{background:var(--safe-wash);color:var(--safe);border-radius:14px;padding:12px 16px}
ol{list-style:none;margin:24px 0;padding:0;counter-reset:step;background:var(--card);border-radius:22px}
li{counter-increment:step;position:relative;padding:18px 20px 18px 64px}
li+li{border-top:1px solid var(--line)}
li::before{content:counter(step);position:absolute;left:20px;top:18px;width:28px;height:28px;\
border-radius:50%;background:var(--risk-wash);color:var(--risk);font-weight:620;text-align:center;\
line-height:28px}
li strong{display:block;font-weight:620}
li span,summary,.why{color:var(--ink-2)}
summary{min-height:44px;display:flex;align-items:center;cursor:pointer}
pre{overflow-x:auto;background:var(--card);border-radius:14px;padding:16px;margin:0;font-size:.8125rem;\
line-height:1.125rem;white-space:pre-wrap;overflow-wrap:anywhere}
:focus-visible{outline:3px solid var(--pine);outline-offset:2px;border-radius:6px}
"""
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY: Final = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; frame-ancestors 'none'"
"""The Content-Security-Policy of the page: its own style, and nothing else."""

_LOGO: Final = (
    '<svg viewBox="0 0 36 36" aria-hidden="true"><rect width="36" height="36" rx="11" fill="#1D4C3E"/>'
    '<path fill="#FBF6EA" d="M8.5 27.7V15.4L18 8.2l9.5 7.2v12.3z"/><path fill="#7C857E" d="M13.2 17.4h4.3v4h-4.3zm5.3'
    ' 0h4.3v4h-4.3zm-5.3 5h4.3v4h-4.3zm5.3 0h4.3v4h-4.3z"/></svg>'
)


def language_of(accepted: str) -> str:
    """Return the first language of an ``Accept-Language`` header there is a page in, else English."""
    wanted = (each.partition(";")[0].strip().lower().partition("-")[0] for each in accepted.split(","))
    return next((each for each in wanted if each in LANGUAGES), LANGUAGES[0])


def page(looked: Looked, language: str) -> str:
    """Return the one page, whole: it needs no second request."""
    words = _WORDS[language]
    about = words.about[looked.trouble]
    other = next(each for each in LANGUAGES if each != language)
    steps = "".join(
        f"<li><strong>{_safe(what)}</strong><span>{_safe(why)}</span></li>" for what, why in about.steps.items()
    )
    said = looked.said[-_SAID_CHARS:].strip()
    details = f"<details><summary>{_safe(words.details)}</summary><pre>{_safe(said)}</pre></details>" if said else ""
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><meta name="viewport"'
        f' content="width=device-width,initial-scale=1"><title>{_safe(about.heading)}</title>'
        f"<style>{_STYLE}</style></head><body><main><header>{_LOGO}<span>{_safe(looked.host or 'Locker Box')}</span>"
        f'<a href="/?language={other}" lang="{other}" hreflang="{other}">{_safe(_WORDS[other].name)}</a></header>'
        f'<h1>{_safe(about.heading)}</h1><p class="why">{_safe(_why(words, looked))}</p>'
        f'<p class="safe">{_safe(about.safe)}</p><ol>{steps}</ol>{details}</main></body></html>\n'
    )


def screen(looked: Looked, addresses: tuple[str, ...]) -> str:
    """Return the whole screen, in both languages."""
    english, german = (each.about[looked.trouble] for each in (_EN, _DE))
    lines = ["", "Locker Box", "", english.heading, german.heading, "", english.safe, german.safe, ""]
    where = (f"{looked.host}.local",) if looked.host and addresses else ()
    lines += [f"http://{bracketed(each)}" for each in (*where, *addresses[:3])]
    if not addresses:
        lines += [next(iter(each.steps)) for each in (english, german)]
    return lines_of(lines)


def _why(words: _Words, looked: Looked) -> str:
    says, keeps = (_gb(size).replace(".", words.point) for size in (looked.says, looked.keeps))
    return words.about[looked.trouble].why.format(says=says, keeps=keeps)


def _gb(size: int) -> str:
    return f"{size / _GB:.1f}" if size < 9 * _GB else f"{size / _GB:.0f}"


def _safe(text: str) -> str:
    return html.escape(text)
