"""Read the answers of a TOM that are not the one hoped for."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import SplitResult, urljoin, urlsplit

from sharecore.exceptions import DestinationError
from sharecore.secrets import hide_secrets
from sharecore_http.reply import Reply, Verdict

_MAX_WORDS = 300
_NO_FIELDS = frozenset({"", "detail", "non_field_errors"})


LOGIN_PAGE = "/accounts/login"
"""Path of the login page of a TOM, below its address, in all versions."""

NO_RIGHT = "no-right"
"""Code with which a TOM with sharecore refuses a target, not the account."""


def code(reply: Reply) -> str:
    """Return the code of a refusal by a TOM with sharecore; empty where there is none."""
    return str(reply.json.get("code", "")) if isinstance(reply.json, dict) else ""


def refused(reply: Reply, base_url: str) -> bool:
    """Return whether the receiver refuses our credentials.

    A 2.x TOM turns each 401 and 403 into a redirect to its login page (measured on tomtoolkit 2.32.4). Any
    other redirect, to the page of a gateway or of another host, says nothing of our credentials.
    """
    if reply.verdict in (Verdict.UNAUTHORIZED, Verdict.FORBIDDEN):
        return code(reply) != NO_RIGHT
    if reply.verdict is not Verdict.REDIRECT:
        return False
    place = _place(reply, base_url)
    here = place.hostname == urlsplit(base_url).hostname
    return here and place.path.rstrip("/").endswith(LOGIN_PAGE)


def _place(reply: Reply, base_url: str) -> SplitResult:
    """Return the address to which a redirect leads; an empty one when it is no address."""
    try:
        return urlsplit(urljoin(base_url, reply.headers.get("location", "")))
    except ValueError:
        return urlsplit("")


def words(reply: Reply) -> str:
    """Return the status and the words of the receiver, short and plain."""
    if not reply.is_json:
        return f"HTTP {reply.status}, {reply.excerpt}"
    said = "; ".join(
        text if path in _NO_FIELDS else f"{path}: {text}" for path, text in _leaves(reply.json)
    ).rstrip(".")
    said = hide_secrets(said)
    said = said if len(said) <= _MAX_WORDS else said[: _MAX_WORDS - 1] + "…"
    return f"HTTP {reply.status}, {said or 'no reason'}"


def refused_fields(reply: Reply) -> tuple[str, ...]:
    """Return the fields that a 400 names."""
    return tuple(str(name) for name in reply.json) if isinstance(reply.json, dict) else ()


def not_able(reply: Reply, action: str) -> DestinationError:
    """Return the error for an answer by which this TOM (if it is one) cannot take anything now."""
    if reply.verdict is Verdict.THROTTLED:
        return DestinationError(f"{action}: asked to wait", retry_after=reply.retry_after)
    if reply.verdict is Verdict.REDIRECT:
        place = _place(reply, "")
        where = f"{place.scheme}://{place.hostname}{place.path}" if place.hostname else place.path
        return DestinationError(f"{action}: redirected to {hide_secrets(where)[:200]}. Correct 'BASE_URL'.")
    if reply.verdict in (Verdict.NOT_FOUND, Verdict.NOT_JSON):
        return DestinationError(
            f"{action}: {words(reply)}. Is 'BASE_URL' the address of a TOM, without 'api/' behind it?"
        )
    return DestinationError(f"{action}: {words(reply)}", retry_after=reply.retry_after)


def _leaves(node: object, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for name, child in node.items():
            yield from _leaves(child, f"{path}.{name}" if path else str(name))
    elif isinstance(node, list):
        for index, child in enumerate(node):
            deeper = f"{path}.{index}" if isinstance(child, dict | list) else path
            yield from _leaves(child, deeper)
    else:
        yield path, str(node)
