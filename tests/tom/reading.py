"""Read the answers of pages."""

from __future__ import annotations

from typing import Any

from django.contrib.messages import get_messages


def text(answer: Any) -> str:
    """A page, with single blanks."""
    assert answer.status_code == 200, answer.status_code
    return " ".join(answer.content.decode().split())


def told(answer: Any) -> str:
    """What the next page will tell the user last."""
    assert answer.status_code == 302, text(answer)
    return [str(message) for message in get_messages(answer.wsgi_request)][-1]
