"""Lists of receivers that page in their own way: read to the end, never elsewhere, never for ever."""

from __future__ import annotations

import json
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharecore.exceptions import DestinationError
from sharecore_http.reply import Reply
from sharecore_tom.paging import pages

ROWS = [{"id": number} for number in range(23)]
PLACES = [
    "https://tom.example.org/api/targets/",
    "http://tom.example.org/api/targets/",
    "https://internal:8000/api/targets/",
    "https://elsewhere.example.com/steal/",
    "",
    "/api/targets/",
]


def reply(status, body):
    return Reply(status=status, headers={}, body=json.dumps(body).encode())


class Receiver:
    """A list of rows. style: how it pages. bad: rows that make a page with them an error 500."""

    def __init__(self, style, *, size=5, place=PLACES[0], bad=(), rows=ROWS):
        self.style, self.size, self.place, self.bad, self.rows = style, size, place, set(bad), rows
        self.asked = []

    def __call__(self, query):
        self.asked.append(dict(query))
        assert query.get("name") == "x" or self.style == "cursor", "the filter was lost"
        if self.style == "offset":
            start, size = int(query["offset"]), min(int(query["limit"]), self.size)
        elif self.style == "number":
            start, size = (int(query.get("page", 1)) - 1) * self.size, self.size
        else:
            start, size = int(str(query.get("cursor", "c0"))[1:]), self.size
        if self.bad & set(range(start, start + size)):
            return reply(500, {})
        more = {
            "offset": f"limit={size}&name=x&offset={start + size}",
            "number": f"name=x&page={start // self.size + 2}",
            "cursor": f"cursor=c{start + size}",
        }[self.style]
        following = f"{self.place}?{more}" if start + size < len(self.rows) else None
        return reply(
            200, {"count": len(self.rows), "next": following, "results": self.rows[start : start + size]}
        )


def read(receiver, limit=100):
    return list(chain.from_iterable(pages(receiver, "api/targets/", {"name": "x"}, limit)))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("style", ["offset", "number", "cursor"])
def test_each_way_of_paging_is_followed_to_its_end(style, place):
    receiver = Receiver(style, place=place)
    assert read(receiver) == ROWS
    assert len(receiver.asked) == 5


@given(bad=st.sets(st.integers(0, 39), max_size=3), size=st.sampled_from([7, 25, 1000]))
def test_a_row_that_cannot_be_shown_costs_only_itself(bad, size):
    rows = [{"id": number} for number in range(40)]
    found = read(Receiver("offset", size=size, bad=bad, rows=rows))
    assert [row for row in found if row] == [row for row in rows if row["id"] not in bad]
    assert found.count({}) == len(bad)


@pytest.mark.parametrize("style", ["offset", "number", "cursor"])
def test_a_receiver_that_fails_for_every_page_is_asked_a_few_times(style):
    receiver = Receiver(style, bad=range(1000))
    with pytest.raises(DestinationError, match="500"):
        read(receiver)
    assert len(receiver.asked) <= 10


@pytest.mark.parametrize(
    "following",
    [
        lambda query: "?page=2&name=x",
        lambda query: "?limit=100&offset=0&name=x",
        lambda query: f"?name=x&page={int(query.get('page', 1)) + 1}",
        lambda query: f"?name=x&page={1 + int(query.get('page', 0)) % 7}",
        lambda query: "https://tom.example.org/next",
        lambda query: "//[",
        lambda query: ["?page=2"],
        lambda query: f"?name=x&offset={'9' * 5000}",
    ],
)
def test_a_list_without_an_end_is_left_after_a_few_pages(following):
    asked = []

    def receiver(query):
        asked.append(query)
        return reply(200, {"next": following(query), "results": ROWS})

    with pytest.raises(DestinationError, match="no end"):
        read(receiver)
    assert len(asked) <= 10


def test_a_list_that_says_something_new_for_ever_is_left_too():
    asked = []

    def receiver(query):
        asked.append(query)
        return reply(200, {"next": f"?page={len(asked) + 1}", "results": [{"id": len(asked)}]})

    with pytest.raises(DestinationError, match="no end"):
        read(receiver)
    assert len(asked) == 2000


def test_a_row_that_arrives_while_it_is_read_hides_no_other():
    rows = list(ROWS)
    receiver = Receiver("offset", rows=rows)
    found = []
    for page in pages(receiver, "api/targets/", {"name": "x"}, 100):
        found += page
        if len(found) == 10:
            rows.insert(0, {"id": "new"})
    assert {row["id"] for row in found} >= {row["id"] for row in ROWS}
