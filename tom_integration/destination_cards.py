"""Name the card of each destination on the page of destinations, so that links lead to it."""

from __future__ import annotations

from urllib.parse import quote

from django.urls import reverse


def anchor(name: str) -> str:
    """Return the id of the card of a destination; it is escaped already, for HTML and for links."""
    return f"destination-{quote(name, safe='')}"


def path(name: str) -> str:
    """Return the path of the page of destinations, at the card of one."""
    return f"{reverse('sharing:destinations')}#{anchor(name)}"
