"""./box: plain POSIX shell, helpful, and silent on stdout until the command it starts speaks."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from tests.house.tree import ROOT

BOX = ROOT / "box"
BASHISMS = [
    r"\[\[",
    r"^\s*function\s",
    r"^\s*local\s",
    r"\s==\s.*\]",
    r"<\(",
    r"\$'",
    r"\+=",
    r"&>",
    r"\bsource\s",
    r"\becho -e",
]


def _box(*arguments: str) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": "/usr/bin:/bin"}
    return subprocess.run([BOX, *arguments], capture_output=True, text=True, check=False, env=clean, cwd="/")


@pytest.mark.parametrize("shell", ["sh", "dash", "bash", "busybox"])
def test_every_shell_parses_it(shell: str) -> None:
    if not (found := shutil.which(shell)):
        pytest.skip(f"{shell} is not on this machine")
    command = [found, "sh", "-n"] if shell == "busybox" else [found, "-n"]
    assert subprocess.run([*command, BOX], capture_output=True, check=False).returncode == 0


def test_it_is_plain_shell() -> None:
    code = "\n".join(line for line in BOX.read_text().splitlines() if not line.lstrip().startswith("#"))
    own = code.replace('if __name__ == "__main__"', "")
    assert not [b for b in BASHISMS if re.search(b, own, re.MULTILINE)]
    assert BOX.read_text().startswith("#!/bin/sh\n")


def test_help_lists_every_command_and_needs_nothing() -> None:
    answer = _box("help")
    assert answer.returncode == 0
    commands = set(re.findall(r"^  ([a-z-]+) ", answer.stdout, re.MULTILINE))
    handled = set(re.findall(r"[\w-]+", re.search(r"case \$command in(.*?)\*\) say", BOX.read_text(), re.DOTALL)[1]))  # type: ignore[index]
    assert {"run", "test", "bench", "sim", "locker", "help", "lock-update"} <= commands & handled


def test_help_lists_every_simulation_and_benchmark() -> None:
    answer = _box("help").stdout
    for kind in ("sim", "bench"):
        for path in (ROOT / "tests" / kind).glob("*.py"):
            if '\nif __name__ == "__main__":' in path.read_text():
                assert re.search(rf"^  {path.stem} +\S", answer, re.MULTILINE), path


@pytest.mark.parametrize("arguments", [("nonsense",), ("sim", "nonsense"), ("bench", "nonsense"), ("bench",)])
def test_a_wrong_command_says_so_and_what_there_is(arguments: tuple[str, ...]) -> None:
    answer = _box(*arguments)
    assert answer.returncode == 2
    assert "there is no" in answer.stderr
    assert not answer.stdout
