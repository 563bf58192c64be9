"""A served TOM takes batches: two at once in two processes, and one whose sender never heard the answer."""

from __future__ import annotations

import gzip
import json
import socket
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from live.scenes import api, make_target, query, until
from realtoms import Tom, User, make_tom
from sharecore.testing.examples import START, example_record
from tom.incoming import URL, body

ADMIN = User(username="admin", password="admin-of-a-throw-away-tom", superuser=True)
ROWS = "SELECT count(*) FROM tom_dataproducts_photometryreduceddatum WHERE target_id = ?"


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tom]:
    folder = tmp_path_factory.mktemp("receiver") / "tom"
    tom = make_tom(folder, name="Receiver", users=[ADMIN], apps=["tom_integration"])
    try:
        tom.serve(workers=2)
        yield tom
    finally:
        tom.remove()


def batch(name: str, number: int = 1000) -> bytes:
    records = [
        example_record(timestamp=START + timedelta(seconds=second), brightness=17 + second / 1000, limit=21.0)
        for second in range(number)
    ]
    return gzip.compress(json.dumps(body(name, *records)).encode())


def headers(tom: Tom) -> dict[str, str]:
    return {
        "Authorization": f"Token {tom.tokens['admin']}",
        "Content-Type": "application/json",
        "Content-Encoding": "gzip",
    }


def send(tom: Tom, data: bytes) -> Counter[str]:
    request = urllib.request.Request(tom.url.rstrip("/") + URL, data=data, headers=headers(tom))  # noqa: S310
    with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310 - on loopback
        said: dict[str, Any] = json.load(answer)
    return Counter(each["outcome"] for each in said["records"])


def test_two_equal_batches_at_once(receiver: Tom) -> None:
    target, data = make_target(receiver, "SN 2026one"), batch("SN 2026one")
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: send(receiver, data), range(2)))
    assert sum(answers, Counter()) == {"accepted": 1000, "duplicate": 1000}
    assert query(receiver, ROWS, target) == [(1000,)]


def test_the_answer_was_lost(receiver: Tom) -> None:
    target, data = make_target(receiver, "SN 2026two"), batch("SN 2026two", 300)
    lines = [f"POST {URL} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(data)}"]
    lines += [f"{name}: {value}" for name, value in headers(receiver).items()]
    with socket.create_connection(("127.0.0.1", receiver.port)) as line:
        line.sendall("\r\n".join([*lines, "", ""]).encode() + data)
    until(lambda: query(receiver, ROWS, target) == [(300,)])
    assert send(receiver, data) == {"duplicate": 300}
    assert query(receiver, ROWS, target) == [(300,)]


def test_it_says_what_it_takes(receiver: Tom) -> None:
    told = api(receiver, "api/sharing/")
    assert told["name"] == "Receiver"
    assert told["protocols"] == [1]
