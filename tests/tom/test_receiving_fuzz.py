"""Whatever a sender posts: it is stored or refused with a reason, never an error of ours.

`make test-fuzz` sends ten thousand requests, `make test` a hundred.
"""

from __future__ import annotations

import copy
import gc
import gzip
import json
import logging
import os
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sharecore.testing.examples import RECORDS, TARGETS
from sharecore.wire import target_as_wire
from tom.conftest import Tom
from tom.incoming import Sender, body, entry
from tom_integration import site
from tom_integration.inbox import batch_limits
from tom_integration.outbox import target_keys

REQUESTS = int(os.environ.get("SHARECORE_FUZZ", "100"))
OURS = ("*/sharecore/*", "*/tom_integration/*")
GROWTH = 1_000_000
"""Bytes that our code may keep of all requests: caches of what does not depend on them."""
TEXTS = ["", " ", "\0", "\ud800", "x" * 65, "x" * 1001, "1e400", "٣", "2026-01-01", "photometry", "file"]
NUMBERS = [0, -1, 2**63, 10**400, 1e308, -0.0, 5e-324, float("inf"), float("-inf"), True, False, None]


def _deep(levels: int, *, objects: bool) -> Any:
    value: Any = 1e308
    for _ in range(levels):
        value = {"a": value} if objects else [value]
    return value


hostile = st.one_of(
    st.sampled_from([*TEXTS, *NUMBERS]),
    st.text(st.characters(codec=None), max_size=20),
    st.floats(),
    st.integers(),
    st.datetimes().map(str),
    st.builds(_deep, st.integers(1, 900), objects=st.booleans()),
    st.integers(900, 1100).map(lambda number: ["x"] * number),
    st.integers(900, 1100).map(lambda number: {str(n): "x" for n in range(number)}),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.floats(), st.text(max_size=5)),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner)),
        max_leaves=10,
    ),
)
"""JSON values, and what Python's JSON takes beside them."""


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of a JSON value."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield from _places(item, (*path, name))


def _whole(name: str) -> dict[str, Any]:
    """A batch with something of each kind."""
    records = [entry(record) for record in RECORDS.values()]
    target = {**target_as_wire(TARGETS["sidereal"]), "name": name, "lists": ["l"], "extras": {"a": "b"}}
    return body(
        name,
        target=target,
        create_target=True,
        target_lists=["From afar"],
        target_keys={"x": "1", site.origin(): "1.1"},
        target_id=1,
        records=records,
    )


@st.composite
def requests(draw: st.DrawFn, whole: dict[str, Any], paths: list[tuple[Any, ...]]) -> bytes:
    """A batch of which some values are others, and some bytes."""
    batch = copy.deepcopy(whole)
    for path in draw(st.lists(st.sampled_from(paths), min_size=1, max_size=4)):
        place: Any = batch
        try:
            for name in path[:-1]:
                place = place[name]
            if draw(st.booleans()) or not isinstance(place, dict):
                place[path[-1]] = draw(hostile)
            elif draw(st.booleans()):
                place.pop(path[-1])
            else:
                place[draw(st.text(max_size=3))] = draw(hostile)
        except (LookupError, TypeError):
            continue  # an earlier change took the place away
    sent = json.dumps(batch).replace("Infinity", "1e400").encode()
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(sent)))
        sent = sent[:at] + draw(st.binary(max_size=5)) + sent[at + draw(st.integers(0, 5)) :]
    return sent


def _kept() -> int:
    gc.collect()
    snapshot = tracemalloc.take_snapshot()
    filters = [tracemalloc.Filter(inclusive=True, filename_pattern=pattern) for pattern in OURS]
    return sum(each.size for each in snapshot.filter_traces(filters).statistics("filename"))


@pytest.mark.parametrize("single_data", [False, True], ids=["rights on targets", "rights on data"])
def test_any_batch(tom: Tom, single_data: bool, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.TARGET_PERMISSIONS_ONLY = not single_data
    monkeypatch.setattr(batch_limits, "MAX_BATCHES", 10**9)
    cache.clear()
    target = tom.target("SN 2026abc")
    sender = Sender(tom.user(target))
    whole = _whole(target.name)
    whole["target_keys"][site.origin()] = target_keys.keys_of(target)[site.origin()]
    assert sender.post(whole).status_code == 200
    logging.disable()  # pytest keeps the records of a test, and they keep their requests
    try:
        # what is kept once, by us and by others, is not looked at; tracing makes everything slow
        _try(sender, requests(whole, list(_places(whole))), REQUESTS // 20)
        tracemalloc.start()
        _try(sender, requests(whole, list(_places(whole))), REQUESTS * 9 // 20)
        assert _kept() < GROWTH
    finally:
        tracemalloc.stop()
        logging.disable(logging.NOTSET)


def _try(sender: Sender, batches: st.SearchStrategy[bytes], number: int) -> None:
    @settings(
        max_examples=number,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(sent=batches, zipped=st.booleans())
    def post(sent: bytes, zipped: bool) -> None:
        headers = {"Content-Encoding": "gzip"} if zipped else {}
        with transaction.atomic():
            answer = sender.post(gzip.compress(sent, 1) if zipped else sent, **headers)
            transaction.set_rollback(True)
        told = answer.json()
        if answer.status_code == 200:
            assert all(each["outcome"] for each in told["records"])
        else:
            assert 400 <= answer.status_code < 500, (answer.status_code, told)
            assert told["detail"]

    post()
