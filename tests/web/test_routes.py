"""The whole route table against everybody who may come: no line without a rule, no answer without its protections."""

from __future__ import annotations

import ssl

import pytest

from tests.services.running import Running
from tests.web.front import Reply, Visitor
from webui.app import ROUTES
from webui.route import Connection, Proof, Route

_NOBODY = "0" * 32
_SAMPLES = {
    "/static/([a-z0-9.-]{1,64})": "/static/style.css",
    "/.*": "/anything/at/all",
    "/record/([0-9a-f]{32})": f"/record/{_NOBODY}",
    "/record/([0-9a-f]{32})/name": f"/record/{_NOBODY}/name",
    "/record/([0-9a-f]{32})/annotate": f"/record/{_NOBODY}/annotate",
    "/record/([0-9a-f]{32})/revert": f"/record/{_NOBODY}/revert",
    "/record/([0-9a-f]{32})/delete": f"/record/{_NOBODY}/delete",
    "/record/([0-9a-f]{32})/file": f"/record/{_NOBODY}/file",
    "/preview/([0-9a-f]{32})/([0-9]{1,4})": f"/preview/{_NOBODY}/320",
    "/photos/item/([0-9a-f]{32})": f"/photos/item/{_NOBODY}",
    "/photo/([0-9a-f]{32})": f"/photo/{_NOBODY}",
    "/photo/([0-9a-f]{32})/annotate": f"/photo/{_NOBODY}/annotate",
    "/photo/([0-9a-f]{32})/delete": f"/photo/{_NOBODY}/delete",
    "/dav(?:/.*)?": "/dav/some/file.txt",
    "/members/([0-9a-f]{16})": f"/members/{_NOBODY[:16]}",
    "/members/([0-9a-f]{16})/leave": f"/members/{_NOBODY[:16]}/leave",
    "/members/([0-9a-f]{16})/open": f"/members/{_NOBODY[:16]}/open",
    "/circle/peer/([0-9a-f]{64})": f"/circle/peer/{_NOBODY * 2}",
    "/circle/peer/([0-9a-f]{64})/leave": f"/circle/peer/{_NOBODY * 2}/leave",
    "/circle/peer/([0-9a-f]{64})/stolen": f"/circle/peer/{_NOBODY * 2}/stolen",
    "/circle/pairing/([ij][0-9]{1,9})": "/circle/pairing/i999",
    "/uploads/([0-9a-f]{32})": f"/uploads/{_NOBODY}",
}
_DAV = ("PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK")
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", *_DAV)
_PRIVATE = [route for route in ROUTES if Connection.PRIVATE in route.connections]
_HARMLESS = {"/lock", "/leave", "/bin/empty"}
_ENDLESS = {"/live"}


def _path(route: Route) -> str:
    return _SAMPLES.get(route.path, route.path)


def _send(visitor: Visitor, method: str, path: str, **headers: str) -> Reply:
    body = b"" if method in ("POST", "PUT", "PATCH") else None
    kind = "application/octet-stream" if method == "PUT" else "application/x-www-form-urlencoded"
    return visitor.ask(method, path, body, **({"Content_Type": kind} if body is not None else {}), **headers)


def _name(route: Route) -> str:
    return f"{'+'.join(one.value for one in route.connections)} {route.path}"


@pytest.mark.parametrize("route", ROUTES, ids=_name)
def test_every_line_has_a_rule_and_a_sample(route: Route) -> None:
    assert isinstance(route.proof, Proof)
    assert route.methods
    assert route.connections
    assert "(" not in _path(route)
    if Connection.OPEN in route.connections:
        assert route.proof is Proof.NOTHING, "nothing may be proven over an open connection"


@pytest.mark.parametrize("route", _PRIVATE, ids=_name)
def test_a_stranger_gets_nowhere(box: Running, member: Visitor, route: Route) -> None:
    stranger = Visitor(box)
    for method in _METHODS:
        reply = _send(stranger, method, _path(route))
        if method not in route.methods:
            assert reply.status == 405, method
        elif route.proof is Proof.MEMBER and route.json:
            assert reply.status == 401, method
        elif route.proof is Proof.MEMBER:
            assert reply.status == 303 and reply.leads_to.startswith("/open"), method
        elif route.proof is Proof.APP:
            assert reply.status == 401 and reply.headers["WWW-Authenticate"].startswith("Basic "), method
        elif route.proof is Proof.CODE:
            assert (reply.status, reply.leads_to) == (303, "/claim"), method
        else:
            assert reply.status in (200, 303, 400) or _is_without_body(route, method, reply), method
        _is_protected(reply)


_OF_BROWSERS = [one for one in _PRIVATE if one.path not in _HARMLESS | _ENDLESS and one.proof is not Proof.APP]


@pytest.mark.parametrize("route", _OF_BROWSERS, ids=_name)
def test_a_member_gets_an_answer(member: Visitor, route: Route) -> None:
    for method in route.methods:
        reply = _send(member, method, _path(route))
        known = reply.status in (200, 303, 400, 404, 411, 412, 415)
        assert known or _is_without_body(route, method, reply), (method, reply.status, reply.text[:300])
        assert not reply.leads_to.startswith("/open"), method
        _is_protected(reply)


