"""Numbers that are kept, and pages that are not rendered again, are as true as those that are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Q
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from tom_targets.merge import target_merge

from sharecore import DestinationError, Kind
from sharecore.delivery import State
from sharecore.filters import Filter
from tom.conftest import edit
from tom.versions_check import versions_are_renewed
from tom_integration.models import Delivery, Outbox, write_filter
from tom_integration.outbox import restored, retention, versions
from tom_integration.pages import counts
from tom_integration.services import many_shares, resolve, retry
from tom_integration.services.one_time import share_once
from tom_integration.services.replay_lost import Replay

if TYPE_CHECKING:
    from tom.conftest import Tom

SHARES = "/targets/persistentshare/manage/"
MODEL = "photometryreduceddatum"


def _move(tom: Tom, share: Any) -> None:
    share.destination = "y"
    share.save()


def _merge(tom: Tom, share: Any) -> None:
    other = tom.target()
    tom.share(other)
    target_merge(other, share.target)
    tom.commit()
    tom.deliver()


def _delete_the_data(tom: Tom, share: Any) -> None:
    share.target.photometryreduceddatum_set.all().delete()
    retention.everything()


def _replay(tom: Tom, share: Any) -> None:
    Replay(share_id=share.pk).send_again()
    tom.deliver()


def _edit(tom: Tom, share: Any) -> None:
    for row in share.target.photometryreduceddatum_set.all():
        edit(row, brightness=3.25)
    tom.deliver(after=60)


def _new(tom: Tom, share: Any) -> None:
    tom.datum(share.target)
    tom.deliver(after=60)


def _decide(arrived: bool) -> Callable[[Tom, Any], object]:
    return lambda tom, share: resolve.resolve_all(Delivery.objects.all(), arrived=arrived, by="somebody")


def _retry_as_somebody(tom: Tom, share: Any) -> None:
    many_shares.retry([share.pk], by=User.objects.create_superuser("somebody"))


ACTIONS: dict[str, tuple[State, Callable[[Tom, Any], object]]] = {
    "retry": (State.FAILED, lambda tom, share: retry.retry(share.pk)),
    "retry many": (State.FAILED, _retry_as_somebody),
    "it arrived": (State.NEEDS_REVIEW, _decide(True)),
    "send it again": (State.NEEDS_REVIEW, _decide(False)),
    "existing data": (State.BASELINE, lambda tom, share: tom.share_existing(share.target)),
    "once": (State.BASELINE, lambda tom, share: share_once("x", share.target_id, {MODEL: Q()}, user_id=None)),
    "delete": (State.PENDING, lambda tom, share: share.delete()),
    "new data": (State.DELIVERED, _new),
    "another destination": (State.PENDING, _move),
    "merge": (State.DELIVERED, _merge),
    "no data": (State.DELIVERED, _delete_the_data),
    "replay": (State.DELIVERED, _replay),
    "edit": (State.DELIVERED, _edit),
    "a restored backup": (State.PENDING, lambda tom, share: restored.doubt()),
}


@pytest.mark.parametrize("name", ACTIONS)
def test_who_changes_deliveries_gives_their_outbox_a_new_version(tom: Tom, name: str) -> None:
    state, act = ACTIONS[name]
    target = tom.target()
    share = tom.share(target)
    tom.datum(target)
    tom.deliver()
    Delivery.objects.update(state=state)
    with versions_are_renewed() as changed:
        act(tom, share)
    assert changed


def test_what_changes_nothing_leaves_the_version(tom: Tom, shared: Any) -> None:
    tom.datum(shared)
    tom.deliver()
    outbox = tom.outbox(shared)
    before = versions.of([outbox])
    retry.retry()
    retention.everything()
    tom.deliver(after=60)
    assert versions.of([outbox]) == before


def counting(client: Client, path: str) -> int:
    """How many of the queries of a page count the deliveries by state."""
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200
    return sum("COUNT(*)" in each["sql"] and "sharecore_delivery" in each["sql"] for each in queries)


def test_the_deliveries_of_a_share_are_counted_once_and_its_numbers_are_true(tom: Tom, admin: Client) -> None:
    target = tom.target()
    share = tom.share(target)
    page = f"{SHARES}{share.pk}/"
    tom.data(target, 3)
    tom.deliver()
    assert counting(admin, page)
    assert not counting(admin, page)
    assert admin.get(page).context["summary"].delivered == 3
    tom.datum(target)
    tom.deliver(after=60)
    assert admin.get(page).context["summary"].delivered == 4
    # A filter by kind has other existing data, in the same version of the deliveries.
    Delivery.objects.filter(outbox=tom.outbox(target)).update(state=State.BASELINE, kind="photometry")
    versions.renew([tom.outbox(target).pk])
    assert admin.get(page).context["summary"].existing == 4
    Outbox.objects.update(filter=write_filter(Filter(kinds=(Kind.SPECTRUM,))))
    assert admin.get(page).context["summary"].existing == 0


def test_nothing_is_kept_where_each_user_may_see_other_data(tom: Tom, admin: Client) -> None:
    target = tom.target()
    share = tom.share(target)
    tom.datum(target)
    tom.deliver()
    with override_settings(TARGET_PERMISSIONS_ONLY=False):
        assert counting(admin, f"{SHARES}{share.pk}/")
        assert counting(admin, f"{SHARES}{share.pk}/")


def test_a_page_does_not_need_the_cache(tom: Tom, admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def get_many(self, keys: object) -> object:
            raise ConnectionError("no cache")

        set_many = get_many

    monkeypatch.setattr(counts, "cache", Broken())
    target = tom.target()
    share = tom.share(target)
    tom.datum(target)
    tom.deliver()
    assert admin.get(f"{SHARES}{share.pk}/").context["summary"].delivered == 1


def _down(tom: Tom, share: Any) -> None:
    tom.x.will(DestinationError("down"), times=1)
    tom.datum(share.target)
    tom.deliver(after=60)


def _pause(tom: Tom, share: Any) -> None:
    Outbox.objects.filter(share_id=share.pk).update(paused="paused by somebody")


def _share_once(tom: Tom, share: Any) -> None:
    share_once("x", share.target_id, {}, user_id=None, introduce=True)


def _wait(tom: Tom, share: Any) -> None:
    tom.clock.now += timedelta(seconds=61)


@pytest.mark.parametrize("act", [_new, _edit, _down, _pause, _share_once, _wait])
def test_a_page_that_stays_open_sees_what_happens(
    tom: Tom, admin: Client, act: Callable[[Tom, Any], object]
) -> None:
    target = tom.target()
    share = tom.share(target)
    tom.datum(target)
    tom.deliver()
    live = f"{SHARES}{share.pk}/live"
    tom.clock.now = tom.clock.now.replace(second=0)
    seen = admin.get(live)["X-Sharing-Digest"]
    with CaptureQueriesContext(connection) as queries:
        assert admin.get(live, {"seen": seen}).status_code == 204
    assert not any("sharecore_delivery" in each["sql"] for each in queries)
    act(tom, share)
    assert admin.get(live, {"seen": seen}).status_code == 200
    other = Client()
    other.force_login(User.objects.create_superuser("other"))
    now = admin.get(live)["X-Sharing-Digest"]
    assert other.get(live, {"seen": now}).status_code == 200
