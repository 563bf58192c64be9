"""The stand-in for TNS as a process of its own.

    python tns_server.py

It prints its port, and serves on loopback until its standard input ends. `POST /stand-in/` with JSON sets
`polls` and `seconds` of `Tns`; `GET /stand-in/` tells what it holds. `/` and `/object/<name>` show that to
people.
"""

from __future__ import annotations

import json
import sys
from html import escape
from urllib.parse import urlsplit

from tns import Tns

from sharecore.testing import Answer, FakeServer, Request, answer


def main() -> None:
    with FakeServer() as server:
        there = Tns(server)

        def holds(request: Request) -> Answer:
            stored = [{"number": number, "report": report} for number, report in there.stored]
            return answer(200, {"reports": stored, "objects": there.objects, "asked": there.asked})

        def set_fields(request: Request) -> Answer:
            there.polls = int(request.json.get("polls", there.polls))
            there.seconds = float(request.json.get("seconds", there.seconds))
            return answer(200, {})

        def objects(request: Request) -> Answer:
            names = [f"{each['name_prefix']} {name}" for name, each in there.objects.items()]
            rows = "".join(f'<li><a href="/object/{each.split()[1]}">{each}</a></li>' for each in names)
            return _page("The objects of this stand-in for TNS", f"<ul>{rows or '<li>None yet</li>'}</ul>")

        def one_object(request: Request) -> Answer:
            name = request.path.rsplit("/", 1)[1]
            found = there.objects.get(name)
            if found is None:
                return _page("There is no such object", "")
            told = escape(json.dumps(found, indent=1, ensure_ascii=False))
            return _page(f"{found['name_prefix']} {name}", f"<pre>{told}</pre>")

        server.on("GET", "/stand-in/", holds)
        server.on("POST", "/stand-in/", set_fields)
        server.on("GET", "/", objects)
        server.on("GET", "/object/[^/]+", one_object)
        print(urlsplit(server.url).port, flush=True)  # noqa: T201 - how the caller learns the port
        sys.stdin.read()


def _page(title: str, body: str) -> Answer:
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>TNS, a stand-in</title>'
    text = f"{head}<body><h1>{escape(title)}</h1>{body}</body></html>"
    return Answer(body=text.encode(), headers={"Content-Type": "text/html; charset=utf-8"})


if __name__ == "__main__":
    main()
