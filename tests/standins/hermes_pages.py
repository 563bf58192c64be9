"""What people see of the stand-in for HERMES in a web browser: the messages, and whether they stand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import Any


def all_messages(lines: Sequence[dict[str, Any]]) -> str:
    """Return the page of all messages, the newest first. lines: as `Archive` keeps them."""
    rows = "".join(
        f"<li>{_mark(line['retracted'])}{escape(line['time'][:19])} {escape(line['topic'])}: "
        f'<a href="/message/{escape(line["uuid"])}">{escape(line["message"]["title"])}</a></li>'
        for line in reversed(lines)
    )
    return _page("What this stand-in for HERMES has published", f"<ul>{rows or '<li>Nothing yet</li>'}</ul>")


def one_message(line: dict[str, Any] | None) -> str:
    """Return the page of one message, as `Archive.message` returns it; None for one that is not there."""
    if line is None:
        return _page("There is no such message", "")
    text = escape(json.dumps(line["message"], indent=1, ensure_ascii=False))
    title = f"{_mark(line['annotations']['retracted'])}{escape(line['message']['title'])}"
    return _page(title, f"<pre>{text}</pre><p><a href='/'>All messages</a></p>")


def error_page(title: str) -> str:
    """Return a page as HERMES itself answers with where it has no JSON."""
    head = f'<!doctype html> <html lang="en"> <head> <title>{title}</title> </head>'
    return f"{head} <body> <h1>{title}</h1></body></html>"


def _mark(retracted: bool) -> str:
    return "<strong>RETRACTED</strong> " if retracted else ""


def _page(title: str, body: str) -> str:
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>HERMES, a stand-in</title>'
    style = "<style>pre { white-space: pre-wrap; overflow-wrap: anywhere }</style>"
    return f"{head}{style}<body><h1>{title}</h1>{body}</body></html>"
