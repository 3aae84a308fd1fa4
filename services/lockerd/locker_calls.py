"""What the socket of one open locker answers: every row of the route table's locker part, by name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any, TypeVar

from firmware import events
from firmware.locker import Locker
from firmware.locker.repacking import require_whole
from firmware.model import Page, Problem, Record, SafeName, VerifyReport
from firmware.model.kinds import kind_of
from services.api import types as t
from services.api.server import Call, Handler
from services.lockerd.analysis import Analyst
from services.lockerd.downloads import Downloads
from services.lockerd.finding_calls import FindingCalls
from services.lockerd.folder_calls import FolderCalls
from services.lockerd.keys import Keys
from services.lockerd.readers import Readers
from services.lockerd.record_calls import RecordCalls, filter_of
from services.lockerd.store import Store
from services.lockerd.telling import TellingJournal
from services.lockerd.upload_calls import UploadCalls
from services.lockerd.uploads import BulkSink, PutSink
from services.lockerd.watching import Watch

_T = TypeVar("_T")


class LockerCalls:
    """Handlers over one locker's store, readers and analyst."""

    def __init__(
        self, member: str, store: Store, readers: Readers, analyst: Analyst, keys: Keys, journal: TellingJournal,
        watch: Watch,
    ) -> None:  # fmt: skip
        """All of them belong to the locker of ``member``."""
        self._member, self._store, self._readers, self._analyst = member, store, readers, analyst
        self._keys, self._journal = keys, journal
        self._finding = FindingCalls(store, readers, analyst)
        self._folders = FolderCalls(member, store, readers, journal)
        self._downloads = Downloads(readers, member, journal, analyst.want)
        self._records = RecordCalls(store, readers)
        self._uploads = UploadCalls(store, readers, watch, record_info, self._note_stored)
        self._watch = watch

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of every operation."""
        return {
            **self._finding.handlers(),
            **self._folders.handlers(),
            "put": lambda call: PutSink(self._store, call, self._note_stored, self._kept),
            "bulk_put": lambda call: BulkSink(self._store, call, self._tell_stored),
            "fetch": self._downloads.fetch,
            "content": self._downloads.content,
            "preview": self._downloads.preview,
            "export": self._downloads.export,
            "list": self._list,
            "search": self._search,
            "get": self._get,
            "find": self._find,
            "versions": self._versions,
            "delete": self._delete,
            "delete_many": self._delete_many,
            "undelete": self._undelete,
            "empty": self._empty,
            "gone": self._gone,
            "rename": self._rename,
            "verify": self._verify,
            "rebuild": self._rebuild,
            "repack": self._repack,
            "cut": self._cut,
            "stats": self._stats,
            "analysis": self._analysis,
            "set_analysis": self._set_analysis,
            **self._records.handlers(),
            **self._uploads.handlers(),
            "watch": self._watch.serve,
            "zip": self._downloads.zip,
        }

    def _kept(self, id: str) -> None:
        self._watch.tell("stored", id=id)

    def _note_stored(self, files: int, size: int) -> None:
        """Single files come by the thousand: the activity counts them, the journal is not told of each."""
        self._journal.note(events.UPLOAD_STORED, member=self._member, files=files, bytes=size)

    def _tell_stored(self, files: int, size: int) -> None:
        if files:
            self._journal.tell(events.UPLOAD_STORED, member=self._member, files=files, bytes=size)

    async def _list(self, call: Call) -> t.Records:
        a: t.ListArgs = call.args
        only = filter_of(a, tag=a.tag, folder=a.folder)
        return _page(
            await self._readers.ask(
                lambda reader: reader.list(
                    state=a.state, cursor=a.cursor, limit=a.limit, order=a.order.value, only=only
                )
            )
        )

    async def _search(self, call: Call) -> t.Records:
        a: t.SearchArgs = call.args
        only = filter_of(a, tag=a.tag, folder=a.folder)
        return _page(
            await self._readers.ask(lambda reader: reader.search(a.q, cursor=a.cursor, limit=a.limit, only=only))
        )

    async def _get(self, call: Call) -> t.RecordInfo:
        return record_info(await self._readers.ask(lambda reader: reader.get(call.args.id)))

    async def _find(self, call: Call) -> t.RecordInfo:
        return record_info(await self._readers.ask(lambda reader: reader.get(call.args.path)))

    async def _versions(self, call: Call) -> t.Versions:
        found = await self._readers.ask(lambda reader: reader.versions(call.args.id))
        return t.Versions(tuple(t.VersionInfo(**asdict(one)) for one in found))

    async def _delete(self, call: Call) -> t.Count:
        return await self._deleted([call.args.id])

    async def _delete_many(self, call: Call) -> t.Count:
        return await self._deleted(list(call.args.ids))

    async def _deleted(self, ids: list[str]) -> t.Count:
        count = await self._store.run(lambda locker: locker.delete(ids))
        self._journal.tell(events.RECORD_DELETED, member=self._member, records=count)
        return t.Count(count)

    async def _undelete(self, call: Call) -> t.Count:
        ids = list(call.args.ids)
        return t.Count(await self._store.run(lambda locker: locker.undelete(ids)))

    async def _empty(self, call: Call) -> t.Count:
        count = await self._store.run(lambda locker: locker.empty_bin(call.args.before_ms))
        self._journal.tell(events.BIN_EMPTIED, member=self._member, records=count)
        return t.Count(count)

    async def _gone(self, call: Call) -> t.Nothing:
        ids = list(call.args.ids)

        def destroy(locker: Locker) -> None:
            require_whole(locker)
            locker.delete([])
            for id in ids:
                locker.get(id)
            fresh = self._keys.begin_epoch(locker.secrets)
            locker.gone_for_good(ids, fresh)
            locker.secrets = locker.shelf.secrets = self._keys.destroy_epochs(fresh)

        await self._changed(destroy)
        self._journal.tell(events.GONE_FOR_GOOD, member=self._member, records=len(ids))
        return t.Nothing()

    async def _rename(self, call: Call) -> t.Nothing:
        a: t.Rename = call.args
        name = SafeName(a.name)
        await self._store.run(lambda locker: locker.rename(a.id, name))
        return t.Nothing()

    async def _verify(self, call: Call) -> None:
        """Stream progress. Puts wait meanwhile: what is checked must hold still."""
        reports: asyncio.Queue[VerifyReport | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        gone = False

        def check(locker: Locker) -> VerifyReport:
            report = VerifyReport(0, 0, 0, 0, 0, 0, ())
            for report in locker.verify():
                loop.call_soon_threadsafe(reports.put_nowait, report)
                if gone:
                    break
            return report

        job = asyncio.wrap_future(self._store.submit(check))
        job.add_done_callback(lambda _: reports.put_nowait(None))
        try:
            await call.begin()
            while (report := await reports.get()) is not None:
                await call.line(_progress(report))
        finally:
            gone = True
        last = await job
        last = replace(last, problems=last.problems + await asyncio.to_thread(self._keys_checked))
        await call.line(_progress(last) | {"done": True, "ok": last.ok, "problems": [asdict(p) for p in last.problems]})
        self._tell_verified(last)

    def _keys_checked(self) -> tuple[Problem, ...]:
        return self._keys.problems(self._store.locker.secrets)

    def _tell_verified(self, report: VerifyReport) -> None:
        if report.ok:
            self._journal.tell(events.VERIFY_CLEAN, member=self._member, packs=report.packs, bytes=report.bytes_read)
        else:
            problems = len(report.problems)
            self._journal.tell(events.VERIFY_FOUND_DAMAGE, member=self._member, problems=problems, packs=report.packs)

    async def _rebuild(self, call: Call) -> t.Counts:  # noqa: ARG002
        return t.Counts(await self._changed(lambda locker: locker.rebuild()))

    async def _repack(self, call: Call) -> t.Counts:  # noqa: ARG002
        return t.Counts(await self._changed(lambda locker: locker.repack()))

    async def _cut(self, call: Call) -> t.Nothing:  # noqa: ARG002
        await self._store.run(lambda locker: locker.cut())
        return t.Nothing()

    async def _changed(self, action: Callable[[Locker], _T]) -> _T:
        """Run an action after which catalog, packs or keys are others, so that every reader has to start anew."""
        try:
            return await self._store.run(action)
        finally:
            self._readers.reset()
            self._analyst.reset()

    async def _stats(self, call: Call) -> t.Counts:  # noqa: ARG002
        counts: dict[str, int] = await self._readers.ask(lambda reader: reader.stats())
        disk = self._store.locker.home.disk
        return t.Counts({**counts, "free_bytes": disk.free_bytes(), "disk_bytes": disk.total_bytes()})

    async def _analysis(self, call: Call) -> t.AnalysisState:  # noqa: ARG002
        return await self._readers.ask(self._analyst.state)

    async def _set_analysis(self, call: Call) -> t.AnalysisState:
        self._analyst.previews = call.args.previews
        self._analyst.wake()
        return await self._readers.ask(self._analyst.state)


def record_info(record: Record) -> t.RecordInfo:
    """Return what callers see of a record."""
    facts = {name: value for name, value in asdict(record.facts).items() if name not in ("text", "place")}
    return t.RecordInfo(
        id=record.id,
        name=str(record.name),
        size=record.size,
        mime=record.mime,
        when_ms=record.when_ms,
        mtime_ns=record.mtime_ns,
        stored_ms=record.stored_ms,
        version=record.version,
        state=record.state,
        facts=t.FactsInfo(**facts),
        has_preview=record.has_preview,
        kind=kind_of(record.mime),
        deleted_ms=record.deleted_ms,
        tags=record.tags,
        note=record.note,
        place=record.facts.place,
    )


def _page(page: Page) -> t.Records:
    return t.Records(tuple(record_info(one) for one in page.records), page.next, page.total)


def _progress(report: VerifyReport) -> dict[str, Any]:
    """Counts so far; the problems themselves stand in the last line alone."""
    names = ("packs", "frames", "chunks", "records", "bytes_read", "links")
    return {name: getattr(report, name) for name in names} | {"found": len(report.problems)}
