"""Shards: a sealed pack <-> pieces of which any k of n give it back, and their proofs (docs/formats/shard.md).

Names are loaded when the first one is asked for: what only lays out sizes has no erasure coder in its memory.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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


def __getattr__(name: str) -> Any:
    """Load everything about shards and return one of its names; raises AttributeError."""
    if name not in __all__:
        raise AttributeError(name)
    from firmware.shard import coding, layout, merkle

    own = globals()
    for module in (coding, layout, merkle):
        own.update((each, vars(module)[each]) for each in __all__ if each in vars(module) and each not in own)
    return own[name]
