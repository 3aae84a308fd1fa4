"""The pieces of `./box locker` alone: walking, framing, writing, showing, secrets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from firmware.errors import Full
from services.api.bulk import END, encode_data, encode_start
from services.cli.fetching import Receiving
from services.cli.secrets_io import Tokens, WordsOut, read_passphrase
from services.cli.sending import Outcome, Sending
from services.cli.showing import shown, size
from services.cli.walk import Found, Skipped, walk


def test_walk_yields_names_below_the_targets_own_name_in_order(tmp_path: Path) -> None:
    for name in ("b/2", "b/1", "a", "c/d/e"):
        (tmp_path / "top" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "top" / name).write_text(name)
    found = list(walk([os.fsencode(tmp_path / "top") + b"/"], b"in"))
    names = [each.name for each in found if isinstance(each, Found)]
    assert names == [b"in/top/a", b"in/top/b/1", b"in/top/b/2", b"in/top/c/d/e"]


def test_a_name_longer_than_a_locker_takes_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (found,) = walk([os.fsencode(tmp_path / "file")], b"x" * 4096)
    assert isinstance(found, Skipped)
    assert "longer than 4096 bytes" in found.why


def test_a_large_file_that_grows_while_it_is_read_is_ended_by_the_abort_mark(tmp_path: Path) -> None:
    path = tmp_path / "growing"
    path.write_bytes(b"x" * (3 << 20))
    outcome = Outcome()
    pieces = []
    for piece in Sending(iter([Found(os.fsencode(path), b"growing")]), outcome):
        pieces.append(bytes(piece))
        with path.open("ab") as more:
            more.write(b"y")
    assert pieces[-1] == b"\xff\xff\xff\xff"


def test_an_advice_is_said_once_however_many_were_refused() -> None:
    outcome = Outcome(waiting={0: b"a", 1: b"b"})
    for number in (0, 1):
        outcome.acknowledge({"n": number, "error": Full(need_mib=2, free_mib=1).as_dict()})
    assert len(outcome.problems) == 2 and list(outcome.advice) == [Full(need_mib=2, free_mib=1).as_dict()["advice"]]


def test_a_file_that_vanishes_is_named(tmp_path: Path) -> None:
    outcome = Outcome()
    assert b"".join(Sending(iter([Found(os.fsencode(tmp_path / "gone"), b"gone")]), outcome)) == b""
    assert outcome.problems == [(str(tmp_path / "gone"), "it cannot be read (No such file or directory)")]


def test_a_pipe_that_took_a_files_place_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "now a pipe")
    outcome = Outcome()
    list(Sending(iter([Found(os.fsencode(tmp_path / "now a pipe"), b"x")]), outcome))
    assert outcome.problems[0][1] == "it is no regular file any more"


@pytest.mark.parametrize("name", [b"../evil", b"/evil", b"a/../../evil", b"a//b", b".", b"a/\0"])
def test_names_that_point_elsewhere_are_not_written(tmp_path: Path, name: bytes) -> None:
    receiving = Receiving(tmp_path / "out", force=True)
    receiving.feed(encode_start(name, 0, 1) + encode_data(b"x") + END)
    receiving.end()
    receiving.close()
    assert len(receiving.written.problems) == 1
    assert [each.name for each in tmp_path.rglob("*")] == ["out"]


def test_a_stream_that_is_cut_leaves_no_half_file(tmp_path: Path) -> None:
    receiving = Receiving(tmp_path / "out", force=False)
    receiving.feed(encode_start(b"half", 0, 2) + encode_data(b"x"))
    receiving.close()
    assert list((tmp_path / "out").iterdir()) == []


def test_names_cannot_play_tricks_in_a_terminal() -> None:
    assert shown(b"plain name.txt") == "plain name.txt"
    assert shown(b"a\x1b[2Jb\nc") == "a\\x1b[2Jb\\x0ac"
    assert shown("photo\u202egpj.exe") == "photo\\u{202e}gpj.exe"
    assert shown("été 👩‍🚀") == "été 👩‍🚀"
    assert shown(b"\xff") == "\ufffd"


def test_sizes_are_for_people() -> None:
    said = ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "5.0 GiB"]
    assert [size(each) for each in (0, 1023, 1024, 1536, 5 << 30)] == said


def test_tokens_are_kept_for_their_owner_only(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    tokens.keep("ab", "secret")
    assert tokens.of("ab") == "secret"
    assert (tmp_path / "cli" / "ab").stat().st_mode & 0o777 == 0o600
    tokens.forget("ab")
    assert tokens.of("ab") is None


def test_a_passphrase_file_is_its_first_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b" two  words \r\nrest")
    assert read_passphrase(tmp_path / "file", "") == " two  words "


def test_words_are_never_written_over_a_file_or_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(Exception, match="exists already"):
        WordsOut(tmp_path / "link")
    assert not (tmp_path / "target").exists()
