"""The JSON of the reference is what a TOM takes and answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import override_settings
from rest_framework.test import APIClient
from tom_dataproducts.models import PhotometryReducedDatum
from tom_targets.models import Target, TargetList

from documentation.samples import DOCS, samples_of
from sharecore.testing import MemoryPlugin, deliver_now, installed
from tom_integration.models import Delivery

pytestmark = pytest.mark.django_db
HERMES = {"BASE_URL": "https://hermes.invalid/", "HERMES_API_KEY": "x", "USER_TOPICS": ["hermes.test"]}


def shown(page: str) -> list[Any]:
    """The JSON of a page of the reference, in its order."""
    found = samples_of(DOCS / "reference" / f"{page}.md")
    return [json.loads(each.text) for each in found if each.language == "json"]


def form(value: Any) -> Any:
    """Its names, and the types of its values."""
    if isinstance(value, dict):
        return {name: form(item) for name, item in value.items()}
    return [form(item) for item in value[:1]] if isinstance(value, list) else type(value)


@pytest.fixture
def client() -> APIClient:
    client = APIClient()
    client.force_login(User.objects.create_superuser("astronomer"))
    return client


def test_a_tom_says_what_it_takes_as_shown(client: APIClient) -> None:
    told, answer = shown("batch-protocol")[0], client.get("/api/sharing/").json()
    assert form(answer) == form(told)
    for name in ("protocols", "limits", "kinds"):
        assert answer[name] == told[name]


def test_the_batch_that_is_shown_arrives_and_is_answered_as_shown(client: APIClient) -> None:
    _, batch, told = shown("batch-protocol")
    answers = [client.post("/api/sharing/batch/", batch, format="json").json() for _ in range(2)]
    assert form(answers[0]) == form(told)
    assert answers[0]["target"]["created"]
    assert answers[0]["records"][0]["key"] == told["records"][0]["key"]
    assert [answer["records"][0]["outcome"] for answer in answers] == ["accepted", "duplicate"]
    (stored,) = PhotometryReducedDatum.objects.all()
    assert (stored.target.name, stored.brightness, stored.unit) == ("SN 2026abc", 18.5, "mag(AB)")


def test_the_share_that_is_shown_can_be_made(client: APIClient) -> None:
    target = Target.objects.create(name="SN 2026xyz", type="SIDEREAL", ra=10.5, dec=-5.25)
    asked, *_ = shown("rest")
    with override_settings(DATA_SHARING={"hermes": HERMES}):
        answer = client.post("/targets/persistentshare/", asked | {"target": target.pk}, format="json")
    assert answer.status_code == 201, answer.json()
    made = answer.json()
    assert (made["destination"], made["release_days"]) == (asked["destination"], asked["release_days"])
    assert made["filter"] == {"version": 1} | asked["filter"]
    assert made["until"] == asked["until"]


def test_the_rule_that_is_shown_can_be_made(client: APIClient) -> None:
    _, asked, *_ = shown("rest")
    followed = TargetList.objects.create(name="Supernovae")
    with override_settings(DATA_SHARING={"partner-tom": {"ADAPTER": "memory"}}), installed(MemoryPlugin()):
        answer = client.post("/targets/sharerule/", asked | {"target_list": followed.pk}, format="json")
    assert answer.status_code == 201, answer.json()
    made = answer.json()
    assert made["filter"] == {"version": 1} | asked["filter"]
    assert {name: made[name] for name in ("name", "scope", "release_days")} == {
        name: asked[name] for name in ("name", "scope", "release_days")
    }


def test_the_replay_that_is_shown_is_counted(client: APIClient) -> None:
    _, _, asked, told, *_ = shown("rest")
    with override_settings(DATA_SHARING={"partner-tom": {"ADAPTER": "memory"}}), installed(MemoryPlugin()):
        answer = client.post(
            "/targets/persistentshare/replay/", asked | {"destination": "partner-tom"}, format="json"
        )
    assert form(answer.json()) == form(told | {"counts": {}})


def test_the_withdrawal_that_is_shown_is_counted(client: APIClient) -> None:
    samples = shown("rest")
    number = next(number for number, each in enumerate(samples) if "withdrawn" in each)
    asked, told = samples[number - 1 : number + 1]
    memory = MemoryPlugin()
    memory["partner-tom"].can_withdraw = True
    with override_settings(DATA_SHARING={"partner-tom": {"ADAPTER": "memory"}}), installed(memory):
        target = Target.objects.create(name="SN 2026xyz", type="SIDEREAL", ra=10.5, dec=-5.25)
        share = {"target": target.pk, "destination": "partner-tom"}
        made = client.post("/targets/persistentshare/", share, format="json").json()
        for each in range(2):
            fields = {"brightness": 18.0 + each, "bandpass": "r", "timestamp": "2026-03-01T00:00:00Z"}
            PhotometryReducedDatum.objects.create(target=target, **fields)
        deliver_now()
        pks = list(Delivery.objects.filter(state="delivered").values_list("pk", flat=True))
        url = f"/targets/persistentshare/{made['id']}/withdraw/"
        answer = client.post(url, asked | {"deliveries": pks}, format="json")
    assert answer.json() == told
