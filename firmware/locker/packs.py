"""The packs of one locker: where chunks go when they come and where they are found again."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from firmware import chain, events
from firmware.errors import BoxError, Damaged, Missing, StillAtFriends
from firmware.limits import MIB, SEGMENT_BYTES
from firmware.locker.home import Home
from firmware.locker.rows import CATALOG, Catalog, LinkRow, PackRow, PackState, Place
from firmware.pack import FRAME_LINK, FRAME_SEGMENT, CutPack, Frame, Kind, PackReader, PackWriter, Prelude, Rooms
from firmware.pack.format import HEAD_BYTES, pack_name
from firmware.pack.writing import Codec
from firmware.seal import LockerSecrets, Suite

_LINK_ROOM = 2 * MIB
"""A meta pack with less room than this is cut before a link is built, because the link must name its pack."""

_AHEAD = 2
"""Segments on their way into their packs while the next one fills: one being sealed, one waiting."""

_KEPT_PAYLOADS = 2
"""Opened segments kept while reading: neighbours are usually asked for next."""


class PackShelf:
    """Reading side: opens frames by place. Each thread has one of its own."""

    def __init__(self, home: Home, secrets: LockerSecrets, catalog: Catalog) -> None:
        """Read packs through ``home.disk``, find them through ``catalog``."""
        self.home = home
        self.secrets = secrets
        self.catalog = catalog
        self.rows: dict[int, PackRow] = {}
        self._readers: OrderedDict[int, PackReader] = OrderedDict()
        self._payloads: OrderedDict[tuple[int, int], bytes | memoryview] = OrderedDict()
        self._rooms = Rooms()

    def load(self) -> None:
        """Read the pack rows again."""
        self.rows = {row.no: row for row in self.catalog.packs()}

    def row(self, no: int) -> PackRow:
        """Return one pack row; raises Damaged when the catalog does not know it."""
        if no not in self.rows:
            self.load()
        if no not in self.rows:
            raise Damaged(what=CATALOG)
        return self.rows[no]

    def reader(self, no: int) -> PackReader:
        """Return an opener for pack ``no`` that trusts the catalog's salt, not the file's header."""
        found = self._readers.get(no)
        if found is None:
            row = self.row(no)
            found = reader_for(self.home, self.secrets, row)
            self._readers[no] = found
            if len(self._readers) > 64:
                self._readers.popitem(last=False)
        return found

    def piece(self, place: Place) -> bytes:
        """Return the bytes a place points at; raises BadSeal, Damaged, Missing or StillAtFriends."""
        return bytes(self._payload(place)[place.offset : place.offset + place.length])

    def _payload(self, place: Place) -> bytes | memoryview:
        key = (place.pack, place.frame)
        found = self._payloads.get(key)
        if found is None:
            try:
                reader = self.reader(place.pack)
                found = reader.payload_into(self._rooms, place.frame, place.at, place.sealed_len)
            except Missing:
                self._ask_for(self.row(place.pack).id)
                raise
            self._payloads[key] = found
            if len(self._payloads) > _KEPT_PAYLOADS:
                self._rooms.give(self._payloads.popitem(last=False)[1])
        return found

    def _ask_for(self, pack: bytes) -> None:
        """A pack is not here: raises StillAtFriends when it is on its way, and then before others."""
        if self.home.away.has(pack):
            self.home.away.want(pack)
            raise StillAtFriends

    def forget_payloads(self) -> None:
        """Drop cached readers and plaintext (after packs moved)."""
        self._readers.clear()
        self._payloads.clear()
        self._rooms.rest()

    def rest(self) -> None:
        """Much was read: keep the last segments, not the memory to open more."""
        self._rooms.rest()

    def chunk(self, identity: bytes, place: Place | None = None) -> bytes:
        """Return one chunk's bytes (``place``: where, when it is known); raises Damaged when it is nowhere."""
        place = place or self.catalog.place(identity)
        if place is None:
            raise Damaged(what=f"chunk {identity.hex()[:16]}")
        return self.piece(place)

    def link(self, seq: int) -> chain.Link:
        """Return one link of the chain; raises Damaged when it is nowhere."""
        row = self.catalog.link(seq)
        if row is None:
            raise Damaged(what=f"link {seq} of the chain")
        return chain.decode_link(self.reader(row.pack).payload(row.frame, row.at, row.sealed_len))

    def link_entries(self, seq: int) -> list[chain.Entry]:
        """Return the entries of one earlier link."""
        return self.link(seq).entries()

    def content_chunks(self, chunks: bytes, depth: int) -> bytes:
        """Return the ids of a content end to end, resolving lists of lists."""
        for _ in range(depth):
            chunks = b"".join(self.chunk(chunks[at : at + 32]) for at in range(0, len(chunks), 32))
        return chunks


