"""``./box run``: read the command line, wire the parts, turn errors into a sentence and an advice."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from pathlib import Path

from firmware.errors import BoxError
from services.api.place import default_data
from services.supervisor.box import Box
from services.supervisor.box_folder import prepare
from services.supervisor.claim import claim_code
from services.supervisor.greeting import Greeting
from services.supervisor.ports import choose
from services.supervisor.settings import read_settings


def main(words: list[str]) -> int:
    """Run the box until it is stopped; returns the exit code (0 after an orderly stop)."""
    args = _parser().parse_args(words)
    data = Path(args.data).expanduser() if args.data else default_data()
    os.umask(0o077)
    try:
        return _run(data, args)
    except BoxError as error:
        told = error.as_dict()
        print(f"{told['sentence']}\n{told['advice']}", file=sys.stderr)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        advice = "Free some space on that disk." if full else "Choose a folder you may write to with `--data DIR`."
        print(f"The box cannot use {error.filename or data}: {error.strerror}.\n{advice}", file=sys.stderr)
    return 1


def _run(data: Path, args: argparse.Namespace) -> int:
    folder = prepare(data)
    try:
        settings = read_settings(folder.data / "settings.toml")
        listen = choose(settings, args.port, args.host, args.headless)
        code = claim_code(folder)

        def greet(box: Box) -> None:
            http, https = box.listen.http_port, box.listen.https_port
            greeting = Greeting(
                host=folder.host,
                addresses=box.heard_at().reachable,
                http_port=http,
                https_port=https,
                claim_code=code,
                ca_pem=folder.keys / "ca.pem",
                data=folder.data,
            )
            if args.headless:
                print(greeting.as_json(), flush=True)
            else:
                greeting.write(sys.stdout)

        Box(folder, listen, settings.announce).run(greet)
    finally:
        folder.leave()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./box run", description="Run the box in the foreground until Ctrl-C.")
    parser.add_argument("--data", metavar="DIR", help=f"data folder (default {default_data()})")
    parser.add_argument(
        "--port",
        metavar="N",
        type=int,
        help="HTTP on N and HTTPS on N+363; 0: any free ports (default 80 and 443, else 8080 and 8443)",
    )
    parser.add_argument("--host", metavar="ADDRESS", help="listen on this IP address only (0.0.0.0: all)")
    parser.add_argument("--headless", action="store_true", help="print one JSON line when ready, nothing else")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
