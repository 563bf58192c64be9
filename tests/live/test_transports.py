"""The transports of the TOM adapter to real receivers; their databases say what arrived."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from calling import before, deliver
from faults.plan import Fault, Plan
from faults.proxy import Proxy, running
from realtoms import Tom, User, make_tom
from sharecore.adapter import Batch, Site
from sharecore.addresses import Address
from sharecore.exceptions import DestinationError
from sharecore.outcomes import Absent, Accepted, Duplicate, Unconfirmed
from sharecore.records import Kind, Photometry, PhotometryLimit, RecordKey
from sharecore.settings import Section
from sharecore.targets import Position, Target
from sharecore_tom.adapter import TomAdapter
from sharecore_tom.config import TomConfig
from sharecore_tom.transports import files

SHARER = User(username="sharer", password="sharer-at-a-throw-away-tom")
FIELDS = (
    "brightness", "brightness_error", "limit", "unit", "bandpass", "exposure_time", "telescope", "instrument",
    "reduction_version", "source_name", "source_location",
)  # fmt: skip
READ = """
    import json
    from tom_dataproducts.models import DataProduct, PhotometryReducedDatum
    rows = PhotometryReducedDatum.objects.filter(target__name={name!r}).order_by("timestamp", "pk")
    print(json.dumps({{
        "rows": [[row.timestamp.isoformat(), *[getattr(row, name) for name in {fields!r}], row.value]
                 for row in rows],
        "products": DataProduct.objects.filter(target__name={name!r}).count(),
    }}))
"""
LOSING = """
    from tom_dataproducts.processors.photometry_processor import PhotometryProcessor

    class Losing(PhotometryProcessor):
        def process_data(self, data_product):
            rows = super().process_data(data_product)
            for _, datum, _ in rows:
                datum.pop("limit", None)
            return rows