def reader_for(home: Home, secrets: LockerSecrets, row: PackRow) -> PackReader:
    """Open the pack of ``row`` with its epoch key; raises Damaged when that key was destroyed."""
    if row.epoch > len(secrets.epochs) or not len(secrets.epochs[row.epoch - 1]):
        raise Damaged(what=file_name(row))
    prelude = Prelude(Suite(row.suite), Kind(row.kind), row.epoch)
    return PackReader(home.disk, file_name(row), prelude, row.salt, secrets.epochs[row.epoch - 1])


def file_name(row: PackRow) -> str:
    """Return the file name of a pack row."""
    return pack_name(Kind(row.kind), row.id)


class _Segment:
    """Chunks waiting to be sealed together, end to end in a buffer that is used again."""

    __slots__ = ("buffer", "ids", "lengths", "size")

    def __init__(self, buffer: bytearray) -> None:
        self.buffer = buffer
        self.ids: list[bytes] = []
        self.lengths: list[int] = []
        self.size = 0

    def add(self, identity: bytes, data: bytes | memoryview) -> None:
        end = self.size + len(data)
        if end > len(self.buffer):  # one chunk that is longer than a segment
            self.buffer = bytearray(end)
        with memoryview(self.buffer) as room:  # a bytearray would make one more copy of what it is given
            room[self.size : end] = data
        self.ids.append(identity)
        self.lengths.append(len(data))
        self.size = end


@dataclass(frozen=True, slots=True)
class _Sealing:
    """A segment on its way into its pack; ``wait`` returns the frame it became, or raises."""

    wait: Callable[[], Frame]
    writer: PackWriter
    segment: _Segment


