"""Sharing with SkyPortal, from the data of a TOM to what a stand-in stores, and back into the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import call_command
from django.test import Client, override_settings
from tom_dataproducts.models import SpectroscopyReducedDatum

from sharecore.delivery import State
from sharecore.testing import FakeServer, Fault, Request
from sharecore_skyportal.source import source_id
from standins.skyportal import TOKEN, SkyPortal

from .conftest import NIGHT

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = pytest.mark.any_database

MEASURED = {"instrument": "cam3", "bandpass": "rp", "unit": "AB mag", "brightness_error": 0.02}


@pytest.fixture
def there() -> Iterator[SkyPortal]:
    with FakeServer() as server:
        yield SkyPortal(server)
    assert server.bugs == []


@pytest.fixture
def shared(tom: Tom, there: SkyPortal) -> Iterator[Any]:
    """A target that is shared with SkyPortal."""
    entry = {
        "ADAPTER": "skyportal",
        "BASE_URL": there.server.url,
        "TOKEN": TOKEN,
        "GROUPS_THERE": ["Supernovae"],
        "INSTRUMENT_MAP": {"cam3": "ZTF"},
        "BANDPASS_MAP": {"rp": "ztfr"},
    }
    with override_settings(DATA_SHARING={"fritz": entry}):
        target = tom.target()
        tom.share(target, "fritz")
        yield target


def spectrum(target: Any, **fields: Any) -> SpectroscopyReducedDatum:
    given = {
        "timestamp": NIGHT, "flux": [1e-16, 2e-16], "wavelength": [400.0, 401.0], "instrument": "cam3",
        "flux_unit": "erg/s/cm2/A", "wavelength_unit": "nm",
    }  # fmt: skip
    return SpectroscopyReducedDatum.objects.create(target=target, **given | fields)


def carries_data(request: Request) -> bool:
    return b'"origin"' in request.body


def test_each_kind_arrives_under_the_names_there(tom: Tom, there: SkyPortal, shared: Any) -> None:
    tom.datum(shared, **MEASURED)
    tom.datum(shared, **{**MEASURED, "brightness": None, "brightness_error": None, "limit": 21.0})
    spectrum(shared)
    assert tom.deliver() == 3
    assert list(there.sources) == [source_id(shared.name)]
    assert [(each["instrument_id"], each["filter"]) for each in there.points] == [(11, "ztfr")] * 2
    assert [each["flux"] is None for each in there.points] == [False, True]
    assert there.spectra[0]["wavelengths"] == [4000.0, 4010.0]
    assert {tuple(each["groups"]) for each in there.points} == {(2,)}


def test_the_ledger_links_to_the_source(
    tom: Tom, there: SkyPortal, shared: Any, admin_client: Client
) -> None:
    datum = tom.datum(shared, **MEASURED)
    tom.deliver()
    share = tom.outbox(shared, "fritz").share_id
    (row,) = admin_client.get(f"/targets/persistentshare/{share}/deliveries/").json()["results"]
    assert row["link"] == f"{there.server.url}source/{source_id(shared.name)}"
    assert tom.row(datum, "fritz").remote_id.endswith(f"/photometry/{there.points[0]['id']}")


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.RESET])
def test_lost_answers_lose_nothing_and_double_nothing(
    tom: Tom, there: SkyPortal, shared: Any, fault: Fault
) -> None:
    for _ in range(5):
        tom.datum(shared, **MEASURED)
    first = spectrum(shared)
    spectrum(shared, timestamp=NIGHT.replace(year=2025))
    there.server.will(fault, times=3, where=carries_data)
    tom.deliver_until_quiet()
    assert tom.states("fritz") == ["delivered"] * 7
    assert tom.state(first, "fritz") is State.DELIVERED
    assert (len(there.points), len(there.spectra)) == (5, 2)


def test_a_datum_that_cannot_go_holds_up_no_other(tom: Tom, there: SkyPortal, shared: Any) -> None:
    good = [tom.datum(shared, **MEASURED) for _ in range(9)]
    refused = tom.datum(shared, brightness=5.0, **MEASURED)
    unknown = tom.datum(shared, **{**MEASURED, "bandpass": "H"})
    there.refuses = lambda row: "out of range" if row["flux"] > 1e7 else ""
    assert tom.deliver() == 9
    assert {tom.state(each, "fritz") for each in good} == {State.DELIVERED}
    assert tom.state(refused, "fritz") is State.FAILED
    assert tom.state(unknown, "fritz") is State.UNSUPPORTED
    assert "no filter 'H'" in tom.row(unknown, "fritz").reason


def test_an_edit_is_noted_as_not_sent(tom: Tom, there: SkyPortal, shared: Any) -> None:
    datum = tom.datum(shared, **MEASURED)
    tom.deliver()
    datum.brightness = 15.0
    datum.save()
    tom.deliver_until_quiet()
    row = tom.row(datum, "fritz")
    assert (row.state, "the edit was not sent" in row.reason) == (State.DELIVERED, True)
    assert len(there.points) == 1


def test_a_group_that_is_closed_stops_the_share_until_it_opens(
    tom: Tom, there: SkyPortal, shared: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    there.groups.append(there.groups.pop(1))
    datum = tom.datum(shared, **MEASURED)
    tom.deliver()
    assert there.points == []
    call_command("sharing", "status")
    out = " ".join(capsys.readouterr().out.split())
    assert "fritz: action needed for 1 refuses us" in out
    assert "the token has no access to the group 'Supernovae'" in out, out
    there.groups.insert(1, there.groups.pop())
    call_command("sharing", "check")
    tom.deliver_until_quiet()
    assert tom.state(datum, "fritz") is State.DELIVERED


CLASSIFIED = {"class": "8/Ia", "probability": 0.9, "groups": ["Supernovae"]}


def classify(admin: Client, target: Any) -> Any:
    asked = {"destination": "fritz", "form": "classification", "values": CLASSIFIED, "send": True}
    return admin.post(f"/targets/{target.pk}/reports/", asked, content_type="application/json")


@pytest.mark.parametrize("fault", [None, Fault.LOST, Fault.RESET])
def test_a_classification_arrives_once(
    tom: Tom, there: SkyPortal, shared: Any, admin: Client, fault: Fault | None
) -> None:
    if fault:
        there.server.will(fault, times=1, where=lambda each: each.path == "/api/classification")
    assert classify(admin, shared).status_code == 201
    tom.deliver()
    tom.deliver_until_quiet(hours=3)
    (made,) = there.classifications
    assert (made["classification"], made["groups"]) == ("Ia", [2])
    assert tom.states("fritz") == ["delivered"]
    (told,) = admin.get(f"/targets/{shared.pk}/reports/").json()["results"]
    assert told["link"].endswith(f"/source/{made['obj_id']}")


def test_a_token_that_may_not_classify_costs_the_report_alone(
    tom: Tom, there: SkyPortal, shared: Any, admin: Client
) -> None:
    there.may_classify = False
    classify(admin, shared)
    tom.deliver()
    tom.datum(shared, **MEASURED)
    tom.deliver()
    assert sorted(tom.states("fritz")) == ["delivered", "failed"]
