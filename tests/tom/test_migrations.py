"""From every earlier state of the database to the present one: rows stay as they are, and sharing goes on."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from tom_dataproducts.models import PhotometryReducedDatum
from tom_targets.models import PersistentShare

from sharecore.identity import fingerprint
from tom_integration import site
from tom_integration.mapping.row_to_record import identity_of, record_of
from tom_integration.models import Delivery

if TYPE_CHECKING:
    from tom.conftest import Tom

APP = "sharecore"
TAKES_UP = "0002_existing_shares"
"""From here on a TOM has an identity and an outbox for each share."""


def _states() -> list[str]:
    """Our migrations in order."""
    graph = MigrationLoader(None).graph
    (last,) = graph.leaf_nodes(APP)
    return [name for app, name in graph.forwards_plan(last) if app == APP]


ZERO, STATES = "zero", _states()
EARLIER = [ZERO, *STATES[:-1]]
GONE: dict[str, frozenset[str]] = {}
"""By model, the columns that a migration took away on purpose, since nothing needs what was in them."""
MOMENT = datetime(2026, 2, 3, 4, 5, 6, 789, tzinfo=UTC)
Migrate = Callable[[str], Any]


@pytest.fixture
def migrate(transactional_db: None) -> Iterator[Migrate]:
    """Bring the tables of the app to a state; the models as they were then."""

    def to(name: str) -> Any:
        executor = MigrationExecutor(connection)
        node = (APP, None if name == ZERO else name)
        executor.migrate([node])
        others = [each for each in executor.loader.graph.leaf_nodes() if each[0] != APP]
        return executor.loader.project_state([*others, *([node] if node[1] else [])]).apps

    yield to
    to(STATES[-1])


def _value(field: Any, number: int) -> Any:
    """Something for a field to hold, other than its default."""
    if field.choices:
        return field.choices[number % len(field.choices)][0]
    match field.get_internal_type():
        case "BinaryField":  # an encrypted text
            return f"{field.name} {number}"
        case "CharField" | "TextField":
            return f"{field.name} {number}"[: field.max_length]
        case "FloatField":
            return 0.5 + number
        case "BooleanField":
            return not field.default
        case "DateTimeField":
            return MOMENT
        case "JSONField":
            return field.default() if field.has_default() else ["kept", number]
        case "UUIDField":
            return uuid.UUID(int=number)
        case kind if kind.endswith(("IntegerField", "ForeignKey", "OneToOneField")):
            return 1000 + number
        case kind:
            pytest.fail(f"{field} is a {kind}: say here what it may hold")


def _filled(model: Any, number: int, **given: Any) -> Any:
    """A row in which every column holds something."""
    fields = [field for field in model._meta.concrete_fields if not field.primary_key or field.is_relation]
    return model(**{field.attname: _value(field, number) for field in fields} | given)


def _content(model: Any) -> dict[Any, dict[str, Any]]:
    return {row[model._meta.pk.attname]: row for row in model.objects.values()}


def test_the_models_are_as_the_migrations_make_them(db: None) -> None:
    call_command("makemigrations", APP, check_changes=True, dry_run=True, verbosity=0)


@pytest.mark.parametrize("state", [state for state in EARLIER if state != ZERO])
def test_every_column_keeps_what_is_in_it(state: str, migrate: Migrate) -> None:
    then = migrate(state)
    kept: dict[str, dict[Any, dict[str, Any]]] = {}
    for model in then.get_app_config(APP).get_models():
        model.objects.all().delete()
        model.objects.bulk_create([_filled(model, number) for number in (1, 2, 3)])
        kept[model._meta.model_name] = _content(model)
    now = migrate(STATES[-1])
    for name, before in kept.items():
        after = _content(now.get_model(APP, name))
        for pk, row in before.items():
            gone = GONE.get(name, frozenset())
            assert {key: after[pk].get(key) for key in row.keys() - gone} == {
                key: row[key] for key in row.keys() - gone
            }, name


@pytest.mark.parametrize("state", EARLIER)
def test_what_was_shared_is_not_sent_again_and_new_data_are(state: str, tom: Tom, migrate: Migrate) -> None:
    """A share from that time, with a datum that its destination has, or that was there before the share."""
    target = tom.target()
    then = migrate(state)
    share = then.get_model("tom_targets", "PersistentShare").objects.create(
        target_id=target.pk, destination="x"
    )
    old = tom.unsaved(target)
    PhotometryReducedDatum.objects.bulk_create([old])
    if state in STATES[STATES.index(TAKES_UP) :]:
        _delivered(then, share, old)
    migrate(STATES[-1])
    site.forget()

    assert tom.deliver() == 0
    assert not tom.x.records
    new = tom.datum(target)
    assert tom.deliver() == 1
    assert tom.state(new) == "delivered"
    assert tom.deliver_until_quiet(hours=48) == 0, "the rescan finds nothing changed"
    assert Delivery.objects.count() == 2
    assert PersistentShare.objects.get().pk == share.pk


def _delivered(then: Any, share: Any, datum: Any) -> None:
    """The rows of the app for a share whose datum has arrived."""
    then.get_model(APP, "Origin").objects.all().delete()
    origin = then.get_model(APP, "Origin").objects.create(uuid=uuid.uuid4())
    outbox = then.get_model(APP, "Outbox").objects.create(
        destination=share.destination, target_id=share.target_id, share_id=share.pk
    )
    record = record_of(datum, origin=str(origin.uuid), record_id="kept")
    then.get_model(APP, "Delivery").objects.create(
        outbox=outbox,
        destination=share.destination,
        model="photometryreduceddatum",
        datum_pk=datum.pk,
        timestamp=datum.timestamp,
        state="delivered",
        kind=record.key.kind.value,
        record_id="kept",
        identity=identity_of("photometryreduceddatum", record),
        fingerprint=fingerprint(record),
        arrived=fingerprint(record),
        attempts=1,
        delivered_at=MOMENT,
    )


def test_an_app_that_is_taken_out_leaves_the_tom_as_it_was(tom: Tom, migrate: Migrate) -> None:
    target = tom.target()
    share = tom.share(target)
    datum = tom.datum(target)
    tom.deliver()
    migrate(ZERO)
    assert not [name for name in connection.introspection.table_names() if name.startswith(APP)]
    assert PersistentShare.objects.get().pk == share.pk
    assert PhotometryReducedDatum.objects.get().pk == datum.pk