class OpenPacks:
    """Writing side: one open pack per kind, segments that fill up, and what the next link must say about them."""

    def __init__(self, shelf: PackShelf) -> None:
        """Write beside what ``shelf`` reads."""
        self._shelf = shelf
        self._home = shelf.home
        self._codec = Codec()
        self.writers: dict[Kind, PackWriter] = {}
        self._rows: dict[Kind, PackRow] = {}
        self._segments: dict[tuple[Kind, bool], _Segment] = {}
        self._sealing: deque[_Sealing] = deque()
        self._buffers: list[bytearray] = []
        self.staged: set[bytes] = set()
        self.entries: list[chain.Entry] = []
        self.located: list[chain.Located] = []
        self.touched: dict[int, PackRow] = {}

    def add(self, kind: Kind, identity: bytes, data: bytes | memoryview, *, compress: bool) -> None:
        """Queue a chunk that is known to be new; its bytes are copied."""
        self.staged.add(identity)
        segment = self._segments.get((kind, compress))
        if segment is not None and segment.size + len(data) > SEGMENT_BYTES:
            self._seal(kind, compress, segment)
            segment = None
        if segment is None:
            segment = self._segments[kind, compress] = _Segment(self._buffer())
        segment.add(identity, data)

    def _buffer(self) -> bytearray:
        return self._buffers.pop() if self._buffers else bytearray(SEGMENT_BYTES)

    def rest(self) -> None:
        """Give back the memory kept for the next chunks."""
        if not self._sealing:
            self._buffers.clear()
            self._codec.rest()

    def flush(self) -> None:
        """Seal every waiting segment and wait until all lie in their packs."""
        self.seal_waiting()
        self._settle_segments(0)

    def seal_waiting(self) -> None:
        """Send every waiting segment on its way into its pack."""
        for (kind, compress), segment in list(self._segments.items()):
            self._seal(kind, compress, segment)

    def _seal(self, kind: Kind, compress: bool, segment: _Segment) -> None:
        """Let the lane seal a segment while the next one fills."""
        del self._segments[kind, compress]
        self._settle_segments(_AHEAD - 1)
        writer = self._roomy(kind, segment.size, len(segment.ids))
        payload, ids = memoryview(segment.buffer)[: segment.size], b"".join(segment.ids)
        job = partial(writer.append, FRAME_SEGMENT, payload, compress=compress, ids=ids, lengths=segment.lengths)
        self._sealing.append(_Sealing(self._home.lane(job), writer, segment))

    def _settle_segments(self, left: int) -> None:
        """Wait until no more than ``left`` segments are on their way."""
        while len(self._sealing) > left:
            done = self._sealing.popleft()
            frame, segment = done.wait(), done.segment
            ids, lengths = b"".join(segment.ids), tuple(segment.lengths)
            self.located.append(chain.Located(done.writer.id, frame.number, frame.at, frame.sealed_len, ids, lengths))
            if len(segment.buffer) == SEGMENT_BYTES:
                self._buffers.append(segment.buffer)

    def _roomy(self, kind: Kind, payload_len: int, chunks: int) -> PackWriter:
        """Return an open pack with room also for what is on its way into it."""
        writer = self.writers.get(kind)
        waiting = [one.segment for one in self._sealing if one.writer is writer]
        if writer is not None and waiting:
            size = sum(one.size + 3 * HEAD_BYTES for one in waiting)
            if writer.fits(payload_len + size, chunks + sum(len(one.ids) for one in waiting)):
                return writer
        return self.writer(kind, payload_len, chunks)

    def writer(self, kind: Kind, payload_len: int, chunks: int = 0) -> PackWriter:
        """Return an open pack of ``kind`` with room; cuts a full one and begins the next. Nothing else writes to it."""
        self._settle_segments(0)
        writer = self.writers.get(kind)
        if writer is not None and not writer.fits(payload_len, chunks):
            self.cut(kind)
            writer = None
        return writer if writer is not None else self._begin(kind)

    def _begin(self, kind: Kind) -> PackWriter:
        secrets = self._shelf.secrets
        prelude = Prelude(self._home.suite, kind, secrets.current_epoch)
        epoch_key = secrets.epochs[prelude.epoch - 1]
        writer = PackWriter(self._home.disk, prelude, epoch_key, self._home.entropy, self._codec)
        no = max(self._shelf.rows, default=0) + 1
        row = PackRow(no, writer.id, kind, prelude.suite, prelude.epoch, writer.salt, PackState.OPEN)
        self._shelf.rows[no] = self.touched[no] = self._rows[kind] = row
        self.entries.append(chain.Opened(writer.id, kind, prelude.suite, prelude.epoch, writer.salt))
        self.writers[kind] = writer
        return writer

    def cut(self, kind: Kind) -> None:
        """Close the open pack of ``kind``, if any."""
        self._settle_segments(0)
        writer = self.writers.pop(kind, None)
        if writer is None:
            return
        if writer.new:
            self._sync_folder([writer])
        self.record_cut(self._rows.pop(kind), writer.cut())

    def record_cut(self, row: PackRow, done: CutPack) -> None:
        """Note a closed pack for the next link and the catalog."""
        row.state = PackState.RECOVERED if done.recovered else PackState.CUT
        row.frames, row.size, row.digest = done.frames, done.size, done.digest
        self.touched[row.no] = row
        self.entries.append(chain.Cut(done.id, done.frames, done.size, done.digest, done.recovered))
        self._home.tell(events.PACK_CUT, member=self._home.member, kind=done.kind.word, bytes=done.size)

    def sync(self, kinds: Iterable[Kind]) -> None:
        """fsync the packs of these kinds, then their folder when one of them is new."""
        writers = [self.writers[kind] for kind in kinds if kind in self.writers]
        for writer in writers:
            writer.sync()
        self._sync_folder([writer for writer in writers if writer.new])

    def _sync_folder(self, new: Sequence[PackWriter]) -> None:
        if new:
            self._home.disk.sync_folder("packs")
            for writer in new:
                writer.new = False

    def append_link(self, payload: bytes, seq: int) -> LinkRow:
        """Append a link frame to the open meta pack (begun by ``ready_for_link``)."""
        frame = self.writers[Kind.META].append(FRAME_LINK, payload, compress=True)
        return LinkRow(seq, self._rows[Kind.META].no, frame.number, frame.at, frame.sealed_len)

    def ready_for_link(self) -> None:
        """Make sure the meta pack that will hold the next link exists before the link is built."""
        self.writer(Kind.META, _LINK_ROOM)

    def settle(self) -> None:
        """Everything queued is in the catalog now."""
        for kind, row in self._rows.items():
            row.frames, row.size = self.writers[kind].frames, self.writers[kind].size
        self.staged.clear()
        self.entries, self.located = [], []
        self.touched = {}

    def abandon(self) -> None:
        """Give up the open packs after a failure or at the end; recovery takes whatever was synced."""
        for sealing in self._sealing:
            with suppress(BoxError):  # it was never acknowledged, and its pack is given up anyway
                sealing.wait()
        self._sealing.clear()
        for writer in self.writers.values():
            writer.abandon()
        self.writers.clear()
        self._rows.clear()
        self._segments.clear()
        self.settle()
