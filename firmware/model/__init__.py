"""The nouns of the house as frozen values. Nothing here does I/O or knows a file format."""

from firmware.model.name import MAX_NAME_BYTES, SafeName
from firmware.model.record import (
    Analysis,
    Collide,
    Facts,
    Page,
    Preview,
    Problem,
    PutResult,
    PutState,
    Record,
    RecordState,
    VerifyReport,
    Version,
)

__all__ = [
    "MAX_NAME_BYTES",
    "Analysis",
    "Collide",
    "Facts",
    "Page",
    "Preview",
    "Problem",
    "PutResult",
    "PutState",
    "Record",
    "RecordState",
    "SafeName",
    "VerifyReport",
    "Version",
]
