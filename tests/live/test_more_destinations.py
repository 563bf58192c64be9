"""A real TOM that shares with a webhook and a folder of files at once, and with a SkyPortal."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from astropy.table import QTable
from numpy import nanmax
from standardwebhooks import Webhook

from realtoms import Tom
from sharecore.testing import FakeServer, Fault, answer
from standins.skyportal import TOKEN, SkyPortal

SECRET = f"whsec_{b64encode(bytes(range(32))).decode()}"

DELIVER = """
import json
from datetime import datetime, timezone
from django.contrib.auth.models import User
from django.core.management import call_command
from tom_dataproducts.models import PhotometryReducedDatum
from tom_integration.models import Delivery
from tom_targets.models import PersistentShare, Target

def deliver():
    call_command("sharing", "deliver", "--once", verbosity=0)
    rows = Delivery.objects.order_by("destination", "state").values_list("destination", "state")
    print(json.dumps([list(row) for row in rows]))
"""
FIRST = (
    DELIVER
    + """
user = User.objects.get(username="admin")
target = Target.objects.create(name="SN 2026xyz", type="SIDEREAL", ra=10.5, dec=-5.25)
for destination in ("hook", "folder"):
    PersistentShare.objects.create(target=target, destination=destination, user=user)
for brightness, limit in ((18.25, None), (None, 21.5)):
    PhotometryReducedDatum.objects.create(
        target=target, timestamp=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone.utc), bandpass="r",
        brightness=brightness, limit=limit, unit="AB", telescope="1m0",
    )
deliver()
"""
)
EDIT = (
    DELIVER
    + """
datum = PhotometryReducedDatum.objects.get(limit=None)
datum.brightness = 18.5
datum.save()
deliver()
"""
)


@pytest.fixture
def receiver() -> Iterator[FakeServer]:
    with FakeServer() as server:
        server.on("POST", "/hook", answer(204))
        yield server


def test_a_webhook_and_a_folder_get_what_is_new_and_what_was_edited(
    receiver: FakeServer, sender: Callable[..., Tom], tmp_path: Path
) -> None:
    hook = {"ADAPTER": "webhook", "URL": f"{receiver.url}hook", "SECRET": SECRET, "ALLOW_PRIVATE": True}
    folder = {"ADAPTER": "files", "DIRECTORY": str(tmp_path / "shared")}
    tom = sender(DATA_SHARING={"hook": hook, "folder": folder})
    delivered = [["folder", "delivered"]] * 2 + [["hook", "delivered"]] * 2
    assert json.loads(tom.execute(FIRST).splitlines()[-1]) == delivered
    events: list[Any] = [Webhook(SECRET).verify(r.body, dict(r.headers)) for r in receiver.requests]
    assert sorted(event["type"] for event in events) == ["photometry.created", "photometry_limit.created"]
    file = tmp_path / "shared" / "SN_2026xyz" / "photometry_mag_AB.ecsv"
    assert nanmax(QTable.read(file)["brightness"].value) == 18.25

    assert json.loads(tom.execute(EDIT).splitlines()[-1]) == delivered
    edit = Webhook(SECRET).verify(receiver.requests[-1].body, dict(receiver.requests[-1].headers))
    assert (len(receiver.requests), edit["type"]) == (3, "photometry.updated")
    assert edit["data"]["record"]["brightness"] == 18.5
    table = QTable.read(file)
    assert (len(table), nanmax(table["brightness"].value)) == (2, 18.5)


TO_SKYPORTAL = (
    DELIVER
    + """
from tom_dataproducts.models import SpectroscopyReducedDatum

user = User.objects.get(username="admin")
target = Target.objects.create(name="ZTF26xyz", type="SIDEREAL", ra=10.5, dec=-5.25)
PersistentShare.objects.create(target=target, destination="fritz", user=user)
when = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone.utc)
for brightness, error, limit in ((18.25, 0.02, 20.5), (None, None, 21.5)):
    PhotometryReducedDatum.objects.create(
        target=target, timestamp=when, bandpass="ztfr", brightness=brightness, brightness_error=error,
        limit=limit, unit="AB", instrument="ZTF",
    )
SpectroscopyReducedDatum.objects.create(
    target=target, timestamp=when, flux=[1e-16, 2e-16], wavelength=[4000.0, 4001.0], instrument="ZTF",
    flux_unit="erg/s/cm2/A", wavelength_unit="Angstrom",
)
deliver()
"""
)


def test_a_skyportal_gets_a_source_with_its_data(sender: Callable[..., Tom]) -> None:
    with FakeServer() as server:
        there = SkyPortal(server)
        entry = {
            "ADAPTER": "skyportal",
            "BASE_URL": server.url,
            "TOKEN": TOKEN,
            "GROUPS_THERE": ["Supernovae"],
        }
        tom = sender(DATA_SHARING={"fritz": entry})
        server.will(Fault.LOST, times=1, where=lambda request: request.path == "/api/sources")
        states = json.loads(tom.execute(TO_SKYPORTAL).splitlines()[-1])
        assert states == [["fritz", "pending"]] * 3, "the source was made, and its answer lost"
        check = "from django.core.management import call_command; call_command('sharing', 'check')"
        assert "fritz" in tom.execute(check)
        delivered = json.loads(tom.execute(DELIVER + "\ndeliver()").splitlines()[-1])
        assert delivered == [["fritz", "delivered"]] * 3
        assert list(there.sources) == ["ZTF26xyz"]
        assert [each["limiting_mag"] for each in there.points] == [20.5, 21.5]
        assert [each["flux"] is None for each in there.points] == [False, True]
        assert len(there.spectra) == 1
