"""Deliveries are filtered, sorted and exported from the page of a share, within the rights of who asks."""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from astropy.table import Table
from django.test import Client, override_settings
from guardian.shortcuts import assign_perm

from sharecore.exceptions import DestinationError
from sharecore.outcomes import Rejected
from tom.reading import text
from tom_integration.models import Attempt, Delivery
from tom_integration.outbox import versions
from tom_integration.pages import delivery_table, streaming

if TYPE_CHECKING:
    from conftest import Tom

SHARES = "/targets/persistentshare/manage/"


def exported(client: Client, page: str, form: str = "csv", **query: str) -> str:
    answer: Any = client.get(f"{page}deliveries.{form}", query)
    assert answer.status_code == 200, answer.status_code
    return b"".join(answer.streaming_content).decode()


def keys(client: Client, page: str, **query: str) -> list[int]:
    """The keys of the exported data, which are those that the page shows."""
    found = [int(row["datum_pk"]) for row in csv.DictReader(StringIO(exported(client, page, **query)))]
    shown = text(client.get(page, query))
    assert shown.count("s-pill") == len(found)
    return found


def test_deliveries_are_filtered_by_kind_and_by_the_day_of_the_datum(tom: Tom, admin: Client) -> None:
    target = tom.target()
    midnight = datetime(2026, 2, 2, tzinfo=UTC)
    unread = tom.datum(target, timestamp=midnight - timedelta(seconds=1), brightness=None, limit=20.0)
    share = tom.share(target)
    early = tom.datum(target, timestamp=midnight)
    late = tom.datum(target, timestamp=midnight + timedelta(hours=23, minutes=59))
    limit = tom.datum(target, timestamp=midnight + timedelta(days=1), brightness=None, limit=20.5)
    tom.deliver(after=60)
    page = f"{SHARES}{share.pk}/"
    Delivery.objects.filter(datum_pk=unread.pk).update(kind="")  # as before its datum was read
    assert set(keys(admin, page, kind="photometry-limit")) == {unread.pk, limit.pk}
    assert set(keys(admin, page, kind="photometry")) == {early.pk, late.pk}
    assert set(keys(admin, page, until="2026-02-02")) == {unread.pk, early.pk, late.pk}
    # The latter field ends at the end of its day.
    assert set(keys(admin, page, **{"from": "2026-02-02", "until": "2026-02-02"})) == {early.pk, late.pk}
    assert keys(admin, page, **{"from": "2026-02-02", "kind": "photometry-limit"}) == [limit.pk]
    for odd in ({"from": "yesterday"}, {"until": "9999-12-31"}, {"kind": "odd"}, {"state": "odd"}):
        assert len(keys(admin, page, **odd)) == 4


def test_a_person_sorts_by_the_time_of_the_datum(tom: Tom, admin: Client) -> None:
    share = tom.share(target := tom.target())
    rows = tom.data(target, 3)
    tom.deliver(after=60)
    Delivery.objects.filter(datum_pk=rows[1].pk).update(state="failed")
    page = f"{SHARES}{share.pk}/"
    assert keys(admin, page, sort="datum") == [row.pk for row in rows]
    assert keys(admin, page, sort="-datum") == [row.pk for row in reversed(rows)]


def attempts(client: Client, page: str) -> str:
    (cell,) = re.findall('data-label="Attempts">(.*?)</td>', text(client.get(page)))
    return re.sub("<[^>]+>", " ", cell).strip()


def test_attempts_and_answers_agree_or_say_why_not(tom: Tom, admin: Client) -> None:
    share = tom.share(tom.target())
    page = f"{SHARES}{share.pk}/"
    tom.datum(share.target)
    tom.x.will(DestinationError("it does not answer"), times=1)
    tom.deliver(after=60)
    assert attempts(admin, page) == "1 no answer kept"
    tom.x.will(Rejected(reason="no"), times=1)
    tom.deliver(after=3600)
    assert attempts(admin, page) == "2 1 answer kept"
    Attempt.objects.create(
        delivery=Delivery.objects.get(), started=tom.clock.now, finished=tom.clock.now, outcome="accepted"
    )
    assert attempts(admin, page) == "2"


