"""One set of options for every bench, and the one way to end: `seconds`, then one JSON object as the last line."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.dataset import default_cache

Figures = dict[str, object]


@dataclass(frozen=True)
class Options:
    """What a bench was asked; sizes in GiB or GB as their names say."""

    data: Path | None
    seed: int
    keep: Path | None
    cache: Path
    gib: float
    rounds: int
    files: int
    gb: float
    days: int
    photo_divide: int
    quiet: bool

    def say(self, sentence: str) -> None:
        """Print progress for a person; with --json it goes to standard error."""
        print(sentence, file=sys.stderr if self.quiet else sys.stdout, flush=True)


def parse(description: str, arguments: Sequence[str] | None = None) -> Options:
    """Read the command line all benches share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--json", action="store_true", help="progress to standard error; the last line printed is one JSON object"
    )
    parser.add_argument("--data", type=Path, help="put this folder instead of the generated data set (it is only read)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the generated data set and of the change")
    parser.add_argument("--keep", type=Path, help="leave boxes, repositories and restored trees in this new folder")
    parser.add_argument(
        "--cache", type=Path, default=default_cache(), help="where data sets and peers' programs are kept between runs"
    )
    parser.add_argument("--gib", type=float, default=1.0, help="size of the generated data set (locker bench)")
    parser.add_argument("--rounds", type=int, default=3, help="how often what varies is measured; medians count")
    parser.add_argument("--files", type=int, default=100_000, help="files to put (scale bench)")
    parser.add_argument("--gb", type=float, default=20.0, help="bytes to put, in 10^9 (scale bench)")
    parser.add_argument("--days", type=int, default=365, help="days to simulate (wear bench)")
    parser.add_argument("--photo-divide", type=int, default=1, help="shrink photographs' edges (smoke tests)")
    told = parser.parse_args(arguments)
    return Options(
        told.data,
        told.seed,
        told.keep,
        told.cache,
        told.gib,
        told.rounds,
        told.files,
        told.gb,
        told.days,
        told.photo_divide,
        told.json,
    )


@contextmanager
def workplace(options: Options) -> Iterator[Path]:
    """Give a folder to work in: --keep, which stays, or a temporary one beside the cache, which goes."""
    if options.keep is not None:
        options.keep.mkdir(parents=True, exist_ok=True)
        yield options.keep.resolve()
        return
    options.cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.cache) as folder:
        yield Path(folder)


def main(bench: Callable[[Options], Figures], description: str, arguments: Sequence[str] | None = None) -> int:
    """Run ``bench`` and print its figures; ends with 0 whatever they say, as long as it ran to its end."""
    options = parse(description, arguments)
    started = time.monotonic()
    figures = bench(options)
    figures["seconds"] = round(time.monotonic() - started, 1)
    for name, value in figures.items():
        options.say(f"{name:40} {value}")
    print(json.dumps(figures), flush=True)
    return 0


def rounded(figures: Mapping[str, float], digits: int = 4) -> Figures:
    """Round every figure for printing."""
    return {name: round(value, digits) for name, value in figures.items()}
