"""What a program may send: JSON that the databases and the answers can hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser, MultiPartParser

DEEPEST = 4
"""Levels of lists and objects; what this API takes has two."""


class FlatJSONParser(JSONParser):
    """JSON without deep nesting, numbers that are none or infinite, and halves of characters.

    Python's own parser takes all of these, and none can be stored, or said again in an answer.
    """

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The body. Raises `ParseError`."""
        try:
            body = json.loads(stream.read())
            json.dumps(body, allow_nan=False, ensure_ascii=False).encode()
            if _is_deeper(body, DEEPEST):
                raise RecursionError
        except (ValueError, RecursionError) as error:
            raise ParseError(f"The body is no JSON that can be used: {_short(error)}") from None
        return body


class Utf8MultiPartParser(MultiPartParser):
    """Forms in UTF-8, as Django takes those that are not in parts, whatever their `charset` says.

    With some of Python's other codecs reading fails.
    """

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The fields. Raises `ParseError`."""
        return super().parse(stream, media_type, {**(parser_context or {}), "encoding": "utf-8"})


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, list | dict):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(each, levels - 1) for each in inner)


def _short(error: ValueError | RecursionError) -> str:
    match error:
        case RecursionError():
            return f"it is nested more than {DEEPEST} levels deep."
        case UnicodeError():
            return "its text is no Unicode."
        case _:
            return str(error)[:200]
