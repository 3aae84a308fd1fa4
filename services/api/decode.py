"""Strict translation between JSON values and the frozen dataclasses of ``services.api.types``, and their schemas.

Unknown keys, wrong types and values out of bounds are Misused with a sentence that names the field; nothing is
coerced except the text of a query string (``text=True``), where every value arrives as a word. Pure: no I/O.
"""

from __future__ import annotations

import dataclasses
import difflib
import enum
import functools
import re
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from firmware.errors import Misused

_T = TypeVar("_T")
_REQUIRED = dataclasses.MISSING
_NAMED = {str: "a text", int: "a whole number", bool: "true or false", float: "a number", tuple: "a list"}
_SCHEMAS: Mapping[type, str] = {str: "string", int: "integer", bool: "boolean", float: "number"}


def arg(
    doc: str,
    *,
    default: Any = _REQUIRED,
    low: int | None = None,
    high: int | None = None,
    longest: int | None = None,
    shortest: int | None = None,
    pattern: str | None = None,
    raw: bool = False,
) -> Any:
    """Declare one field: its sentence and its bounds (``low``/``high`` inclusive, lengths in characters or items).

    ``raw`` texts may hold surrogate escapes (names that are not UTF-8); all others are well-formed Unicode.
    """
    meta = {"doc": doc, "low": low, "high": high, "longest": longest, "shortest": shortest, "pattern": pattern}
    meta["raw"] = raw
    if default is _REQUIRED:
        return dataclasses.field(metadata=meta)
    return dataclasses.field(default=default, metadata=meta)


def decode(kind: type[_T], values: object, *, text: bool = False) -> _T:
    """Build ``kind`` from a JSON object (or, with ``text``, from query words); raises Misused naming the field."""
    if not isinstance(values, Mapping):
        raise Misused(why="the body is not a JSON object.")
    shape = _shape(typing.cast("type", kind))
    for key in values:
        if key not in shape:
            near = difflib.get_close_matches(str(key), shape, 1, 0.0)
            hint = f"; the nearest name is “{near[0]}”" if near else "; it takes no fields"
            raise Misused(why=f"“{_short(key)}” is not a field{hint}.")
    made: dict[str, object] = {}
    for name, (hint_type, field) in shape.items():
        if name in values:
            made[name] = _value(name, hint_type, values[name], text=text)
            _check_bounds(name, made[name], field.metadata)
        elif field.default is _REQUIRED:
            raise Misused(why=f"“{name}” is missing.")
    return kind(**made)


def encode(value: object) -> Any:
    """Turn a dataclass (nested ones, tuples, enums too) into plain JSON values; None fields are left out."""
    if dataclasses.is_dataclass(value):
        found = ((f.name, getattr(value, f.name)) for f in dataclasses.fields(value))
        return {name: encode(inner) for name, inner in found if inner is not None}
    if isinstance(value, enum.Enum):
        return value.name.lower() if isinstance(value, enum.IntEnum) else value.value
    if isinstance(value, (tuple, list)):
        return [encode(inner) for inner in value]
    if isinstance(value, dict):
        return {str(key): encode(inner) for key, inner in value.items()}
    return value


