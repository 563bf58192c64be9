"""A real TOM shares with a stand-in for HERMES, under the settings that TOMs have from tomtoolkit 2.x."""

from __future__ import annotations

import json
import sys
import textwrap
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from faults.plan import Fault, Plan
from faults.proxy import running
from realtoms import Service, Tom
from realtoms.service import free_port

STAND_IN = Path(__file__).parents[1] / "standins" / "hermes_server.py"
TOKEN = "0123456789abcdef0123456789abcdef01234567"
TOPICS = ("hermes.test", "tomtoolkit.test")
PER_ANGSTROM = "erg / s / cm\u00b2 / \u212b"

TARGETS = """
    from django.contrib.auth.models import User
    from guardian.shortcuts import assign_perm
    from tom_targets.models import Target, TargetName
    supernova = Target.objects.create(
        name="SN 2026abc", type="SIDEREAL", ra=150.1, dec=-12.5, epoch=2000.0, pm_ra=1500.0, pm_dec=-2.5,
        parallax=3.25, distance=10.0, permissions="PUBLIC",
    )
    TargetName.objects.create(target=supernova, name="ZTF26aaaaaaa")
    comet = Target.objects.create(
        name="C/2026 A1", type="NON_SIDEREAL", scheme="MPC_COMET", epoch_of_elements=61000.0,
        eccentricity=1.0002, arg_of_perihelion=210.5, lng_asc_node=33.25, inclination=131.0, perihdist=0.56,
        epoch_of_perihelion=61123.5, permissions="PUBLIC",
    )
    minor = Target.objects.create(
        name="2026 XY1", type="NON_SIDEREAL", scheme="MPC_MINOR_PLANET", epoch_of_elements=61000.0,
        eccentricity=0.08, arg_of_perihelion=-5.0, lng_asc_node=80.3, inclination=10.6, mean_anomaly=0.0,
        semimajor_axis=2.77, mean_daily_motion=0.214, permissions="PUBLIC",
    )
    for each in (supernova, comet, minor):
        assign_perm("tom_targets.change_target", User.objects.get(username="observer"), each)
        print(each.pk)
"""
DATA = """
    from datetime import datetime, timedelta, timezone
    from tom_dataproducts.models import (
        AstrometryReducedDatum, PhotometryReducedDatum, ReducedDatum, SpectroscopyReducedDatum,
    )
    from tom_targets.models import Target
    NIGHT = datetime(2026, 3, 1, 4, 5, 6, tzinfo=timezone.utc)
    def at(minutes):
        return NIGHT + timedelta(minutes=minutes)
    def measured(minutes, target, model=PhotometryReducedDatum, **values):
        return model.objects.create(target=target, timestamp=at(minutes), **values)
"""
EVERYTHING = (
    DATA
    + """
    supernova, comet, minor = Target.objects.order_by("pk")
    measured(0, supernova, brightness=18.5, brightness_error=0.02, limit=21.0, unit="AB", bandpass="r",
             telescope="LCO 1m", instrument="fa07", exposure_time=30.0)
    measured(1, supernova, limit=50.0, brightness_error=5.0, unit="uJy", bandpass="o", telescope="ATLAS")
    measured(2, supernova, brightness=17.2, brightness_error=-1.0, unit="Vega", bandpass="K",
             instrument="NIRC2")
    measured(3, supernova, brightness=19.0, unit="mag", bandpass="r", telescope="LCO 1m")
    measured(4, supernova, brightness=19.0, unit="AB", bandpass="r")
    ReducedDatum.objects.create(
        target=supernova, timestamp=at(5), data_type="photometry", telescope="LCO 2m",
        value={"magnitude": 18.75, "error": 0.05, "filter": "i", "unit": "ABmag", "telescope": "LCO 2m"},
    )
    measured(10, supernova, SpectroscopyReducedDatum, flux=[1e-16, 2e-16, 3e-16],
             wavelength=[4000.0, 4001.0, 4002.0], flux_unit="erg / (Angstrom s cm2)",
             wavelength_unit="Angstrom", instrument="FLOYDS", setup="red")
    measured(20, supernova, AstrometryReducedDatum, ra=150.1001, dec=-12.5002, ra_error=50.0, dec_error=0.1,
             ra_error_units="mas", dec_error_units="arcsec", telescope="LCO 1m")
    measured(30, comet, brightness=15.25, unit="AB mag", bandpass="r", telescope="LCO 1m")
    PhotometryReducedDatum.objects.bulk_create([
        PhotometryReducedDatum(target=minor, timestamp=at(40), brightness=20.5, unit="AB mag", bandpass="g",
                               telescope="LCO 1m")
    ])
"""
)
COMMON = {"brightness_unit": "AB mag", "limiting_brightness_unit": "AB mag"}
PUBLISHED: dict[str, dict[str, list[dict[str, Any]]]] = {
    "SN 2026abc": {
        "targets": [
            {"ra": 150.1, "dec": -12.5, "pm_ra": 1.5, "pm_dec": -0.0025, "distance": 10.0,
             "distance_units": "pc", "aliases": ["ZTF26aaaaaaa"]},
        ],
        "photometry": [
            {"target_name": "SN 2026abc", "date_obs": "2026-03-01T04:05:06+00:00", "telescope": "LCO 1m",
             "instrument": "fa07", "bandpass": "r", "brightness": 18.5, "brightness_error": 0.02,
             "limiting_brightness": 21.0, "exposure_time": 30.0, **COMMON},
            {"date_obs": "2026-03-01T04:06:06+00:00", "telescope": "ATLAS", "bandpass": "o",
             "limiting_brightness": 0.05, "limiting_brightness_error": 0.005,
             "limiting_brightness_unit": "mJy", "brightness_unit": "mJy"},
            {"date_obs": "2026-03-01T04:07:06+00:00", "instrument": "NIRC2", "bandpass": "K",
             "brightness": 17.2, "brightness_unit": "Vega mag"},
            {"date_obs": "2026-03-01T04:10:06+00:00", "telescope": "LCO 2m", "bandpass": "i",
             "brightness": 18.75, "brightness_error": 0.05, **COMMON},
        ],
        "spectroscopy": [
            {"date_obs": "2026-03-01T04:15:06+00:00", "instrument": "FLOYDS", "setup": "red",
             "flux": [1e-16, 2e-16, 3e-16], "wavelength": [4000.0, 4001.0, 4002.0],
             "flux_units": PER_ANGSTROM, "flux_type": "Flambda", "wavelength_units": "\u212b"},
        ],
        "astrometry": [
            {"date_obs": "2026-03-01T04:25:06+00:00", "telescope": "LCO 1m", "ra": 150.1001,
             "dec": -12.5002, "ra_error": 50.0, "ra_error_units": "mas", "dec_error": 0.1,
             "dec_error_units": "arcsec"},
        ],
    },
    "C/2026 A1": {
        "targets": [
            {"orbital_elements": {
                "epoch_of_elements": "61000.0", "eccentricity": 1.0002, "orbital_inclination": 131.0,
                "longitude_of_the_ascending_node": 33.25, "argument_of_the_perihelion": 210.5,
                "perihelion_distance": 0.56, "epoch_of_perihelion": "61123.5"}},
        ],
        "photometry": [{"target_name": "C/2026 A1", "bandpass": "r", "brightness": 15.25, **COMMON}],
    },
    "2026 XY1": {
        "targets": [
            {"orbital_elements": {
                "epoch_of_elements": "61000.0", "eccentricity": 0.08, "orbital_inclination": 10.6,
                "longitude_of_the_ascending_node": 80.3, "argument_of_the_perihelion": 355.0,
                "semimajor_axis": 2.77, "mean_anomaly": 360.0}},
        ],
        "photometry": [{"target_name": "2026 XY1", "bandpass": "g", "brightness": 20.5, **COMMON}],
    },
}  # fmt: skip
LEDGER = """
    import json
    from tom_integration.models import Delivery
    print(json.dumps([
        [row.destination, row.state, row.reason, row.remote_id, row.pk]
        for row in Delivery.objects.order_by("timestamp", "destination")
    ]))
"""
SIX_MINUTES_PASS = """
    from datetime import timedelta
    from django.db.models import F
    from tom_integration.models import Outbox, Delivery, DestinationHealth
    for model in (Outbox, Delivery):
        model.objects.filter(next_at__isnull=False).update(next_at=F("next_at") - timedelta(minutes=6))
    waiting = DestinationHealth.objects.filter(open_until__isnull=False)
    waiting.update(open_until=F("open_until") - timedelta(minutes=6))
"""


