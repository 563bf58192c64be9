"""What `manage.py check` and the admin pages tell the operator of a TOM."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.apps import apps
from django.core import checks as django_checks
from django.core.checks import CheckMessage
from django.db import connection
from django.db.backends.sqlite3.base import DatabaseWrapper
from django.test import Client, override_settings
from django.urls import reverse

from sharecore.hooks import hookimpl
from sharecore.testing import installed
from tom_integration import checks, models
from tom_integration.models import Attempt, Delivery, Outbox

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = pytest.mark.any_database

WRONG = {
    "SHARECORE_RUNNER": "threads",
    "SHARECORE_PAUSED": "yes",
    "SHARECORE_BLOCKED_PLUGINS": "tom",
    "SHARECORE_RETRY_SCHEDULE": [5, -1],
    "SHARECORE_SCAN_SECONDS": 0,
    "SHARECORE_RESCAN_SECONDS": "daily",
    "SHARECORE_LEASE_SECONDS": True,
    "SHARECORE_NOTIFY": ["nobody@"],
    "SHARECORE_NOTIFY_AFTER_MINUTES": float("inf"),
    "SHARECORE_SITE_URL": "tom.example.org",
}


ASKED = ["default"]
"""Databases, as `--database` names them."""


def _ids(found: list[CheckMessage]) -> list[str]:
    return [str(each.id) for each in found]


def test_a_tom_as_documented_has_nothing_to_mend(db: None) -> None:
    found = django_checks.run_checks(tags=[checks.TAG], databases=["default"], include_deployment_checks=True)
    assert [str(each) for each in found] == []


@pytest.mark.parametrize(("name", "value"), WRONG.items())
def test_every_setting_is_checked_and_named_with_the_mend(name: str, value: object) -> None:
    with override_settings(**{name: value}):
        (found,) = checks.check_settings()
    assert found.id == "sharecore.E001"
    assert name in found.msg
    assert repr(value) in found.msg
    assert found.hint


def test_all_wrong_settings_are_reported_together() -> None:
    with override_settings(**WRONG):
        assert len(checks.check_settings()) == len(WRONG)


def test_a_wrong_destination_is_named_by_its_path_and_does_not_stop_the_tom() -> None:
    secret = "do-not-show-me"
    sharing = {
        "half": {"BASE_URL": "https://half.invalid/", "USERNAME": "somebody"},
        "other": {"BASE_URL": "half.invalid", "API_KEY": secret},
        "strange": {"ADAPTER": "pigeon"},
    }
    with override_settings(DATA_SHARING=sharing):
        found = checks.check_destinations()
    said = "\n".join(map(str, found))
    assert {each.level for each in found} == {django_checks.WARNING}
    for path in ("DATA_SHARING['half']", "DATA_SHARING['other']['BASE_URL']", "DATA_SHARING['strange']"):
        assert path in said
    assert "pigeon" in said
    assert secret not in said


@pytest.mark.parametrize("value", [None, {}, [], "hermes"])
def test_data_sharing_of_a_wrong_type(value: object) -> None:
    with override_settings(DATA_SHARING=value):
        said = "\n".join(map(str, checks.check_destinations()))
    assert ("DATA_SHARING" in said) == (value in ([], "hermes"))


class _Misspelt:
    @hookimpl
    def sharecore_destination(self) -> list[Any]:
        return []


def test_a_plugin_that_misspells_a_hook_is_reported_with_its_distribution(db: None) -> None:
    with installed(_Misspelt()), override_settings(DATA_SHARING={}):
        said = "\n".join(map(str, checks.check_plugins()))
    assert "sharecore_destination" in said
    assert "test" in said


def test_a_database_on_which_the_ledger_cannot_rely(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.check_database() == []
    with monkeypatch.context() as patch:
        patch.setattr(connection, "vendor", "mysql")
        assert _ids(checks.check_database()) == ["sharecore.E006"]
    with monkeypatch.context() as patch:
        patch.setattr(connection, "vendor", "sqlite")
        patch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
        assert _ids(checks.check_database()) == ["sharecore.E007"]


def test_only_a_journal_in_which_readers_cannot_be_seen_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    assert checks.check_journal(databases=ASKED) == []
    file = DatabaseWrapper(
        connection.settings_dict | {"NAME": str(tmp_path / "db.sqlite3"), "OPTIONS": {}}, "default"
    )
    monkeypatch.setattr(checks, "connections", {"default": file})
    assert checks.check_journal(databases=ASKED) == []
    with file.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode = WAL")
    (found,) = checks.check_journal(databases=ASKED)
    assert found.id == "sharecore.W010"
    assert "IMMEDIATE" in str(found.hint)
    file.settings_dict["OPTIONS"] = {"transaction_mode": "immediate"}
    assert checks.check_journal(databases=ASKED) == []
    file.close()


def test_the_database_is_asked_only_where_it_is_named(tom: Tom, django_assert_num_queries: Any) -> None:
    """Every command runs the checks: `sharing deliver` from cron would say that nobody delivers."""
    tom.share(tom.target())
    with django_assert_num_queries(0):
        assert _ids(django_checks.run_checks(tags=[checks.TAG])) == []
    assert _ids(django_checks.run_checks(tags=[checks.TAG], databases=ASKED)) == ["sharecore.W008"]


class TestNobodyDelivers:
    def test_all_is_well_when_nothing_is_due(self, tom: Tom) -> None:
        target = tom.target()
        tom.share(target)
        tom.datum(target)
        tom.deliver()
        assert checks.check_runner(databases=ASKED) == []

    def test_what_waits_is_told_with_what_to_do(self, tom: Tom) -> None:
        tom.share(tom.target())
        (found,) = checks.check_runner(databases=ASKED)
        assert found.id == "sharecore.W008"
        assert "manage.py sharing deliver" in str(found.hint)

    def test_data_that_left_no_mark_count_as_well(self, tom: Tom) -> None:
        """A cron job saves, and no server runs that would look."""
        target = tom.target()
        tom.share(target)
        tom.datum(target)
        tom.deliver()
        with override_settings(SHARECORE_RUNNER="thread"):
            tom.datum(target)
            tom.commit()
            assert not Outbox.objects.filter(look_now=True).exists()
            (found,) = checks.check_runner(databases=ASKED)
        assert "open a page" in str(found.hint)

    def test_a_worker_that_is_seen_is_enough(self, tom: Tom) -> None:
        tom.share(tom.target())
        models.Worker.objects.create(name="here:1", runner="command", seen=tom.clock())
        assert checks.check_runner(databases=ASKED) == []
        tom.clock.forward(hours=1)
        assert _ids(checks.check_runner(databases=ASKED)) == ["sharecore.W008"]

    def test_a_pause_is_named_as_the_reason(self, tom: Tom) -> None:
        tom.share(tom.target())
        with override_settings(SHARECORE_PAUSED=True):
            (found,) = checks.check_runner(databases=ASKED)
        assert "SHARECORE_PAUSED" in str(found.hint)

    def test_before_migrate_it_says_nothing(self, monkeypatch: pytest.MonkeyPatch, db: None) -> None:
        from django.db import OperationalError

        def missing(*_: Any, **__: Any) -> Any:
            raise OperationalError("no such table: sharecore_worker")

        with connection.execute_wrapper(missing):
            assert checks.check_runner(databases=ASKED) == []


@pytest.mark.parametrize("model", ["outbox", "delivery", "attempt", "onetimeshare"])
def test_the_admin_shows_and_changes_nothing(tom: Tom, admin_client: Client, model: str) -> None:
    target = tom.target()
    tom.share(target)
    tom.datum(target)
    tom.deliver()
    models.OneTimeShare.objects.create(outbox_id=Outbox.objects.get().pk, title="by hand")
    assert Attempt.objects.count() == Delivery.objects.count() == 1
    kind = apps.get_model("sharecore", model)
    before = kind.objects.values().first()
    place = f"admin:sharecore_{model}"
    assert admin_client.get(reverse(f"{place}_changelist")).status_code == 200
    change = reverse(f"{place}_change", args=[before["id"]])
    page = admin_client.get(change)
    assert page.status_code == 200
    assert b'name="_save"' not in page.content
    # tomtoolkit turns a refusal into a redirect to its login page
    refused = (302, 403)
    assert admin_client.get(reverse(f"{place}_add")).status_code in refused
    assert admin_client.post(change, {"destination": "elsewhere"}).status_code in refused
    delete = reverse(f"{place}_delete", args=[before["id"]])
    assert admin_client.post(delete, {"post": "yes"}).status_code in refused
    assert kind.objects.values().first() == before


def test_the_shares_themselves_are_in_the_admin(tom: Tom, admin_client: Client) -> None:
    share = tom.share(tom.target("SN 2026admin"))
    page = admin_client.get(reverse("admin:tom_targets_persistentshare_changelist"))
    assert page.status_code == 200
    assert str(share.destination) in page.content.decode()
