"""The OpenAPI 3.1 document of one kind of socket, generated from the route table alone."""

from __future__ import annotations

import json
from typing import Any

from services.api.decode import field_schema, required, schema
from services.api.routes import Needs, Operation, Stream, Where, on

_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "sentence", "advice"],
            "properties": {
                "code": {"type": "string"},
                "sentence": {"type": "string"},
                "advice": {"type": "string"},
                "fields": {"type": "object"},
            },
        }
    },
}
_FAILURES = {
    "400": "The request makes no sense.",
    "403": "No live session, or not this member's.",
    "404": "It is not here.",
    "409": "Something changed in the meantime.",
    "413": "Too large.",
    "423": "The locker is locked.",
    "429": "Too many wrong tries.",
    "503": "Come back later.",
    "507": "The disk is full.",
}


def document(where: Where) -> bytes:
    """Return the JSON text of the document for ``where``."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in on(where):
        paths.setdefault(operation.path, {})[operation.method.lower()] = _entry(operation)
    made = {
        "openapi": "3.1.0",
        "info": {"title": f"Locker Box: {where.value}", "version": "1", "description": (__doc__ or "").strip()},
        "servers": [{"url": "http://box"}],
        "paths": paths,
        "components": {
            "securitySchemes": {"session": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Error": _ERROR},
        },
    }
    return json.dumps(made, indent=1).encode() + b"\n"


def _entry(operation: Operation) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.sentence,
        "description": f"Needs {operation.needs.value}.",
        "parameters": _parameters(operation),
        "responses": _responses(operation),
    }
    if operation.needs not in (Needs.NOTHING, Needs.THROTTLED):
        made["security"] = [{"session": []}]
    if operation.body is not None:
        made["requestBody"] = {"content": {operation.body.value: {"schema": {"type": "string", "format": "binary"}}}}
    elif not operation.in_query and operation.other_fields:
        needed = bool(required(operation.request))
        made["requestBody"] = {
            "required": needed,
            "content": {"application/json": {"schema": schema(operation.request)}},
        }
    return made


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    found = [_parameter(operation, name, "path") for name in operation.path_fields]
    if operation.in_query:
        found += [_parameter(operation, name, "query") for name in operation.other_fields]
    return found


def _parameter(operation: Operation, name: str, place: str) -> dict[str, Any]:
    shape = field_schema(operation.request, name)
    sentence = shape.pop("description", "")
    if isinstance(shape.get("type"), list):
        shape["type"] = shape["type"][0]
    if None in shape.get("enum", ()):
        shape["enum"] = [one for one in shape["enum"] if one is not None]
    needed = name in required(operation.request)
    return {"name": name, "in": place, "required": needed, "description": sentence, "schema": shape}


def _responses(operation: Operation) -> dict[str, Any]:
    if isinstance(operation.response, Stream):
        good: dict[str, Any] = {operation.response.value: {"schema": {"type": "string", "format": "binary"}}}
        if operation.response is Stream.BYTES:
            good = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
    else:
        good = {"application/json": {"schema": schema(operation.response)}}
    made = {str(operation.status): {"description": operation.sentence, "content": good}}
    if operation.name == "content":
        made["206"] = {"description": "The range asked for.", "content": good}
        made["304"] = {"description": "The bytes the caller has are the newest."}
        made["416"] = _failure("No such range.")
    return made | {code: _failure(sentence) for code, sentence in _FAILURES.items()}


def _failure(sentence: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {"description": sentence, "content": content}
