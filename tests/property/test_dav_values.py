"""Whatever a client sends: addresses, If headers and bodies are understood or refused, and never break anything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import BadName, Misused
from webui.dav import bodies, conditions, names
from webui.dav.answers import Notes, clean
from webui.dav.locks import Lock, Locks, new_token, seconds_wanted


@given(st.text(max_size=200))
def test_every_address_is_a_safe_path_or_refused(text: str) -> None:
    try:
        target = names.target("/dav/" + text)
    except BadName:
        return
    assert not target.path.startswith("/") and ".." not in target.path.split("/") and "\0" not in target.path


@given(st.text(alphabet=st.characters(exclude_characters="\0/"), min_size=1, max_size=40))
def test_a_path_comes_back_from_its_address(leaf: str) -> None:
    if leaf in (".", "..") or "\\" in leaf or len(leaf.encode("utf-8", "replace")) > 200:
        return
    try:
        leaf.encode()
    except UnicodeEncodeError:
        return
    path = f"some folder/{leaf}"
    assert names.target(names.href(path, folder=False)).path == path
    assert names.target(names.href(path, folder=True)) == names.Target(path, slash=True)


@given(st.text(alphabet='()<>[]"Not W/a: ', max_size=80))
def test_every_if_header_is_read_or_refused(header: str) -> None:
    try:
        lists = conditions.parse_if(header)
    except Misused:
        return
    for one in lists:
        assert one.conditions
        one.holds({"a"}, '"b"')


def test_if_headers_as_rfc_4918_shows_them() -> None:
    lists = conditions.parse_if('<http://h/dav/x> (<urn:a> ["I am an ETag"]) (Not <urn:b> ["other"])')
    assert [one.resource for one in lists] == ["http://h/dav/x"] * 2
    assert lists[0].holds({"urn:a"}, '"I am an ETag"') and not lists[0].holds({"urn:a"}, '"changed"')
    assert lists[1].holds(set(), '"other"') and not lists[1].holds({"urn:b"}, '"other"')
    assert conditions.tokens_in(lists) == {"urn:a", "urn:b"}


@given(st.binary(max_size=300))
def test_every_body_is_read_or_refused(body: bytes) -> None:
    for read in (bodies.wanted, bodies.changes, bodies.lock_wish):
        try:
            read(body)
        except Misused:
            continue


@given(st.text(max_size=60))
def test_a_dead_property_is_written_so_that_it_reads_the_same(text: str) -> None:
    kept = clean(text).replace("\r", "")
    made = bodies.Element(("urn:x", "note"), {("", "a"): "1 < 2"}, [kept, bodies.Element(("", "b"), {}, [])])
    again = bodies.parse(bodies.plain(made).encode("utf-8", "replace"))
    assert bodies.plain(again) == bodies.plain(made)


@given(st.text(max_size=60))
def test_a_broken_note_counts_as_empty(text: str) -> None:
    Notes(text).written()


def test_an_entity_never_exists() -> None:
    for body in (b"<!DOCTYPE a><a/>", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', b"<a>&b;</a>"):
        with pytest.raises(Misused):
            bodies.parse(body)


def test_locks_end_and_stand_in_each_others_way() -> None:
    locks = Locks()
    folder = Lock(new_token(), "a", True, False, "", "laptop", 100.0, True)
    assert locks.take(folder, 0.0)
    assert locks.conflicts("a/b", 1.0, deep=False, shared=True) == [folder]
    assert locks.conflicts("", 1.0, deep=True, shared=False) == [folder]
    assert not locks.conflicts("", 1.0, deep=False, shared=False) and not locks.conflicts(
        "ab", 1.0, deep=True, shared=False
    )
    assert not locks.on("a/b", 100.0), "it ends by itself"
    assert [seconds_wanted(one) for one in ("Second-5", "Infinite, Second-9", "Second-99999999", "x", "")] == [
        *(5, 9, 3600, 3600, 3600),
    ]
