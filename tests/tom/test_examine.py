"""A batch that is only to be examined: the same refusals, and nothing is stored."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from tom_dataproducts.models import PhotometryReducedDatum
from tom_targets.models import Target

from sharecore.testing.examples import example_record
from tom.incoming import Sender, body
from tom_integration.models import InboxRecord, Peer

pytestmark = pytest.mark.any_database

EXAMINE = "/api/sharing/test/"


def test_a_batch_that_would_be_taken_leaves_nothing(sender: Sender, target: Any) -> None:
    for name, known in ((target.name, target.pk), ("Brand new", None)):
        answer = sender.post(body(name, example_record(), create_target=True), EXAMINE)
        assert answer.status_code == 200
        said = answer.json()
        assert (said["stored"], said["target"]) == (False, {"id": known, "created": False})
        assert [each["outcome"] for each in said["records"]] == ["accepted"]
    assert Target.objects.get() == target
    for model in (PhotometryReducedDatum, InboxRecord, Peer):
        assert model.objects.count() == 0


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"create_target": False}, 404),
        ({"protocol": 7}, 422),
        ({"target": {"name": "Brand new", "sidereal": True, "position": {"ra": "ten"}}}, 400),
    ],
)
def test_it_refuses_what_a_batch_would_refuse(sender: Sender, change: dict[str, Any], status: int) -> None:
    given = body("Brand new", example_record(), create_target=True) | change
    assert sender.post(given, EXAMINE).status_code == status
    assert sender.post(given).status_code == status


def test_a_bad_record_is_named_and_strangers_are_refused(sender: Sender, target: Any) -> None:
    given = body(target.name, example_record())
    given["records"][0]["brightness"] = "bright"
    (record,) = sender.post(given, EXAMINE).json()["records"]
    assert (record["outcome"], record["field"]) == ("rejected", "brightness")
    assert Client().post(EXAMINE, given, content_type="application/json").status_code == 401
