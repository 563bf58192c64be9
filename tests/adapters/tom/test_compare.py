"""When a row of the receiver is the one that was sent."""

from __future__ import annotations

import pytest

from sharecore_tom.compare import differences, moment
from sharecore_tom.listing import Listing
from sharecore_tom.receiver import Generation

TIME = "2026-01-02T03:04:05.678901Z"


def sent(value, data_type="radio"):
    return {"data_type": data_type, "timestamp": TIME, "value": value}


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": 0.1 + 0.2}, {"a": 0.3}, True),
        ({"a": 1e-17}, {"a": 1.0000001e-17}, False),
        ({"a": True}, {"a": 1}, False),
        ({"a": 0.0}, {"a": None}, False),
        ({"a": ""}, {}, True),
        ({"a": [1, {"b": 2}]}, {"a": [1.0, {"b": 2}]}, True),
        ({"a": [1, 2]}, {"a": [1]}, False),
        ({"a": "1"}, {"a": 1}, False),
        ({}, {"a": 1}, False),
    ],
)
@pytest.mark.parametrize("at", Generation)
def test_values(ours, theirs, same, at):
    assert (differences(sent(ours), {"value": theirs}, at) == []) is same


def test_of_a_typed_row_only_what_3x_shows_is_compared():
    ours = sent({"brightness": 18.0, "limit": 21.0, "bandpass": "r", "note": "x"}, "photometry")
    shown = {"brightness": 18.0, "brightness_error": None, "bandpass": "r", "unit": "", "telescope": ""}
    assert differences(ours, {"value": shown}, Generation.TYPED) == []
    assert differences(ours, {"value": {**shown, "telescope": "FTN"}}, Generation.TYPED) == ["telescope"]


def test_columns_of_other_data_are_not_shown_by_3x():
    ours = sent({"telescope": "FTN", "counts": 5})
    assert differences(ours, {"value": {"counts": 5}}, Generation.TYPED) == []
    assert differences(ours, {"value": {"counts": 5, "telescope": "FTN"}}, Generation.TYPED) == []
    assert differences(ours, {"value": {"counts": 5}}, Generation.ONE_TABLE) == ["telescope"]


@pytest.mark.parametrize("value", [None, "text", [1], 5])
def test_a_value_that_is_no_object_is_no_match(value):
    assert differences(sent({"a": 1}), {"value": value}, Generation.TYPED) == ["value"]


def test_times_are_compared_as_moments():
    times = [
        "2026-01-02T03:04:05.678901+00:00",
        "2026-01-02T04:04:05.678901+01:00",
        "2026-01-02T03:04:05.678901",
        "2026-01-02T03:04:05.678902Z",
        None,
    ]
    listed = [Listing([{"timestamp": time, "value": {"a": 1}}], Generation.ONE_TABLE) for time in times]
    assert [each.has(sent({"a": 1})) for each in listed] == [True, True, True, False, False]
    assert not Listing([{}], Generation.ONE_TABLE).has(sent({"a": 1}))
    assert moment("soon") is None