def test_too_many_deliveries_are_sorted_only_by_what_has_an_index(
    tom: Tom, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_table, "MOST_SORTED", 2)
    share = tom.share(target := tom.target())
    rows = tom.data(target, 3)
    tom.deliver(after=60)
    for hours, row in enumerate(rows):
        Delivery.objects.filter(datum_pk=row.pk).update(delivered_at=tom.clock() + timedelta(hours=hours))
    page = f"{SHARES}{share.pk}/"
    shown = text(admin.get(page, {"sort": "datum"}))
    assert "Sort by Delivered" in shown
    assert "Sort by Datum" not in shown
    assert "data-sharing-live" in shown
    oldest_first = [row.pk for row in rows]
    assert keys(admin, page, sort="delivered") == oldest_first
    assert keys(admin, page, sort="datum") == oldest_first[::-1]
    # A search reads every row: that must not happen again and again by itself.
    assert "data-sharing-live" not in text(admin.get(page, {"kind": "photometry"}))
    failed = tom.row(rows[0])
    versions.update(Delivery.objects.filter(pk=failed.pk), state="failed", delivered_at=None)
    assert keys(admin, page, sort="delivered") == [*oldest_first[1:], rows[0].pk]
    assert keys(admin, page)[0] == rows[0].pk


def test_astropy_reads_the_export_as_it_was_written(tom: Tom, admin: Client) -> None:
    share = tom.share(target := tom.target())
    empty = Table.read(exported(admin, f"{SHARES}{share.pk}/", "ecsv"), format="ascii.ecsv")
    assert len(empty) == 0
    tom.x.will(Rejected(reason='no "such", # band\nat all', field="bandpass"))
    row = tom.datum(target)
    tom.deliver(after=60)
    tom.x.recover()
    other = tom.datum(target)
    tom.deliver(after=60)
    table = Table.read(exported(admin, f"{SHARES}{share.pk}/", "ecsv"), format="ascii.ecsv")
    assert {name: table[name].dtype.kind for name in table.colnames} == {
        name: table[name].dtype.kind for name in empty.colnames
    }
    assert {name for name in table.colnames if table[name].dtype.kind == "i"} == {
        "datum_pk",
        "attempts",
        "revision",
    }
    assert "UTC" in table["timestamp"].description
    assert list(table["datum_pk"]) == [row.pk, other.pk]
    assert list(table["state"]) == ["failed", "delivered"]
    assert table["reason"][0] == tom.row(row).reason
    assert table["timestamp"][0] == row.timestamp.isoformat()
    assert list(table["delivered_at"].mask) == [True, False]
    assert table["delivered_at"][1] == tom.row(other).delivered_at.isoformat()


@pytest.mark.parametrize("form", ["csv", "ecsv"])
def test_an_export_has_all_deliveries_in_the_order_of_the_page_and_no_formula(
    tom: Tom, admin: Client, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr(streaming, "CHUNK", 7)
    share = tom.share(target := tom.target())
    tom.data(target, 60)
    tom.deliver(after=60)
    first = Delivery.objects.last()
    assert first is not None
    Delivery.objects.filter(pk=first.pk).update(state="failed", remote_id="=1+1")
    lines = [line for line in exported(admin, f"{SHARES}{share.pk}/", form).splitlines() if line[0] != "#"]
    rows = list(csv.DictReader(lines))
    assert len({row["datum_pk"] for row in rows}) == 60
    assert int(rows[0]["datum_pk"]) == first.datum_pk
    # Spreadsheets read CSV; astropy runs nothing.
    assert rows[0]["remote_id"] == ("'=1+1" if form == "csv" else "=1+1")
    links = re.findall(r'href="([^"]+deliveries\.\w+)\?"', text(admin.get(f"{SHARES}{share.pk}/")))
    assert [admin.get(link).status_code for link in links] == [200, 200]
    assert admin.get(f"{SHARES}{share.pk}/deliveries.xls").status_code == 404


@override_settings(TARGET_PERMISSIONS_ONLY=False)
def test_data_that_a_person_may_not_see_are_not_exported(tom: Tom) -> None:
    share = tom.share(target := tom.target())
    seen, hidden = tom.data(target, 2)
    tom.deliver(after=60)
    user = tom.user(target)
    assign_perm("tom_targets.view_persistentshare", user)
    assign_perm("tom_dataproducts.view_photometryreduceddatum", user, seen)
    client = Client()
    client.force_login(user)
    for query in ({}, {"kind": "photometry"}, {"sort": "-datum"}):
        assert keys(client, f"{SHARES}{share.pk}/", **query) == [seen.pk], hidden.pk


def test_who_may_edit_a_datum_in_the_admin_gets_there(tom: Tom, admin: Client) -> None:
    target = tom.target()
    share = tom.share(target)
    datum = tom.datum(target)
    tom.deliver()
    page = f"{SHARES}{share.pk}/"
    (form,) = re.findall(rf'href="([^"]*)" aria-label="Edit datum {datum.pk}"', text(admin.get(page)))
    assert admin.get(form).context["original"] == datum
    user = tom.user(target, name="eve")
    user.is_staff = True
    user.save()
    assign_perm("tom_targets.view_persistentshare", user)
    eve = Client()
    eve.force_login(user)
    assert "Edit datum" not in text(eve.get(page))
