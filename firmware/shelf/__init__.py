"""A shelf: a disk that holds a second copy of every cut pack and may be pulled at any time (docs/formats/shelf.md)."""

from firmware.shelf.deciding import MARGIN_BYTES, Wanted, batches, fitting, goes, line, to_check, without
from firmware.shelf.format import CARRY, FOLDER, MARK, Entry, Mark, What, pack_file, paper_file
from firmware.shelf.keeping import LockerShelf, ShelfDisk, Source, Survey, Wrote, make, put_file, read_mark

__all__ = [
    "CARRY",
    "FOLDER",
    "MARGIN_BYTES",
    "MARK",
    "Entry",
    "LockerShelf",
    "Mark",
    "ShelfDisk",
    "Source",
    "Survey",
    "Wanted",
    "What",
    "Wrote",
    "batches",
    "fitting",
    "goes",
    "line",
    "make",
    "pack_file",
    "paper_file",
    "put_file",
    "read_mark",
    "to_check",
    "without",
]
