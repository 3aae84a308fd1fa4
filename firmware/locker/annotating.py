"""What a member writes on records: tags and a note. Each change is one chain entry that holds all of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from firmware import chain
from firmware.errors import Misused
from firmware.limits import NOTE_CHARS, TAG_CHARS, TAGS_PER_RECORD

if TYPE_CHECKING:
    from firmware.locker.locker import Locker


def annotate(
    locker: Locker,
    ids: Sequence[str],
    *,
    add_tags: Sequence[str] = (),
    remove_tags: Sequence[str] = (),
    note: str | None = None,
) -> int:
    """Change tags and note of records (``note`` None: as it was); returns how many changed. Commit afterwards.

    Raises NoSuchRecord, or Misused for a tag or note beyond its bounds; then nothing was changed.
    """
    added, removed = {_tag(tag) for tag in add_tags}, {_tag(tag) for tag in remove_tags}
    if note is not None and len(note) > NOTE_CHARS:
        raise Misused(why=f"a note has at most {NOTE_CHARS} characters")
    locker.commit()  # two changes of one record must see each other
    entries = []
    for record in (locker.get(id) for id in dict.fromkeys(ids)):
        tags = tuple(sorted((set(record.tags) | added) - removed))
        if len(tags) > TAGS_PER_RECORD:
            raise Misused(why=f"a record has at most {TAGS_PER_RECORD} tags")
        text = record.note if note is None else note
        if (tags, text) != (record.tags, record.note):
            entries.append(chain.Noted(bytes.fromhex(record.id), list(tags), text))
    for entry in entries:
        locker.queue(entry)
    return len(entries)


def _tag(text: str) -> str:
    tag = " ".join(text.split())
    if not tag or len(tag) > TAG_CHARS or "," in tag or not tag.isprintable():
        raise Misused(why=f"a tag has 1 to {TAG_CHARS} characters, without commas")
    return tag
