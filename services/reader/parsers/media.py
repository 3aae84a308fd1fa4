"""Sound and moving pictures: ffprobe's facts, ffmpeg's poster. Their programs run in a child of their own; this
module gives their command lines and reads what ffprobe said.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any

from firmware.model import Facts
from firmware.model.mime import AUDIOS, VIDEOS
from services.reader.answer import TITLE_CHARACTERS, ReadError, Trouble
from services.reader.parsers.html import squeezed
from services.reader.zygote import Job

_SOURCE = "file:/proc/self/fd/0"
_CAREFUL = [
    "-v", "error", "-threads", "1", "-protocol_whitelist", "file",
    "-format_whitelist", "mov,matroska,avi,mp3,flac,ogg,wav,aac,webp_pipe,png_pipe",
    "-probesize", "4M", "-analyzeduration", "5M",
]  # fmt: skip
"""One thread; no network or list protocols; only demuxers of the files we announce (no playlists, no concat)."""
_SPARING = ["-probesize", "1M"]
"""Of films the header says nearly all; more packets would only be decoded. Music may carry a larger cover."""
_EDGE = 1600
_POSTER = f"scale=w='min({_EDGE},iw)':h='min({_EDGE},ih)':force_original_aspect_ratio=decrease:flags=area"
_PLACE = re.compile(r"([+-]\d{1,2}(?:\.\d+)?)([+-]\d{1,3}(?:\.\d+)?)")


def command(job: Job) -> list[str]:
    """Return the command line that answers ``job`` about descriptor 0, printing to descriptor 1."""
    if job.task == "facts":
        shown = (
            "format=duration:format_tags:stream=codec_type,width,height,duration:stream_tags=rotate"
            ":stream_side_data=rotation:stream_disposition=attached_pic"
        )
        spare = _SPARING if job.mime in VIDEOS else []
        return ["ffprobe", *_CAREFUL, *spare, "-print_format", "json", "-show_entries", shown, "-i", _SOURCE]
    return [
        "ffmpeg", "-nostdin", *_CAREFUL, "-skip_frame", "nokey", "-i", _SOURCE, "-map", "0:v:0", "-frames:v", "1",
        "-filter_threads", "1", "-vf", _POSTER, "-threads", "1", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-q:v", "2",
        "-f", "image2pipe", "pipe:1",
    ]  # fmt: skip


def facts(said: bytes, mime: str) -> Facts:
    """Read ffprobe's JSON: duration, size as shown, date, place, title. Raises ReadError when there is no stream."""
    try:
        found = json.loads(said)
        streams = [stream for stream in found.get("streams", []) if isinstance(stream, dict)]
    except (ValueError, AttributeError) as error:
        raise ReadError(Trouble.NOT_UNDERSTOOD) from error
    if not streams:
        raise ReadError(Trouble.NOT_UNDERSTOOD)
    whole = found.get("format", {})
    tags = {str(name).lower(): str(value) for name, value in whole.get("tags", {}).items()}
    width, height = (None, None) if mime in AUDIOS else _size(streams)
    taken, local = _taken(tags)
    lat, lon = _place(tags.get("com.apple.quicktime.location.iso6709") or tags.get("location", ""))
    return Facts(
        taken_ms=taken, taken_local=local, width=width, height=height, duration_ms=_duration(whole, streams),
        lat_e7=lat, lon_e7=lon, title=squeezed(tags.get("title", ""))[:TITLE_CHARACTERS] or None,
        text=squeezed(" ".join(tags.get(name, "") for name in ("artist", "album", "description", "comment"))) or None,
    )  # fmt: skip


def _size(streams: list[dict[str, Any]]) -> tuple[int | None, int | None]:
    """Return width and height of the first picture stream as a viewer sees it (turned upright)."""
    for stream in streams:
        width, height = stream.get("width"), stream.get("height")
        if stream.get("codec_type") != "video" or not isinstance(width, int) or not isinstance(height, int):
            continue
        turns = [side.get("rotation", 0) for side in stream.get("side_data_list", []) if isinstance(side, dict)]
        turned = any(isinstance(turn, int) and abs(turn) % 180 == 90 for turn in turns)
        return (height or None, width or None) if turned else (width or None, height or None)
    return None, None


def _duration(whole: dict[str, Any], streams: list[dict[str, Any]]) -> int | None:
    for part in (whole, *streams):
        try:
            seconds = float(part.get("duration", ""))
        except (TypeError, ValueError):
            continue
        if 0 <= seconds < 10**8:
            return round(seconds * 1000)
    return None


def _taken(tags: dict[str, str]) -> tuple[int | None, bool]:
    """Return (ms since 1970 UTC, False), or (ms of the wall clock, True) when the tag names no zone."""
    for name in ("com.apple.quicktime.creationdate", "creation_time", "date"):
        try:
            when = dt.datetime.fromisoformat(tags.get(name, ""))
        except ValueError:
            continue
        if when.year < 1971 or (name == "date" and len(tags[name]) < 10):
            continue
        local = when.tzinfo is None
        return int((when.replace(tzinfo=dt.UTC) if local else when).timestamp() * 1000), local
    return None, False


def _place(text: str) -> tuple[int | None, int | None]:
    """Read ISO 6709 (“+52.5200+013.4050/”) as degrees * 10^7."""
    found = _PLACE.match(text)
    if not found:
        return None, None
    lat, lon = (round(float(part) * 10_000_000) for part in found.groups())
    sound = abs(lat) <= 900_000_000 and abs(lon) <= 1_800_000_000 and (lat or lon)
    return (lat, lon) if sound else (None, None)
