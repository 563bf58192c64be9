"""The TOM adapter against real, stock receivers of both generations; their databases say what arrived."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from calling import before, deliver
from live.conftest import SHARER
from live.scenes import QUICK_LOGIN
from realtoms import Tom, make_tom
from sharecore.adapter import Batch, Site
from sharecore.addresses import Address
from sharecore.exceptions import AuthenticationFailed, DestinationError
from sharecore.outcomes import Absent, Accepted, Deferred, Duplicate, Present, Rejected, Unsupported
from sharecore.records import (
    Astrometry,
    Kind,
    OtherDatum,
    Photometry,
    PhotometryLimit,
    Record,
    RecordKey,
    Spectrum,
)
from sharecore.settings import Section
from sharecore.targets import Orbit, OrbitScheme, Position, Target
from sharecore_tom.adapter import TomAdapter
from sharecore_tom.config import TomConfig

TIME = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
WRITTEN = "2026-01-02T03:04:05.678901+00:00"
SITE = Site(origin="site-uuid", name="Site A")
ALL = {"telescope": "FTN", "instrument": "fa07", "reduction_version": "v2"}
SOURCE = {"source_name": "MARS", "source_location": "https://mars.example.org/1"}
EXTRA = {"note": "x", "deep": {"a": [1, 2.5, None]}, "mag": 5, "timestamp": "2001-01-01"}
KEPT = {"note": "x", "deep": {"a": [1, 2.5, None]}, "extra_mag": 5, "extra_timestamp": "2001-01-01"}


def key(kind: Kind, name: str = "1") -> RecordKey:
    return RecordKey(kind=kind, origin=SITE.origin, id=name)


DETECTION = Photometry(
    key=key(Kind.PHOTOMETRY),
    timestamp=TIME,
    brightness=17.123456789012345,
    brightness_error=0.02,
    limit=21.0,
    unit="AB",
    bandpass="r",
    exposure_time=30.0,
    extra=EXTRA,
    **ALL,
    **SOURCE,
)
LIMIT = PhotometryLimit(
    key=key(Kind.PHOTOMETRY_LIMIT),
    timestamp=TIME,
    limit=21.3,
    limit_error=0.1,
    unit="AB",
    bandpass="g",
    exposure_time=60.0,
    extra={"note": "deep"},
    **ALL,
)
SPECTRUM = Spectrum(
    key=key(Kind.SPECTRUM),
    timestamp=TIME,
    flux=(1.0e-15, 2.5e-17, 0.1),
    wavelength=(4000.0, 4001.5, 4003.0),
    error=(1e-18, 2e-18, 3e-18),
    flux_unit="erg / (Angstrom s cm2)",
    wavelength_unit="Angstrom",
    setup="red arm",
    exposure_time=1800.0,
    extra={"airmass": 1.25},
    **ALL,
)
ASTROMETRY = Astrometry(
    key=key(Kind.ASTROMETRY),
    timestamp=TIME,
    ra=10.123456789012345,
    dec=-5.5,
    ra_error=0.1,
    dec_error=0.2,
    ra_error_units="arcsec",
    dec_error_units="mas",
    extra={"catalog": "Gaia"},
    **ALL,
)
OTHER = OtherDatum(
    key=key(Kind.OTHER), timestamp=TIME, data_type="fits_file", extra={"counts": [1, 2], "note": "x"}, **ALL
)
EVERY_KIND: tuple[Record, ...] = (DETECTION, LIMIT, SPECTRUM, ASTROMETRY, OTHER)

_COMMON = {"timestamp": WRITTEN, "source_name": "Site A", "source_location": "shared from Site A"}
AT_3 = {
    "PhotometryReducedDatum": [
        {**_COMMON, **ALL, **SOURCE, "brightness": 17.123456789012345, "brightness_error": 0.02,
         "limit": 21.0, "unit": "AB", "bandpass": "r", "exposure_time": 30.0, "value": KEPT},
        {**_COMMON, **ALL, "brightness": None, "brightness_error": 0.1, "limit": 21.3, "unit": "AB",
         "bandpass": "g", "exposure_time": 60.0, "value": {"note": "deep"}},
    ],
    "SpectroscopyReducedDatum": [
        {**_COMMON, **ALL, "flux": [1.0e-15, 2.5e-17, 0.1], "wavelength": [4000.0, 4001.5, 4003.0],
         "error": [1e-18, 2e-18, 3e-18], "flux_unit": "erg / (Angstrom s cm2)", "wavelength_unit": "Angstrom",
         "setup": "red arm", "exposure_time": 1800.0, "value": {"airmass": 1.25}},
    ],
    "AstrometryReducedDatum": [
        {**_COMMON, **ALL, "ra": 10.123456789012345, "dec": -5.5, "ra_error": 0.1, "dec_error": 0.2,
         "ra_error_units": "arcsec", "dec_error_units": "mas", "value": {"catalog": "Gaia"}},
    ],
    "ReducedDatum": [
        {**_COMMON, **ALL, "data_type": "fits_file", "value": {"counts": [1, 2], "note": "x"}},
    ],
}  # fmt: skip
AT_2 = {
    "ReducedDatum": [
        {**_COMMON, **SOURCE, "data_type": "photometry",
         "value": {"magnitude": 17.123456789012345, "error": 0.02, "limit": 21.0, "unit": "AB", "filter": "r",
                   "exposure_time": 30.0, **ALL, **KEPT}},
        {**_COMMON, "data_type": "photometry",
         "value": {"limit": 21.3, "error": 0.1, "unit": "AB", "filter": "g", "exposure_time": 60.0, **ALL,
                   "note": "deep"}},
        {**_COMMON, "data_type": "spectroscopy",
         "value": {"flux": [1.0e-15, 2.5e-17, 0.1], "wavelength": [4000.0, 4001.5, 4003.0],
                   "error": [1e-18, 2e-18, 3e-18], "flux_units": "erg / (Angstrom s cm2)",
                   "wavelength_units": "Angstrom", "setup": "red arm", "exposure_time": 1800.0, **ALL,
                   "airmass": 1.25}},
        {**_COMMON, "data_type": "fits_file", "value": {**ALL, "counts": [1, 2], "note": "x"}},
    ],
}  # fmt: skip

READ_ROWS = """
    import json
    from tom_dataproducts import models
    tables = getattr(models, "REDUCED_DATUM_MODELS", (models.ReducedDatum,))
    skipped = {{"id", "target", "data_product"}}
    print(json.dumps({{
        table.__name__: [
            {{field.name: getattr(row, field.name) for field in table._meta.concrete_fields
              if field.name not in skipped}}
            for row in table.objects.filter(target__name={name!r}).order_by("pk")
        ]
        for table in tables
    }}, default=lambda value: value.isoformat()))
