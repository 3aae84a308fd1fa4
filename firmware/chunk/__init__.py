"""Cuts contents into chunks and gives each a keyed id. It knows nothing of files, packs or disks."""

from firmware.chunk.cutting import Cutter, chunk_id, content_digest

__all__ = ["Cutter", "chunk_id", "content_digest"]
