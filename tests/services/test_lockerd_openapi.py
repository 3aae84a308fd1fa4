"""Both sockets keep the promises of their OpenAPI documents, and no input makes them fail (schemathesis)."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import one_of
from requests.adapters import HTTPAdapter
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

from firmware.limits import HEADER_BYTES
from services.api.routes import BY_NAME
from tests.services.lockerd_box import LockerdBox

SKIPPED = {
    "lock",
    "end_session",
    "end_others",
    "passwd",
    "kit",
    "drop_slot",
    "step_up",
    "step_down",
    "set_role",
    "leave",
    "watch",
    "safety",
    "agree_move",
    "drill",
    "drill_now",
    "key_make",
    "key_heir",
}
"""They would end or weaken the very session the other cases use, never end, or ask peerd, which does not run here; the
other tests of lockerd have them."""
MODES = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
CASES = settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
)


@schemathesis.serializer("application/vnd.lockerbox.files")
def _as_it_is(ctx: Any, value: Any) -> bytes:
    """Bytes that are framing only by chance."""
    return value if isinstance(value, bytes) else str(value).encode()


class _Connection(HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self.path)


class _Pool(HTTPConnectionPool):
    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self.path = path

    def _new_conn(self) -> _Connection:
        return _Connection(self.path)


class UnixAdapter(HTTPAdapter):
    """Sends every request to one socket in the file system."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        super().__init__()

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> _Pool:
        return _Pool(self.path)


def document(path: Path) -> dict[str, Any]:
    connection = http.client.HTTPConnection("box")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(path))
    connection.request("GET", "/openapi.json")
    found = json.loads(connection.getresponse().read())
    connection.close()
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("which", ["main", "locker"])
def test_generated_cases_find_no_broken_promise(shared_lockerd: LockerdBox, which: str) -> None:
    if not shared_lockerd.free.call("status").claimed:
        shared_lockerd.claim()
    session = shared_lockerd.open()
    session.call("put", body=[b"something to find"], name="a/b.txt")
    member = shared_lockerd.free.call("status").members[0].id
    run = shared_lockerd.run
    path = run / "lockerd.sock" if which == "main" else run / "lockers" / f"{member}.sock"
    web = requests.Session()
    web.mount("http://", UnixAdapter(path))
    schema = schemathesis.openapi.from_dict(document(path))
    checks = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
    ran = 0
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        name = operation.definition.raw["operationId"]
        assert name in BY_NAME
        if name in SKIPPED or f"at_peerd_{name}" in BY_NAME or f"at_boxd_{name}" in BY_NAME:
            continue  # the latter are passed on to peerd and boxd, which do not run here

        @CASES
        @given(case=one_of(*(operation.as_strategy(generation_mode=mode) for mode in MODES)))
        def run_case(case: schemathesis.Case[Any]) -> None:
            nonlocal ran
            ran += 1
            headers = {"Authorization": f"Bearer {session._token}", "Accept-Encoding": "identity"}
            if len(str(case.as_transport_kwargs(base_url="http://box").get("params"))) > HEADER_BYTES // 6:
                return  # longer than any head may be once it is escaped: the connection is closed, as it should be
            response = case.call(base_url="http://box", session=web, headers=headers)
            case.validate_response(response, checks=checks)

        run_case()
    assert ran >= 60
