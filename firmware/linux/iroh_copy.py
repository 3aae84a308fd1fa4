"""Makes iroh's Python binding hand over bytes in one copy; imported before anything is sent.

uniffi up to 0.31 writes a buffer into Rust's memory byte by byte in Python: 7 MiB/s, and the event loop stands still
for 359 ms per MiB. uniffi 0.32 uses memmove. Until a wheel is built with it, this module puts the same memmove in
place, but only over the exact source it was written for, and only if bytes then come through unchanged. Otherwise
the binding is left alone (``MODE`` "slow"), and the transport writes small pieces.
"""

from __future__ import annotations

import ctypes
import hashlib
import inspect
import linecache
import logging
from typing import Any, Literal

import iroh.iroh_ffi as binding

Mode = Literal["patched", "native", "slow"]

_KNOWN_SLOW = frozenset({"80a30c45daf7f127f8d5137f736f90066d36ec166a28ea47d9d4f0fc1d941f84"})
"""SHA-256 of the source of ``_UniffiRustBufferBuilder.write`` in iroh 0.35, 1.0, 1.1 and 1.2."""

_LOG = logging.getLogger(__name__)


def install(module: Any = binding) -> Mode:
    """Patch ``module`` if it needs it and can be; returns what it is now. Never raises: slow is better than down."""
    builder = getattr(module, "_UniffiRustBufferBuilder", None)
    before = getattr(builder, "write", None)
    try:
        source = inspect.getsource(before) if before is not None else ""
    except (OSError, TypeError):
        source = ""
    linecache.clearcache()  # it would keep the whole binding as text
    if "memmove" in source:
        return "native"
    if hashlib.sha256(source.encode()).hexdigest() not in _KNOWN_SLOW:
        _LOG.error("iroh's binding is another one than this house knows; it is left alone and will be slow")
        return "slow"
    assert builder is not None
    builder.write = _write
    try:
        check(module)
    except (AssertionError, AttributeError, TypeError, ValueError, ctypes.ArgumentError, module.InternalError):
        builder.write = before
        _LOG.exception("bytes did not come through the faster copy; it was taken out again")
        return "slow"
    return "patched"


def _write(self: Any, value: bytes | bytearray | memoryview) -> None:
    """Append ``value`` to the buffer ``self`` builds; replaces ``_UniffiRustBufferBuilder.write``."""
    count = len(value)
    if not count:
        return  # the buffer may have no memory yet
    raw = value if isinstance(value, bytes) else bytes(value)
    if len(raw) != count:
        raise TypeError("a buffer of bytes is needed")
    with self._reserve(count):
        ctypes.memmove(ctypes.addressof(self.rbuf.data.contents) + self.rbuf.len, raw, count)


def check(module: Any = binding) -> None:
    """Send bytes of awkward lengths through the binding and through Rust; AssertionError when they differ (1 ms)."""
    for count in (0, 1, 15, 16, 17, 255, 65_537):
        wanted = (bytes(range(256)) * (count // 256 + 1))[:count]
        with module._UniffiRustBuffer.alloc_with_builder() as building:  # noqa: SLF001 - there is no public way
            building.write_i32(count)
            building.write(wanted)
            building.write_u8(7)
            built = building.finalize()
        with built.consume_with_stream() as reading:
            assert (reading.read_i32(), reading.read(count), reading.read_u8()) == (count, wanted, 7), count
    seed, text = bytes(range(32)), "é€" * 40_000
    key = module.SecretKey.from_bytes(seed)
    assert key.to_bytes() == seed, "a key"
    assert module.EndpointAddr(key.public(), None, [text]).direct_addresses() == [text], "a long text"


MODE: Mode = install()
