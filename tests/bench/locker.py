"""Ingest, verify and restore against restic and borg, interleaved: CPU, memory, bytes."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.bench.change import change_generated, change_own
from tests.bench.compare import Compared, compare
from tests.bench.contender import Contender
from tests.bench.dataset import DataSet, copy_tree, generate, own
from tests.bench.measure import MIB, Cost, median
from tests.bench.options import Figures, Options, main, workplace
from tests.bench.rivals import Borg, Program, Restic, get_borg, get_restic

PROGRAMS: Final = {"restic": get_restic, "borg": get_borg}
STEPS: Final = ("ingest", "second", "unchanged", "verify", "restore")


@dataclass
class Book:
    """All figures of one contender, one entry per round."""

    cost: dict[str, list[Cost]] = field(default_factory=lambda: {step: [] for step in STEPS})
    key_cpu: list[float] = field(default_factory=list)
    stored: list[int] = field(default_factory=list)
    added: list[int] = field(default_factory=list)
    compared: list[Compared] = field(default_factory=list)
    extra: dict[str, list[float]] = field(default_factory=dict)

    def cpu(self, step: str) -> float:
        """Median CPU seconds of ``step`` without the key derivation."""
        return median([cost.cpu - key for cost, key in zip(self.cost[step], self.key_cpu, strict=True)])

    def wall(self, step: str) -> float:
        """Median wall seconds of ``step``, key derivation included (it is waited for)."""
        return median([cost.wall for cost in self.cost[step]])

    def note(self, figures: dict[str, float]) -> None:
        """Add a contender's own figures of one round."""
        for name, value in figures.items():
            self.extra.setdefault(name, []).append(value)


def one_round(
    contenders: list[Contender], books: dict[str, Book], tree: Path, change: Callable[[Path], object]
) -> None:
    """Put, change and put again, verify, restore: each step by everybody before the next one begins."""
    for one in contenders:
        one.init()
        books[one.name].key_cpu.append(one.key_cpu())
    for one in contenders:
        books[one.name].cost["ingest"].append(one.put(tree, "first"))
        books[one.name].stored.append(one.stored_bytes())
    change(tree)
    for one in contenders:
        book = books[one.name]
        before = one.stored_bytes()
        book.cost["second"].append(one.put(tree, "second"))
        book.added.append(one.stored_bytes() - before)
        book.cost["unchanged"].append(one.put(tree, "third"))
    for one in contenders:
        books[one.name].cost["verify"].append(one.verify())
    for one in contenders:
        cost, folder = one.restore("second", tree.parent / f"restored-{one.name}")
        books[one.name].cost["restore"].append(cost)
        books[one.name].compared.append(compare(tree, folder))
        books[one.name].note(one.own_figures())


def bench(options: Options, only: tuple[str, ...] = ()) -> Figures:
    """Run all rounds and return the figures; ``only`` narrows the contenders (by name)."""
    ours = options.data is None
    data = (
        generate(options.cache, options.seed, options.gib, photo_divide=options.photo_divide)
        if ours
        else own_data(options)
    )
    options.say(f"data set: {data.files} files, {data.size / MIB:.0f} MiB, {data.counts}, {data.fingerprint}")
    names = [name for name in ("box", "restic", "borg") if not only or name in only]
    programs = {name: get(options.cache) for name, get in PROGRAMS.items() if name in names}
    books = {name: Book() for name in names}
    with workplace(options) as place:
        for number in range(options.rounds):
            folder = place / f"round-{number}"
            folder.mkdir()
            copy_tree(data, folder / "tree", ours=ours)
            contenders = [
                make(name, programs, folder, options)
                for name in names[number % len(names) :] + names[: number % len(names)]
            ]
            try:
                one_round(contenders, books, folder / "tree", lambda tree: _change(tree, options))
            finally:
                for one in contenders:
                    one.close()
            options.say(f"round {number + 1}: " + "; ".join(f"{name} {tell(books[name])}" for name in names))
            if options.keep is None:
                free_bytes(folder)
    return {**figures(books), **about(data, programs)}


def free_bytes(folder: Path) -> None:
    """Give back the room of a round, but leave its files there, empty, until the bench ends.

    ext4 makes no new file in the place of one that was deleted in the last minutes and looks at every one of them
    first (``recently_deleted`` in fs/ext4/ialloc.c): the removal of a round would be paid by the next round's restores.
    """
    for path in folder.rglob("*"):
        status = path.lstat()
        if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:  # the files of a tree are the data set's own
            with contextlib.suppress(OSError):
                os.truncate(path, 0)


