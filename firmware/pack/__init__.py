"""Packs: bytes <-> values of the sealed, write-once files a locker is made of (docs/formats/pack.md)."""

from firmware.pack.format import (
    CODEC_RAW,
    CODEC_ZSTD,
    FRAME_LINK,
    FRAME_SEGMENT,
    FRAME_TRAILER,
    FRAMES_AT,
    Frame,
    Kind,
    Prelude,
    padded_size,
)
from firmware.pack.reading import PackReader, Rooms
from firmware.pack.writing import CutPack, PackWriter, pad_recovered

__all__ = [
    "CODEC_RAW",
    "CODEC_ZSTD",
    "FRAMES_AT",
    "FRAME_LINK",
    "FRAME_SEGMENT",
    "FRAME_TRAILER",
    "CutPack",
    "Frame",
    "Kind",
    "PackReader",
    "PackWriter",
    "Prelude",
    "Rooms",
    "pad_recovered",
    "padded_size",
]
