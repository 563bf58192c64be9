"""Send many rows with several requests in flight, and stop when it makes no sense to go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import Any

from sharecore.exceptions import AuthenticationFailed, DestinationError
from sharecore.records import RecordKey
from sharecore_tom.send_row import Sent
from sharecore_tom.transports import Outcomes

MAX_TROUBLE = 3
"""Number of failures in a row that show that the receiver is at fault, not the records."""

Row = Mapping[str, Any]


def send_all(
    rows: MutableMapping[RecordKey, Row], send: Callable[[Row], Sent], *, concurrency: int
) -> Outcomes:
    """Send in order, up to `concurrency` at a time; each row that gets an outcome is taken out of `rows`.

    Sending stops where the receiver does not know the target: the rows that are left were not stored. Raises
    the exception of a `Sent`, and `DestinationError` after `MAX_TROUBLE` failures in a row, both once the
    requests in flight are over and their outcomes yielded.
    """
    no_target = False
    stop: DestinationError | AuthenticationFailed | None = None
    in_a_row = 0
    waiting = iter(dict(rows).items())
    with ThreadPoolExecutor(max_workers=concurrency, thread_name_prefix="sharecore-tom") as pool:
        flying: dict[Future[Sent], RecordKey] = {}
        _launch(pool, send, waiting, flying, concurrency)
        while flying:
            done, _ = wait(flying, return_when=FIRST_COMPLETED)
            for future in done:
                key, sent = flying.pop(future), future.result()
                no_target = no_target or sent.no_target
                if sent.outcome is not None:
                    del rows[key]
                    yield key, sent.outcome
                in_a_row = in_a_row + 1 if sent.trouble else 0
                if in_a_row >= MAX_TROUBLE:
                    stop = stop or DestinationError(f"{in_a_row} failures in a row, the last: {sent.trouble}")
                stop = stop or sent.stop
            if stop is None and not no_target:
                _launch(pool, send, waiting, flying, concurrency - len(flying))
    if stop is not None:
        raise stop


def _launch(
    pool: ThreadPoolExecutor,
    send: Callable[[Row], Sent],
    waiting: Iterator[tuple[RecordKey, Row]],
    flying: dict[Future[Sent], RecordKey],
    count: int,
) -> None:
    for _ in range(count):
        following = next(waiting, None)
        if following is None:
            return
        key, row = following
        # In the context of the call, so that its requests count as progress.
        flying[pool.submit(copy_context().run, send, row)] = key
