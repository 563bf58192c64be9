"""The fault proxy as a process: ``python -m faults http://127.0.0.1:8000/ [PORT]``.

It prints one line of JSON with its address. Then each line of JSON on standard input is a plan from now on,
an empty line only asks; each is answered with a line that says how many requests met which fault. It ends
with its input.
"""

from __future__ import annotations

import json
import sys

from faults.plan import Plan
from faults.proxy import running


def main(receiver: str, port: int = 0) -> None:
    """Serve until standard input ends."""
    with running(receiver, port=port) as proxy:
        _say({"url": proxy.url})
        for line in sys.stdin:
            try:
                if line.strip():
                    proxy.plan = Plan.from_json(json.loads(line))
            except (ValueError, TypeError) as error:
                _say({"error": str(error)})
            else:
                _say({"seen": proxy.seen, "met": dict(proxy.met)})


def _say(what: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: python -m faults RECEIVER [PORT]")
    main(sys.argv[1], *map(int, sys.argv[2:]))
