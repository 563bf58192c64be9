"""Files at a receiver: there once, under a type that it does not read, and every answer understood."""

from __future__ import annotations

from typing import Any

import pytest

from calling import deliver_file
from sharecore.exceptions import DestinationError
from sharecore.outcomes import Accepted, Deferred, Duplicate, Rejected, Unconfirmed, Unsupported
from sharecore.testing import example_file
from sharecore_tom import send_file

PRODUCTS = "api/dataproducts/"


def answered(status: int, body: str = "{}", kind: str = "application/json") -> Any:
    return status, {"Content-Type": kind}, body


def test_a_file_arrives_whole_and_is_not_read_there(tom: Any, adapter: Any, batch: Any) -> None:
    content = bytes(range(256)) * 4
    file = example_file(content, name="night 7.csv", data_product_type="photometry")
    assert isinstance(deliver_file(adapter(), file, batch()), Accepted)
    (sent,) = tom.products
    assert sent["file"] == ("night 7.csv", content)
    assert tom.targets[int(sent["target"])]["name"] == "SN 2026abc"
    assert sent["data_product_type"] == "fits_file"
    assert sent["product_id"].startswith("night 7.csv ")
    assert tom.rows == []


def test_the_same_content_is_there_once(tom: Any, adapter: Any, batch: Any) -> None:
    open_ = adapter()
    assert isinstance(
        deliver_file(open_, example_file(name="a.png", data_product_type="image_file"), batch()), Accepted
    )
    assert isinstance(deliver_file(open_, example_file(name="a.png"), batch()), Duplicate)
    assert [each["data_product_type"] for each in tom.products] == ["image_file"]
    assert isinstance(deliver_file(open_, example_file(b"new", name="a.png"), batch()), Accepted)


def test_the_same_content_goes_to_each_of_its_targets(tom: Any, adapter: Any, batch: Any) -> None:
    open_, file = adapter(), example_file(name="dome flat.fits")
    for name in ("SN 2026abc", "SN 2026xyz"):
        assert isinstance(deliver_file(open_, file, batch(name=name, state={})), Accepted)
    assert len({each["target"] for each in tom.products}) == 2


def test_one_that_is_too_large_is_not_read(tom: Any, adapter: Any, batch: Any) -> None:
    outcome = deliver_file(adapter(), example_file(size=send_file.LARGEST + 1, open=None), batch())
    assert isinstance(outcome, Unsupported)
    assert "100 MB" in outcome.reason
    assert tom.products == []


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (answered(400, '{"target": ["Invalid pk"]}'), Rejected),
        (answered(413, "<html>too large</html>", "text/html"), Rejected),
        (answered(500, '{"Data processing error": "There was an error"}'), Rejected),
        (answered(500, "<html>Server Error</html>", "text/html"), Deferred),
        (answered(504, "<html>gateway</html>", "text/html"), Unconfirmed),
    ],
)
def test_answers(tom_31: Any, adapter: Any, batch: Any, answer: Any, kind: type) -> None:
    tom_31.script("POST", PRODUCTS, answer)
    assert isinstance(deliver_file(adapter(), example_file(), batch()), kind)


def test_what_is_no_tom_stops_the_call(tom_31: Any, adapter: Any, batch: Any) -> None:
    tom_31.script("POST", PRODUCTS, answered(200, "<html>Welcome</html>", "text/html"))
    with pytest.raises(DestinationError, match="not that of a TOM"):
        deliver_file(adapter(), example_file(), batch())


def test_no_target_there_and_none_to_be_made(tom_31: Any, adapter: Any, batch: Any) -> None:
    outcome = deliver_file(adapter(CREATE_TARGETS=False), example_file(), batch())
    assert isinstance(outcome, Rejected)
    assert tom_31.products == []
