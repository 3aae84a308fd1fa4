"""A bulk put looks at small files on the thread that reads: the same files as in the stream, however it was cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from firmware.chunk import chunk_id
from firmware.errors import BoxError
from firmware.limits import WHOLE_FILE_BYTES
from firmware.locker.put import Whole
from firmware.model import Collide
from firmware.model.mime import is_text, mime_of, needs_reader
from firmware.model.text import decode_text
from services.api import bulk
from services.lockerd.intakes import Batch, ManyFiles
from tests.property.test_bulk_frames import BLOCKS, FILES, File, encoded, pieces

_KEY = bytes(range(32))
_TEXT = st.lists(st.sampled_from([b"harbour light\n", b"na\xc3\xafve ", b"\0"]), min_size=1, max_size=3).map(b"".join)
_NAMES = st.sampled_from([b"a.txt", b"b/c.md", b"..", b"d"])
_NOTES = st.tuples(_NAMES, st.just(7), st.none(), st.lists(_TEXT, max_size=2), st.booleans())
_STREAM = st.lists(st.one_of(_NOTES, FILES.filter(bool).map(lambda files: files[0])), max_size=6)


def looked(data: bytes, cuts: list[int]) -> list[Batch]:
    intake = ManyFiles(Collide.VERSION, _KEY, lambda *_: None)
    return [intake.looked_at(piece) for piece in pieces(data, cuts) if piece]


def again(batches: list[Batch]) -> list[File]:
    """The files of a stream out of what was made of it."""
    found: list[File] = []
    for event in (event for batch in batches for event in batch.events):
        if isinstance(event, Whole):
            found.append((event.name.raw, event.mtime_ns, event.mime, [bytes(event.data)], True))
        elif isinstance(event, bulk.FileStart):
            found.append((event.name, event.mtime_ns, event.mime, [], False))
        elif isinstance(event, bulk.FileEnd):
            found[-1] = (*found[-1][:4], event.ok)
        else:
            assert isinstance(event, memoryview)
            found[-1][3].append(bytes(event))
    return found


def joined(files: list[File]) -> list[tuple[bytes, int, bytes, bool]]:
    return [(name, mtime, b"".join(blocks), ok) for name, mtime, _, blocks, ok in files]


@given(_STREAM, st.lists(st.integers(0, 1 << 20), max_size=30))
def test_any_split_gives_the_same_files(files: list[File], cuts: list[int]) -> None:
    batches = looked(encoded(files), cuts)
    assert joined(again(batches)) == joined(files)
    for batch, piece in zip(batches, filter(None, pieces(encoded(files), cuts)), strict=True):
        texts = sum(len(event.text or "") for event in batch.events if isinstance(event, Whole))
        assert len(batch) >= len(piece) + texts + 100 * len(
            batch.events
        )  # tiny files may not slip past the queue's bound


@given(_STREAM)
def test_a_small_file_in_one_piece_is_looked_at_whole(files: list[File]) -> None:
    found = [event for batch in looked(encoded(files), []) for event in batch.events if isinstance(event, Whole)]
    small = [one for one in files if one[4] and len(one[3]) == 1 and one[0] != b".." and _is_a_name(one[0])]
    assert [(one.name.raw, bytes(one.data)) for one in found] == [(one[0], one[3][0]) for one in small]
    for one, (_, _, mime, blocks, _) in zip(found, small, strict=True):
        assert one.identity == chunk_id(_KEY, blocks[0])
        assert one.mime == (mime_of(one.name, blocks[0]) if mime is None else mime)
        readable = is_text(one.mime) and not needs_reader(one.mime)
        assert one.text == (decode_text(blocks[0], whole=True) if readable else None)


def _is_a_name(raw: bytes) -> bool:
    parts = raw.split(b"/")
    return b"\0" not in raw and all(part not in (b"", b".", b"..") and len(part) <= 255 for part in parts)


@given(BLOCKS)
def test_a_file_that_is_too_large_or_not_as_announced_is_taken_in_pieces(blocks: list[bytes]) -> None:
    large = [b"x" * (WHOLE_FILE_BYTES + 1)]
    for start, content in ((bulk.encode_start(b"a", 0, -1), large), (bulk.encode_start(b"a", 0, 1 << 20), blocks)):
        data = b"".join((start, *map(bulk.encode_data, content), bulk.encode_end(ok=True)))
        assert not any(isinstance(event, Whole) for batch in looked(data, []) for event in batch.events)


def test_what_stood_before_nonsense_is_still_told() -> None:
    good = bulk.encode_start(b"a", 0, 1) + bulk.encode_data(b"x") + bulk.encode_end(ok=True)
    (batch,) = looked(good + b"\xff" * 8, [])
    whole, error = batch.events
    assert isinstance(whole, Whole)
    assert isinstance(error, BoxError)
