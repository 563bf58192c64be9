"""Files of data products at real, stock receivers of both generations: the same bytes, once, and not read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from live.scenes import query
from realtoms import Tom
from sharecore.adapter import Batch, Site
from sharecore.addresses import Address
from sharecore.outcomes import Accepted, Duplicate
from sharecore.settings import Section
from sharecore.targets import Position, Target
from sharecore.testing import example_file
from sharecore_tom.adapter import TomAdapter
from sharecore_tom.config import TomConfig

PRODUCTS = """SELECT product.data, product.data_product_type FROM tom_dataproducts_dataproduct AS product
    JOIN tom_targets_basetarget AS target ON target.id = product.target_id WHERE target.name = ?
    ORDER BY product.id"""
OF_TARGET = "target_id IN (SELECT id FROM tom_targets_basetarget WHERE name = ?)"
PHOTOMETRY = {
    "receiver-3": f"SELECT 1 FROM tom_dataproducts_photometryreduceddatum WHERE {OF_TARGET}",  # noqa: S608
    "receiver-2.32": f"SELECT 1 FROM tom_dataproducts_reduceddatum WHERE {OF_TARGET}",  # noqa: S608
}
# A table that tomtoolkit reads when it is sent as photometry.
TABLE = b"time,filter,magnitude,error\n55001,r,15.5,0.02\n55002,r,15.6,0.02\n"


@pytest.fixture(params=["receiver_31", "receiver_232"])
def receiver(request: pytest.FixtureRequest) -> Tom:
    tom: Tom = request.getfixturevalue(request.param)
    return tom


@contextmanager
def opened(tom: Tom) -> Iterator[TomAdapter]:
    adapter = TomAdapter(TomConfig.read(Section("b", tom.sharing_entry("sharer"))))
    try:
        yield adapter
    finally:
        adapter.close()


def test_a_file_arrives_with_the_same_bytes_and_once(receiver: Tom, target_name: str) -> None:
    batch = Batch(
        site=Site(origin="site-uuid", name="Site A"),
        address=Address("b"),
        target=Target(name=target_name, position=Position(ra=10.5, dec=-5.25)),
        records=(),
    )
    picture = example_file(bytes(range(256)) * 100, name="night.fits")
    table = example_file(TABLE, name="night.csv", data_product_type="photometry")
    for again in (Accepted, Duplicate):
        with opened(receiver) as adapter:
            adapter.ensure_target(batch)
            for file in (picture, table):
                outcome = adapter.deliver_file(file, batch)
                assert isinstance(outcome, again), outcome
    stored = query(receiver, PRODUCTS, target_name)
    assert [(receiver.path / "data" / path).read_bytes() for path, _ in stored] == [
        bytes(range(256)) * 100,
        TABLE,
    ]
    assert {kind for _, kind in stored} == {"fits_file"}
    assert not query(receiver, PHOTOMETRY[receiver.name], target_name)
