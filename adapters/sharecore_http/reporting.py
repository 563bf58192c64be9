"""Report each request to the record of its call, which people see beside the attempts of a delivery."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from sharecore.exchanges import MOST_BYTES, recording, report_exchange
from sharecore_http.content import Content
from sharecore_http.failures import HttpFailure
from sharecore_http.reply import Reply


def reporting(
    method: str,
    url: str,
    params: Mapping[str, str | int] | None,
    content: Content | None,
    clock: Callable[[], float],
) -> Callable[[Reply | HttpFailure], None]:
    """Return a function that reports a request that begins now, with its answer or the reason for none."""
    started = clock()

    def report(end: Reply | HttpFailure) -> None:
        if not recording():
            return
        answer = end if isinstance(end, Reply) else None
        report_exchange(
            method,
            f"{url}?{urlencode(params)}" if params else url,
            seconds=clock() - started,
            status=answer.status if answer else None,
            sent=_plain(content) if content else b"",
            sent_type=content.media_type if content else "",
            answered=end.body if isinstance(end, Reply) else end.reason,
            answered_type=answer.headers.get("content-type", "") if answer else "",
        )

    return report


def _plain(content: Content) -> bytes:
    """Return the body; of a compressed one the beginning, decompressed."""
    if content.encoding != "gzip":
        return content.body
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(content.body, MOST_BYTES)
    except zlib.error:
        return content.body
