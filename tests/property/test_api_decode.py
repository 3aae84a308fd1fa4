"""Every value of the API survives encode and decode; anything else is Misused, never a crash."""

from __future__ import annotations

import dataclasses
import enum
import json
import re
import types
import typing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.errors import Misused
from services.api import types as t
from services.api.decode import decode, encode, schema
from services.api.routes import OPERATIONS

KINDS = sorted(
    {one.request for one in OPERATIONS} | {one.response for one in OPERATIONS if isinstance(one.response, type)},
    key=lambda kind: kind.__name__,
)
_HEX = r"\[0-9a-f\]\{(?P<half>\d+)\}|\(\[0-9a-f\]\{2\}\)\{(?P<pairs>\d+)\}"
"""A pattern of so many hexadecimal digits: bytes are drawn a hundred times faster than by the pattern."""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def values(hint: Any, meta: Any) -> st.SearchStrategy[Any]:
    if isinstance(hint, type) and not dataclasses.is_dataclass(hint):
        return plain(hint, meta)
    if isinstance(hint, types.UnionType):
        inner = next(one for one in typing.get_args(hint) if one is not type(None))
        return st.none() | values(inner, meta)
    if dataclasses.is_dataclass(hint):
        return instances(typing.cast("type[Any]", hint))
    if typing.get_origin(hint) is tuple:
        return st.lists(values(typing.get_args(hint)[0], meta), max_size=3).map(tuple)
    return st.dictionaries(st.text(max_size=5), st.integers(), max_size=3)


def plain(hint: type, meta: Any) -> st.SearchStrategy[Any]:
    if issubclass(hint, enum.Enum):
        return st.sampled_from(list(hint))
    if hint is bool:
        return st.booleans()
    if hint is int:
        return st.integers(meta.get("low"), meta.get("high"))
    if hint is float:
        return st.floats(meta.get("low"), meta.get("high"), allow_nan=False, allow_infinity=False)
    if digits := re.fullmatch(_HEX, meta.get("pattern") or ""):
        size = int(digits["half"] or 0) // 2 or int(digits["pairs"] or 0)
        return st.binary(min_size=size, max_size=size).map(bytes.hex)
    if meta.get("pattern"):
        return st.from_regex(rf"\A(?:{meta['pattern']})\Z").filter(lambda text: fits(text, meta))
    alphabet = st.characters(codec="utf-8", exclude_characters="\0")
    return st.text(alphabet, min_size=meta.get("shortest") or 0, max_size=min(meta.get("longest") or 40, 40))


def fits(text: str, meta: Any) -> bool:
    plain = "\0" not in text and not any(0xD800 <= ord(char) < 0xE000 for char in text)
    return plain and (meta.get("shortest") or 0) <= len(text) <= (meta.get("longest") or 1 << 30)


def instances(kind: type[Any]) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(kind)
    fields = {field.name: values(hints[field.name], field.metadata) for field in dataclasses.fields(kind)}
    return st.builds(kind, **fields)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_value_comes_back_from_json(kind: type[Any]) -> None:
    @settings(max_examples=30)
    @given(instances(kind))
    def there_and_back(value: Any) -> None:
        assert decode(kind, json.loads(json.dumps(encode(value)))) == value

    there_and_back()
    assert schema(kind)["type"] == "object"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_any_other_json_is_misused(kind: type[Any]) -> None:
    names = [field.name for field in dataclasses.fields(kind)]
    objects = st.dictionaries(st.sampled_from([*names, "other"]), JSON, max_size=len(names) + 1)

    @settings(max_examples=40)
    @given(objects | JSON, st.booleans())
    def odd(value: object, text: bool) -> None:
        try:
            decode(kind, value, text=text)
        except Misused:
            return

    odd()


def test_a_misspelt_field_names_the_nearest() -> None:
    with pytest.raises(Misused, match="passphrase"):
        decode(t.Open, {"member": "Ada", "pasphrase": "x"})
    with pytest.raises(Misused, match="missing"):
        decode(t.Open, {"member": "Ada"})
    with pytest.raises(Misused, match="well-formed"):
        decode(t.Open, {"member": "Ada", "passphrase": "\udc80"})
    assert decode(t.RecordPath, {"path": "\udc80"}).path == "\udc80"