@pytest.mark.parametrize("route", ROUTES, ids=_name)
def test_a_foreign_host_is_turned_away_everywhere(box: Running, member: Visitor, route: Route) -> None:
    for connection in route.connections:
        visitor = Visitor(box, private=connection is Connection.PRIVATE, cookies=dict(member.cookies))
        for method in route.methods:
            for host in ("evil.example", "localhost.evil.example", "10.9.8.7", "locker-0000.local", "", "[::2]"):
                assert _send(visitor, method, _path(route), Host=host).status == 421, (method, host)


def test_unknown_addresses_answer_the_same_way(box: Running, member: Visitor) -> None:
    assert member.get("/nothing/here").status == 404
    assert member.get("/nothing/here", Host="evil.example").status == 421
    assert member.get("/static/../app.py").status == 404
    assert member.get("/static/%2e%2e/app.py").status == 404
    assert Visitor(box).get("/nothing/here").status == 404


@pytest.mark.parametrize("route", _PRIVATE, ids=_name)
def test_over_an_open_connection_nothing_private_is_reached(box: Running, member: Visitor, route: Route) -> None:
    if Connection.OPEN in route.connections or route.path == "/":
        return
    visitor = Visitor(box, private=False, cookies=dict(member.cookies))
    for method in route.methods:
        reply = _send(visitor, method, _path(route))
        if method in _DAV:
            assert reply.status == 405
            continue
        assert reply.status == 303
        assert reply.leads_to == f"{box.hello['https']}{_path(route)}"
        assert "Set-Cookie" not in reply.headers


def test_the_open_porch_tells_no_secret_and_asks_for_none(box: Running, member: Visitor) -> None:
    visitor = Visitor(box, private=False)
    page = visitor.get("/")
    assert page.status == 200
    for secret in ("Novak", "Marta", "<input", str(box.hello["claim_code"])):
        assert secret not in page.text
    assert visitor.get("/status").body == b'{"ready": true, "claimed": true, "version": "%s"}' % _version(visitor)
    assert visitor.get("/ca.pem").body.startswith(b"-----BEGIN CERTIFICATE-----")
    assert b"com.apple.security.root" in visitor.get("/ca.mobileconfig").body


def _version(visitor: Visitor) -> bytes:
    return visitor.get("/status").body.rpartition(b'": "')[2].removesuffix(b'"}')


def test_forms_from_elsewhere_are_refused(member: Visitor) -> None:
    for sign in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}):
        assert member.post("/lock", sign).status == 403
    assert member.get("/home").status == 200


def test_multipart_is_refused_unread(member: Visitor) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\n1\r\n--x--\r\n'
    for path in ("/claim", "/uploads", "/nothing"):
        for method in ("POST", "PUT"):
            assert member.ask(method, path, body, Content_Type="multipart/form-data; boundary=x").status == 415


def test_the_cookie_is_opaque_and_bound_to_this_host(box: Running, member: Visitor) -> None:
    visitor = Visitor(box)
    reply = visitor.open()
    (cookie,) = [one for one in reply.headers.get_all("Set-Cookie") or [] if one.startswith("__Host-locker=")]
    flags = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"secure", "httponly", "samesite=strict", "path=/"} <= flags
    assert not any(flag.startswith("domain") for flag in flags)
    assert len(visitor.cookies["__Host-locker"]) == 43
    assert Visitor(box, cookies={"__Host-locker": "x" * 43}).get("/home").leads_to.startswith("/open")


def test_only_tls_1_3_is_spoken(box: Running) -> None:
    visitor = Visitor(box)
    connection = visitor.connect()
    connection.connect()
    assert isinstance(connection.sock, ssl.SSLSocket)
    assert connection.sock.version() == "TLSv1.3"
    connection.close()
    old = ssl.create_default_context(cafile=str(box.hello["ca_pem"]))
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    import socket

    assert connection.host
    with socket.create_connection((connection.host, connection.port)) as plain, pytest.raises(ssl.SSLError):
        old.wrap_socket(plain, server_hostname=connection.host)


def _is_without_body(route: Route, method: str, reply: Reply) -> bool:
    """What a script sends without waiting for more than a yes, and what tus says of itself (tus 1.0, *OPTIONS*)."""
    meant = route.path == "/trusted" or (method == "OPTIONS" and route.path.startswith("/uploads"))
    return meant and reply.status == 204 and not reply.body


def _is_protected(reply: Reply) -> None:
    if not reply.headers.get("Content-Type", "").startswith(("text/css", "text/javascript", "font/")):
        assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in reply.headers["Content-Security-Policy"]
        assert reply.headers["Referrer-Policy"] == "no-referrer"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert reply.headers["Cache-Control"] in ("no-store", "public, max-age=31536000, immutable")
    assert "Server" not in reply.headers
