"""Who delivers: the thread of a server, or a command; and what a TOM says when nobody does."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator

import pytest

from live.scenes import Line, make_share, make_target, query, save, states, until
from realtoms import Tom, compare, compare_with_2_32

MakeTom = Callable[..., Tom]

PRELUDE = """
from tom_dataproducts.models import (
    AstrometryReducedDatum, PhotometryReducedDatum, ReducedDatum, SpectroscopyReducedDatum,
)
from tom_targets.models import PersistentShare, Target

def shared(name, *destinations):
    target = Target.objects.create(name=name, type="SIDEREAL", ra=10.5, dec=-3.25)
    for destination in destinations:
        PersistentShare.objects.create(target=target, destination=destination)
    return target

def data(target, numbers):
    for number in numbers:
        PhotometryReducedDatum.objects.create(
            target=target, timestamp=f"2026-02-01T{number // 60:02}:{number % 60:02}:00Z", unit="AB",
            brightness=17 + number / 1000, bandpass="r",
        )
"""
EVERY_KIND = """
common = {
    "target": target, "timestamp": "2026-02-01T01:02:03.456789Z", "telescope": "FTN", "instrument": "fa07",
    "source_name": "MARS", "source_location": "https://mars.example.org/1", "reduction_version": "v2",
    "value": {"note": "x", "deep": [1, 2.5]},
}
PhotometryReducedDatum.objects.create(
    **common, brightness=17.123456789012345, brightness_error=0.02, limit=21.0, unit="AB", bandpass="r",
    exposure_time=30.0,
)
PhotometryReducedDatum.objects.create(**common, limit=21.5, unit="AB", bandpass="g", exposure_time=60.0)
SpectroscopyReducedDatum.objects.create(
    **common, flux=[1e-15, 2.5e-17], wavelength=[4000.0, 4001.5], error=[1e-18, 2e-18],
    flux_unit="erg / (Angstrom s cm2)", wavelength_unit="Angstrom", setup="red", exposure_time=1800.0,
)
"""
REST = """
AstrometryReducedDatum.objects.create(
    **common, ra=10.123456789012345, dec=-5.5, ra_error=0.1, dec_error=0.2, ra_error_units="arcsec",
    dec_error_units="mas",
)
ReducedDatum.objects.create(**common, data_type="fits_file")
"""


@pytest.fixture
def line(receiver_31: Tom) -> Iterator[Line]:
    made = Line(receiver_31)
    yield made
    made.close()


def _whole(tom: Tom, receiver: Tom, name: str, number: int) -> Callable[[], bool]:
    def check() -> bool:
        found = compare(tom.database, receiver.database, [name])
        return found.perfect and found.records == number

    return check


def test_what_cron_jobs_save_is_delivered_by_the_server_whole_to_both_versions(
    sender: MakeTom, receiver_31: Tom, receiver_232: Tom, target_name: str
) -> None:
    tom = sender(
        DATA_SHARING={
            "new": receiver_31.sharing_entry("sharer"),
            "old": receiver_232.sharing_entry("sharer"),
        },
        SHARECORE_SCAN_SECONDS=1.0,
    )
    tom.serve()
    both = f"{target_name} both"
    tom.execute(
        f"{PRELUDE}\ntarget = shared({target_name!r}, 'new'){EVERY_KIND}{REST}\n"
        f"target = shared({both!r}, 'new', 'old'){EVERY_KIND}"
    )
    until(_whole(tom, receiver_31, target_name, 5), what=lambda: states(tom))
    until(_whole(tom, receiver_31, both, 3), what=lambda: states(tom))

    def old() -> bool:
        found = compare_with_2_32(tom.database, receiver_232.database, [both])
        return found.perfect and found.records == 3

    until(old, what=lambda: states(tom))


def test_gunicorn_that_loads_the_tom_before_it_forks(
    sender: MakeTom, receiver_31: Tom, target_name: str
) -> None:
    tom = sender(DATA_SHARING={"new": receiver_31.sharing_entry("sharer")})
    tom.serve(workers=2, options=["--preload"])
    target = make_target(tom, target_name)
    make_share(tom, target, "new")
    for number in range(12):
        save(tom, target, number)
    # no scan comes in this time: the hint of the process that saved brings them
    until(_whole(tom, receiver_31, target_name, 12), seconds=20, what=lambda: states(tom))
    delivering = {int(name.rpartition(":")[2]) for (name,) in query(tom, "SELECT name FROM sharecore_worker")}
    assert delivering
    assert tom.server.pid not in delivering


def test_nobody_delivers_until_somebody_asks_the_server_for_a_page(
    sender: MakeTom, receiver_31: Tom, target_name: str
) -> None:
    tom = sender(DATA_SHARING={"new": receiver_31.sharing_entry("sharer")})
    tom.execute(f"{PRELUDE}\ndata(shared({target_name!r}, 'new'), range(3))")
    status = tom.manage("sharing", "status").stdout
    assert "nobody" in status
    assert "open a page" in status
    check = tom.manage("check", "--database", "default")
    assert "sharecore.W008" in check.stderr
    assert "manage.py sharing deliver" in check.stderr

    tom.serve(workers=1)  # and asks for one page
    until(_whole(tom, receiver_31, target_name, 3), what=lambda: states(tom))
    now = json.loads(tom.manage("sharing", "status", "--json").stdout)
    assert now["advice"] == ""
    assert len(now["workers"]) == 1
    assert "sharecore.W008" not in tom.manage("check", "--database", "default").stderr
    tom.stop()
    assert json.loads(tom.manage("sharing", "status", "--json").stdout)["workers"] == []


def test_a_command_delivers_without_any_server_and_ends_when_told(
    sender: MakeTom, receiver_31: Tom, target_name: str
) -> None:
    tom = sender(
        DATA_SHARING={"new": receiver_31.sharing_entry("sharer")},
        SHARECORE_RUNNER="command",
        SHARECORE_SCAN_SECONDS=1.0,
    )
    tom.execute(f"{PRELUDE}\ndata(shared({target_name!r}, 'new'), range(3))")
    tom.manage("sharing", "deliver", "--once")
    assert _whole(tom, receiver_31, target_name, 3)(), states(tom)

    command = tom.start("sharing", "deliver")
    tom.execute(f"{PRELUDE}\ndata(Target.objects.get(name={target_name!r}), range(3, 6))")
    until(_whole(tom, receiver_31, target_name, 6), what=lambda: states(tom))
    os.kill(command.pid, signal.SIGTERM)
    until(lambda: not command.running, seconds=10)
    assert "Traceback" not in command.output
    assert query(tom, "SELECT * FROM sharecore_worker") == []
    assert query(tom, "SELECT * FROM sharecore_outbox WHERE lease != ''") == []


def test_a_process_that_is_killed_while_it_delivers(
    sender: MakeTom, receiver_31: Tom, receiver_232: Tom, target_name: str
) -> None:
    """An older TOM would show what is sent twice; a newer one would refuse it."""
    tom = sender(
        DATA_SHARING={
            "new": receiver_31.sharing_entry("sharer", CONCURRENCY=1, SETTLE_SECONDS=2),
            "old": receiver_232.sharing_entry("sharer", CONCURRENCY=1, SETTLE_SECONDS=2),
        },
        SHARECORE_RUNNER="command",
        SHARECORE_LEASE_SECONDS=3.0,
        SHARECORE_SCAN_SECONDS=1.0,
    )
    tom.execute(f"{PRELUDE}\ndata(shared({target_name!r}, 'new', 'old'), range(20))")

    def at_new() -> int:
        return compare(tom.database, receiver_31.database, [target_name]).arrived

    def at_old() -> int:
        return compare_with_2_32(tom.database, receiver_232.database, [target_name]).arrived

    for some in (lambda: at_new() >= 3, lambda: at_old() >= 5):
        command = tom.start("sharing", "deliver")
        until(some, what=lambda: states(tom))
        command.kill()
    assert at_old() < 20, "it was killed too late to test anything"
    tom.start("sharing", "deliver")
    until(_whole(tom, receiver_31, target_name, 20), what=lambda: states(tom))

    def old() -> bool:
        found = compare_with_2_32(tom.database, receiver_232.database, [target_name])
        return found.perfect and found.records == 20

    until(old, seconds=90, what=lambda: states(tom))


def test_a_copy_that_is_paused_by_its_environment_sends_nothing(
    sender: MakeTom, line: Line, receiver_31: Tom, target_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tom = sender(
        DATA_SHARING={"new": receiver_31.sharing_entry("sharer", BASE_URL=line.url)},
        SHARECORE_SCAN_SECONDS=1.0,
    )
    monkeypatch.setenv("SHARECORE_PAUSED", "1")
    tom.serve(workers=1)
    target = make_target(tom, target_name)
    make_share(tom, target, "new")
    save(tom, target, 1)
    refused = tom.manage("sharing", "deliver", "--once", check=False)
    assert refused.returncode == 1
    assert "SHARECORE_PAUSED" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert "SHARECORE_PAUSED" in tom.manage("sharing", "status").stdout
    save(tom, target, 2)
    assert line.calls == 0
    tom.stop()
    monkeypatch.delenv("SHARECORE_PAUSED")
    tom.serve(workers=1)
    until(_whole(tom, receiver_31, target_name, 2), what=lambda: states(tom))


OWN_TESTS = """
import threading
from django.contrib.auth.models import User
from django.test import LiveServerTestCase, TestCase, TransactionTestCase, override_settings
from django.utils import timezone
from rest_framework.authtoken.models import Token
from sharecore.testing import MemoryPlugin, deliver_now, installed
from tom_dataproducts.models import PhotometryReducedDatum
from tom_targets.models import PersistentShare, Target
import urllib.request

