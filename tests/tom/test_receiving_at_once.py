"""Several sites, or one that asks again too early, send the same at the same moment."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.db.models.signals import pre_save
from tom_dataproducts.models import PhotometryReducedDatum
from tom_targets.models import Target, TargetList, TargetName

from sharecore.testing.examples import TARGETS, example_record
from sharecore.wire import target_as_wire
from tom.incoming import Sender, body
from tom_integration import site
from tom_integration.models import InboxRecord

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 4


@pytest.fixture
def user(transactional_db: None, settings: Any) -> User:
    settings.SHARECORE_RUNNER = "command"
    return User.objects.create_superuser("site")


@pytest.fixture
def at_once() -> Callable[[Callable[[int], Any]], list[Any]]:
    """Run something in some threads, each with a connection of its own, at the same moment."""
    barrier = Barrier(AT_ONCE)

    def run(act: Callable[[int], Any]) -> list[Any]:
        def one(number: int) -> Any:
            try:
                connection.ensure_connection()
                barrier.wait(timeout=60)
                return act(number)
            finally:
                connection.close()

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(one, range(AT_ONCE)))

    return run


def told(answers: list[Any]) -> Counter[str]:
    assert {answer.status_code for answer in answers} == {200}, [each.content for each in answers]
    return Counter(each["outcome"] for answer in answers for each in answer.json()["records"])


def test_equal_batches(user: User, at_once: Any) -> None:
    target = Target.objects.create(name="SN 2026abc", type="SIDEREAL", ra=1.0, dec=2.0)
    records = [example_record() for _ in range(50)]
    senders = [Sender(user) for _ in range(AT_ONCE)]
    answers = at_once(lambda number: senders[number].post(body(target.name, *records)))
    assert told(answers) == {"accepted": 50, "duplicate": 50 * (AT_ONCE - 1)}
    assert PhotometryReducedDatum.objects.count() == InboxRecord.objects.count() == 50


def test_equal_revisions(user: User, at_once: Any) -> None:
    target = Target.objects.create(name="SN 2026abc", type="SIDEREAL", ra=1.0, dec=2.0)
    records = [example_record() for _ in range(10)]
    senders = [Sender(user) for _ in range(AT_ONCE)]
    senders[0].send(target.name, *records)
    new = [replace(record, brightness=12.0) for record in records]
    answers = at_once(lambda number: senders[number].post(body(target.name, *new)))
    assert told(answers) == {"revised": 10, "duplicate": 10 * (AT_ONCE - 1)}
    assert set(PhotometryReducedDatum.objects.values_list("brightness", flat=True)) == {12.0}


@pytest.mark.postgres
def test_a_person_edits_what_is_being_revised(user: User) -> None:
    """The edit stays, whichever is first; on SQLite it waits anyway."""
    target = Target.objects.create(name="SN 2026abc", type="SIDEREAL", ra=1.0, dec=2.0)
    sender, record = Sender(user), example_record()
    sender.send(target.name, record)
    edited: list[bool] = []

    def edit(**_: Any) -> None:
        with closing(connection.copy()) as person, person.cursor() as cursor, suppress(OperationalError):
            cursor.execute("SELECT 1 FROM tom_dataproducts_photometryreduceddatum FOR UPDATE NOWAIT")
            cursor.execute("UPDATE tom_dataproducts_photometryreduceddatum SET brightness = 3")
            edited.append(True)

    pre_save.connect(edit, sender=PhotometryReducedDatum)
    try:
        sender.send(target.name, replace(record, brightness=19.0))
    finally:
        pre_save.disconnect(edit, sender=PhotometryReducedDatum)
    if not edited:  # It has waited.
        edit()
    assert PhotometryReducedDatum.objects.get().brightness == 3.0


def test_a_target_that_is_made(user: User, at_once: Any) -> None:
    shared, record = TARGETS["sidereal"], example_record()
    senders = [Sender(user) for _ in range(AT_ONCE)]
    members = {"target": target_as_wire(shared), "create_target": True}
    answers = at_once(lambda number: senders[number].post(body("", record, **members)))
    assert told(answers) == {"accepted": 1, "duplicate": AT_ONCE - 1}
    assert sorted(answer.json()["target"]["created"] for answer in answers) == [False] * 3 + [True]
    assert (Target.objects.count(), TargetName.objects.count()) == (1, 1)


def test_a_list_that_is_made(user: User, at_once: Any) -> None:
    """Tomtoolkit's own API answers 500 to whoever names a list of which there are two."""
    site.forget()  # The test before has emptied the database: make its row anew.
    senders = [Sender(user) for _ in range(AT_ONCE)]
    all_have_looked = Barrier(AT_ONCE)

    def act(number: int) -> Any:
        looks = itertools.count()

        def wait_after_first_look(execute: Any, sql: str, *more: Any) -> Any:
            answer = execute(sql, *more)
            if 'FROM "tom_targets_targetlist"' in sql and "LIMIT 1" in sql and next(looks) == 0:
                all_have_looked.wait(timeout=60)
            return answer

        with connection.execute_wrapper(wait_after_first_look):
            members = {"target_lists": ["Imported From A"], "create_target": True}
            return senders[number].post(body(f"SN 2026{'abcd'[number]}", **members))

    told(at_once(act))
    assert TargetList.objects.get(name="Imported From A").targets.count() == AT_ONCE


def test_batches_for_one_target_and_saves_of_the_tom(user: User, at_once: Any) -> None:
    """Whoever comes first: each observation is there once."""
    target = Target.objects.create(name="SN 2026abc", type="SIDEREAL", ra=1.0, dec=2.0)
    records = [example_record() for _ in range(30)]
    sender = Sender(user)

    def act(number: int) -> Any:
        if number == 0:
            return sender.post(body(target.name, *records))
        for record in records[number::AT_ONCE]:
            PhotometryReducedDatum.objects.bulk_create(
                [
                    PhotometryReducedDatum(
                        target=target,
                        timestamp=record.timestamp,
                        brightness=record.brightness,
                        brightness_error=record.brightness_error,
                        unit=record.unit,
                        bandpass=record.bandpass,
                        telescope=record.telescope,
                        instrument=record.instrument,
                    )
                ],
                ignore_conflicts=True,
            )
        return None

    answer = at_once(act)[0]
    assert sum(told([answer]).values()) == 30
    assert set(told([answer])) <= {"accepted", "duplicate"}
    assert PhotometryReducedDatum.objects.count() == InboxRecord.objects.count() == 30
