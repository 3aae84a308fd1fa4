"""The second life of ``./box run``: watch over the processes of the box. Nothing is loaded here that may rest on disk.

Certificates and the page for people are made by short-lived children (``authority.py``, ``greeting.py``).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from firmware.errors import BoxError
from services.supervisor.box import Box
from services.supervisor.children import HOUSE, environment
from services.supervisor.leaf import LeafKnown
from services.supervisor.listening import Listen
from services.supervisor.prepared import BoxFolder

_STATE_BYTES = 1 << 20
_GREETING_SECONDS = 60.0


def main(words: list[str]) -> int:
    """Run the box until it is stopped; returns the exit code (0 after an orderly stop)."""
    handed = int(words[3])
    state = json.loads(os.pread(handed, _STATE_BYTES, 0))
    os.close(handed)
    folder = BoxFolder(Path(state["data"]), Path(state["run"]), state["box_id"], state["host"], state["lock_fd"])
    os.set_inheritable(folder.lock_fd, False)  # only the children may have it, not the short-lived ones
    addresses, http, https = state["listen"]
    covers, until_ms = state["leaf"]
    leaf = LeafKnown((tuple(covers[0]), tuple(covers[1]), tuple(covers[2])), until_ms)
    box = Box(
        folder,
        Listen(tuple(addresses), http, https),
        leaf,
        announce=state["announce"],
        circle_port=state["circle_port"],
    )
    try:
        box.run(lambda box: _greet(box, state["claim_code"], headless=state["headless"]))
    except BoxError as error:
        told = error.as_dict()
        print(f"{told['sentence']}\n{told['advice']}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"The box cannot go on: {error.strerror or error}.", file=sys.stderr)
        return 1
    finally:
        folder.leave()
    return 0


def _greet(box: Box, code: str, *, headless: bool) -> None:
    listen, folder = box.listen, box.folder
    addresses = [str(each) for each in box.heard_at().reachable]
    greeting = {
        "host": box.name,
        "addresses": addresses,
        "http_port": listen.http_port,
        "https_port": listen.https_port,
        "claim_code": code,
        "ca_pem": str(folder.keys / "ca.pem"),
        "data": str(folder.data),
    }
    if headless:
        host = addresses[0] if addresses else f"{box.name}.local"
        shown = f"[{host}]" if ":" in host else host
        said = {"http": f"http://{shown}", "https": f"https://{shown}"}
        if listen.http_port != 80:
            said["http"] += f":{listen.http_port}"
        if listen.https_port != 443:
            said["https"] += f":{listen.https_port}"
        print(json.dumps({"ready": True, **said, "claim_code": code, "ca_pem": greeting["ca_pem"]}), flush=True)
        return
    encoding = {"PYTHONIOENCODING": sys.stdout.encoding or "utf-8"}
    subprocess.run(
        [sys.executable, "-m", "services.supervisor.greeting"],
        input=json.dumps(greeting).encode(),
        cwd=HOUSE,
        env=environment() | encoding,
        timeout=_GREETING_SECONDS,
        check=False,
    )
