"""What a household does to a locker, at random: put, put again, delete, fetch back, rename, find out, tidy up."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from firmware.errors import Conflict, NoSuchUpload
from firmware.locker import Locker
from firmware.locker.put import keep, looked_at
from firmware.locker.uploads import Announced
from firmware.model import Analysis, Collide, Facts, Preview, RecordState, SafeName
from tests.sim.ledger import Ledger, Sent

_WORDS = ["harbour", "letter", "summer", "kitchen", "bicycle", "grandmother", "invoice", "lantern", "meadow", "violin"]
_SMALL_FILE = 2048
"""A file that is one chunk, also in a world of ``small_sizes``."""


class Workload:
    """Draws one operation after the other and writes down in the ledger what was done and what was acknowledged."""

    def __init__(self, locker: Locker, ledger: Ledger, rng: random.Random, pieces: Sequence[bytes] = ()) -> None:
        """Work on ``locker``; ``rng`` decides everything. What is put is one of ``pieces``, or made up without them."""
        self._locker, self._ledger, self._rng, self._pieces = locker, ledger, rng, pieces
        self._jobs: dict[Callable[[], None], int] = {
            self._put: 40,
            self._put_version: 14,
            self._put_same: 4,
            self._put_again: 4,
            self._put_across: 4,
            self._upload: 7,
            self._delete: 8,
            self._undelete: 5,
            self._rename: 5,
            self._analyse: 6,
            self._empty_bin: 2,
            self._cut: 3,
            self._repack: 1,
            self._rebuild: 1,
        }

    def group(self) -> None:
        """Do one to three things and have them acknowledged."""
        for job in self._rng.choices(list(self._jobs), list(self._jobs.values()), k=self._rng.randint(1, 3)):
            job()
        self.commit()

    def commit(self) -> None:
        """Acknowledge what was done."""
        self._locker.commit()
        self._ledger.acknowledge(self._locker.stats()["head_seq"])

    def _content(self) -> bytes:
        rng = self._rng
        kind = rng.random()
        if kind < 0.15:
            known = [content for one in self._ledger.now().values() for content in one.versions]
            if known:
                return rng.choice(known)
        if self._pieces:
            return rng.choice(self._pieces)
        if kind < 0.4:
            return " ".join(rng.choices(_WORDS, k=rng.randint(0, 60))).encode()
        return rng.randbytes(rng.choice((0, 20, 700, 1500, 3000, 9000, 20_000)))

    def _put_as(self, name: str, content: bytes) -> None:
        mtime_ns = self._rng.getrandbits(60)
        if len(content) % 2 and len(content) <= _SMALL_FILE:  # half of them as a bulk put does it
            locker, safe = self._locker, SafeName(name)
            file = looked_at(safe, memoryview(content), locker.id_key, mtime_ns=mtime_ns, mime=None)
            self._ledger.put(keep(locker, file, Collide.VERSION), name, content)
            return
        put = self._locker.begin(SafeName(name), mtime_ns=mtime_ns, size=len(content))
        for at in range(0, len(content), 4096):
            put.write(content[at : at + 4096])
        self._ledger.put(put.finish(), name, content)

    def _put(self) -> None:
        ending = self._rng.choice(("txt", "jpg", "bin"))
        self._put_as(f"{self._rng.choice(_WORDS)}/{self._rng.getrandbits(32):x}.{ending}", self._content())

    def _pick(self, state: RecordState) -> str | None:
        ids = self._ledger.settled(state)
        return self._rng.choice(ids) if ids else None

    def _live_name(self) -> str | None:
        names = sorted({known.name for known in self._ledger.now(RecordState.LIVE).values()})
        return self._rng.choice(names) if names else None

    def _put_version(self) -> None:
        name = self._live_name()
        if name is not None:
            self._put_as(name, self._content())

    def _put_same(self) -> None:
        id = self._pick(RecordState.LIVE)
        if id is not None:
            known = self._ledger.now()[id]
            self._put_as(known.name, known.versions[-1])

    def _put_again(self) -> None:
        """What a client does after a cut: send once more what was never acknowledged."""
        if self._ledger.unsure:
            name, content = self._rng.choice(self._ledger.unsure)
            self._put_as(name, content)

    def _put_across(self) -> None:
        """A slow upload: other things happen between its first bytes and its last."""
        name, content = f"slow/{self._rng.getrandbits(32):x}", self._rng.randbytes(self._rng.randint(0, 20_000))
        put = self._locker.begin(SafeName(name), mtime_ns=0)
        half = len(content) // 2
        put.write(content[:half])
        for job in self._rng.choices(list(self._jobs), list(self._jobs.values()), k=self._rng.randint(1, 2)):
            if job != self._put_across:
                job()
        try:
            put.write(content[half:])
            result = put.finish()
        except Conflict:  # a rebuild made the locker start over: the file has to be sent again
            return
        self._ledger.put(result, name, content)

    def _upload(self) -> None:
        """Begin a resumable upload, or go on with one where the locker says; a pause is promised, an end is a put."""
        known, uploads = self._ledger.uploads, self._locker.uploads
        if not known or self._rng.random() < 0.3:
            name, content = f"sent/{self._rng.getrandbits(32):x}", self._rng.randbytes(self._rng.randint(1, 20_000))
            id = uploads.begin(Announced(SafeName(name), len(content))).id
            self.commit()
            known[id] = Sent(name, content, 0)
            return
        id = self._rng.choice(sorted(known))
        sent = known[id]
        try:
            offset = uploads.row(id).offset
            self._ledger.check_upload(offset >= sent.promised, f"{sent.name} at {offset}")
            upload = uploads.resume(id, offset)
            upload.write(sent.content[offset : offset + self._rng.choice((1, 900, 4000, 20_000))])
            if self._rng.random() < 0.3:
                self._rng.choice((self._put, self._repack, self._rebuild, self._cut))()
            if upload.received == len(sent.content):
                result = uploads.finish(upload)[1]
                del known[id]
                self._ledger.put(result, sent.name, sent.content)
            else:
                promised = uploads.pause(upload).offset
                self.commit()
                known[id] = Sent(sent.name, sent.content, promised)
        except (Conflict, NoSuchUpload) as lost:  # a rebuild forgets uploads; their senders begin again
            self._ledger.check_upload(id not in known, f"{sent.name}: {lost}")
            known.pop(id, None)

    def _delete(self) -> None:
        id = self._pick(RecordState.LIVE)
        if id is not None:
            assert self._locker.delete([id]) == 1
            self._ledger.state(id, RecordState.BIN)

    def _undelete(self) -> None:
        id = self._pick(RecordState.BIN)
        if id is not None and self._free(self._ledger.now()[id].name):
            assert self._locker.undelete([id]) == 1
            self._ledger.state(id, RecordState.LIVE)

    def _free(self, name: str) -> bool:
        return all(known.name != name for known in self._ledger.now(RecordState.LIVE).values())

    def _rename(self) -> None:
        id = self._pick(RecordState.LIVE)
        if id is not None:
            name = f"renamed/{self._rng.getrandbits(32):x}"
            self._locker.rename(id, SafeName(name))
            self._ledger.rename(id, name)

    def _analyse(self) -> None:
        id = self._pick(RecordState.LIVE)
        if id is not None:
            facts = Facts(taken_ms=self._rng.getrandbits(40), text=" ".join(self._rng.choices(_WORDS, k=9)))
            pictures = (Preview(256, "image/jpeg", self._rng.randbytes(self._rng.randint(10, 5000))),)
            self._locker.analyse(id, Analysis(facts, pictures if self._rng.random() < 0.5 else ()))

    def _empty_bin(self) -> None:
        binned = self._ledger.now(RecordState.BIN)
        self._locker.empty_bin()
        for id in binned:
            self._ledger.change(id, None)

    def _cut(self) -> None:
        self._locker.cut()

    def _repack(self) -> None:
        self.commit()
        self._locker.repack()

    def _rebuild(self) -> None:
        self.commit()
        self._ledger.uploads.clear()
        self._locker.rebuild()
