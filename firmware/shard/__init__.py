"""Shards: a sealed pack <-> pieces of which any k of n give it back, and their proofs (docs/formats/shard.md)."""

from firmware.shard.coding import Payload, join, leaf, piece, rebuild, shard, shards, windows
from firmware.shard.layout import LAYOUTS, Layout, layout_for
from firmware.shard.merkle import (
    LEAF_BYTES,
    NONCE_BYTES,
    ShardHasher,
    Tree,
    audit_answer,
    check_leaf,
    check_shard,
    leaf_count,
    leaf_size,
    shard_id,
    tree,
)

__all__ = [
    "LAYOUTS",
    "LEAF_BYTES",
    "NONCE_BYTES",
    "Layout",
    "Payload",
    "ShardHasher",
    "Tree",
    "audit_answer",
    "check_leaf",
    "check_shard",
    "join",
    "layout_for",
    "leaf",
    "leaf_count",
    "leaf_size",
    "piece",
    "rebuild",
    "shard",
    "shard_id",
    "shards",
    "tree",
    "windows",
]
