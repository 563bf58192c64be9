"""Read lists of a receiver, page by page, by any way of paging that its REST_FRAMEWORK setting names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sharecore.exceptions import DestinationError
from sharecore_http.reply import Reply, Verdict
from sharecore_tom.refusals import not_able

Params = Mapping[str, str | int]
Row = dict[str, Any]

_MAX_PAGES = 2000
_MAX_REPEATED = 3
"""Largest number of pages that repeat an earlier one: after these the list goes round."""
_MAX_UNREADABLE = 3
"""Largest number of unreadable rows in one list; beyond it the receiver is out of order."""
_FINER = 10
"""Factor by which a page shrinks around a row that the receiver cannot show."""


def pages(ask: Callable[[Params], Reply], path: str, params: Params, limit: int) -> Iterator[list[Row]]:
    """Yield the pages of a list, each a list of objects.

    Each page is requested by the `next` of the one before. Only its query is used, so that no request goes to
    another site, whatever host name or scheme a receiver behind a proxy takes for its own. A row for which
    the receiver fails is `{}`, and costs no other row.

    Raises `DestinationError` for an answer that is no list, and for a list without an end.
    """
    query: Params | None = {**params, "limit": limit, "offset": 0}
    end = _End(path)
    unreadable = 0
    page: list[Row]
    while query is not None:
        end.ask(query)
        reply = ask(query)
        if reply.status == 500 and unreadable < _MAX_UNREADABLE:
            size, offset = _count(query, "limit", 1), _count(query, "offset", 0)
            if size > 1:
                query = {**query, "limit": max(size // _FINER, 1)}
                continue
            unreadable += 1
            page, query = [{}], {**query, "limit": limit, "offset": offset + 1}
        else:
            page = _rows(path, reply)
            end.saw(page)
            query = _following(reply, query, len(page))
        yield page


class _End:
    """A check that a list ends: raises `DestinationError` where it does not."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._asked: set[frozenset[tuple[str, str]]] = set()
        self._seen: set[bytes] = set()
        self._repeated = 0

    def ask(self, query: Params) -> None:
        """Check a page before its request."""
        step = frozenset((name, str(value)) for name, value in query.items())
        if step in self._asked or len(self._asked) == _MAX_PAGES or self._repeated == _MAX_REPEATED:
            raise DestinationError(
                f"GET {self._path}: this list has no end ({len(self._asked)} pages were asked for). "
                "Tell the operator of that TOM"
            )
        self._asked.add(step)

    def saw(self, page: list[Row]) -> None:
        """Check a page after reading it. A page may repeat by chance, or as the list changes, but rarely."""
        content = hashlib.sha256(json.dumps(page).encode()).digest()
        self._repeated += content in self._seen
        self._seen.add(content)


def _rows(path: str, reply: Reply) -> list[Row]:
    if reply.verdict is not Verdict.OK:
        raise not_able(reply, f"GET {path}")
    page = reply.json.get("results") if isinstance(reply.json, dict) else None
    if not isinstance(page, list) or not all(isinstance(each, dict) for each in page):
        raise DestinationError(f"GET {path}: the answer is not the list of a TOM. Check 'BASE_URL'.")
    return page


def _following(reply: Reply, asked: Params, count: int) -> Params | None:
    """Return the query for the page after one of `count` rows; None where there is none."""
    following = reply.json.get("next") if isinstance(reply.json, dict) else None
    if not count or not following:
        return None
    try:
        said = dict(parse_qsl(urlsplit(str(following)).query, keep_blank_values=True, max_num_fields=100))
    except ValueError:
        said = {}
    return said or {**asked, "offset": _count(asked, "offset", 0) + count}


def _count(query: Params, name: str, default: int) -> int:
    text = str(query.get(name, ""))
    return int(text[:9]) if text.isascii() and text.isdigit() else default
