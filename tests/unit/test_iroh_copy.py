"""The copy patch goes over the source it was written for, proves itself, and steps back when anything is different."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from firmware.linux import iroh_copy


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second binding and library: one library called by two bindings answers the second alone."""
    found = importlib.util.find_spec("iroh.iroh_ffi")
    assert found is not None and found.origin is not None
    folder = tmp_path_factory.mktemp("wheel") / "iroh"
    shutil.copytree(Path(found.origin).parent, folder)
    return folder / Path(found.origin).name


@pytest.fixture
def fresh(copied: Path) -> Any:
    """The binding as the wheel brings it, imported once more under another name."""
    spec = importlib.util.spec_from_file_location("iroh_again", copied)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_the_known_binding_is_patched_and_recognised_the_second_time(fresh: Any) -> None:
    before = fresh._UniffiRustBufferBuilder.write
    assert iroh_copy.install(fresh) == "patched"
    assert fresh._UniffiRustBufferBuilder.write is not before
    iroh_copy.check(fresh)
    assert iroh_copy.install(fresh) == "native"


def test_an_unknown_binding_is_left_alone(fresh: Any, caplog: pytest.LogCaptureFixture) -> None:
    def write(self: Any, value: bytes) -> None:
        """Another release wrote this."""

    fresh._UniffiRustBufferBuilder.write = write
    assert iroh_copy.install(fresh) == "slow"
    assert fresh._UniffiRustBufferBuilder.write is write
    assert "left alone" in caplog.text


def test_a_copy_that_changes_bytes_is_taken_out_again(
    fresh: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = fresh._UniffiRustBufferBuilder.write

    def wrong(self: Any, value: bytes) -> None:
        before(self, bytes(len(value)))

    monkeypatch.setattr(iroh_copy, "_write", wrong)
    assert iroh_copy.install(fresh) == "slow"
    assert fresh._UniffiRustBufferBuilder.write is before
    iroh_copy.check(fresh)
    assert "taken out" in caplog.text


@pytest.mark.parametrize("module", [ModuleType("empty"), object()])
def test_a_binding_without_the_method_is_left_alone(module: object) -> None:
    assert iroh_copy.install(module) == "slow"


def test_wider_items_are_refused_before_they_corrupt_anything(fresh: Any) -> None:
    iroh_copy.install(fresh)
    with pytest.raises(TypeError), fresh._UniffiRustBuffer.alloc_with_builder() as building:
        building.write(memoryview(bytes(16)).cast("I"))


def test_in_slow_mode_a_stream_is_written_in_small_pieces() -> None:
    told = subprocess.run([sys.executable, "-c", _SLOW], capture_output=True, text=True, check=False, timeout=60)
    assert told.stdout.split() == ["slow", "16384"], told.stderr


_SLOW = """
import iroh.iroh_ffi as binding
binding._UniffiRustBufferBuilder.write = lambda self, value: None
import logging; logging.disable()
from firmware.linux import iroh_copy, iroh_link
print(iroh_copy.MODE, iroh_link._STEP)
"""
