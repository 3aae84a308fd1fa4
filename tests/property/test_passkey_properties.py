"""Whatever a browser sends as a passkey's answer, lockerd says yes or one of its own noes."""

from __future__ import annotations

import json
from typing import Any

import cbor2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware.errors import PasskeyTooLate, PasskeyWrong
from services.lockerd import passkeys
from tests.services.authenticator import Authenticator, data, text

HOST = "locker.local"
MAKER = Authenticator(HOST, f"https://{HOST}")
MEMBER = "0" * 16
CHALLENGE = b"c" * 56
MADE = MAKER.make(passkeys.creation_options(HOST, MEMBER, "Ada", CHALLENGE, []))[0]
USED = MAKER.use(passkeys.request_options(HOST, MEMBER, CHALLENGE))[0]
PUBLIC = passkeys.verify_made(HOST, passkeys.read_answer(MADE)).public
CASES = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def judged(credential: str) -> None:
    """Ask both judges; only their own refusals may come."""
    for judge in (passkeys.verify_made, lambda host, answer: passkeys.verify_used(host, answer, PUBLIC, 0)):
        try:
            judge(HOST, passkeys.read_answer(credential))
        except PasskeyWrong:
            continue


@CASES
@given(where=st.sampled_from(["id", "rawId", "type", "response", "clientExtensionResults"]), what=JSON)
def test_any_field_may_be_anything(where: str, what: Any) -> None:
    for answer in (MADE, USED):
        judged(json.dumps(json.loads(answer) | {where: what}))


@CASES
@given(st.data())
def test_any_part_of_an_answer_may_be_other_bytes(drawn: st.DataObject) -> None:
    answer = json.loads(drawn.draw(st.sampled_from([MADE, USED])))
    part = drawn.draw(st.sampled_from(sorted(answer["response"])))
    raw = bytearray(data(answer["response"][part]))
    for _ in range(drawn.draw(st.integers(1, 3))):
        raw[drawn.draw(st.integers(0, len(raw) - 1))] = drawn.draw(st.integers(0, 255))
    answer["response"][part] = text(bytes(raw[: drawn.draw(st.integers(0, len(raw)))] or raw))
    judged(json.dumps(answer))


@CASES
@given(
    st.recursive(st.integers() | st.binary(max_size=40) | st.text(max_size=8), lambda one: st.lists(one), max_leaves=4)
)
def test_a_registration_may_hold_any_cbor(value: Any) -> None:
    answer = json.loads(MADE)
    honest = cbor2.loads(data(answer["response"]["attestationObject"]))
    for made in (value, {**honest, "fmt": value}, {**honest, "attStmt": value}, {**honest, "fmt": "packed"}):
        answer["response"]["attestationObject"] = text(cbor2.dumps(made))
        judged(json.dumps(answer))
    for length in range(0, len(honest["authData"]), 7):
        answer["response"]["attestationObject"] = text(cbor2.dumps({**honest, "authData": honest["authData"][:length]}))
        judged(json.dumps(answer))


@CASES
@given(st.binary(max_size=80))
def test_a_made_up_challenge_is_never_taken(raw: bytes) -> None:
    class Clock:
        def now_ms(self) -> int:
            return 0

        def ticks_ns(self) -> int:
            return 10**12

    challenges = passkeys.Challenges(Clock())
    with pytest.raises(PasskeyTooLate):
        challenges.take(raw, "login", MEMBER)
    mine = challenges.make("login", MEMBER)
    with pytest.raises(PasskeyTooLate):
        challenges.take(mine[:-1] + bytes([mine[-1] ^ 1]), "login", MEMBER)
    challenges.take(mine, "login", MEMBER)
