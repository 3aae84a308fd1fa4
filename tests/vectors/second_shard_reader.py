"""A second maker and joiner of shards, format 1, from docs/formats/shard.md alone; imports nothing of the product.

Field, Cauchy matrix, its inversion, filler, tree, id, proofs and audit answers are spelled out; BLAKE3 is a library's.
"""

from __future__ import annotations

from blake3 import blake3

LEAF = 16384


def _field() -> tuple[list[int], list[int]]:
    """Powers of x (twice round) and their logarithms in GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1."""
    powers, logs, at = [], [0] * 256, 1
    for exponent in range(255):
        powers.append(at)
        logs[at] = exponent
        at <<= 1
        if at & 0x100:
            at ^= 0x11D
    return powers * 2, logs


POWERS, LOGS = _field()


def times(a: int, b: int) -> int:
    """Multiply two bytes of the field."""
    return POWERS[LOGS[a] + LOGS[b]] if a and b else 0


def inv(a: int) -> int:
    """The byte that gives 1 with ``a``."""
    return POWERS[255 - LOGS[a]]


def row(k: int, number: int) -> list[int]:
    """How much of each data shard is in shard ``number``."""
    return [int(number == j) for j in range(k)] if number < k else [inv(number ^ j) for j in range(k)]


def mix(factors: list[int], rows: list[bytes]) -> bytes:
    """The sum of rows, each times its factor, byte by byte."""
    total = 0
    for factor, data in zip(factors, rows, strict=True):
        total ^= int.from_bytes(data.translate(bytes(times(factor, b) for b in range(256))), "big")
    return total.to_bytes(len(rows[0]), "big")


def inverse(matrix: list[list[int]]) -> list[list[int]]:
    """Invert a square matrix by Gauss and Jordan."""
    k = len(matrix)
    work = [[*line, *(int(i == j) for j in range(k))] for i, line in enumerate(matrix)]
    for at in range(k):
        pivot = next(i for i in range(at, k) if work[i][at])
        work[at], work[pivot] = work[pivot], work[at]
        scale = inv(work[at][at])
        work[at] = [times(scale, value) for value in work[at]]
        for other in range(k):
            factor = work[other][at]
            if other != at and factor:
                work[other] = [a ^ times(factor, b) for a, b in zip(work[other], work[at], strict=True)]
    return [line[k:] for line in work]


def length_of(size: int, k: int) -> int:
    """The length of every shard of a payload."""
    each = (size + k - 1) // k
    return (each + 63) // 64 * 64


def make(payload: bytes, k: int, n: int) -> list[bytes]:
    """All shards of a payload."""
    each = length_of(len(payload), k)
    filler = blake3(blake3(payload).digest()).digest(length=k * each - len(payload))
    laid = payload + filler
    data = [laid[i * each : (i + 1) * each] for i in range(k)]
    return [mix(row(k, number), data) for number in range(n)]


def join(size: int, k: int, held: dict[int, bytes]) -> bytes:
    """The payload from exactly k shards by their numbers."""
    back = inverse([row(k, number) for number in held])
    rows = list(held.values())
    return b"".join(mix(line, rows) for line in back)[:size]


def leaves(shard: bytes) -> list[bytes]:
    """The leaves of a shard."""
    return [shard[at : at + LEAF] for at in range(0, len(shard), LEAF)]


def _point(shard: list[bytes]) -> bytes:
    """The root over leaves, from above: the left half is the largest power of two below their number."""
    if len(shard) == 1:
        return blake3(b"\x00" + shard[0]).digest()
    half = 1
    while half * 2 < len(shard):
        half *= 2
    return blake3(b"\x01" + _point(shard[:half]) + _point(shard[half:])).digest()


def shard_id(shard: bytes) -> bytes:
    """What a shard is called."""
    return blake3(b"lockerbox shard 1" + len(shard).to_bytes(8, "big") + _point(leaves(shard))).digest()


def proof(shard: bytes, number: int) -> bytes:
    """The neighbours of leaf ``number`` on the way up."""
    level, way = [blake3(b"\x00" + leaf).digest() for leaf in leaves(shard)], b""
    while len(level) > 1:
        beside = number - 1 if number % 2 else number + 1
        way += level[beside] if beside < len(level) else b""
        level = [
            blake3(b"\x01" + level[i] + level[i + 1]).digest() if i + 1 < len(level) else level[i]
            for i in range(0, len(level), 2)
        ]
        number //= 2
    return way


def answer(nonce: bytes, shard: bytes, picks: list[int]) -> bytes:
    """What a host answers to picked leaves."""
    return blake3(b"".join(leaves(shard)[number] for number in picks), key=nonce).digest()
