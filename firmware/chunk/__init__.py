"""Cuts contents into chunks and gives each a keyed id. It knows nothing of files, packs or disks."""

from firmware.chunk.cutting import Cutter, chunk_id, content_digest
from firmware.chunk.resuming import ResumingCutter

__all__ = ["Cutter", "ResumingCutter", "chunk_id", "content_digest"]