@dataclass
class Hermes:
    """The stand-in, as a process with an address that stays."""

    folder: Path
    topics: tuple[str, ...] = TOPICS
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.url = f"http://127.0.0.1:{self.port}/"
        self.log = self.folder / f"published-{self.port}.jsonl"
        command = [sys.executable, str(STAND_IN), "--port", str(self.port), "--log", str(self.log)]
        command += ["--writable-topics", ",".join(self.topics)]
        self.service = Service(command, self.folder, self.folder / f"hermes-{self.port}.log")
        self.start()

    def start(self) -> None:
        self.service.start()
        self.service.wait_until_answers(self.url)

    def stop(self) -> None:
        self.service.stop()

    def messages(self) -> list[dict[str, Any]]:
        """What it published, in order, with `uuid` and `topic`."""
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def settings(self, **more: object) -> dict[str, object]:
        """What a TOM has from the documentation of tomtoolkit 2.x."""
        return {
            "DISPLAY_NAME": "Hermes",
            "BASE_URL": self.url,
            "HERMES_API_KEY": TOKEN,
            "DEFAULT_AUTHORS": "A. Observer (Observatory)",
            "USER_TOPICS": list(TOPICS),
            **more,
        }


@pytest.fixture
def hermes(tmp_path: Path) -> Iterator[Callable[..., Hermes]]:
    started: list[Hermes] = []

    def start(*topics: str) -> Hermes:
        started.append(Hermes(tmp_path, topics or TOPICS))
        return started[-1]

    yield start
    for each in started:
        each.stop()


