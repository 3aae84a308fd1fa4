"""Events reach the journal word for word, and never stop the one who tells them."""

from __future__ import annotations

import json
import socket
import string
from pathlib import Path

import pytest

from firmware import box_events, events, restore_events
from firmware.linux.journal import Journal, encode


def test_names_and_message_ids_are_unique_and_well_formed() -> None:
    assert len({event.name for event in events.ALL}) == len(events.ALL) > 20
    assert len({event.message_id for event in events.ALL}) == len(events.ALL)
    homes = vars(box_events) | vars(restore_events) | vars(events)
    for event in events.ALL:
        assert len(event.message_id) == 32 and set(event.message_id) <= set("0123456789abcdef")
        assert homes[event.name.upper()] is event


def test_a_sentence_names_only_fields_the_event_has() -> None:
    for event in events.ALL:
        named = {field for _, field, _, _ in string.Formatter().parse(event.sentence) if field}
        assert named <= set(event.fields), event.name


def test_no_event_has_a_field_that_could_carry_a_name_or_a_secret() -> None:
    for event in events.ALL:
        assert not set(event.fields) & {"name", "path", "file", "title", "text", "passphrase", "words", "token", "code"}


def test_a_missing_or_unknown_field_is_a_programmers_error() -> None:
    with pytest.raises(TypeError):
        events.LOCKER_OPENED.entry(member="00ff")
    with pytest.raises(TypeError):
        events.BOX_STOPPED.entry(box="00ff", why="?")


def test_the_journal_gets_every_field(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        journal = Journal("lockerd", path)
        journal.tell(events.PACK_CUT, member="00ff", kind="data", bytes=17)
        lines = listener.recv(65536).decode().splitlines()
        journal.close()
    assert "MESSAGE=A data pack of 17 bytes was closed for member 00ff." in lines
    assert f"MESSAGE_ID={events.PACK_CUT.message_id}" in lines
    assert {"PRIORITY=6", "LOCKER_BOX_EVENT=pack_cut", "LOCKER_BOX_KIND=data", "SYSLOG_IDENTIFIER=lockerd"} <= set(
        lines
    )


def test_a_value_with_a_newline_cannot_forge_a_field() -> None:
    forged = "x\nPRIORITY=0"
    assert encode({"A": forged}) == b"A\n" + (12).to_bytes(8, "little") + forged.encode() + b"\n"


def test_without_a_journal_the_event_is_one_json_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal = Journal("webd", tmp_path / "nobody-listens")
    journal.tell(events.BOX_STOPPED, box="00ff")
    journal.close()
    line = json.loads(capsys.readouterr().err)
    assert line["LOCKER_BOX_EVENT"] == "box_stopped" and line["SYSLOG_IDENTIFIER"] == "webd"
