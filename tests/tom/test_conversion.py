"""What a site's own converter makes of a record is what is sent, and what is looked up afterwards."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pytest

from sharecore import ConvertRequest, Photometry, Record, Unconfirmed, hookimpl

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = pytest.mark.any_database


class Converter:
    """A site that writes bandpasses differently from its partners."""

    def __init__(self) -> None:
        self.broken = False

    @hookimpl
    def sharecore_convert(self, request: ConvertRequest) -> Record:
        assert isinstance(request.record, Photometry)
        if self.broken:
            raise OSError("the table of bandpasses cannot be read")
        return dataclasses.replace(request.record, bandpass="Cousins R")


@pytest.fixture
def converter() -> Converter:
    return Converter()


@pytest.fixture
def plugins(converter: Converter) -> Iterable[object]:
    return (converter,)


def test_what_was_sent_without_an_answer_is_looked_up_as_it_was_sent(tom: Tom) -> None:
    """A destination that compares would not find the original, and would get the record twice."""
    target = tom.target()
    tom.share(target)
    tom.datum(target, bandpass="r")
    tom.x.will(Unconfirmed(reason="no answer"), times=1, stores=True)
    tom.deliver()
    tom.deliver(after=3600)
    (looked_up,) = tom.x.looked_up
    assert looked_up.records == tuple(tom.x.received)
    assert [each.bandpass for each in tom.x.received if isinstance(each, Photometry)] == ["Cousins R"]


def test_a_converter_that_fails_meanwhile_delays_the_look_up_and_sends_nothing(
    tom: Tom, converter: Converter
) -> None:
    target = tom.target()
    tom.share(target)
    row = tom.datum(target)
    tom.x.will(Unconfirmed(reason="no answer"), times=1, stores=True)
    tom.deliver()
    converter.broken = True
    tom.deliver(after=60)
    assert tom.state(row) == "unconfirmed"
    converter.broken = False
    tom.deliver(after=3600)
    assert tom.state(row) == "delivered"
    assert len(tom.x.received) == 1
