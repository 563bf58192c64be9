"""Parse the bodies of requests: only JSON that the databases and the answers can hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser, MultiPartParser

from sharecore.texts import one_line

DEEPEST = 4
"""Levels of lists and objects at the most; the bodies of this API have two."""


class FlatJSONParser(JSONParser):
    """Parse JSON without deep nesting, NaN, infinities and lone surrogates.

    Python's own parser takes all of these, but none can be stored, or repeated in an answer.
    """

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the body.

        Raises:
            ParseError: the body is no such JSON.
        """
        try:
            body = json.loads(stream.read())
            json.dumps(body, allow_nan=False, ensure_ascii=False).encode()
            if _is_deeper(body, DEEPEST):
                raise RecursionError
        except (ValueError, RecursionError) as error:
            raise ParseError(f"The body must be JSON in UTF-8: {_short(error)}") from None
        return body


class Utf8MultiPartParser(MultiPartParser):
    """Parse multipart forms as UTF-8, whatever their `charset`, as Django parses other forms.

    Some of Python's other codecs fail on them.
    """

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the fields.

        Raises:
            ParseError: the form is not valid.
        """
        return super().parse(stream, media_type, {**(parser_context or {}), "encoding": "utf-8"})


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, list | dict):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(each, levels - 1) for each in inner)


def _short(error: ValueError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return f"it may be nested up to {DEEPEST} levels deep."
    return "its text is not valid Unicode." if isinstance(error, UnicodeError) else one_line(error, 200)
