"""Refer to other messages, to pages, and to a gravitational-wave event.

HERMES takes `{source, citation, url}`, or `url` alone. As `hop_uuid` it takes only messages that its own
database has, which those on topics for tests never are (measured); each message has a page to refer to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote
from uuid import UUID

Reference = dict[str, str]
"""A reference as HERMES takes it."""

MESSAGE_SOURCE = "hop_uuid"
_KEYS = ("source", "citation", "url")
_LONGEST = 2000


class NoReference(ValueError):
    """Raised for a value that is no reference; the text says the rule."""


def message_url(base_url: str, uuid: str) -> str:
    """Return the page of HERMES for people, for the id of a message."""
    return f"{base_url.rstrip('/')}/message/{quote(uuid, safe='')}"


def to_message(base_url: str, uuid: str, *, by_page: bool) -> Reference:
    """Return the reference to another message, by its page alone where HERMES does not take its id."""
    page = {"url": message_url(base_url, uuid)}
    return page if by_page else {"source": MESSAGE_SOURCE, "citation": uuid} | page


def read(value: object) -> list[Reference]:
    """Return the references of a setting or a datum: a list of dictionaries or addresses. Raises
    `NoReference`.
    """
    listed = [value] if isinstance(value, str | Mapping) else value
    if not isinstance(listed, Sequence):
        raise NoReference(f"must be a list of references, got a {type(value).__name__}")
    return [_one(each) for each in listed]


def merged(references: Iterable[Reference]) -> list[Reference]:
    """Return the references in order, each once."""
    return list({tuple(sorted(each.items())): each for each in references}.values())


def message_id(text: str | None) -> str:
    """Return the id of a message, in the form of HERMES; empty for a text that is none."""
    try:
        return str(UUID(text or ""))
    except ValueError:
        return ""


def _one(value: object) -> Reference:
    given = {"url": value} if isinstance(value, str) else value
    if not isinstance(given, Mapping) or not all(isinstance(each, str) for each in given.values()):
        raise NoReference(f"must be an address, or a dictionary of texts, got {value!r}")
    found = {key: text for key in _KEYS if (text := str(given.get(key, "")).strip())}
    url = found.get("url", "")
    if unknown := sorted(str(key) for key in given if key not in _KEYS):
        raise NoReference(f"must have no key but 'source', 'citation' and 'url', got {', '.join(unknown)}")
    if ("source" in found) != ("citation" in found) or not found:
        raise NoReference(f"must have 'source' and 'citation', or 'url', got {value!r}")
    if url and (not url.startswith(("http://", "https://", "ftp://")) or len(url) > _LONGEST):
        raise NoReference(f"must have a web address as 'url', got {url[:80]!r}")
    if found.get("source", "").lower() == MESSAGE_SOURCE and not message_id(found["citation"]):
        raise NoReference(f"must have the id of a message as 'citation', got {found['citation'][:80]!r}")
    return found