"""
READ_TARGET = """
    import json
    from tom_targets.models import Target
    target = Target.objects.get(name={name!r})
    print(json.dumps({{
        **{{field.name: getattr(target, field.name) for field in target._meta.concrete_fields}},
        "aliases": sorted(target.aliases.values_list("name", flat=True)),
        "extras": dict(target.targetextra_set.values_list("key", "value")),
        "lists": sorted(target.targetlist_set.values_list("name", flat=True)),
    }}, default=str))
"""


@pytest.fixture(params=["receiver_31", "receiver_232"])
def receiver(request: pytest.FixtureRequest) -> Tom:
    tom: Tom = request.getfixturevalue(request.param)
    return tom


@pytest.fixture
def open_adapter() -> Iterator[Callable[..., TomAdapter]]:
    opened: list[TomAdapter] = []

    def open_(
        tom: Tom, user: str = "sharer", *, now: Callable[[], float] = time.time, **settings: object
    ) -> TomAdapter:
        config = TomConfig.read(Section("b", tom.sharing_entry(user, **settings)))
        opened.append(TomAdapter(config, now=now))
        return opened[-1]

    yield open_
    for adapter in opened:
        adapter.close()


@pytest.fixture
def batch(target_name: str) -> Callable[..., Batch]:
    state: dict[str, Any] = {}

    def make(*records: Record, target: Target | None = None, **more: Any) -> Batch:
        return Batch(
            site=SITE,
            address=Address("b"),
            target=target or Target(name=target_name, position=Position(ra=10.5, dec=-5.25)),
            records=records,
            state=more.pop("state", state),
            **more,
        )

    return make


def typed(tom: Tom) -> bool:
    return tom.name == "receiver-3"


def rows(tom: Tom, name: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = json.loads(
        tom.execute(READ_ROWS.format(name=name)).splitlines()[-1]
    )
    return {table: sorted(each, key=repr) for table, each in found.items()}


def target_at(tom: Tom, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(tom.execute(READ_TARGET.format(name=name)).splitlines()[-1])
    return found


def by_content(table: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(table, key=lambda row: json.dumps(row, sort_keys=True))


def detections(count: int) -> tuple[Photometry, ...]:
    return tuple(
        Photometry(
            key=key(Kind.PHOTOMETRY, str(each)),
            timestamp=TIME + timedelta(seconds=each),
            brightness=15.0 + each / 7,
            bandpass="r",
        )
        for each in range(count)
    )


def test_every_field_of_every_kind_arrives(
    receiver: Tom, open_adapter: Callable[..., TomAdapter], batch: Callable[..., Batch], target_name: str
) -> None:
    outcomes = deliver(open_adapter(receiver), batch(*EVERY_KIND))
    expected: dict[str, Any] = AT_3 if typed(receiver) else AT_2
    arrived = rows(receiver, target_name)
    assert {name: by_content(table) for name, table in arrived.items()} == {
        name: by_content(table) for name, table in expected.items()
    }
    accepted = [outcome for outcome in outcomes.values() if outcome == Accepted()]
    assert len(accepted) == sum(map(len, expected.values()))
    if not typed(receiver):
        refused = outcomes[ASTROMETRY.key]
        assert isinstance(refused, Unsupported)
        assert refused.feature == "data-type"


def test_sending_again_adds_nothing(
    receiver: Tom, open_adapter: Callable[..., TomAdapter], batch: Callable[..., Batch], target_name: str
) -> None:
    records = [each for each in EVERY_KIND if typed(receiver) or each is not ASTROMETRY]
    adapter = open_adapter(receiver)
    deliver(adapter, batch(*records))
    before = rows(receiver, target_name)
    # Another process, which remembers nothing but the share's notes; then one that lost even these.
    for state in ({}, dict(batch().state)):
        again = deliver(open_adapter(receiver), batch(*records, state=state))
        assert again == {record.key: Duplicate() for record in records}
    assert rows(receiver, target_name) == before


def test_what_is_there_after_an_unknown_outcome(
    receiver: Tom, open_adapter: Callable[..., TomAdapter], batch: Callable[..., Batch]
) -> None:
    adapter, records = open_adapter(receiver), detections(6)
    deliver(adapter, batch(*records[:4]))
    found = adapter.find(batch(*records))
    there = {} if typed(receiver) else {record.key: Present(content=record) for record in records[:4]}
    assert found == {record.key: Absent() for record in records} | there


def test_many_in_flight_arrive_once_each(
    receiver: Tom, open_adapter: Callable[..., TomAdapter], batch: Callable[..., Batch], target_name: str
) -> None:
    records = detections(40)
    assert set(deliver(open_adapter(receiver), batch(*records)).values()) == {Accepted()}
    times = [row["timestamp"] for table in rows(receiver, target_name).values() for row in table]
    assert sorted(times) == [record.timestamp.isoformat() for record in records]


def test_a_sidereal_target_is_made_whole_and_found_by_each_of_its_names(
    receiver: Tom, open_adapter: Callable[..., TomAdapter], batch: Callable[..., Batch], target_name: str
) -> None:
    target = Target(
        name=f"{target_name} a&b+c#d,e/é",
        aliases=(f"{target_name} A+B", f"{target_name} & co"),
        position=Position(ra=10.5, dec=-5.25, epoch=2000.0, pm_ra=1.5, parallax=2.5, distance=10.0),
        extras={"class": "SN Ia"},
        lists=(f"list of {target_name}",),
    )
    deliver(open_adapter(receiver), batch(*detections(1), target=target, shared_by="pi"))
    there = target_at(receiver, target.name)
    assert (there["ra"], there["dec"], there["epoch"], there["pm_ra"]) == (10.5, -5.25, 2000.0, 1.5)
    assert (there["parallax"], there["distance"], there["pm_dec"]) == (2.5, 10.0, None)
    assert there["aliases"] == sorted(target.aliases)
    assert there["extras"] == {"class": "SN Ia"}
    assert there["lists"] == sorted(["Imported From Site A", f"list of {target_name}"])
    if typed(receiver):
        assert (there["shared_by"], there["shared_from"]) == ("pi", "Site A")
    for name in target.names:
        records = (dataclasses.replace(DETECTION, instrument=name[-20:]),)
        state: dict[str, Any] = {}
        deliver(open_adapter(receiver), batch(*records, target=Target(name=name), state=state))
        assert state["target_id"] == there["id"]


def test_a_solar_system_body_is_made_with_its_elements(
    receiver: Tom, open_adapter: Callable[..., TomAdapter], batch: Callable[..., Batch], target_name: str
) -> None:
    orbit = Orbit(
        scheme=OrbitScheme.MPC_COMET,
        epoch_of_elements=60000.0,
        inclination=12.5,
        lng_asc_node=1.0,
        arg_of_perihelion=2.0,
        eccentricity=0.9,
        perihdist=1.1,
        epoch_of_perihelion=60100.0,
    )
    target = Target(name=target_name, sidereal=False, orbit=orbit)
    assert deliver(open_adapter(receiver), batch(target=target)) == {}
    there = target_at(receiver, target_name)
    assert there["type"] == "NON_SIDEREAL"
    elements = {name: value for name, value in dataclasses.asdict(orbit).items() if value is not None}
    assert {name: there[name] for name in elements} == elements


def test_a_target_that_is_there_joins_the_lists(
    receiver: Tom, open_adapter: Callable[..., TomAdapter], batch: Callable[..., Batch], target_name: str
) -> None:
    deliver(open_adapter(receiver, TARGET_LISTS=[]), batch())
    assert target_at(receiver, target_name)["lists"] == []
    deliver(open_adapter(receiver), batch())
    assert target_at(receiver, target_name)["lists"] == ["Imported From Site A"]


def test_a_target_deleted_there_is_made_again(
    receiver: Tom, open_adapter: Callable[..., TomAdapter], batch: Callable[..., Batch], target_name: str
) -> None:
    adapter, (one, two) = open_adapter(receiver), detections(2)
    deliver(adapter, batch(one))
    receiver.execute(f"""
        from tom_targets.models import Target
        Target.objects.get(name={target_name!r}).delete()
    """)
    assert isinstance(deliver(adapter, batch(two))[two.key], Deferred), "it is made before the next try"
    assert deliver(adapter, batch(two)) == {two.key: Accepted()}
    assert sum(map(len, rows(receiver, target_name).values())) == 1


def test_a_target_of_somebody_else_is_not_doubled(
    receiver: Tom, open_adapter: Callable[..., TomAdapter], batch: Callable[..., Batch], target_name: str
) -> None:
    deliver(open_adapter(receiver, "admin"), batch(*detections(1)))
    now = time.time()
    adapter, hidden = open_adapter(receiver, now=lambda: now), batch(*detections(1), state={})
    (outcome,) = deliver(adapter, hidden).values()
    assert isinstance(outcome, Deferred), "our account may have made it this moment"
    now += 61
    (outcome,) = deliver(adapter, hidden).values()
    assert isinstance(outcome, Rejected)
    assert "may not see it" in outcome.reason
    receiver.execute(f"""
        from django.contrib.auth.models import User
        from guardian.shortcuts import assign_perm
        from tom_targets.models import Target
        target, user = Target.objects.get(name={target_name!r}), User.objects.get(username="sharer")
        assign_perm(f"{{target._meta.app_label}}.view_target", user, target)
    """)
    seen = batch(*detections(1), state={})
    (outcome,) = deliver(adapter, seen).values()
    assert isinstance(outcome, Deferred), "the right to change it may follow this moment"
    now += 61
    (outcome,) = deliver(adapter, seen).values()
    assert isinstance(outcome, Rejected)
    assert "Let it change that target" in outcome.reason


def test_several_targets_of_our_names_are_listed(
    receiver: Tom, open_adapter: Callable[..., TomAdapter], batch: Callable[..., Batch], target_name: str
) -> None:
    adapter, other = open_adapter(receiver), f"{target_name} other"
    deliver(adapter, batch())
    deliver(adapter, batch(target=Target(name=other, position=Position(ra=1.0, dec=1.0)), state={}))
    both = Target(name=target_name, aliases=(other,))
    (outcome,) = deliver(adapter, batch(*detections(1), target=both, state={})).values()
    assert isinstance(outcome, Rejected)
    assert repr(other) in outcome.reason


def test_a_target_without_coordinates_says_what_is_missing(
    receiver: Tom, open_adapter: Callable[..., TomAdapter], batch: Callable[..., Batch], target_name: str
) -> None:
    (outcome,) = deliver(
        open_adapter(receiver), batch(*detections(1), target=Target(name=target_name))
    ).values()
    assert isinstance(outcome, Rejected)
    assert "ra" in outcome.reason
    assert "required" in outcome.reason


def test_a_corrected_error_is_told_to_be_not_stored_where_it_is_not(
    receiver: Tom, open_adapter: Callable[..., TomAdapter], batch: Callable[..., Batch], target_name: str
) -> None:
    adapter = open_adapter(receiver)
    beside = dataclasses.replace(DETECTION, key=key(Kind.PHOTOMETRY, "2"), brightness=3.0, limit=None)
    deliver(adapter, batch(beside, DETECTION))
    corrected = dataclasses.replace(DETECTION, brightness_error=0.5)
    outcome = deliver(adapter, batch(corrected))[corrected.key]
    if typed(receiver):
        assert isinstance(outcome, Rejected)
        assert outcome.field == "brightness_error"
    else:
        assert outcome == Accepted()


def test_how_we_log_in(
    receiver: Tom, open_adapter: Callable[..., TomAdapter], batch: Callable[..., Batch]
) -> None:
    by_password = open_adapter(receiver).check()
    by_token = open_adapter(receiver, API_KEY=receiver.tokens["sharer"]).check()
    # A stock 2.x takes the password with each request; that it costs time is a warning.
    assert [problem.fatal for problem in by_password] == ([] if typed(receiver) else [False])
    assert by_token == by_password
    only_token = open_adapter(receiver, API_KEY=receiver.tokens["sharer"], USERNAME="", PASSWORD="")
    assert [problem.fatal for problem in only_token.check()] == ([] if typed(receiver) else [True])
    with pytest.raises(AuthenticationFailed):
        deliver(open_adapter(receiver, PASSWORD="wrong"), batch(*detections(1)))


def test_a_token_that_is_withdrawn_is_got_again(
    receiver_31: Tom, open_adapter: Callable[..., TomAdapter], batch: Callable[..., Batch]
) -> None:
    adapter, (one, two) = open_adapter(receiver_31, "admin"), detections(2)
    deliver(adapter, batch(one))
    receiver_31.execute("""
        from rest_framework.authtoken.models import Token
        Token.objects.filter(user__username="admin").delete()
    """)
    assert deliver(adapter, batch(two)) == {two.key: Accepted()}


def test_an_address_that_is_no_tom(receiver: Tom, open_adapter: Callable[..., TomAdapter]) -> None:
    (problem,) = open_adapter(receiver, BASE_URL=f"{receiver.url}api/").check()
    assert problem.fatal
    assert "BASE_URL" in problem.where


def test_a_receiver_that_is_down_gets_everything_once_it_is_back(
    receiver: Tom, open_adapter: Callable[..., TomAdapter], batch: Callable[..., Batch], target_name: str
) -> None:
    adapter, records = open_adapter(receiver), detections(10)
    deliver(adapter, batch(*records[:5]))
    receiver.stop()
    try:
        with pytest.raises(DestinationError) as caught:
            deliver(adapter, batch(*records))
        assert before(caught) == {}
    finally:
        receiver.serve()
    outcomes = deliver(adapter, batch(*records))
    assert [outcomes[record.key] for record in records] == [Duplicate()] * 5 + [Accepted()] * 5
    assert sum(map(len, rows(receiver, target_name).values())) == 10


CHANGE = "from tom_targets.models import Target; Target.objects.filter(name={name!r}).update(**{columns!r})"


def test_a_target_renamed_on_both_sides_stays_one(
    receiver: Tom, open_adapter: Callable[..., TomAdapter], batch: Callable[..., Batch], target_name: str
) -> None:
    adapter, there = open_adapter(receiver), f"{target_name} as they call it"
    deliver(adapter, batch(*detections(1)))
    receiver.execute(CHANGE.format(name=target_name, columns={"name": there}))
    for number, here in ((2, f"{target_name} as we call it"), (3, target_name)):
        target = Target(name=here, position=Position(ra=10.5, dec=-5.25))
        deliver(adapter, batch(*detections(number), target=target))
        assert sum(map(len, rows(receiver, there).values())) == number
        assert sum(map(len, rows(receiver, here).values())) == 0


@pytest.mark.parametrize("spelling", ["{}ABC", "{}-abc", "({}) a_b_c"])
def test_a_target_is_found_as_the_toolkit_compares_names(
    receiver: Tom,
    open_adapter: Callable[..., TomAdapter],
    batch: Callable[..., Batch],
    target_name: str,
    spelling: str,
) -> None:
    adapter, spelt = open_adapter(receiver), spelling.format(target_name)
    position = Position(ra=10.5, dec=-5.25)
    deliver(adapter, batch(*detections(1), target=Target(name=spelt, position=position), state={}))
    same = Target(name=f"{target_name} abc", position=position)
    deliver(adapter, batch(*detections(2), target=same, state={}))
    assert sum(map(len, rows(receiver, spelt).values())) == 2


def test_a_target_that_the_receiver_cannot_show_costs_only_itself(
    receiver: Tom, open_adapter: Callable[..., TomAdapter], batch: Callable[..., Batch], target_name: str
) -> None:
    deliver(open_adapter(receiver), batch(*detections(1)))
    receiver.execute(
        "from math import inf; "
        + CHANGE.format(name=target_name, columns={"parallax": "@"}).replace("'@'", "inf")
    )
    adapter = open_adapter(receiver)
    try:
        assert not any(problem.fatal for problem in adapter.check())
        for state in ({}, dict(batch().state)):
            (outcome,) = set(deliver(adapter, batch(*detections(2), state=state)).values())
            assert isinstance(outcome, Deferred)
            assert "NaN" in outcome.reason
        other = Target(name=f"{target_name} beside it", position=Position(ra=10.5, dec=-5.25))
        assert set(deliver(adapter, batch(*detections(2), target=other, state={})).values()) == {Accepted()}
    finally:
        receiver.execute(CHANGE.format(name=target_name, columns={"parallax": None}))


def test_a_receiver_that_pages_by_number_is_read_to_the_end(
    tmp_path: Path, open_adapter: Callable[..., TomAdapter], batch: Callable[..., Batch], target_name: str
) -> None:
    paging = {
        "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
        "PAGE_SIZE": 5,
    }
    code = f"REST_FRAMEWORK = {{**REST_FRAMEWORK, **{paging!r}}}"
    tom = make_tom(tmp_path / "numbers", name="numbers", users=[SHARER], settings=QUICK_LOGIN, code=code)
    records = tuple(dataclasses.replace(each, timestamp=TIME) for each in detections(12))
    try:
        tom.serve()
        assert set(deliver(open_adapter(tom), batch(*records)).values()) == {Accepted()}
        again = deliver(open_adapter(tom), batch(*records, state={}))
    finally:
        tom.remove()
    assert again == {record.key: Duplicate() for record in records}, "each is found on the page that has it"
