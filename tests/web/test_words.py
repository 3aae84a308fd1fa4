"""The catalogues: every language says everything, nothing is said that no page uses, no word the design forbids."""

from __future__ import annotations

import json
import re
import string
from pathlib import Path

import pytest

from firmware.errors import BoxError
from webui.files import HOME
from webui.language import Language, Languages

LANGUAGES = Languages(HOME / "locales")
ENGLISH = LANGUAGES.fallback
_SOURCES = [*HOME.rglob("*.py"), *HOME.rglob("*.html"), *HOME.rglob("*.js")]
_FORBIDDEN = r"\b(error|failed|invalid|unknown|oops|out of sync|please|successfully|node|backend|cluster|vault|peer)\b"


def _fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def _errors(kind: type[BoxError]) -> list[type[BoxError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in _errors(child))]


@pytest.mark.parametrize("language", LANGUAGES.known.values(), ids=lambda one: one.code)
def test_every_language_says_everything_with_the_same_fields(language: Language) -> None:
    assert list(language.words) == list(ENGLISH.words)
    for key, sentence in language.words.items():
        assert sentence.strip() == sentence and sentence, key
        assert _fields(sentence) == _fields(ENGLISH.words[key]), key


def test_every_sentence_asked_for_exists_and_every_sentence_is_asked_for() -> None:
    code = "\n".join(path.read_text() for path in _SOURCES)
    asked = set(re.findall(r"""(?:\bt|\.say|language\.words)[(\[]\s*["']([a-z0-9.-]+)["']\s*[),\]]""", code))
    asked |= set(re.findall(r"""["']([a-z]+(?:\.[a-z0-9-]+)+)["'](?: if | else |\)| \})""", code)) & set(ENGLISH.words)
    for key in asked:
        assert key in ENGLISH.words or f"{key}.one" in ENGLISH.words or key.endswith("."), key
    js = {
        key
        for key in ENGLISH.words
        for name in [key.partition(".js.")[2].removesuffix(".one").removesuffix(".many")]
        if name and (f'"{name}"' in code or re.search(rf"words\.{name}\b", code))
    }
    computed = (
        r"(weekday|month|number|tab|kind|error|http|activity|box\.(?:done|look|role|way)|member\.role|guide|day|time"
        r"|language|setup|passphrase\.js"
        r"|circle\.(?:row|reason|touch|promise)|pair\.ended"
        r"|badges\.word|restore\.square|coming\.(?:step\.small|lead\.answered)|kit\.state|drill\.(?:is|lead|row|back)|care\.(?:is|heading)|cost\.(?:service|field)|update\.refused|caps\.pause|peer\.notice|shelf\.(?:is|done|fact|promise)|find\.group|find\.section|find\.when|files\.sort)\..*"
    )
    unused = {
        key
        for key in ENGLISH.words
        if key not in asked | js
        and key.removesuffix(".one").removesuffix(".many") not in asked
        and not re.fullmatch(computed, key)
        and f'"{key}"' not in code
    }
    assert not unused


@pytest.mark.parametrize("kind", _errors(BoxError), ids=lambda kind: kind.code)
def test_every_error_is_said_in_every_language(kind: type[BoxError]) -> None:
    for language in LANGUAGES.known.values():
        sentence, advice = language.trouble(kind(what="x", why="y", left=3, seconds=7))
        assert sentence and advice
        assert f"error.{kind.code}.sentence" in language.words, "write it in webui/locales"
        assert f"error.{kind.code}.advice" in language.words


def test_the_words_keep_to_the_design() -> None:
    for key, sentence in ENGLISH.words.items():
        assert not re.search(_FORBIDDEN, sentence, re.IGNORECASE), key
        assert "..." not in sentence and "'" not in sentence and '"' not in sentence, key


def test_the_files_are_sorted_into_the_same_order(tmp_path: Path) -> None:
    del tmp_path
    for path in (HOME / "locales").glob("*/*.json"):
        assert len(json.loads(path.read_text())) == path.read_text().count('": "')


@pytest.mark.parametrize(
    ("accept", "chosen", "spoken"),
    [
        ("", None, "en"),
        ("de-AT,de;q=0.9,en;q=0.8", None, "de"),
        ("fr-FR,de;q=0.3,en;q=0.2", None, "de"),
        ("en;q=0.2,de;q=0", None, "en"),
        ("de", "en", "en"),
        ("de", "xx", "de"),
        ("*;q=nonsense,,;;", None, "en"),
    ],
)
def test_the_language_follows_the_person(accept: str, chosen: str | None, spoken: str) -> None:
    assert LANGUAGES.choose(accept, chosen).code == spoken


@pytest.mark.parametrize(
    ("count", "english", "german"),
    [
        (0, "0\u202fB", "0\u202fB"),
        (999, "999\u202fB", "999\u202fB"),
        (1234, "1.2\u202fkB", "1,2\u202fkB"),
        (41_000_000_000, "41\u202fGB", "41\u202fGB"),
        (1_340_000_000_000, "1.34\u202fTB", "1,34\u202fTB"),
    ],
)
def test_sizes(count: int, english: str, german: str) -> None:
    assert LANGUAGES.known["en"].size(count) == english
    assert LANGUAGES.known["de"].size(count) == german


def test_times_and_days() -> None:
    now = 1_795_000_000_000
    say = ENGLISH.time
    assert say(now - 5_000, now) == "just now"
    assert say(now - 60_000, now) == "1 minute ago"
    assert say(now - 12 * 60_000, now) == "12 minutes ago"
    assert re.fullmatch(r"\d{1,2} [A-Z][a-z]+ 2015", say(1_430_000_000_000, now))
    assert re.fullmatch(r"[A-Z][a-z]+, \d{1,2}\. [A-Z][a-z]+ 2015", LANGUAGES.known["de"].day(1_430_000_000_000, now))
    for strange in (-(1 << 62), 1 << 62, 0, -1):
        assert say(strange, now)
        assert ENGLISH.day(strange, now)
