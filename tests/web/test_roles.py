"""Every private page against every role: owner, adult, child, installer, and a guardian in her ward's locker."""

from __future__ import annotations

import pytest

from tests.services.running import Running
from tests.web.front import PASSPHRASE, Visitor
from tests.web.test_people import _invite, _join
from tests.web.test_routes import _ENDLESS, _HARMLESS, _NOBODY, _PRIVATE, _path, _send
from webui.route import Proof, Route

_PAGES = [one for one in _PRIVATE if one.proof is Proof.MEMBER and one.path not in _HARMLESS | _ENDLESS]
_NOT_FOR_GUARDIANS = {"/box/activity", "/box/passkeys", "/box/apps", "/box/log-ins", "/take-home/file", "/kit"}
_NOT_FOR_GUARDIANS |= {"/kit/friends", "/circle/keys/split", "/circle/moves", "/restore/progress"}
"""What a guardian is refused in her ward's locker: everything about keys, doors and what happened."""


@pytest.fixture(scope="module")
def people(box: Running, member: Visitor) -> dict[str, Visitor]:
    """One browser for each role; the guardian stands in the locker of the child."""
    found = {"owner": member}
    for number, role in enumerate(("adult", "installer", "child")):
        until = "2038-01-02" if role == "child" else ""
        found[role], _ = _join(box, _invite(member, role, until), f"{role} {number}", PASSPHRASE)
    child = found["child"].get("/members").text
    ward = child.partition("child 2")[0].rpartition('href="/members/')[2][:16]
    guardian = Visitor(box)
    guardian.open()
    assert guardian.post(f"/members/{ward}/open").leads_to == "/home"
    return {**found, "guardian": guardian}


@pytest.mark.parametrize("role", ["owner", "adult", "installer", "child", "guardian"])
def test_every_page_answers_every_role(people: dict[str, Visitor], role: str) -> None:
    for route in _PAGES:
        if "GET" in route.methods:
            reply = _send(people[role], "GET", _path(route))
            refused = role == "guardian" and route.path in _NOT_FOR_GUARDIANS
            expected = (403,) if refused else (200, 204, 303, 400, 404)
            assert reply.status in expected, (role, route.path, reply.status)
            assert not reply.leads_to.startswith("/open"), (role, route.path, "a no ends no session")


@pytest.mark.parametrize("role", ["adult", "installer", "child", "guardian"])
def test_only_an_owner_adds_people_and_gives_roles(people: dict[str, Visitor], role: str) -> None:
    assert people[role].post("/members/invite", role="owner", until="").status == 403
    assert people[role].post(f"/members/{_NOBODY[:16]}", role="owner").status in (403, 303)
    assert people[role].get("/home").status == 200


def test_a_guardian_makes_no_way_in(people: dict[str, Visitor]) -> None:
    guardian = people["guardian"]
    for path, fields in (
        ("/kit", {}),
        ("/box/apps", {"device": "x"}),
        ("/box/passphrase", {"passphrase": "a", "new": "b", "offered": ""}),
    ):
        reply = guardian.post(path, **fields)
        assert reply.status == 403 or reply.leads_to.startswith("/sure"), path
    assert guardian.post("/sure", then="/kit", passphrase=PASSPHRASE).status == 403
    assert guardian.get("/home").status == 200


def test_the_matrix_is_complete() -> None:
    named = {route.path for route in _PAGES}
    assert named >= _NOT_FOR_GUARDIANS
    assert all(isinstance(route, Route) for route in _PAGES)
