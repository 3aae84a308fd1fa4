"""Packs that come back from friends: checked, laid where the locker keeps them, and closed in its chain."""

from __future__ import annotations

from collections.abc import Iterable

from blake3 import blake3

from firmware.backup.book import PackPlace
from firmware.errors import BadSeal, Damaged, Full, Missing
from firmware.limits import FREE_RESERVE_BYTES, MIB
from firmware.locker.home import Home
from firmware.locker.locker import Locker
from firmware.locker.packs import file_name, reader_for
from firmware.locker.rows import PackState
from firmware.pack import CutPack, Kind, PackReader, Prelude
from firmware.pack.format import FRAMES_AT, PRELUDE_BYTES, SALT_BYTES, pack_id, pack_name
from firmware.ports import Disk
from firmware.seal import LockerSecrets


def place_name(place: PackPlace) -> str:
    """Return the name of a pack's file below the locker's folder; raises Damaged for a kind nobody knows."""
    try:
        return pack_name(Kind(place.kind), place.pack)
    except ValueError:
        raise Damaged(what="The book") from None


def take_in(home: Home, secrets: LockerSecrets, place: PackPlace, payload: bytes) -> None:
    """Check a pack that came back and write it down, durably.

    Raises BadSeal for one that is not of this locker, Damaged for one that is not what the book says, Full before the
    reserve of the disk is touched.
    """
    name = _checked(place, payload)
    whole = place.prelude + payload
    if not _is_sealed_for(secrets, home.disk, name, whole[:FRAMES_AT]):
        raise BadSeal(what=name)
    _write(home.disk, name, whole)


def is_ours(home: Home, secrets: LockerSecrets, place: PackPlace) -> bool:
    """Whether a pack that was laid down without any key is of this locker; True where it is not there."""
    name = place_name(place)
    try:
        return _is_sealed_for(secrets, home.disk, name, home.disk.read(name, 0, FRAMES_AT))
    except Missing:
        return True


def _is_sealed_for(secrets: LockerSecrets, disk: Disk, name: str, start: bytes) -> bool:
    """``start`` is the beginning of the file: prelude, salt, commitment."""
    prelude = Prelude.parse(start[:PRELUDE_BYTES], name)
    if len(start) < FRAMES_AT or not 1 <= prelude.epoch <= len(secrets.epochs):
        return False
    epoch, salt = secrets.epochs[prelude.epoch - 1], start[PRELUDE_BYTES : PRELUDE_BYTES + SALT_BYTES]
    return bool(len(epoch)) and PackReader(disk, name, prelude, salt, epoch).header_matches(start)


def lay_down(disk: Disk, place: PackPlace, payload: bytes) -> None:
    """Write a pack down without any key; raises as ``take_in``.

    The digest is what the signed chain of this locker says. Where it says none yet, and the book alone does,
    ``is_ours`` is asked before the locker is opened.
    """
    name = _checked(place, payload)
    _write(disk, name, place.prelude + payload)


def _checked(place: PackPlace, payload: bytes) -> str:
    """Return the name of the pack's file when everything is right that can be seen without keys."""
    name = place_name(place)
    if len(payload) != place.size or blake3(payload).digest() != place.digest or len(payload) < FRAMES_AT:
        raise Damaged(what=name)
    prelude = Prelude.parse(place.prelude, name)
    if prelude.kind != place.kind or pack_id(payload[:SALT_BYTES]) != place.pack:
        raise BadSeal(what=name)
    return name


def _write(disk: Disk, name: str, whole: bytes) -> None:
    free = disk.free_bytes()
    if len(whole) + FREE_RESERVE_BYTES > free:
        raise Full(need_mib=(len(whole) + FREE_RESERVE_BYTES) // MIB, free_mib=free // MIB)
    disk.replace(name, whole)


def is_here(disk: Disk, place: PackPlace) -> bool:
    """Whether the file of a pack lies there, as long as it should be; it was checked before."""
    try:
        return disk.size(place_name(place)) == place.size + PRELUDE_BYTES
    except Missing:
        return False


def those_here(home: Home, places: Iterable[PackPlace]) -> set[bytes]:
    """Return the ids of packs whose files lie there, as long as they should be; they were checked before."""
    names = set(home.disk.names("packs"))
    return {
        place.pack
        for place in places
        for name in [place_name(place)]
        if name.removeprefix("packs/") in names and home.disk.size(name) == place.size + PRELUDE_BYTES
    }


def close_in_chain(locker: Locker, place: PackPlace) -> None:
    """A pack is here of which the chain that friends had does not say yet that it is closed. Commit afterwards."""
    row = next((row for row in locker.shelf.rows.values() if row.id == place.pack), None)
    if row is None or row.state is not PackState.OPEN:
        return
    index = reader_for(locker.home, locker.secrets, row).index()
    frames = len(index) if index is not None else locker.catalog.extent(row.no)[0]
    done = CutPack(row.id, Kind(row.kind), frames, place.size + PRELUDE_BYTES, place.digest, recovered=index is None)
    assert file_name(row) == place_name(place)
    locker.packs.record_cut(row, done)
