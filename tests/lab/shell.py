"""Programs of the machine the lab is built with: run, check, and what they said when they did not do it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from typing import Any


class LabTrouble(Exception):
    """The lab cannot be built or a box cannot be driven; the sentence says what was tried and what came back."""

    found: Mapping[str, Any] | None = None
    """What the story had found out until then."""


def run(*words: str, text: str | None = None, wait_s: float = 600) -> str:
    """Run one program with ``text`` on standard input; returns what it printed. Raises LabTrouble."""
    try:
        done = subprocess.run(words, input=text, capture_output=True, text=True, check=False, timeout=wait_s)
    except FileNotFoundError:
        raise LabTrouble(f"{words[0]} is not installed") from None
    if done.returncode:
        raise LabTrouble(f"{' '.join(words)}: {(done.stderr or done.stdout).strip()[-400:]}")
    return done.stdout


def works(*words: str) -> bool:
    """Whether a program is there and ends well."""
    try:
        return subprocess.run(words, capture_output=True, check=False, timeout=600).returncode == 0
    except FileNotFoundError:
        return False


def absent(tools: Sequence[str]) -> list[str]:
    """Which of these programs are not on this machine."""
    return [each for each in tools if not works("sh", "-c", f"command -v {each}")]
