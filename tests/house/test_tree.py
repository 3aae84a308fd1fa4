"""Nothing lies in the tree that must not leave a developer's machine, and every lock is closed."""

from __future__ import annotations

import re

import pytest

from tests.house.tree import ROOT, texts

_SCHEME = r"https?://"
FORBIDDEN = {
    "an address of a package registry": rf"{_SCHEME}[\w.-]*(pypi|pythonhosted|npmjs|yarnpkg|crates)\.[a-z]+",
    "an index setting": r"--(extra-)?index-url[ =]\S+[:/]",
    "a path of the machine it was written on": r"/(work/(main|shared)|root/scratch|home/[a-z]+/)",
    "a page outside the tree": r"\.\./shared",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}",
    "an access token": r"\b(gh[pousr]_[A-Za-z0-9]{30,}|AKIA[0-9A-Z]{16}|xox[abp]-[0-9A-Za-z-]{20,})\b",
    "a conflict marker": r"^(<{7}|>{7}) ",
    "an open end": r"\b(TO" + "DO|FIX" + r"ME|XX" + r"X)\b",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_the_tree_holds_no(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what], re.MULTILINE)
    found = [f"{path}: {hit.group()[:60]}" for path, text in texts() for hit in pattern.finditer(text)]
    assert not found, "\n".join(found)


def test_no_file_is_larger_than_a_megabyte() -> None:
    assert not [path for path, text in texts() if len(text) > 1_000_000]


@pytest.mark.parametrize("level", ["run", "test", "bench"])
def test_every_locked_package_has_hashes_and_no_address(level: str) -> None:
    text = (ROOT / f"locks/{level}.txt").read_text()
    entries = [entry for entry in re.split(r"\n(?=\S)", text) if entry.strip()]
    assert len(entries) >= 15
    for entry in entries:
        assert re.match(r"[a-z0-9-]+==[\w.]+( ;[^\n\\]+)? \\\n", entry), entry[:80]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry[:80]
        assert "://" not in entry


def test_each_lock_contains_the_one_before_it() -> None:
    def pins(level: str) -> set[str]:
        return set(re.findall(r"^([a-z0-9-]+==\S+)", (ROOT / f"locks/{level}.txt").read_text(), re.MULTILINE))

    assert pins("run") < pins("test") < pins("bench")


def test_every_run_time_package_is_explained() -> None:
    pinned = re.findall(r"^([a-z0-9-]+)==(?!.*win32)", (ROOT / "locks/run.txt").read_text(), re.MULTILINE)
    page = (ROOT / "docs/dependencies.md").read_text().lower()
    assert not [name for name in pinned if f"| {name} |" not in page]
