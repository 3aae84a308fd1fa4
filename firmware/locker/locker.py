"""A member's locker, the writing side: one writer, group commits, and every operation that changes something."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from weakref import WeakSet

from blake3 import blake3

from firmware import chain, events
from firmware.chunk import chunk_id
from firmware.errors import BoxError, Damaged, Full, NoSuchRecord
from firmware.limits import FREE_RESERVE_BYTES, MIB
from firmware.locker import recovery, repacking, verifying
from firmware.locker.apply import Applier, Texts
from firmware.locker.home import Home
from firmware.locker.packs import OpenPacks
from firmware.locker.put import Put
from firmware.locker.reader import LockerReader, id_bytes
from firmware.locker.rows import CATALOG, Catalog, PackState
from firmware.locker.uploads import Uploads
from firmware.model import Analysis, Collide, Record, RecordState, SafeName, VerifyReport
from firmware.pack import Kind
from firmware.seal import LockerSecrets, SigningKey, derive

_CLOCK_SLACK_MS = 60_000
"""A clock this much behind the chain is corrected silently (NTP); more is told."""

_TEXT_WEIGHT = 6
"""A character to index is held in entry, link and index at once until the commit; a group of them closes earlier."""

_FREE_CHECK_EVERY = 8 * MIB
"""How many bytes may be queued between two looks at the free space."""


class Locker(LockerReader):
    """The one writer of a locker; it can also read (from the writer's thread). Not thread safe.

    Every change is queued; ``commit`` makes all of them durable in the order fsync(pack) -> fsync(folder) ->
    catalog commit. After an error nothing queued survives, and the next change first recovers like an opening.
    """

    def __init__(self, home: Home, secrets: LockerSecrets, catalog: Catalog) -> None:
        """Use ``create`` or ``open``."""
        super().__init__(home, secrets, catalog)
        self.home = home
        self.secrets = secrets
        self.catalog = catalog
        self.shelf = self._shelf
        self.id_key = secrets.id_key.reveal()
        self.cut_seed = int.from_bytes(derive(secrets.id_key, "cut-points", 4).reveal(), "big")
        self._head_key = SigningKey.from_seed(secrets.head_seed)
        self.packs = OpenPacks(self.shelf)
        self.head_seq = 0
        self.head_hash = chain.NO_HASH
        self._entries: list[chain.Entry] = []
        self._texts: Texts = {}
        self._named: dict[bytes, list[tuple[bytes, int, int, bytes, int]]] = {}
        self._queued_versions: dict[bytes, int] = {}
        self._changed = False
        """Something queued changes which records live under which names; the catalog says so only after a commit."""
        self._uncommitted_bytes = 0
        self._uncommitted_files = 0
        self._unchecked_bytes = _FREE_CHECK_EVERY
        self._snapshot_seq = -1
        self.caught_up = False
        """Everything the packs say is in the catalog. From then on all that was acknowledged is known there, and after
        an error what lies behind it in open packs is not believed: a failed fsync loses what the cache still shows."""
        self._torn = False
        self._catalog_gone = False
        self.cut_buffers: list[bytearray] = []
        self.open_puts: WeakSet[Put] = WeakSet()
        self.uploads = Uploads(self)
        self._last_ms = 0
        self._clock_told = self._full_told = False

    # --- opening and closing ---

    @staticmethod
    def create(home: Home, secrets: LockerSecrets, locker_id: str = "") -> Locker:
        """Begin an empty locker; durable when this returns."""
        locker = Locker(home, secrets, home.open_catalog(secrets.catalog_key, False))
        locker.queue(chain.Genesis(locker_id, home.clock.now_ms()))
        locker.commit()
        return locker

    @staticmethod
    def open(home: Home, secrets: LockerSecrets) -> Locker:
        """Open a locker and repair what a crash left; an unreadable catalog is rebuilt from the meta packs."""
        try:
            return Locker._opened(home, secrets)
        except Damaged as error:
            if error.fields.get("what") != CATALOG:
                raise
        home.remove_catalog()
        began = home.clock.ticks_ns()
        locker = Locker._opened(home, secrets)
        locker.tell_rebuilt(began)
        return locker

    @staticmethod
    def _opened(home: Home, secrets: LockerSecrets) -> Locker:
        locker = Locker(home, secrets, home.open_catalog(secrets.catalog_key, False))
        try:
            locker.recover()
        except Full:
            locker._torn = True  # reading goes on; the first change tries again
        except BoxError:
            locker.close()
            raise
        return locker

    def recover(self) -> None:
        """Bring packs, chain and catalog to one state after any end of the last writer; raises Full or Damaged."""
        self.packs.abandon()
        self._forget_queue()
        for put in tuple(self.open_puts):
            put.lose()
        self.uploads.forget()
        if self._catalog_gone:
            catalog = self.home.open_catalog(self.secrets.catalog_key, False)
            self.catalog = self._catalog = self.shelf.catalog = catalog
            self._catalog_gone = False
        self.catalog.rollback()
        self.shelf.load()
        self.shelf.forget_payloads()
        self.head_seq = int(self.catalog.meta("head_seq") or 0)
        self._last_ms = max(self._last_ms, int(self.catalog.meta("last_ms") or 0))
        self.head_hash = bytes.fromhex(self.catalog.meta("head_hash") or "00" * 32)
        self._torn = False  # catching up commits too
        try:
            recovery.catch_up(self)
        except BoxError:
            self._torn = True
            raise
        self.caught_up = True

    def reader(self) -> LockerReader:
        """Return a reader with a catalog connection of its own, for one other thread."""
        catalog = self.home.open_catalog(self.secrets.catalog_key, True)
        return LockerReader(self.home, self.secrets, catalog)

    def rest(self) -> None:
        """Give back memory that is kept for speed alone; called when nothing happens."""
        self.packs.rest()
        self.cut_buffers.clear()
        self.shelf.forget_payloads()

    def close(self) -> None:
        """Close without committing; what was committed stays, open packs are recovered at the next opening."""
        self.packs.abandon()
        super().close()

    # --- putting ---

    def begin(
        self,
        name: SafeName,
        *,
        mtime_ns: int,
        size: int | None = None,
        mime: str | None = None,
        collide: Collide = Collide.VERSION,
    ) -> Put:
        """Begin one file. Raises Full before the first byte when the disk cannot hold ``size``."""
        self._mend()
        if size is not None and size > _FREE_CHECK_EVERY:
            self.require_room(size)
        self.catalog.begin()
        return Put(self, name, mtime_ns=mtime_ns, size=size, mime=mime, collide=collide)

    def require_room(self, size: int) -> None:
        """Raise Full unless ``size`` bytes fit beside the reserve that keeps a full locker usable."""
        free = self.home.disk.free_bytes()
        if size + FREE_RESERVE_BYTES > free:
            need_mib, free_mib = (size + FREE_RESERVE_BYTES) // MIB, free // MIB
            if not self._full_told:
                self.home.tell(events.DISK_FULL, need_mib=need_mib, free_mib=free_mib)
            self._full_told = True
            raise Full(need_mib=need_mib, free_mib=free_mib)
        self._full_told = False

    def add_chunk(self, kind: Kind, identity: bytes, data: bytes | memoryview, *, compress: bool) -> bool:
        """Queue a chunk unless the locker has it; returns whether it was new. Raises Full."""
        if identity in self.packs.staged or self.catalog.has_chunk(identity):
            return False
        self._unchecked_bytes += len(data)
        if self._unchecked_bytes >= _FREE_CHECK_EVERY:
            self.require_room(len(data))
            self._unchecked_bytes = 0
        try:
            self.packs.add(kind, identity, data, compress=compress)
        except BoxError:
            self._torn = True
            raise
        self._uncommitted_bytes += len(data)
        return True

    def identity(self, name: SafeName, chunks: bytes, depth: int, size: int, collide: Collide) -> tuple[bytes, int]:
        """Say which record and version these chunks become; version 0 = that record has them already."""
        if self._changed:
            self.commit()
        known = self._known_as(name.raw)
        for rid, _, old_size, old_chunks, old_depth in known:
            if (old_size, old_chunks, old_depth) == (size, chunks, depth):
                return rid, 0
        if known and collide is Collide.VERSION:
            return known[-1][0], known[-1][1] + 1
        stamp = self.now_ms.to_bytes(6, "big")
        return stamp + self.home.entropy.bytes(10), 1

    def _known_as(self, name: bytes) -> list[tuple[bytes, int, int, bytes, int]]:
        """Live records of this name, queued ones included; the list is kept until the next commit."""
        known = self._named.get(name)
        if known is None:
            known = self._named[name] = list(self.catalog.named(name)) if self.catalog.may_be_named(name) else []
        return known

    @property
    def now_ms(self) -> int:
        """The box's time, ratcheted: never earlier than what the chain has seen."""
        now = self.home.clock.now_ms()
        if now < self._last_ms - _CLOCK_SLACK_MS and not self._clock_told:
            self._clock_told = True
            self.home.tell(events.CLOCK_WENT_BACK, seconds=(self._last_ms - now) // 1000)
        self._last_ms = max(self._last_ms, now)
        return self._last_ms

    def saw_time(self, time_ms: int) -> None:
        """The chain says it is at least this late."""
        self._last_ms = max(self._last_ms, time_ms)

    def newest_version(self, rid: bytes) -> int:
        """Number of the newest version, queued ones included."""
        if rid in self._queued_versions:
            return self._queued_versions[rid]
        record = self.catalog.record(rid)
        return record.version if record else 0

    def queue_put(self, entry: chain.Put, text: str | None) -> None:
        """Queue a finished put; ``text`` spares reading it again for the index."""
        known = self._known_as(entry.name)
        known[:] = [item for item in known if item[0] != entry.rid]
        known.append((entry.rid, entry.version, entry.size, entry.chunks, entry.depth))
        self._queued_versions[entry.rid] = entry.version
        if text:
            self._texts[entry.rid, entry.version] = text
            self._uncommitted_bytes += _TEXT_WEIGHT * len(text)
        self._uncommitted_files += 1
        self.queue(entry)

    def queue(self, entry: chain.Entry) -> None:
        """Queue any entry for the next commit."""
        self._entries.append(entry)

    @property
    def uncommitted_bytes(self) -> int:
        """New chunk bytes queued since the last commit."""
        return self._uncommitted_bytes

    @property
    def uncommitted_files(self) -> int:
        """Puts finished since the last commit."""
        return self._uncommitted_files

    def commit(self) -> None:
        """Make everything queued durable; only after this returns may it be acknowledged.

        Raises Full or Damaged; then nothing queued was acknowledged and the locker recovers by itself.
        """
        if self._torn:
            self.recover()
            raise Damaged(what="the last write")
        if not self._has_news() and not self.uploads.dirty:
            return
        try:
            self._commit()
        except BoxError:
            self._torn = True
            self._forget_queue()
            raise

    def _has_news(self) -> bool:
        return bool(self._entries or self.packs.entries or self.packs.staged)

    def _commit(self) -> None:
        packs = self.packs
        if self._has_news():
            packs.seal_waiting()
            # While segments are sealed beside it, the catalog can take in new versions: they need no place in a pack.
            early = all(isinstance(entry, chain.Put) for entry in self._entries)
            if early:
                Applier(self.shelf).records(self._entries, self.head_seq + 1, self._texts)
            packs.flush()
            packs.sync((Kind.DATA, Kind.PREVIEW))
            packs.ready_for_link()
            self._append_link([*packs.entries, *self._entries], [] if early else self._entries)
        self.uploads.save()
        self.catalog.commit()
        packs.settle()
        self._forget_queue()

    def _append_link(self, entries: Sequence[chain.Entry], records: Sequence[chain.Entry]) -> None:
        """Sign and append one link, sync it, and write it, its places and ``records`` into the catalog transaction."""
        seq, located = self.head_seq + 1, self.packs.located
        link = chain.build_link(
            seq, self.head_hash, self.now_ms, entries, located, self._head_key, self.home.entropy.bytes
        )
        row = self.packs.append_link(chain.encode_link(link), seq)
        self.packs.sync((Kind.META,))
        applier = Applier(self.shelf)
        for pack in self.packs.touched.values():
            self.catalog.save_pack(pack)
        self.catalog.add_link(row)
        applier.places(located)
        applier.packs(entries)
        applier.records(records, seq, self._texts)
        self.set_head(seq, link.hash)

    def set_head(self, seq: int, link_hash: bytes) -> None:
        """Remember the newest link, in memory and in the catalog transaction."""
        self.head_seq, self.head_hash = seq, link_hash
        self.catalog.set_meta("head_seq", str(seq))
        self.catalog.set_meta("head_hash", link_hash.hex())
        self.catalog.set_meta("last_ms", str(self._last_ms))

    def _forget_queue(self) -> None:
        self._entries = []
        self._texts = {}
        self._named = {}
        self._queued_versions = {}
        self._changed = False
        self._uncommitted_bytes = self._uncommitted_files = 0

    def _mend(self) -> None:
        if self._torn:
            self.recover()

    # --- changing ---

    def _known(self, ids: Sequence[str]) -> list[Record]:
        self.settle()
        found = []
        for id in ids:
            record = self.catalog.record(id_bytes(id))
            if record is None:
                raise NoSuchRecord(what=id[:80])
            found.append(record)
        return found

    def settle(self) -> None:
        """Bring the catalog up to date with what was queued about names, before a change that looks names up."""
        self._mend()
        if self._changed:
            self.commit()

    def queue_change(self, entry: chain.Entry) -> None:
        """Queue an entry that changes which records live under which names."""
        self.queue(entry)
        self._changed = True

    def delete(self, ids: Sequence[str]) -> int:
        """Move live records into the bin (30 days, exactly recoverable); returns how many. Commit afterwards."""
        live = [record for record in self._known(ids) if record.state is RecordState.LIVE]
        if live:
            self.queue_change(chain.Delete([bytes.fromhex(record.id) for record in live], self.now_ms))
        return len(live)

    def undelete(self, ids: Sequence[str]) -> int:
        """Bring records back from the bin; returns how many. Commit afterwards."""
        binned = [record for record in self._known(ids) if record.state is RecordState.BIN]
        if binned:
            self.queue_change(chain.Undelete([bytes.fromhex(record.id) for record in binned]))
        return len(binned)

    def empty_bin(self, before_ms: int | None = None) -> int:
        """Forget what was deleted before ``before_ms`` (None = all of the bin); returns how many. Commit afterwards."""
        self._mend()
        if self._changed:
            self.commit()
        gone = self.catalog.binned_before(self.now_ms if before_ms is None else before_ms)
        if gone:
            self.queue_change(chain.Forget(gone, self.now_ms))
        return len(gone)

    def rename(self, id: str, name: SafeName) -> None:
        """Give a record another name. Commit afterwards."""
        self._known([id])
        self.queue_change(chain.Rename(bytes.fromhex(id), name.raw))

    def analyse(self, id: str, analysis: Analysis, *, version: int | None = None) -> None:
        """Take the reader's answer about a record. Commit afterwards.

        ``version`` is the one the reader saw (None: the newest); an answer about an older one is dropped.
        """
        (record,) = self._known([id])
        if version is not None and version != record.version:
            return
        rid = bytes.fromhex(id)
        if analysis.trouble is not None or (analysis.facts is None and not analysis.previews):
            self.queue(chain.FactsFound(rid, record.version, {}, analysis.trouble or "nothing-found"))
            return
        if analysis.facts is not None:
            known = {name: value for name, value in asdict(analysis.facts).items() if value is not None}
            self.queue(chain.FactsFound(rid, record.version, known, None))
        for preview in analysis.previews:
            identity = chunk_id(self.id_key, preview.data)
            self.add_chunk(Kind.PREVIEW, identity, preview.data, compress=False)
            size = len(preview.data)
            self.queue(chain.PreviewMade(rid, record.version, preview.edge, preview.mime, identity, size))

    def pending_analysis(self, limit: int, *, previews: bool) -> Sequence[Record]:
        """Records the reader still owes facts (or previews), oldest first."""
        return self.pending(limit, previews=previews)

    # --- care ---

    def cut(self) -> None:
        """Commit, close all open packs and sign a snapshot of the cut ones (nightly, and before anything ships).

        A night after which nothing happened costs nothing: the open pack then holds the last snapshot alone.
        """
        self._mend()
        self.commit()
        if self.head_seq == self._snapshot_seq:
            return
        try:
            for kind in (Kind.DATA, Kind.PREVIEW, Kind.META):
                self.packs.cut(kind)
        except BoxError:
            self._torn = True
            raise
        if not self.packs.entries:
            return
        digests = sorted(
            row.digest for row in self.shelf.rows.values() if row.state in (PackState.CUT, PackState.RECOVERED)
        )
        number = int(self.catalog.meta("snapshot") or 0) + 1
        self.queue(chain.Snapshot(number, len(digests), blake3(b"".join(digests)).digest()))
        self.commit()
        self._snapshot_seq = self.head_seq

    def repack(self) -> dict[str, int]:
        """Apply the retention rule, move survivors out of half-empty packs, merge small ones, drop the old files."""
        self._mend()
        return repacking.repack(self)

    def gone_for_good(self, ids: Sequence[str], secrets: LockerSecrets) -> None:
        """Forget records and repack every survivor under the new epoch of ``secrets``.

        The caller begins that epoch in the key file first, and destroys the old epoch keys there after this
        returns: from then on no copy of an old pack anywhere can be opened.
        """
        self._known(ids)
        self.cut()
        self.secrets = self.shelf.secrets = secrets
        self.queue(chain.Epoch(secrets.current_epoch))
        self.queue(chain.Forget([bytes.fromhex(id) for id in ids], self.now_ms))
        self.commit()
        repacking.repack(self, whole_epoch=secrets.current_epoch)
        self.catalog.shrink()

    def rebuild(self) -> dict[str, int]:
        """Throw the catalog away and make it again from the meta packs alone; returns what was read."""
        began = self.home.clock.ticks_ns()
        try:
            self.cut()
        except Damaged:
            self.packs.abandon()  # the catalog may be what is damaged; open packs are recovered
        self.catalog.close()
        self._torn = self._catalog_gone = True  # an error on the way is mended by the next change
        self.caught_up = False
        self.home.remove_catalog()
        self.recover()
        self.tell_rebuilt(began)
        return self.stats()

    def tell_rebuilt(self, began_ns: int) -> None:
        """Tell that the catalog is new, and how long it took since ``began_ns`` (ticks)."""
        took_ms = (self.home.clock.ticks_ns() - began_ns) // 1_000_000
        records = self.stats()["records"]
        self.home.tell(events.CATALOG_REBUILT, member=self.home.member, records=records, ms=took_ms)

    def verify(self) -> Iterator[VerifyReport]:
        """Read and check everything; yields progress, the last report is the whole one."""
        self._mend()
        self.commit()
        yield from verifying.verify(self)

    def remove_pack_files(self, names: Sequence[str]) -> None:
        """Unlink pack files nothing refers to any more, durably."""
        for name in names:
            self.home.disk.remove(name)
        if names:
            self.home.disk.sync_folder("packs")
