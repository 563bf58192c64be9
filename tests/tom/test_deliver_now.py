"""`deliver_now` in the tests of a TOM: nothing but the public names, in a plain `TestCase`."""

from __future__ import annotations

import subprocess
import sys

import pytest
from django.test import TestCase, override_settings
from tom_dataproducts.models import PhotometryReducedDatum
from tom_targets.models import PersistentShare, Target

from sharecore.testing import MemoryPlugin, deliver_now, installed

pytestmark = pytest.mark.any_database


class SharingOfMyTom(TestCase):
    def setUp(self) -> None:
        self.adapter_state = MemoryPlugin()
        self.enterContext(installed(self.adapter_state))
        self.enterContext(override_settings(DATA_SHARING={"partner": {"ADAPTER": "memory"}}))
        self.target = Target.objects.create(name="SN 2026x", type="SIDEREAL", ra=1.0, dec=2.0)
        PersistentShare.objects.create(target=self.target, destination="partner")

    def test_a_new_datum_arrives(self) -> None:
        PhotometryReducedDatum.objects.create(target=self.target, brightness=18.5, bandpass="r")
        assert deliver_now() == 1
        (record,) = self.adapter_state["partner"].records
        assert record.brightness == 18.5  # type: ignore[union-attr]
        assert deliver_now() == 0

    def test_an_edit_leaves_with_its_commit(self) -> None:
        self.adapter_state["partner"].can_update = True
        row = PhotometryReducedDatum.objects.create(target=self.target, brightness=18.5, bandpass="r")
        deliver_now()
        with self.captureOnCommitCallbacks(execute=True):
            row.brightness = 18.75
            row.save()
        assert deliver_now() == 1
        (record,) = self.adapter_state["partner"].records
        assert record.brightness == 18.75  # type: ignore[union-attr]


def test_without_the_app_it_says_what_is_missing() -> None:
    program = "from sharecore.testing import deliver_now; deliver_now()"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "is 'tom_integration' in INSTALLED_APPS?" in ended.stderr


def test_an_installed_plugin_is_gone_afterwards() -> None:
    from sharecore import Registry

    with installed(MemoryPlugin()):
        assert "memory" in Registry.load([]).destination_types
    assert "memory" not in Registry.load([]).destination_types


@pytest.mark.parametrize("number", range(2))
@pytest.mark.django_db
def test_nothing_of_one_test_is_left_for_the_next(number: int) -> None:
    with installed(MemoryPlugin()), override_settings(DATA_SHARING={"partner": {"ADAPTER": "memory"}}):
        assert deliver_now() == 0
