"""During an upgrade `migrate` has run, and processes of the version before still work on the same tables.

What they ask the database for is what their models ask for: those of each earlier state of our migrations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from sharecore.delivery import State
from tom_integration import models

if TYPE_CHECKING:
    from tom.conftest import Tom

APP = "sharecore"
FIRST = "0002_existing_shares"
"""Whatever can deliver has at least these tables."""


def _plan() -> list[str]:
    graph = MigrationLoader(None).graph
    return [name for app, name in graph.forwards_plan(*graph.leaf_nodes(APP)) if app == APP]


VERSIONS = _plan()[_plan().index(FIRST) :]


@pytest.fixture(params=VERSIONS)
def then(request: pytest.FixtureRequest, db: None) -> Any:
    """The models of a version, on the tables of this one."""
    return MigrationLoader(connection).project_state([(APP, request.param)]).apps


def test_what_the_version_before_left_is_delivered_and_what_it_delivered_is_not_sent_again(
    tom: Tom, then: Any
) -> None:
    target = tom.target()
    tom.share(target)
    sent, waiting = tom.data(target, 2)
    delivery, now = then.get_model(APP, "Delivery"), timezone.now()
    outbox = then.get_model(APP, "Outbox").objects.get(target_id=target.pk)
    common = {"outbox": outbox, "destination": "x", "model": "photometryreduceddatum"}
    delivery.objects.bulk_create(
        [
            delivery(
                **common, datum_pk=sent.pk, timestamp=sent.timestamp, state="delivered", delivered_at=now
            ),
            delivery(
                **common, datum_pk=waiting.pk, timestamp=waiting.timestamp, state="pending", next_at=now
            ),
        ]
    )
    tom.deliver_until_quiet()
    assert tom.states() == ["delivered", "delivered"]
    assert [record.timestamp for record in tom.x.records] == [waiting.timestamp]


def test_every_table_takes_what_the_version_before_writes(then: Any) -> None:
    now = timezone.now()
    rows = {
        "Origin": {},
        "Outbox": {"destination": "x", "target_id": 1},
        "OneTimeShare": {"outbox_id": 1},
        "Attempt": {"delivery_id": 1, "started": now, "finished": now, "outcome": "x", "worker": "old:1"},
        "DestinationHealth": {"destination": "x"},
        "Worker": {"name": "old:1", "runner": "thread", "seen": now},
        "Delivery": {
            "outbox_id": 1, "destination": "x", "model": "reduceddatum", "datum_pk": 1, "timestamp": now,
            "state": "pending",
        },
    }  # fmt: skip
    kinds = {model.__name__: model for model in then.get_app_config(APP).get_models()}
    for name, values in rows.items():
        made = kinds[name].objects.create(**values)
        assert getattr(models, name).objects.filter(pk=made.pk).exists()
        assert kinds[name].objects.get(pk=made.pk) == made


def test_the_version_before_knows_every_state_that_this_one_writes(then: Any) -> None:
    known = {value for value, _ in then.get_model(APP, "Delivery")._meta.get_field("state").choices}
    assert {state.value for state in State} <= known
