"""Our side of the locker bench: a running box, filled and read through `./box locker`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.boxrun import BoxRun, is_reader_child, is_reader_mother, packs_folder
from tests.bench.measure import MIB, Cost, MemoryWatch, folder_bytes, watching


class OurBox:
    """Counts client, lockerd, spawner, workers and readers; webd and peerd stand by and are not counted.

    A put ends when every file is acknowledged (durable), names, facts and text are searchable, and the packs are cut.
    The repository is the packs and the key file; the catalog is a cache that is never shipped and is told apart.
    """

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        """Keep everything under ``folder``."""
        folder.mkdir()
        self.name = "box"
        self._folder, self._say = folder, say
        self._box = BoxRun(folder / "data")
        self._figures: dict[str, float] = {}
        self._puts = 0
        self._tree = ""

    def init(self) -> None:
        self._box.start()
        self._box.init()
        self._box.call("set_analysis", previews="off")

    def key_cpu(self) -> float:
        return 0.0  # The locker was opened before; nothing that is measured derives a key.

    @contextmanager
    def _measured(self, cost: list[Cost], watch: MemoryWatch | None = None) -> Iterator[list[Cost]]:
        """Add to ``cost`` what the client commands that the block collects take, lockerd's part included."""
        before = self._box.cpu()
        clients: list[Cost] = []
        if watch is None:
            yield clients
        else:
            with watching(watch):
                yield clients
        client = sum(one.cpu for one in clients)
        server = self._box.cpu() - before
        rss = max((one.rss for one in clients), default=0)
        if not self._puts:
            self._figures["ingest_acknowledged_wall_s"] = clients[0].wall
        cost.append(Cost(client + server, sum(one.wall for one in clients), rss, clients[-1].output if clients else ""))
        self._say(f"  box: client {client:.2f} s CPU, lockerd and children {server:.2f} s CPU")

    def put(self, tree: Path, label: str) -> Cost:
        watch = MemoryWatch(self._box.lockerd, is_reader_child, is_reader_mother)
        found: list[Cost] = []
        with self._measured(found, watch) as clients:
            clients.append(self._box.cli("put", tree))
            clients.append(self._indexed())
        self._tree = tree.name
        self._puts += 1
        if self._puts == 1:
            self._note_memory(watch)
        return found[0]

    def _indexed(self) -> Cost:
        """Wait for facts and text, cut the packs; the wall time counts, the CPU is lockerd's."""
        started = time.perf_counter()
        self._box.wait_for("pending_text")
        self._box.call("cut")
        return Cost(0.0, time.perf_counter() - started)

    def _note_memory(self, watch: MemoryWatch) -> None:
        self._figures["ingest_peak_pss_mib"] = watch.peak_pss / MIB
        self._figures["ingest_peak_pss_with_reader_mib"] = watch.peak_whole / MIB
        self._figures["pss_samples"] = watch.samples
        self._say(f"  box: peak {watch.peak_parts}")

    def stored_bytes(self) -> int:
        packs = packs_folder(self._box.data, self._box.member)
        return folder_bytes(packs) + (packs.parent / "key").stat().st_size

    def _previews(self) -> None:
        """Make all previews, last of all, and take their cost, which is no part of the put."""
        waiting = self._box.call("analysis").pending_previews
        before = self._box.cpu()
        self._box.call("set_analysis", previews="idle")
        self._box.wait_for("pending_previews")
        spent = self._box.cpu() - before
        self._box.call("set_analysis", previews="off")
        self._box.call("cut")
        state = self._box.call("analysis")
        self._figures["repo_with_previews_mib"] = self.stored_bytes() / MIB
        self._figures["previews_made"] = waiting
        self._figures["preview_cpu_s_per_1000"] = spent * 1000 / waiting if waiting else 0.0
        self._figures["parser_peak_rss_mib"] = state.reader_peak_rss_bytes / MIB
        self._figures["parser_trouble"] = state.trouble

    def verify(self) -> Cost:
        found: list[Cost] = []
        with self._measured(found) as clients:
            clients.append(self._box.cli("verify"))
        return found[0]

    def restore(self, label: str, target: Path) -> tuple[Cost, Path]:
        found: list[Cost] = []
        with self._measured(found) as clients:
            clients.append(self._box.cli("get", "--all", target))
        return found[0], target / self._tree

    def own_figures(self) -> dict[str, float]:
        self._figures["catalog_mib"] = (
            folder_bytes(packs_folder(self._box.data, self._box.member).parent / "catalog") / MIB
        )
        self._previews()
        return self._figures

    def close(self) -> None:
        self._box.stop()
