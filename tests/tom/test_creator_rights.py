"""What must not leave stays at home, says why, and is looked at again when that may have changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import User
from django.test import override_settings
from guardian.shortcuts import assign_perm, remove_perm
from tom_dataproducts.models import PhotometryReducedDatum, SpectroscopyReducedDatum

from sharecore import WithholdRequest, hookimpl
from tom_integration.services import retry
from tom_integration.tomtoolkit import functions

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = pytest.mark.any_database


class Embargo:
    """A plugin of a site that keeps proprietary data at home."""

    def __init__(self) -> None:
        self.broken = False
        self.requests: list[WithholdRequest] = []

    @hookimpl
    def sharecore_withhold(self, request: WithholdRequest) -> str | None:
        self.requests.append(request)
        if self.broken:
            raise OSError("the list of programmes cannot be read")
        return "proprietary" if request.record.source_name == "proprietary" else None


class TestWithheldByAPlugin:
    @pytest.fixture
    def embargo(self) -> Embargo:
        return Embargo()

    @pytest.fixture
    def plugins(self, embargo: Embargo) -> Iterable[object]:
        return (embargo,)

    def test_it_stays_and_the_others_leave(self, tom: Tom, embargo: Embargo) -> None:
        target = tom.target()
        tom.share(target, user=tom.user(target, name="eve"))
        secret, free = tom.datum(target, source_name="proprietary"), tom.datum(target)
        assert tom.deliver() == 1
        row = tom.row(secret)
        assert (row.state, row.reason) == ("withheld", "proprietary")
        assert tom.state(free) == "delivered"
        assert embargo.requests[0].shared_by == "eve"
        asked = len(embargo.requests)
        assert tom.deliver(after=3600) == 0
        assert len(embargo.requests) == asked

    def test_it_is_looked_at_again_when_settings_change(self, tom: Tom, embargo: Embargo) -> None:
        target = tom.target()
        tom.share(target)
        secret = tom.datum(target, source_name="proprietary")
        tom.deliver()
        PhotometryReducedDatum.objects.update(source_name="")
        embargo.requests.clear()
        with override_settings(DATA_SHARING={"x": {"ADAPTER": "memory", "PASSWORD": "new"}}):
            tom.datum(target)
            assert tom.deliver() == 2
        assert tom.state(secret) == "delivered"

    def test_it_is_looked_at_again_when_a_person_asks(self, tom: Tom, embargo: Embargo) -> None:
        target = tom.target()
        tom.share(target)
        tom.datum(target, source_name="proprietary")
        tom.deliver()
        embargo.requests.clear()
        assert retry.retry() == 1
        assert tom.deliver() == 0
        assert len(embargo.requests) == 1

    def test_a_plugin_that_fails_keeps_it_and_is_asked_again(self, tom: Tom, embargo: Embargo) -> None:
        target = tom.target()
        tom.share(target)
        row = tom.datum(target)
        embargo.broken = True
        assert tom.deliver() == 0
        assert tom.state(row) == "pending"
        embargo.broken = False
        assert tom.deliver(after=10) == 1

    def test_a_plugin_that_fails_for_ever_parks_it(self, tom: Tom, embargo: Embargo) -> None:
        target = tom.target()
        tom.share(target)
        row = tom.datum(target)
        embargo.broken = True
        assert tom.deliver_until_quiet(hours=40 * 30) == 0
        assert tom.state(row) == "failed"
        assert tom.row(row).reason.startswith("given up")
        assert len(tom.row(row).reason) <= 500
        assert not tom.x.calls


class TestRights:
    def test_without_change_target_nothing_leaves_until_it_is_given(self, tom: Tom) -> None:
        target = tom.target()
        user = tom.user(name="eve")
        tom.share(target, user=user)
        row = tom.datum(target)
        assert tom.deliver() == 0
        assert "eve" in tom.outbox(target).problem
        assert tom.state(row) == "pending"
        assign_perm("tom_targets.change_target", user, target)
        assert tom.deliver(after=600) == 1
        assert tom.outbox(target).problem == ""

    def test_a_right_that_is_taken_counts_at_once(self, tom: Tom) -> None:
        target = tom.target()
        user = tom.user(target)
        tom.share(target, user=user)
        tom.datum(target)
        assert tom.deliver() == 1
        remove_perm("tom_targets.change_target", user, target)
        tom.datum(target)
        assert tom.deliver() == 0

    @pytest.mark.parametrize("how", ["deactivated", "deleted"])
    def test_its_user_goes(self, tom: Tom, how: str) -> None:
        target = tom.target()
        user = tom.user(target)
        tom.share(target, user=user)
        if how == "deleted":
            user.delete()
        else:
            User.objects.filter(pk=user.pk).update(is_active=False)
        tom.datum(target)
        assert tom.deliver() == 0
        assert "adopt" in tom.outbox(target).problem

    def test_a_share_without_a_user_acts_as_the_site(self, tom: Tom) -> None:
        target = tom.target()
        tom.share(target)
        tom.datum(target)
        assert tom.deliver() == 1
        assert tom.x.calls[0].shared_by == ""

    @override_settings(TARGET_PERMISSIONS_ONLY=False)
    def test_rights_on_a_datum_given_a_moment_after_it_was_saved(self, tom: Tom) -> None:
        target = tom.target()
        user = tom.user(target)
        tom.share(target, user=user)
        row, never = tom.datum(target), tom.datum(target)
        assert tom.deliver() == 0
        assert tom.state(row) == "withheld"
        assert "may not see" in tom.row(row).reason
        assign_perm("tom_dataproducts.view_photometryreduceddatum", user, row)
        assert tom.deliver(after=10) == 1
        assert tom.deliver_until_quiet(hours=40 * 30) == 0
        assert tom.state(never) == "withheld"

    def test_a_one_time_request_answers_for_itself(self, tom: Tom) -> None:
        target = tom.target()
        tom.share(target, user=tom.user())
        tom.datum(target)
        functions.share_target_and_all_data("x", target, tom.user(target, name="rita"))
        assert tom.deliver(after=600) == 1
        assert tom.x.calls[-1].shared_by == "rita"


class TestEcho:
    def test_a_detection_that_a_stock_tom_sent_back(self, tom: Tom) -> None:
        target = tom.target()
        tom.share(target)
        ours = tom.datum(target, exposure_time=30.0, reduction_version="v2")
        tom.deliver()
        back = tom.datum(target, timestamp=ours.timestamp, brightness=ours.brightness)
        assert tom.deliver() == 0
        assert tom.state(back) == "withheld"
        assert "came back" in tom.row(back).reason
        assert tom.deliver(after=100000) == 0

    def test_a_limit_that_a_stock_tom_sent_back_without_its_limit(self, tom: Tom) -> None:
        target = tom.target()
        tom.share(target)
        ours = tom.datum(target, brightness=None, limit=21.0)
        tom.deliver()
        for _ in range(3):
            back = tom.datum(target, timestamp=ours.timestamp, brightness=None)
            assert tom.deliver() == 0
            assert tom.state(back) == "unsupported"
        assert tom.deliver(after=100000) == 0

    def test_a_spectrum_that_a_stock_tom_sent_back(self, tom: Tom) -> None:
        target = tom.target()
        tom.share(target)
        fields = {"target": target, "timestamp": tom.clock.now, "flux": [1.0, 2.0], "wavelength": [1.0, 2.0]}
        SpectroscopyReducedDatum.objects.create(**fields, setup="R1000", reduction_version="v2")
        tom.deliver()
        back = SpectroscopyReducedDatum.objects.create(**fields)
        assert tom.deliver() == 0
        assert tom.state(back) == "withheld"

    def test_both_in_one_batch(self, tom: Tom) -> None:
        target = tom.target()
        tom.share(target)
        ours = tom.datum(target, exposure_time=30.0, reduction_version="v2")
        tom.datum(target, timestamp=ours.timestamp, brightness=ours.brightness)
        assert tom.deliver() == 1

    def test_a_second_measurement_at_the_same_time_is_none(self, tom: Tom) -> None:
        target = tom.target()
        tom.share(target)
        ours = tom.datum(target, exposure_time=30.0)
        tom.datum(target, timestamp=ours.timestamp, brightness=12.0)
        tom.datum(target, timestamp=ours.timestamp, bandpass="g")
        assert tom.deliver() == 3


class TestNotARecord:
    @pytest.mark.parametrize("fields", [{"brightness": None}, {"brightness": float("inf")}])
    def test_it_is_named_and_the_others_leave(self, tom: Tom, fields: dict[str, Any]) -> None:
        target = tom.target()
        tom.share(target)
        (bad,) = PhotometryReducedDatum.objects.bulk_create([tom.unsaved(target, **fields)])
        tom.datum(target)
        assert tom.deliver() == 1
        assert tom.state(bad) == "unsupported"
        assert tom.row(bad).reason
        assert tom.deliver(after=100000) == 0

    def test_a_long_name_of_a_field_is_cut(self, tom: Tom) -> None:
        from sharecore import Rejected

        target = tom.target()
        tom.share(target)
        row = tom.datum(target)
        tom.x.will(Rejected(reason="r\0" * 400, field="f\0" * 400))
        tom.deliver()
        assert tom.state(row) == "failed"
        assert len(tom.row(row).field) <= 100
