"""With rights on single data, a hidden datum changes no answer that a site gets, byte for byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.signals import pre_save
from django.test import Client
from guardian.shortcuts import assign_perm
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tom_dataproducts.models import PhotometryReducedDatum

from sharecore.records import Record
from sharecore.testing.examples import SITE, example_record
from tom.conftest import Tom
from tom.incoming import Sender, body, outcomes
from tom_integration import site
from tom_integration.mapping.row_to_record import record_of
from tom_integration.models import InboxRecord

pytestmark = pytest.mark.any_database

THIRD = {"origin": "3c6c1f0e-0000-4000-8000-00000000000c", "name": "Third TOM"}
NAME = "SN 2026abc"
Batch = tuple[tuple[str, int], ...]
"""The key and the number of the content of each record."""

_RECORD = example_record(limit=21.0, instrument="fa12")
_LATER = example_record()
CONTENTS = (
    _RECORD,
    replace(_RECORD, brightness_error=0.5),  # the same observation, and something else said of it
    replace(_RECORD, brightness=3.0),  # cannot stand beside it: the limit is the same
    replace(_RECORD, brightness=4.0, limit=None),
    replace(_RECORD, timestamp=_LATER.timestamp),
)


def of(key: str, content: int) -> Record:
    return replace(CONTENTS[content], key=replace(_RECORD.key, id=key))


@pytest.fixture(autouse=True)
def rights_on_single_data(settings: Any) -> None:
    settings.TARGET_PERMISSIONS_ONLY = False


@pytest.fixture
def target(tom: Tom) -> Any:
    return tom.target(NAME)


@pytest.fixture
def sender(tom: Tom, target: Any) -> Sender:
    """It may change the target, and view none of its data."""
    return Sender(tom.user(target, name="first"))


@pytest.fixture
def other(tom: Tom, target: Any) -> Sender:
    return Sender(tom.user(target, name="second"))


@pytest.fixture
def told(sender: Sender, target: Any) -> Callable[..., list[bytes]]:
    """All that the sender is told in a world where something happened before; the world is undone."""

    def told(batches: Any, before: Callable[[], object] = lambda: None) -> list[bytes]:
        # The first batch makes the origin known: that there was none is no secret.
        assert sender.post(body(NAME)).status_code == 200
        with transaction.atomic():
            before()
            answers = [sender.post(body(NAME, *(of(*each) for each in batch))) for batch in batches]
            transaction.set_rollback(True)
        assert {answer.status_code for answer in answers} == {200}
        return [answer.content for answer in answers]

    return told


KEYS = st.sampled_from(["known", "other"])
BATCHES = st.lists(
    st.lists(st.tuples(KEYS, st.integers(0, len(CONTENTS) - 1)), min_size=1, max_size=3),
    min_size=1,
    max_size=5,
)
EXAMPLES: dict[str, list[Batch]] = {
    "other content twice": [(("known", 4),), (("known", 3),), (("known", 4),)],
    "the same, then other content": [(("known", 0),), (("known", 0),), (("known", 4),), (("known", 4),)],
    "what cannot stand beside it, then other content": [(("known", 2),), (("known", 0),), (("known", 2),)],
    "under another key": [(("other", 0),), (("other", 1),), (("known", 1),), (("known", 0),)],
    "both keys at once": [(("known", 0), ("other", 1)), (("known", 3), ("other", 3)), (("other", 0),)],
}


class TestTwoWorlds:
    @pytest.fixture
    def worlds(self, other: Sender, tom: Tom, target: Any) -> list[Callable[[], object]]:
        """Ways in which the sender's first content, or another, came under the sender's key or without."""
        return [
            lambda: other.send(NAME, of("known", 0), site=THIRD),
            lambda: other.send(NAME, of("known", 3), site=THIRD),
            lambda: tom.datum(target, **_columns(of("known", 0))),
        ]

    @pytest.mark.parametrize("batches", EXAMPLES.values(), ids=EXAMPLES)
    def test_are_told_alike(
        self, told: Callable[..., Any], worlds: list[Callable[[], object]], batches: Any
    ) -> None:
        without = told(batches)
        for before in worlds:
            assert told(batches, before) == without

    @settings(
        max_examples=20,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(world=st.integers(0, 2), batches=BATCHES)
    def test_whatever_is_sent(
        self, told: Callable[..., Any], worlds: list[Callable[[], object]], world: int, batches: Any
    ) -> None:
        assert told(batches, worlds[world]) == told(batches)


def _columns(record: Any) -> dict[str, Any]:
    names = ("timestamp", "telescope", "instrument", "brightness", "brightness_error", "limit", "unit")
    return {"bandpass": record.bandpass, **{name: getattr(record, name) for name in names}}


class TestEachSiteHasItsKeys:
    def test_and_what_it_brought_under_them(self, sender: Sender, other: Sender, target: Any) -> None:
        """Two data under one key; each site revises its own."""
        for name in ("first", "second"):
            assign_perm("tom_dataproducts.change_photometryreduceddatum", User.objects.get(username=name))
        other.send(NAME, of("known", 3), site=THIRD)
        sender.send(NAME, of("known", 4))
        hers, his = PhotometryReducedDatum.objects.order_by("pk")
        for user, datum in (("first", his), ("second", hers)):
            assign_perm(
                "tom_dataproducts.view_photometryreduceddatum", User.objects.get(username=user), datum
            )
        later = replace(of("known", 4), brightness=5.0)
        assert outcomes(sender.send(NAME, of("known", 4))) == ["duplicate"]
        assert outcomes(sender.send(NAME, later)) == ["revised"]
        assert outcomes(other.send(NAME, of("known", 3), site=THIRD)) == ["duplicate"]
        assert [row.brightness for row in PhotometryReducedDatum.objects.order_by("pk")] == [4.0, 5.0]

    def test_both_go_on_and_each_is_offered_to_the_other_site_only(
        self, tom: Tom, sender: Sender, other: Sender, target: Any
    ) -> None:
        tom.share(target)
        other.send(NAME, of("known", 3), site=THIRD)
        sender.send(NAME, of("known", 4), site={"origin": "in-between", "name": "Between"})
        tom.deliver_until_quiet()
        first, second = sorted(tom.x.records, key=lambda record: record.brightness)
        assert first.key == of("known", 3).key
        assert second.key.origin == site.origin()
        relayed_by = {key: origin for call in tom.x.calls for key, origin in call.relayed_by.items()}
        assert relayed_by == {first.key: THIRD["origin"]}

    def test_a_datum_that_it_may_view_is_one_for_all(self, sender: Sender, other: Sender) -> None:
        other.send(NAME, of("known", 3), site=THIRD)
        assign_perm("tom_dataproducts.view_photometryreduceddatum", User.objects.get(username="first"))
        (answer,) = sender.send(NAME, of("known", 4))
        assert (answer["outcome"], answer["field"]) == ("rejected", "key")
        assert InboxRecord.objects.count() == 1


def test_the_admin_shows_the_keys_of_visible_data_only(other: Sender, target: Any) -> None:
    staff = User.objects.create_user("staff", is_staff=True)
    assign_perm("tom_targets.change_target", staff, target)
    assign_perm("sharecore.view_inboxrecord", staff)
    other.send(NAME, of("known", 3), of("other", 4), site=THIRD)
    _, visible = PhotometryReducedDatum.objects.order_by("timestamp")
    assign_perm("tom_dataproducts.view_photometryreduceddatum", staff, visible)
    client = Client()
    client.force_login(staff)
    (shown,) = client.get("/admin/sharecore/inboxrecord/").context["cl"].queryset
    assert shown.datum_pk == visible.pk


class TestSomeDataMayBeViewed:
    @pytest.fixture
    def viewed(self, sender: Sender, target: Any) -> Any:
        """A datum that the sender brought, may view and may change."""
        sender.send(NAME, of("known", 3))
        row = PhotometryReducedDatum.objects.get()
        for right in ("view", "change"):
            right = f"tom_dataproducts.{right}_photometryreduceddatum"
            assign_perm(right, User.objects.get(username="first"), row)
        return row

    def test_a_revision_that_cannot_stand_beside_a_hidden_one(
        self, told: Callable[..., Any], tom: Tom, target: Any, viewed: Any, caplog: Any
    ) -> None:
        batches: list[Batch] = [(("known", 0),), (("known", 0),), (("known", 3),), (("known", 3),)]
        without = told(batches)
        assert not caplog.records
        assert told(batches, lambda: tom.datum(target, **_columns(of("known", 2)))) == without
        assert "may not view" in caplog.text

    def test_a_hidden_one_of_our_own(self, tom: Tom, sender: Sender, target: Any, viewed: Any) -> None:
        """The key is that of one, the content that of another."""
        tom.share(target)
        hidden = tom.datum(target)
        tom.deliver_until_quiet()
        sent = record_of(hidden, origin=site.origin())
        guesses = [replace(of("known", 3), key=replace(sent.key, id=name)) for name in (sent.key.id, "none")]
        told = [sender.send(NAME, guess) for guess in guesses]
        assert [{**answer, "key": None} for (answer,) in told] == [
            {"key": None, "outcome": "duplicate", "id": f"photometryreduceddatum/{viewed.pk}"}
        ] * 2


@pytest.fixture
def forbidden() -> Iterator[None]:
    """An app of this TOM that takes nothing with a large error."""

    def forbid(instance: Any, **_: Any) -> None:
        if instance.brightness_error == 0.5:
            raise ValidationError("too uncertain")

    pre_save.connect(forbid, PhotometryReducedDatum)
    yield
    pre_save.disconnect(forbid, PhotometryReducedDatum)


def test_what_an_app_forbids_is_refused_alike(
    told: Callable[..., Any], tom: Tom, target: Any, forbidden: None
) -> None:
    batches: list[Batch] = [(("known", 1),), (("known", 0),)]
    without = told(batches)
    assert b"too uncertain" in without[0]
    assert told(batches, lambda: tom.datum(target, **_columns(of("known", 0)))) == without


def test_the_site_that_sends_is_one_of_the_example() -> None:
    assert _RECORD.key.origin == SITE.origin
