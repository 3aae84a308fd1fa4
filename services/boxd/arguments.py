"""The words boxd is started with."""

from __future__ import annotations

import argparse
from pathlib import Path

from services.boxd import facts


def parser() -> argparse.ArgumentParser:
    """Return the parser of boxd's command line."""
    made = argparse.ArgumentParser(prog="boxd")
    made.add_argument("--run", type=Path, required=True, help="folder of the sockets")
    made.add_argument("--own", type=Path, required=True, help="boxd's own folder; only root writes there")
    made.add_argument("--news", type=Path, required=True, help="what the fetcher brought")
    made.add_argument("--ask", type=Path, required=True, help="the file whose change starts the fetcher")
    made.add_argument("--sticks", type=Path, default=Path("/media/locker-box"), help="where sticks are mounted")
    made.add_argument("--keys", type=Path, default=Path("/usr/lib/locker-box/release-keys"))
    made.add_argument("--system", type=Path, default=facts.SYSTEM)
    made.add_argument("--slot", type=Path, default=facts.SLOT)
    made.add_argument("--autoboot", type=Path, default=facts.AUTOBOOT)
    made.add_argument("--name", type=Path, default=Path("/run/locker-box-name/name"), help="what peerd announces")
    made.add_argument("--https-port", type=int, default=443)
    made.add_argument("--allow-user", action="append", default=[], help="may connect too (lockerd's user)")
    return made
