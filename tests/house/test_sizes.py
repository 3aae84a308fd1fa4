"""Small pieces: what does not fit on a screen is not understood at a glance."""

from __future__ import annotations

import ast

import pytest

from tests.house.tree import ROOT, python_files

FUNCTION_LINES, MODULE_LINES, MAIN_LINES, POSITIONAL = 60, 500, 150, 7
BANNED_MODULES = {
    "util",
    "utils",
    "helper",
    "helpers",
    "common",
    "manager",
    "managers",
    "misc",
    "stuff",
    "base",
    "core",
}


@pytest.mark.parametrize("path", python_files(), ids=str)
def test_sizes(path: object) -> None:
    text = (ROOT / str(path)).read_text()
    bound = MAIN_LINES if str(path).endswith("__main__.py") else MODULE_LINES
    assert text.count("\n") <= bound, f"{path} has {text.count(chr(10))} lines, at most {bound}"
    for function in ast.walk(ast.parse(text)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (function.end_lineno or 0) - function.lineno + 1
            assert lines <= FUNCTION_LINES, f"{path}: {function.name} has {lines} lines, at most {FUNCTION_LINES}"
            names = [a.arg for a in (*function.args.posonlyargs, *function.args.args) if a.arg not in ("self", "cls")]
            assert len(names) <= POSITIONAL, f"{path}: {function.name} takes {len(names)} arguments by position"


def test_no_module_is_a_grab_bag() -> None:
    named = [path for path in python_files() if BANNED_MODULES & set(path.with_suffix("").parts)]
    assert not named, f"name what is in them: {named}"
