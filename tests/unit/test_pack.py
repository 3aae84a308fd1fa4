"""Packs: whatever frames go in come out, sizes say little, and no byte can change unnoticed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware.errors import BadSeal, BoxError, Conflict, Damaged, NewerFormat
from firmware.limits import KIB, MIB
from firmware.linux.disk import LinuxDisk
from firmware.pack import (
    CODEC_RAW,
    CODEC_ZSTD,
    FRAME_LINK,
    FRAME_SEGMENT,
    CutPack,
    Frame,
    Kind,
    PackReader,
    PackWriter,
    Prelude,
    Rooms,
    pad_recovered,
    padded_size,
)
from firmware.pack.writing import shipped_digest
from firmware.seal import Secret, Suite
from tests.vectors.counted_entropy import CountedEntropy

EPOCHS = (Secret(bytes(32)), Secret(bytes(range(32))))
Frames = list[tuple[int, bytes, bool]]
FRAMES = st.lists(
    st.tuples(st.sampled_from([FRAME_LINK, FRAME_SEGMENT]), st.binary(max_size=400), st.booleans()), max_size=6
)


def write(disk: LinuxDisk, frames: Frames, suite: Suite = Suite.AES_256_GCM, seed: bytes = b"") -> PackWriter:
    """Write ``frames`` into a new pack; each segment is one chunk."""
    writer = PackWriter(disk, Prelude(suite, Kind.DATA, 2), EPOCHS[1], CountedEntropy(b"pack" + seed))
    for kind, payload, compress in frames:
        ids, lengths = (blake3(payload).digest(), [len(payload)]) if kind == FRAME_SEGMENT else (b"", [])
        writer.append(kind, payload, compress=compress, ids=ids, lengths=lengths)
    return writer


def walked(disk: LinuxDisk, name: str) -> list[tuple[int, bytes]]:
    """Type and payload of every frame, by the heads."""
    return [(frame.type, payload) for frame, payload in PackReader.from_header(disk, name, EPOCHS).walk()]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames=FRAMES, suite=st.sampled_from(list(Suite)), seed=st.binary(min_size=8, max_size=8))
def test_any_frames_come_out_as_they_went_in(tmp_path: Path, frames: Frames, suite: Suite, seed: bytes) -> None:
    disk = LinuxDisk(tmp_path)
    try:
        writer = write(disk, frames, suite, seed)
    except Conflict:  # the same example again: the same salt gives the same name
        return
    assert walked(disk, writer.name) == [(kind, payload) for kind, payload, _ in frames]
    done = writer.cut()
    reader, rooms = PackReader.from_header(disk, writer.name, EPOCHS), Rooms()
    index = reader.index()
    assert index is not None
    assert [(line.frame.type, reader.body(line.frame)) for line in index] == [(kind, data) for kind, data, _ in frames]
    for line, (kind, payload, _) in zip(index, frames, strict=True):
        frame = line.frame
        assert reader.payload(frame.number, frame.at, frame.sealed_len) == payload
        into = reader.payload_into(rooms, frame.number, frame.at, frame.sealed_len)
        assert into == payload
        rooms.give(into)
        assert line.lengths == ((len(payload),) if kind == FRAME_SEGMENT else ())
    assert walked(disk, writer.name)[: len(frames)] == [(kind, payload) for kind, payload, _ in frames]
    assert disk.size(writer.name) == done.size == 16 + padded_size(done.size - 16)
    assert done == CutPack(writer.id, Kind.DATA, len(frames), done.size, shipped_digest(disk, writer.name), False)


def test_the_codec_is_used_only_where_it_helps(tmp_path: Path) -> None:
    disk = LinuxDisk(tmp_path)
    writer = write(disk, [(FRAME_SEGMENT, bytes(5_000), True), (FRAME_SEGMENT, b"short", True)])
    writer.append(FRAME_SEGMENT, bytes(5_000), compress=False)
    frames = [frame for frame, _ in PackReader.from_header(disk, writer.name, EPOCHS).walk()]
    assert [frame.codec for frame in frames] == [CODEC_ZSTD, CODEC_RAW, CODEC_RAW]


@given(st.integers(0, 16 * MIB))
def test_padding_adds_at_most_twelve_percent(length: int) -> None:
    size = padded_size(length)
    assert size >= max(length, 32 * KIB)
    assert size == 32 * KIB or size <= length * 1.12
    assert padded_size(size) == size


def test_padded_sizes_are_few_and_grow() -> None:
    sizes = [padded_size(length) for length in range(1, 16 * MIB, 997)]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) <= 9 * 32
    assert padded_size(16 * MIB - 100) <= 16 * MIB
    assert math.log2(len(set(sizes))) < 9


def cut_pack(folder: Path) -> tuple[LinuxDisk, str, CutPack]:
    """A small cut pack with a link and two segments."""
    disk = LinuxDisk(folder)
    frames = [(FRAME_LINK, b"link" * 50, True), (FRAME_SEGMENT, b"segment", False), (FRAME_SEGMENT, bytes(900), True)]
    writer = write(disk, frames)
    return disk, writer.name, writer.cut()


def outcome(disk: LinuxDisk, name: str) -> object:
    """What a careful reader of one pack finds: frames, index and digest, or the error."""
    try:
        reader = PackReader.from_header(disk, name, EPOCHS)
    except BoxError as error:
        return type(error)
    index = reader.index()
    indexed = [] if index is None else [(line, reader.payload(line.frame.number, line.frame.at, line.frame.sealed_len))
                                        for line in index]  # fmt: skip
    return list(reader.walk()), indexed, shipped_digest(disk, name)


def test_no_byte_of_a_pack_changes_unnoticed(tmp_path: Path) -> None:
    disk, name, _ = cut_pack(tmp_path)
    path = tmp_path / name
    original = path.read_bytes()
    assert isinstance(outcome(disk, name), tuple)
    sound = outcome(disk, name)
    for at in [*range(420), *range(420, len(original) - 64, 4_999), *range(len(original) - 64, len(original))]:
        changed = bytearray(original)
        changed[at] ^= 1 << (at % 8)
        path.write_bytes(changed)
        try:
            found = outcome(disk, name)
        except Damaged:
            continue
        assert found != sound, at


@pytest.mark.parametrize("frame", [0, 1, 2])
def test_a_frame_opens_at_no_other_place(tmp_path: Path, frame: int) -> None:
    disk, name, _ = cut_pack(tmp_path)
    reader = PackReader.from_header(disk, name, EPOCHS)
    index = reader.index()
    assert index is not None
    place: Frame = index[frame].frame
    for number in {0, 1, 2, 3} - {place.number}:
        with pytest.raises(BadSeal):
            reader.payload(number, place.at, place.sealed_len)
    with pytest.raises(BadSeal):
        reader.payload(place.number, place.at, place.sealed_len - 1)
    with pytest.raises(BadSeal):
        reader.payload(place.number, place.at + 1, place.sealed_len)
    with pytest.raises(BadSeal):
        reader.payload(place.number, 10**9, place.sealed_len)
    rooms = Rooms()
    for number, at, length in (
        *((number, place.at, place.sealed_len) for number in {0, 1, 2, 3} - {place.number}),
        (place.number, place.at, place.sealed_len - 1),
        (place.number, place.at + 1, place.sealed_len),
        (place.number, 10**9, place.sealed_len),
    ):
        with pytest.raises(BadSeal):
            reader.payload_into(rooms, number, at, length)


def test_a_buffer_is_used_again_only_when_it_was_given_back(tmp_path: Path) -> None:
    disk = LinuxDisk(tmp_path)
    payloads = [bytes([number]) * 70_000 for number in range(3)]
    writer = write(disk, [(FRAME_SEGMENT, each, False) for each in payloads])
    writer.cut()
    reader, rooms = PackReader.from_header(disk, writer.name, EPOCHS), Rooms()
    index = reader.index()
    assert index is not None
    frames = [line.frame for line in index]

    def opened(frame: Frame) -> bytes | memoryview:
        return reader.payload_into(rooms, frame.number, frame.at, frame.sealed_len)

    first, second = opened(frames[0]), opened(frames[1])
    assert (first, second) == (payloads[0], payloads[1])
    rooms.give(first)
    third = opened(frames[2])
    assert isinstance(first, memoryview) and isinstance(third, memoryview) and third.obj is first.obj
    assert second == payloads[1] and third == payloads[2]
    path = tmp_path / writer.name
    torn = bytearray(path.read_bytes())
    torn[frames[0].at + 100] ^= 1
    path.write_bytes(torn)
    rooms.give(third)
    with pytest.raises(BadSeal):
        opened(frames[0])
    again = opened(frames[1])
    assert again == payloads[1] and isinstance(again, memoryview) and again.obj is third.obj
    rooms.rest()
    assert opened(frames[2]) == payloads[2]


def test_frames_of_another_pack_do_not_open(tmp_path: Path) -> None:
    disk = LinuxDisk(tmp_path)
    names = [write(disk, [(FRAME_SEGMENT, b"same", False)], seed=seed).name for seed in (b"1", b"2")]
    first, second = ((tmp_path / name).read_bytes() for name in names)
    (tmp_path / names[0]).write_bytes(first[:80] + second[80:])
    assert walked(disk, names[0]) == []


def cuts(sizes: Sequence[int]) -> list[int]:
    """Every interesting length of a torn file."""
    return [cut for end in sizes for cut in (end - 1, end, end + 1, end + 31)]


def test_a_torn_pack_gives_its_whole_frames_and_is_padded_for_ever(tmp_path: Path) -> None:
    disk = LinuxDisk(tmp_path)
    frames = [(FRAME_SEGMENT, bytes([number]) * 50, False) for number in range(3)]
    writer = write(disk, frames)
    path = tmp_path / writer.name
    original = path.read_bytes()
    ends = [80 + 98 * number for number in range(4)]
    assert ends[-1] == len(original)
    for size in [*cuts(ends[:-1]), len(original)]:
        path.write_bytes(original[:size])
        if size < 80:
            with pytest.raises(Damaged):
                PackReader.from_header(disk, writer.name, EPOCHS)
            continue
        whole = sum(end <= size for end in ends) - 1
        assert walked(disk, writer.name) == [(kind, payload) for kind, payload, _ in frames[:whole]]
        padded, digest = pad_recovered(disk, writer.name, ends[whole], CountedEntropy(b"padding"))
        assert padded == path.stat().st_size == 16 + 32 * KIB
        assert digest == blake3(path.read_bytes()[16:]).digest()
        assert walked(disk, writer.name) == [(kind, payload) for kind, payload, _ in frames[:whole]]
        assert PackReader.from_header(disk, writer.name, EPOCHS).index() is None


def test_wrong_epoch_key_other_format_and_no_pack_at_all(tmp_path: Path) -> None:
    disk, name, _ = cut_pack(tmp_path)
    with pytest.raises(BadSeal):
        PackReader.from_header(disk, name, (EPOCHS[0], EPOCHS[0]))
    with pytest.raises(Damaged):
        PackReader.from_header(disk, name, EPOCHS[:1])
    original = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(original[:8] + b"\2" + original[9:])
    with pytest.raises(NewerFormat):
        PackReader.from_header(disk, name, EPOCHS)
    reader = PackReader.from_name(disk, name, EPOCHS)
    assert reader is not None
    assert not reader.header_matches(disk.read(name, 0, 80))
    for content in (b"", b"LBOXPACK", b"%PDF-1.7" + original[8:], bytes(40_000)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(Damaged):
            PackReader.from_header(disk, name, EPOCHS)


def test_a_pack_says_when_it_is_full(tmp_path: Path) -> None:
    writer = write(LinuxDisk(tmp_path), [])
    assert writer.fits(20 * MIB, 1)  # the first frame always goes in
    writer.append(FRAME_SEGMENT, bytes(15 * MIB), compress=False)
    assert writer.fits(100 * KIB, 100)
    assert not writer.fits(100 * KIB, 30_000)
    assert not writer.fits(MIB, 1)
    assert writer.cut().size <= 16 * MIB