class Sharing:
    def test_saves(self):
        target = Target.objects.create(name="T", type="SIDEREAL", ra=1, dec=1)
        PersistentShare.objects.create(target=target, destination="new")
        datum = PhotometryReducedDatum(target=target, timestamp=timezone.now(), brightness=17, bandpass="r")
        datum.save()
        datum.save()
        self.assertEqual(self.client.get("/targets/").status_code, 200)
        names = [thread.name for thread in threading.enumerate()]
        self.assertFalse([name for name in names if name.startswith("sharecore")], names)

class InTransaction(Sharing, TestCase): pass
class WithCommits(Sharing, TransactionTestCase): pass
class Served(Sharing, LiveServerTestCase):
    def test_page(self):
        urllib.request.urlopen(self.live_server_url + "/targets/").close()
        self.test_saves()

class WhatIsShared(TestCase):
    def test_one_round(self):
        memory = MemoryPlugin()
        with installed(memory), override_settings(DATA_SHARING={"new": {"ADAPTER": "memory"}}):
            target = Target.objects.create(name="T", type="SIDEREAL", ra=1, dec=1)
            PersistentShare.objects.create(target=target, destination="new")
            PhotometryReducedDatum.objects.create(
                target=target, timestamp=timezone.now(), brightness=17, bandpass="r"
            )
            self.assertEqual(deliver_now(), 1)
            self.assertEqual(len(memory["new"].records), 1)
"""


def test_the_own_tests_of_a_tom_send_nothing_and_start_nothing(
    sender: MakeTom, line: Line, receiver_31: Tom
) -> None:
    tom = sender(DATA_SHARING={"new": receiver_31.sharing_entry("sharer", BASE_URL=line.url)})
    (tom.path / "custom_code" / "tests.py").write_text(OWN_TESTS)
    done = tom.manage("test", "custom_code", check=False)
    assert done.returncode == 0, done.stderr
    assert "Ran 5 tests" in done.stderr
    assert line.calls == 0
