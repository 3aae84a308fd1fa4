"""One word per thing, from docs/glossary.md; its synonyms are not used in names, and not in documents."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.house.tree import HOUSE, ROOT, python_files, texts

NOT_IN_NAMES = {
    "vault": "locker",
    "vaults": "lockers",
    "node": "peer (or box)",
    "nodes": "peers (or boxes)",
    "shares": "shards (for bytes)",
    "trash": "bin",
    "mnemonic": "words",
    "encrypt": "seal",
    "decrypt": "open",
    "master": "(say what it is)",
    "slave": "(say what it is)",
}
FOREIGN_NAMES = {"mnemonic", "Mnemonic", "encrypt", "decrypt", "encrypt_into", "decrypt_into", "nodename"}
"""Names of other people's packages, allowed as attributes and imports."""

NOT_IN_DOCS = re.compile(r"\b(vaults?|peer nodes?|box nodes?|whitelist|blacklist|trash ?can)\b", re.IGNORECASE)


def _own_names(tree: ast.AST) -> Iterator[str]:
    for item in ast.walk(tree):
        if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield item.name
        elif isinstance(item, ast.arg):
            yield item.arg
        elif isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store):
            yield item.id


def _words(name: str) -> set[str]:
    return {word.lower() for part in name.split("_") for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", part)}


def test_names_use_the_words_of_the_glossary() -> None:
    wrong = []
    for path in python_files(*HOUSE):
        for name in set(_own_names(ast.parse((ROOT / path).read_text()))) - FOREIGN_NAMES:
            wrong += [f"{path}: {name}: say {NOT_IN_NAMES[w]}" for w in _words(name) & set(NOT_IN_NAMES)]
    assert not wrong, "\n".join(wrong)


def test_documents_use_the_words_of_the_glossary() -> None:
    wrong = [
        f"{path}: {found.group()}"
        for path, text in texts()
        if path.suffix in (".md", ".html", ".toml") and path.name != "glossary.md" and path.parts[0] != "locks"
        for found in NOT_IN_DOCS.finditer(text)
    ]
    assert not wrong, "\n".join(wrong)


def test_every_word_of_the_glossary_is_explained_once() -> None:
    words = re.findall(r"^\*\*(.+?)\*\*", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE)
    assert len(words) == len(set(words)) >= 30
    assert words == sorted(words, key=str.lower)
