"""Who may import whom: the contracts are in pyproject.toml under tool.importlinter, ARCHITECTURE.md explains them."""

from __future__ import annotations

import ast
import tomllib

from tests.house.tree import ROOT, python_files, run


def test_every_import_goes_down_the_house() -> None:
    lint = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    assert not (found := run("-c", lint, "--no-cache")), found


def test_every_process_has_its_place_in_the_layers() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    placed = {name.strip() for layer in contracts[0]["layers"] for name in layer.split("|")}
    there = {f"services.{path.parts[1]}" for path in python_files("services") if len(path.parts) > 2}
    assert there <= placed, f"place in pyproject.toml: {there - placed}"


def test_imports_stand_still() -> None:
    """import-linter sees only import statements; so there are no others."""
    for path in python_files("firmware", "services", "webui"):
        tree = ast.parse((ROOT / path).read_text())
        called = {ast.unparse(call.func) for call in ast.walk(tree) if isinstance(call, ast.Call)}
        if path.parts[:3] == ("services", "reader", "parsers"):
            called -= {"importlib.import_module"}  # a parser's late modules must be there before the walls shut
        assert not called & {"__import__", "importlib.import_module", "import_module", "exec", "eval"}, path
