"""The catalog's tables. Not a frozen format: another SCHEMA number means rebuild (docs/formats/catalog.md)."""

from __future__ import annotations

SCHEMA = 3

TABLES = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE pack(no INTEGER PRIMARY KEY, id BLOB UNIQUE, kind INT, suite INT, epoch INT, salt BLOB,
  state INT, frames INT, size INT, digest BLOB);
CREATE TABLE chunk(id BLOB PRIMARY KEY, pack INT, frame INT, at INT, sealed INT, start INT, length INT) WITHOUT ROWID;
CREATE TABLE link(seq INTEGER PRIMARY KEY, pack INT, frame INT, at INT, sealed INT);
CREATE TABLE tag(tag TEXT, rid INT, PRIMARY KEY(tag, rid)) WITHOUT ROWID;
CREATE INDEX tag_record ON tag(rid);
CREATE TABLE upload(id BLOB PRIMARY KEY, made INT, name BLOB, size INT, mtime_ns INT, mime TEXT, collide TEXT,
  state TEXT, kept INT, tail BLOB, tail_size INT, expires_ms INT, record BLOB);
CREATE INDEX upload_open ON upload(made) WHERE state='open';
CREATE TABLE upload_part(id BLOB, at INT, chunks BLOB, PRIMARY KEY(id, at)) WITHOUT ROWID;
CREATE TABLE record(rid INTEGER PRIMARY KEY, id BLOB UNIQUE, name BLOB, size INT, mime TEXT, when_ms INT,
  day INT, kind INT, mtime_ns INT, stored_ms INT, version INT, state INT, deleted_ms INT, taken_ms INT,
  taken_local INT, width INT, height INT, duration_ms INT, lat_e7 INT, lon_e7 INT, title TEXT, trouble TEXT,
  pending INT, has_preview INT, text_seq INT, place TEXT, tags TEXT, note TEXT);
CREATE INDEX record_name ON record(name, state);
CREATE INDEX record_day ON record(state, day, when_ms, kind, size);
CREATE INDEX record_pending ON record(pending, rid) WHERE pending > 0;
CREATE TABLE version(rid INT, version INT, size INT, mtime_ns INT, stored_ms INT, digest TEXT, chunks BLOB, depth INT,
  PRIMARY KEY(rid, version)) WITHOUT ROWID;
CREATE TABLE preview(rid INT, edge INT, mime TEXT, chunk BLOB, size INT, PRIMARY KEY(rid, edge)) WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5(name, text, content='', contentless_delete=1, detail=none,
  tokenize='unicode61 remove_diacritics 2');
INSERT INTO words(words, rank) VALUES('automerge', 16);
"""
"""Merging the word index 16 segments at a time instead of 4 takes a quarter off its CPU (`./box bench locker`)."""

RECORD_COLUMNS = (
    "r.rid, r.id, r.name, r.size, r.mime, r.when_ms, r.mtime_ns, r.stored_ms, r.version, r.state, r.deleted_ms, "
    "r.taken_ms, r.taken_local, r.width, r.height, r.duration_ms, r.lat_e7, r.lon_e7, r.title, r.has_preview, r.place, "
    "r.tags, r.note"
)
"""What firmware.linux.catalog reads a Record from; rid first."""

BY_DAY = "r.day DESC, r.when_ms DESC, r.kind DESC, r.size DESC, r.rid DESC"
AFTER_DAY = " AND (r.day, r.when_ms, r.kind, r.size, r.rid) < (?, ?, ?, ?, ?)"
"""Newest first, exactly as the index record_day stands."""

MAKE_RECORD = (
    "INSERT INTO record(rid, id, name, size, mime, when_ms, day, kind, mtime_ns, stored_ms, version, state, pending, "
    "has_preview, text_seq) VALUES(?,?,?,?,?,?,?,?,?,?,?,1,?,0,?)"
)
MAKE_VERSION = "INSERT OR REPLACE INTO version VALUES(?,?,?,?,?,?,?,?)"
MAKE_WORDS = "INSERT OR REPLACE INTO words(rowid, name, text) VALUES(?,?,?)"
NEXT_VERSION = (
    "UPDATE record SET size=?, mime=?, when_ms=?, day=?, kind=?, mtime_ns=?, stored_ms=?, version=?, pending=?, "
    "has_preview=0, "
    "text_seq=?, taken_ms=NULL, taken_local=NULL, width=NULL, height=NULL, duration_ms=NULL, lat_e7=NULL, "
    "lon_e7=NULL, title=NULL, place=NULL, trouble=NULL WHERE rid=?"
)
SET_FACTS = (
    "UPDATE record SET mime=coalesce(?, mime), kind=coalesce(?, kind), when_ms=coalesce(?, when_ms), "
    "day=coalesce(?, day), taken_ms=?, taken_local=?, width=?, "
    "height=?, duration_ms=?, lat_e7=?, lon_e7=?, title=?, place=?, trouble=?, pending=?, "
    "text_seq=coalesce(?, text_seq) WHERE rid=?"
)
