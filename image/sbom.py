"""The list of everything in the image (CycloneDX 1.6, JSON): Debian packages, Python packages, this clone."""

from __future__ import annotations

import email.parser
import json
import time
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

_OURS: Final = uuid.UUID("0b8e5a3c-6f0f-5d55-8f8d-3c1c8f2a9d10")


def debian(status: str) -> list[dict[str, Any]]:
    """Return the installed packages out of dpkg's status file, or of the control files of packages."""
    found = []
    for paragraph in status.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line and line[0] != " ")
        if "Package" not in fields or "installed" not in fields.get("Status", "installed").split():
            continue
        name, version, arch = (fields[each] for each in ("Package", "Version", "Architecture"))
        locator = f"pkg:deb/debian/{name}@{version.replace('+', '%2B').replace(':', '%3A')}?arch={arch}"
        found.append({"type": "library", "name": name, "version": version, "purl": locator, "bom-ref": locator})
    return found


def python(packages: Path) -> list[dict[str, Any]]:
    """Return the Python packages laid out in a folder."""
    found = []
    for path in packages.glob("*.dist-info/METADATA"):
        told = email.parser.HeaderParser().parsestr(path.read_text())
        name, version = str(told["Name"]).lower().replace("_", "-"), str(told["Version"])
        locator = f"pkg:pypi/{name}@{version}"
        component: dict[str, Any] = {"type": "library", "name": name, "version": version, "purl": locator}
        if licence := told["License-Expression"] or _short(told["License"]):
            component["licenses"] = [{"license": {"name": licence}}]
        found.append({**component, "bom-ref": locator})
    return found


def _short(licence: str | None) -> str | None:
    return licence if licence and "\n" not in licence and len(licence) < 80 else None


def document(product: Mapping[str, str], components: Iterable[Mapping[str, Any]], epoch: int) -> str:
    """Return the whole list; ``product``: name and version of the image. The same components give the same bytes."""
    listed = sorted(components, key=lambda each: str(each["bom-ref"]))
    serial = uuid.uuid5(_OURS, json.dumps([dict(product), listed], sort_keys=True))
    told = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch)),
            "component": {"type": "firmware", "bom-ref": "image", **product},
        },
        "components": listed,
    }
    return json.dumps(told, indent=1, sort_keys=True) + "\n"
