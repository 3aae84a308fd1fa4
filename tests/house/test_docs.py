"""Documents and code cannot drift: tables are generated, links lead somewhere, every error speaks to a person."""

from __future__ import annotations

import re

import pytest

from firmware import errors
from tests.house import docs
from tests.house.tree import ROOT, files, texts


@pytest.mark.parametrize("name", docs.PAGES)
def test_generated_pages_are_current(name: str) -> None:
    assert (ROOT / name).read_text() == docs.PAGES[name](), "run: .venv/bin/python -m tests.house.docs --write"


def test_every_limit_says_why() -> None:
    assert not [names for names, why in docs.bounds() if len(why) < 20]


def test_every_error_has_a_code_of_its_own_a_sentence_and_advice() -> None:
    found = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.BoxError)]
    assert len({c.code for c in found}) == len(found)
    for error in found:
        assert error.__doc__, error
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", error.code)
        assert error.sentence.strip().endswith((".", "}", ")", ":")), error.sentence
        assert error.advice.strip().endswith("."), error.advice


def test_links_between_documents_lead_somewhere() -> None:
    missing = [
        f"{path}: {link}"
        for path, text in texts()
        if path.suffix == ".md"
        for link in re.findall(r"\]\(([^)#\s:]+)(?:#[^)]*)?\)", text)
        if not (ROOT / path.parent / link).exists()
    ]
    assert not missing, "\n".join(missing)


def test_paths_named_in_the_map_exist() -> None:
    named = re.findall(
        r"`((?:firmware|services|webui|tests|docs|locks)/[\w./-]*)`", (ROOT / "ARCHITECTURE.md").read_text()
    )
    assert len(named) > 20
    assert not [path for path in named if not (ROOT / path).exists()]


def test_every_decision_is_numbered_and_says_when_to_look_again() -> None:
    pages = [p for p in files() if p.parts[:2] == ("docs", "decisions")]
    assert [int(p.name[:4]) for p in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        text = (ROOT / page).read_text()
        assert all(f"\n## {part}\n" in text for part in ("Context", "Choice", "Price", "Look again when")), page