def own_data(options: Options) -> DataSet:
    """Describe the caller's folder; raises when it is none."""
    if options.data is None or not options.data.is_dir():
        raise SystemExit(f"--data {options.data}: there is no such folder")
    return own(options.data)


def make(name: str, programs: dict[str, Program], folder: Path, options: Options) -> Contender:
    """Make a contender with an empty place of its own under ``folder``."""
    if name == "box":
        from tests.bench.ourbox import OurBox

        return OurBox(folder / "box", say=options.say)
    kind: type[Restic | Borg] = Restic if name == "restic" else Borg
    return kind(programs[name], folder / name, folder / f"{name}-cache")


def _change(tree: Path, options: Options) -> None:
    if options.data is None:
        change_generated(tree, options.seed, options.gib, photo_divide=options.photo_divide)
    else:
        change_own(tree, options.seed)


def tell(book: Book) -> str:
    """One round's figures in a few words."""
    parts = [f"{step} {costs[-1].cpu:.2f}/{costs[-1].wall:.1f}s" for step, costs in book.cost.items()]
    stored = f"stored {book.stored[-1] / MIB:.1f}+{book.added[-1] / MIB:.1f} MiB"
    return f"{' '.join(parts)} key {book.key_cpu[-1]:.2f} {stored}"


def raw(name: str, book: Book) -> Figures:
    """The plain medians of one contender."""
    found: Figures = {f"{name}_{step}_cpu_s": round(book.cpu(step), 3) for step in STEPS}
    found |= {f"{name}_{step}_wall_s": round(book.wall(step), 3) for step in STEPS}
    found |= {f"{name}_{part}": round(median(values), 3) for part, values in book.extra.items()}
    peak = "box_client_peak_rss_mib" if name == "box" else f"{name}_peak_rss_mib"
    found[peak] = round(max(cost.rss for costs in book.cost.values() for cost in costs) / MIB, 1)
    found[f"{name}_key_derivation_cpu_s"] = round(median(book.key_cpu), 3)
    found[f"{name}_repo_mib"] = round(median(book.stored) / MIB, 2)
    found[f"{name}_added_mib_after_1pct"] = round(median(book.added) / MIB, 2)
    return found


def figures(books: dict[str, Book]) -> Figures:
    """Turn the books into the named figures; ratios are of medians."""
    found: Figures = {}
    for name, book in books.items():
        found |= raw(name, book)
    box = books.get("box")
    if box is not None:
        for name in books.keys() - {"box"}:
            for step in ("ingest", "verify", "restore"):
                found[f"{step}_cpu_vs_{name}"] = round(box.cpu(step) / books[name].cpu(step), 4)
            found[f"ingest_wall_vs_{name}"] = round(books[name].wall("ingest") / box.wall("ingest"), 4)
            found[f"repo_vs_{name}"] = round(median(box.stored) / median(books[name].stored), 4)
            acknowledged = median(box.extra["ingest_acknowledged_wall_s"])
            found[f"ingest_acknowledged_wall_vs_{name}"] = round(books[name].wall("ingest") / acknowledged, 4)
        found["added_mib_after_1pct"] = found["box_added_mib_after_1pct"]
        for part in ("ingest_peak_pss_mib", "parser_peak_rss_mib", "preview_cpu_s_per_1000"):
            found[part] = max(box.extra[part]) if part.endswith("mib") else median(box.extra[part])
    compared = [one for book in books.values() for one in book.compared]
    found["identical"] = all(one.identical for one in compared)
    found["files_compared"] = sum(one.files for one in compared)
    found["bytes_compared"] = sum(one.size for one in compared)
    return found


def about(data: DataSet, programs: dict[str, Program]) -> Figures:
    """What was measured with what."""
    told: Figures = {f"set_{kind}": count for kind, count in data.counts.items()}
    told |= {"set_files": data.files, "set_mib": round(data.size / MIB, 1), "set_fingerprint": data.fingerprint}
    for name, program in programs.items():
        told |= {f"{name}_version": program.version, f"{name}_sha256": program.sha256, f"{name}_origin": program.origin}
    return told


if __name__ == "__main__":
    sys.exit(main(bench, "Put, verify and restore against restic and borg."))