def rest(tom: Tom, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    request = urllib.request.Request(  # noqa: S310 - on loopback
        tom.url + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Token {tom.tokens['observer']}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.load(answer)


def share(tom: Tom, target: int, destination: str = "hermes:hermes.test") -> int:
    made = rest(tom, "POST", "targets/persistentshare/", {"target": target, "destination": destination})
    return int(made["id"])


def ledger(tom: Tom) -> list[dict[str, Any]]:
    names = ("destination", "state", "reason", "remote_id", "pk")
    rows = json.loads(tom.execute(LEDGER).splitlines()[-1])
    return [dict(zip(names, row, strict=True)) for row in rows]


def deliver(tom: Tom) -> None:
    tom.manage("sharing", "deliver", "--once")


def targets(tom: Tom) -> list[int]:
    return [int(line) for line in tom.execute(TARGETS).split()[-3:]]


def wait_for(published: Callable[[], bool], what: str, seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while not published():
        assert time.monotonic() < deadline, what
        time.sleep(0.25)


def data_of(message: dict[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = message["message"]["data"]
    return data


def test_settings_of_tomtoolkit_2_share_everything_that_hermes_can_express(
    sender: Callable[..., Tom], hermes: Callable[..., Hermes]
) -> None:
    server = hermes()
    tom = sender(DATA_SHARING={"hermes": server.settings()}, SHARECORE_RUNNER="command").serve()
    shares = [share(tom, target) for target in targets(tom)]
    tom.execute(EVERYTHING)
    deliver(tom)

    messages = server.messages()
    assert [each["topic"] for each in messages] == ["hermes.test"] * 3
    by_target = {data_of(each)["targets"][0]["name"]: each for each in messages}
    for name, tables in PUBLISHED.items():
        data = data_of(by_target[name])
        for table, rows in tables.items():
            assert len(data[table]) == len(rows)
            for row, values in zip(data[table], rows, strict=True):
                assert values.items() <= row.items()
                assert "NaN" not in json.dumps(row)
    supernova = by_target["SN 2026abc"]
    assert supernova["message"]["title"] == "Updated data for SN 2026abc from sender-1."
    assert supernova["message"]["authors"] == "A. Observer (Observatory)"
    provenance = data_of(supernova)["sharecore"]
    assert [len(provenance[table]) for table in ("photometry", "spectroscopy", "astrometry")] == [4, 1, 1]
    assert provenance["target"] == {"parallax_mas": 3.25}

    rows = ledger(tom)
    assert [row["state"] for row in rows] == [*["delivered"] * 3, *["unsupported"] * 2, *["delivered"] * 5]
    assert [row["remote_id"] for row in rows[:3]] == [supernova["uuid"]] * 3
    assert "DEFAULT_BRIGHTNESS_UNIT" in rows[3]["reason"]
    assert "DEFAULT_TELESCOPE" in rows[4]["reason"]
    listed = rest(tom, "GET", f"targets/persistentshare/{shares[0]}/deliveries/")["results"]
    links = {each["link"] for each in listed if each["state"] == "delivered"}
    assert links == {f"{server.url}message/{supernova['uuid']}"}

    shown = tom.manage("sharing", "preview", str(shares[0]), "--validate")
    assert json.loads(shown.stdout)["data"]["sharecore"] == provenance
    checked = tom.manage("sharing", "check").stdout
    said = checked.splitlines()
    assert (said[0], said[-1]) == ("hermes (hermes) ... ok", "    topics: hermes.test, tomtoolkit.test")
    deliver(tom)
    assert len(server.messages()) == 3


def test_the_default_runner_serves_two_hermes_through_an_outage_of_one(
    sender: Callable[..., Tom], hermes: Callable[..., Hermes]
) -> None:
    production, dev = hermes("hermes.test"), hermes("dev.test")
    tom = sender(
        HERMES_CONFIGURATION={
            "HERMES_API_TOKEN": TOKEN,
            "HERMES_BASE_URL": production.url,
            "DEFAULT_TOPIC": "hermes.test",
        },
        DATA_SHARING={"hermes-dev": dev.settings(USER_TOPICS=["dev.test"])},
    ).serve()
    target = targets(tom)[0]
    share(tom, target, "hermes")
    share(tom, target, "hermes-dev:dev.test")

    def save(number: int) -> None:
        value = {"magnitude": 18.0 + number, "filter": "r", "unit": "AB", "telescope": "LCO 1m"}
        when = f"2026-03-01T0{number}:00:00Z"
        datum = {"target": target, "data_type": "photometry", "timestamp": when, "value": value}
        rest(tom, "POST", "api/reduceddatums/", datum)

    def shows(server: Hermes, *numbers: int) -> Callable[[], bool]:
        return lambda: (
            [row["brightness"] for each in server.messages() for row in data_of(each)["photometry"]]
            == [18.0 + number for number in numbers]
        )

    save(1)
    wait_for(shows(production, 1), "the first datum did not reach the first destination")
    wait_for(shows(dev, 1), "the first datum did not reach the second destination")
    dev.stop()
    save(2)
    wait_for(shows(production, 1, 2), "the outage of one destination held up the other")
    assert shows(dev, 1)()
    dev.start()
    wait_for(shows(dev, 1, 2), "what waited for a destination did not go out when it was back")


CONVERTER = """
    from tom_dataproducts.alertstreams.hermes import HermesDataConverter, HermesMessageException


    class OurConverter(HermesDataConverter):
        def get_hermes_target(self, target):
            row = super().get_hermes_target(target)
            row["comments"] = f"followed by {target.aliases.count()} names"
            return row

        def get_hermes_photometry(self, datum):
            if datum.value.get("quality") == "bad":
                raise HermesMessageException("bad nights are not shared")
            row = super().get_hermes_photometry(datum)
            row["telescope"] = row["telescope"] or "Our own 40 cm"
            row["bandpass"] = {"r": "SDSS r'"}.get(datum.value["filter"], row["bandpass"])
            return row
"""
OWN_DATA = (
    DATA
    + """
    supernova = Target.objects.order_by("pk").first()
    measured(1, supernova, brightness=18.5, unit="AB", bandpass="r")
    measured(2, supernova, brightness=18.6, unit="AB", bandpass="r", value={"quality": "bad"})
    measured(3, supernova, limit=20.5, unit="AB", bandpass="g", telescope="LCO 1m")
    measured(4, supernova, SpectroscopyReducedDatum, flux=[1.0, 2.0], wavelength=[0.4, 0.5], flux_unit="Jy",
             wavelength_unit="micron", instrument="FLOYDS")
"""
)


def test_a_converter_class_written_for_tomtoolkit_2_and_a_server_that_does_not_answer(
    sender: Callable[..., Tom], hermes: Callable[..., Hermes]
) -> None:
    server = hermes()
    with running(server.url, Plan(first=(Fault.RESET_AFTER,), only="POST /api/v0/submit_message/ ")) as proxy:
        settings = server.settings(
            BASE_URL=proxy.url.rstrip("/"), DATA_CONVERTER_CLASS="custom_code.hermes.OurConverter"
        )
        tom = sender(DATA_SHARING={"hermes": settings}, SHARECORE_RUNNER="command")
        (tom.path / "custom_code" / "hermes.py").write_text(textwrap.dedent(CONVERTER))
        share(tom.serve(), targets(tom)[0])
        tom.execute(OWN_DATA)
        deliver(tom)
        assert [row["state"] for row in ledger(tom)] == ["unconfirmed", "unsupported", *["unconfirmed"] * 2]
        (message,) = server.messages()
        data = data_of(message)
        assert data["targets"][0]["comments"] == "followed by 1 names"
        assert [(row["telescope"], row["bandpass"]) for row in data["photometry"]] == [
            ("Our own 40 cm", "SDSS r'"),
            ("LCO 1m", "g"),
        ]
        (spectrum,) = data["spectroscopy"]
        assert (spectrum["flux"], spectrum["flux_units"]) == ([1000.0, 2000.0], "mJy")
        assert (spectrum["wavelength"], spectrum["wavelength_units"]) == ([0.4, 0.5], "\u00b5m")
        assert spectrum["flux_type"] == "Fnu"

        tom.execute(SIX_MINUTES_PASS)
        deliver(tom)
        rows = ledger(tom)
        # The message is found in the archive; nobody is asked.
        assert [row["state"] for row in rows] == ["delivered", "unsupported", "delivered", "delivered"]
        assert "bad nights" in rows[1]["reason"]
        assert {row["remote_id"] for row in rows if row["state"] == "delivered"} == {message["uuid"]}
        assert server.messages() == [message]