def schema(kind: Any) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a dataclass or of one field type."""
    kind, optional = _unwrap(kind)
    if dataclasses.is_dataclass(kind):
        return _object_schema(typing.cast("type", kind))
    if typing.get_origin(kind) is tuple:
        made: dict[str, Any] = {"type": "array", "items": schema(typing.get_args(kind)[0])}
    elif typing.get_origin(kind) is dict:
        made = {"type": "object", "additionalProperties": schema(typing.get_args(kind)[1])}
    elif isinstance(kind, type) and issubclass(kind, enum.Enum):
        made = {"type": "string", "enum": [encode(member) for member in kind]}
    else:
        made = {"type": _SCHEMAS[kind]}
    if optional and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
        if "enum" in made:
            made["enum"] = [*made["enum"], None]
    return made


def field_schema(kind: type, name: str) -> dict[str, Any]:
    """Return the schema of one field of ``kind`` with its bounds and sentence."""
    hint, field = _shape(kind)[name]
    made = schema(hint)
    meta = field.metadata
    sizes = ("minItems", "maxItems") if made.get("type") == "array" else ("minLength", "maxLength")
    for key, word in (("low", "minimum"), ("high", "maximum"), ("shortest", sizes[0]), ("longest", sizes[1])):
        if meta.get(key) is not None:
            made[word] = meta[key]
    if meta.get("pattern"):
        made.get("items", made)["pattern"] = meta["pattern"]
    if meta.get("doc"):
        made["description"] = meta["doc"]
    return made


def required(kind: type) -> list[str]:
    """Return the names of the fields of ``kind`` that have no default."""
    return [name for name, (_, field) in _shape(kind).items() if field.default is _REQUIRED]


def names(kind: type) -> list[str]:
    """Return all field names of ``kind`` in order."""
    return list(_shape(kind))


def _object_schema(kind: type) -> dict[str, Any]:
    made = {"type": "object", "properties": {name: field_schema(kind, name) for name in _shape(kind)}}
    return made | {"required": required(kind), "additionalProperties": False}


@functools.cache
def _shape(kind: type) -> dict[str, tuple[Any, dataclasses.Field[Any]]]:
    hints = typing.get_type_hints(kind)
    return {field.name: (hints[field.name], field) for field in dataclasses.fields(kind)}


def _unwrap(hint: Any) -> tuple[Any, bool]:
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        inner = [one for one in typing.get_args(hint) if one is not type(None)]
        return inner[0], True
    return hint, False


def _value(name: str, hint: Any, value: object, *, text: bool) -> object:
    kind, optional = _unwrap(hint)
    if value is None and optional:
        return None
    if dataclasses.is_dataclass(kind):
        return decode(typing.cast("type", kind), value)
    origin = typing.get_origin(kind)
    if origin is tuple:
        return _list(name, typing.get_args(kind)[0], value, text=text)
    if origin is dict:
        return dict(value) if isinstance(value, Mapping) else _wrong(name, "an object")
    if issubclass(kind, enum.Enum):
        return _member(name, kind, value)
    if text and isinstance(value, str) and kind is not str:
        return _from_word(name, kind, value)
    if type(value) is not kind and not (kind is float and type(value) is int):
        return _wrong(name, _NAMED[kind])
    return value


def _from_word(name: str, kind: type, word: str) -> object:
    if kind is int and re.fullmatch(r"-?[0-9]{1,19}", word, re.ASCII):
        return int(word)
    if kind is bool and word in ("true", "false"):
        return word == "true"
    return _wrong(name, _NAMED[kind])


def _list(name: str, inner: Any, value: object, *, text: bool) -> tuple[object, ...]:
    if text and isinstance(value, str):
        value = [value]
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
        _wrong(name, "a list")
    items = typing.cast("Sequence[object]", value)
    return tuple(_value(name, inner, item, text=text) for item in items)


def _member(name: str, kind: type[enum.Enum], value: object) -> enum.Enum:
    for member in kind:
        if encode(member) == value:
            return member
    words = ", ".join(encode(member) for member in kind)
    raise Misused(why=f"“{name}” has to be one of: {words}.")


def _wrong(name: str, wanted: str) -> typing.NoReturn:
    raise Misused(why=f"“{name}” has to be {wanted}.")


def _check_bounds(name: str, value: object, meta: Mapping[str, Any]) -> None:
    if isinstance(value, int) and not isinstance(value, bool):
        low, high = meta.get("low"), meta.get("high")
        if (low is not None and value < low) or (high is not None and value > high):
            raise Misused(why=f"“{name}” has to be from {low} to {high}.")
    elif isinstance(value, (str, tuple)):
        _check_text(name, value, meta)


def _check_text(name: str, value: str | tuple[object, ...], meta: Mapping[str, Any]) -> None:
    shortest, longest = meta.get("shortest") or 0, meta.get("longest")
    if len(value) < shortest or (longest is not None and len(value) > longest):
        raise Misused(why=f"“{name}” has to have {shortest} to {longest} {_counted(value)}.")
    pattern = meta.get("pattern")
    for word in (value,) if isinstance(value, str) else value:
        if isinstance(word, str) and not _well_formed(word, raw=meta.get("raw", False)):
            raise Misused(why=f"“{name}” is not well-formed text.")
        if pattern and not (isinstance(word, str) and re.fullmatch(pattern, word, re.ASCII)):
            raise Misused(why=f"“{name}” does not look right.")


def _well_formed(word: str, *, raw: bool) -> bool:
    try:
        word.encode("utf-8", "surrogateescape" if raw else "strict")
    except UnicodeEncodeError:
        return False
    return "\0" not in word


def _counted(value: object) -> str:
    return "characters" if isinstance(value, str) else "items"


def _short(key: object) -> str:
    return str(key)[:40]
