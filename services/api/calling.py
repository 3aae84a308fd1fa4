"""From an operation's name and its arguments to a request, without I/O; shared by the async and the blocking client."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from firmware.errors import Misused
from services.api.decode import decode, encode
from services.api.routes import BY_NAME, Operation, Where


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """One request ready to be written: target with query, headers, and the body unless it is a stream."""

    operation: Operation
    target: str
    headers: dict[str, str]
    body: bytes | None


def build(name: str, token: str | None, headers: dict[str, str] | None, arguments: dict[str, Any]) -> Request:
    """Check ``arguments`` against the route table and lay out the request; raises Misused like the server would."""
    operation = BY_NAME.get(name)
    if operation is None:
        raise Misused(why=f"there is no operation “{name}”.")
    plain = {key: encode(value) for key, value in arguments.items() if value is not None}
    values = encode(decode(operation.request, plain))
    path = operation.path
    for field in operation.path_fields:
        path = path.replace("{" + field + "}", quote(str(values.pop(field)), safe=""))
    made = {"Host": "box", "Accept": "application/json", **(headers or {})}
    if token is not None:
        made["Authorization"] = f"Bearer {token}"
    body: bytes | None = None
    if operation.in_query:
        words = [(key, _word(one)) for key, value in values.items() for one in _each(value)]
        path += "?" + urlencode(words, errors="surrogateescape", quote_via=quote) if words else ""
    else:
        body = json.dumps(values).encode()
        made["Content-Type"] = "application/json"
        made["Content-Length"] = str(len(body))
    if operation.body is not None:
        made["Content-Type"] = operation.body.value
    elif body is None:
        made["Content-Length"] = "0"
    return Request(operation, path, made, body)


def socket_path(run: Path, operation: Operation, member: str | None) -> Path:
    """Return the socket that answers ``operation``; a locker's own socket needs the ``member`` it belongs to."""
    if operation.where is Where.MAIN:
        return run / "lockerd.sock"
    if operation.where is Where.PEER:
        return run / "peerd.sock"
    if operation.where is Where.BOX:
        return run / "boxd.sock"
    if member is None:
        raise Misused(why=f"“{operation.name}” needs to know whose locker it is for.")
    return run / "lockers" / f"{member}.sock"


def answer(operation: Operation, body: bytes) -> Any:
    """Decode a JSON answer into the operation's response type."""
    assert isinstance(operation.response, type)
    return decode(operation.response, json.loads(body or b"{}"))


def _each(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