"""


def photometry(count: int) -> tuple[Photometry | PhotometryLimit, ...]:
    """Records at uneven times, a third of them limits, every column in use."""
    chance = random.Random(7)  # noqa: S311 - no secret
    time = datetime(2025, 12, 1, tzinfo=UTC)
    records: list[Photometry | PhotometryLimit] = []
    for number in range(count):
        time += timedelta(microseconds=chance.randrange(1, 10**10))
        common: dict[str, Any] = {
            "timestamp": time,
            "unit": "AB",
            "bandpass": chance.choice("gri"),
            "exposure_time": 300.0,
            "telescope": "01",
            "instrument": 'fa, "07"',
            "reduction_version": "v2",
            "extra": {"airmass": 1.25, "flags": [1, None, "x"]} if number % 2 else {},
        }
        if number % 3:
            key = RecordKey(kind=Kind.PHOTOMETRY, origin="site-uuid", id=str(number))
            bright, error = 15 + 5 * chance.random(), chance.random() / 10
            records.append(
                Photometry(key=key, brightness=bright, brightness_error=error, limit=21.5, **common)
            )
        else:
            key = RecordKey(kind=Kind.PHOTOMETRY_LIMIT, origin="site-uuid", id=str(number))
            records.append(PhotometryLimit(key=key, limit=20 + chance.random(), **common))
    return tuple(records)


def expected(record: Photometry | PhotometryLimit) -> list[Any]:
    filled = dataclasses.replace(record, source_name="Site A", source_location="shared from Site A")
    return [
        record.timestamp.isoformat(),
        *[getattr(filled, name, None) for name in FIELDS],
        {**record.extra},
    ]


def arrived(tom: Tom, name: str) -> tuple[list[list[Any]], int]:
    """The rows, without the time in MJD that a stock processor leaves beside them; how many products."""
    found = json.loads(tom.execute(READ.format(name=name, fields=FIELDS)))
    for row in found["rows"]:
        row[-1].pop("time", None)
    return found["rows"], found["products"]


@pytest.fixture
def adapter() -> Iterator[Callable[..., TomAdapter]]:
    opened: list[TomAdapter] = []

    def open_(tom: Tom, **settings: object) -> TomAdapter:
        opened.append(TomAdapter(TomConfig.read(Section("b", tom.sharing_entry("sharer", **settings)))))
        return opened[-1]

    yield open_
    for each in opened:
        each.close()


@pytest.fixture
def proxy(receiver_31: Tom) -> Iterator[Proxy]:
    with running(receiver_31.url) as proxy:
        yield proxy


@pytest.fixture
def batch(target_name: str) -> Callable[..., Batch]:
    state: dict[str, Any] = {}

    def make(*records: Any, **more: Any) -> Batch:
        return Batch(
            site=Site(origin="site-uuid", name="Site A"),
            address=Address("b"),
            records=records,
            state=state,
            **{"target": Target(name=target_name, position=Position(ra=10.5, dec=-5.25))} | more,
        )

    return make


class TestFiles:
    def test_a_thousand_rows_arrive_exactly_by_two_files(self, receiver_31, adapter, batch, target_name):
        records = photometry(1000)
        outcomes = deliver(adapter(receiver_31, BULK_UPLOAD=True), batch(*records))
        assert outcomes == dict.fromkeys([record.key for record in records], Accepted())
        rows, products = arrived(receiver_31, target_name)
        assert rows == [expected(record) for record in records]
        assert products == 2, "a sample, and the rest"
        again = deliver(adapter(receiver_31, BULK_UPLOAD=True), batch(*records))
        assert set(map(type, again.values())) <= {Accepted, Duplicate}
        assert len(arrived(receiver_31, target_name)[0]) == 1000

    def test_after_a_lost_answer_the_repeat_adds_nothing(
        self, receiver_31, adapter, batch, target_name, proxy
    ):
        records = photometry(700)
        opened = adapter(receiver_31, BULK_UPLOAD=True, BASE_URL=proxy.url)
        deliver(opened, batch(*records[:300]))
        proxy.plan = Plan(first=(Fault.RESET_AFTER,), only="POST /api/dataproducts/ ")
        with pytest.raises(DestinationError) as caught:
            deliver(opened, batch(*records[300:]))
        assert {type(each) for each in before(caught).values()} == {Unconfirmed}
        assert set(opened.find(batch(*records[300:])).values()) == {Absent()}
        outcomes = deliver(opened, batch(*records[300:]))
        assert set(outcomes.values()) == {Duplicate()}
        rows, products = arrived(receiver_31, target_name)
        assert rows == [expected(record) for record in records]
        assert products == 3

    def test_a_processor_of_its_own_that_loses_limits_is_found_out(
        self, adapter, batch, target_name, tmp_path: Path
    ):
        code = "DATA_PROCESSORS = {'photometry': 'losing.Losing'}"
        made = make_tom(
            tmp_path / "tom", name="losing", users=[SHARER], code=code, files={"losing.py": LOSING}
        )
        try:
            tom, records = made.serve(), photometry(210)
            opened = adapter(tom, BULK_UPLOAD=True)
            assert len(deliver(opened, batch(*records))) == 210
            rows, products = arrived(tom, target_name)
            assert rows == [expected(record) for record in records]
            assert products == 0, "its rows went with it"
            assert "not there as sent" in opened.describe()
        finally:
            made.remove()


def test_a_tom_of_2x_gets_single_rows(receiver_232, adapter, batch, target_name, monkeypatch):
    monkeypatch.setattr(files, "AT_LEAST", 1)
    records = photometry(5)
    opened = adapter(receiver_232, BULK_UPLOAD=True)
    (problem, *_) = opened.check()
    assert problem.where.endswith("['BULK_UPLOAD']")
    outcomes = deliver(opened, batch(*records))
    assert set(outcomes.values()) == {Accepted()}


class TestBatches:
    """A receiver that is upgraded while data are shared with it, and loses its app again."""

    def test_a_stock_tom_becomes_one_with_sharecore_and_the_reverse(
        self, adapter, batch, target_name, tmp_path: Path
    ):
        tom = make_tom(tmp_path / "tom", name="upgraded", users=[SHARER])
        settings = tom.path / "mytom" / "settings.py"
        stock = settings.read_text()
        try:
            records = photometry(60)
            opened = adapter(tom.serve())
            assert set(deliver(opened, batch(*records[:10])).values()) == {Accepted()}
            assert not opened.can_update

            tom.stop()
            settings.write_text(stock + "\nINSTALLED_APPS = [*INSTALLED_APPS, 'tom_integration']\n")
            tom.manage("migrate", "--no-input", "--verbosity", "0")
            target_name = f"{target_name} as they call it"
            tom.execute(f"from tom_targets.models import Target; Target.objects.update(name={target_name!r})")
            ours = Target(name="renamed here as well", position=Position(ra=10.5, dec=-5.25))
            batch = partial(batch, target=ours)
            tom.serve()
            opened.check()
            assert "sharecore" in opened.describe()
            outcomes = deliver(opened, batch(*records[:50]))
            assert [type(outcomes[each.key]) for each in records[:50]] == [Duplicate] * 10 + [Accepted] * 40
            edited = dataclasses.replace(records[40], exposure_time=1.5)
            opened.ready()
            assert opened.can_update
            (outcome,) = deliver(opened, batch(edited, previous={edited.key: None})).values()
            assert isinstance(outcome, Accepted)
            rows, _ = arrived(tom, target_name)
            assert rows == [expected(each) for each in (*records[:40], edited, *records[41:50])]

            tom.stop()
            settings.write_text(stock)
            tom.serve()
            last = (edited, *records[41:])
            assert tom.execute(
                "from tom_targets.models import Target; print(Target.objects.count())"
            ).split() == ["1"]
            outcomes = deliver(opened, batch(*last))
            assert [type(outcomes[each.key]) for each in last] == [Duplicate] * 10 + [Accepted] * 10
            assert len(arrived(tom, target_name)[0]) == 60
            opened.ready()
            assert not opened.can_update
        finally:
            tom.remove()
