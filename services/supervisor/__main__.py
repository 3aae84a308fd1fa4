"""``./box run``, in two lives of one process: first prepare (much is loaded for it), then run (little stays loaded).

The first ends by becoming the second: ``python -m services.supervisor --data DIR --live FD``.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    if sys.argv[3:4] == ["--live"]:
        from services.supervisor.live import main
    else:
        from services.supervisor.start import main
    sys.exit(main(sys.argv[1:]))
