"""The page of a share says what goes and when: filters, dates, embargoes, the rule that made it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.db.models import Q
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from tom_targets.models import Target

from sharecore.filters import Filter, Names
from sharecore.times import LATEST
from tom.reading import text
from tom_integration.models import Delivery, Outbox, ShareRule, write_filter
from tom_integration.outbox import open_outboxes
from tom_integration.services.one_time import share_once

if TYPE_CHECKING:
    from conftest import Tom

SHARES = "/targets/persistentshare/manage/"
FTN = write_filter(Filter(telescopes=Names(only=("FTN",))))
NEWER = '{"version": 99}'


def rule(**columns: Any) -> ShareRule:
    """Return a rule that leaves its shares alone: nobody answers for it."""
    all_targets = ShareRule.Scope.ALL
    return ShareRule.objects.create(
        name="Our night", scope=all_targets, destination="x", ends=False, **columns
    )


def test_the_page_of_a_share_says_what_the_destination_the_rule_and_the_share_let_through(
    tom: Tom, admin: Client
) -> None:
    target = tom.target()
    share = tom.share(target, "y")
    for number in range(4):
        tom.datum(target, telescope="FTN" if number else "FTS", bandpass="r" if number < 2 else "g")
    made = rule(filter=FTN, release_days=30)
    Outbox.objects.update(
        rule=made,
        filter=write_filter(Filter(bandpasses=Names(but_not=("g",)))),
        not_before=datetime(2027, 1, 1, tzinfo=UTC),
    )
    entry = {"ADAPTER": "memory", "ONLY": {"kinds": ["photometry"]}, "RELEASE_AFTER_DAYS": 7}
    with override_settings(DATA_SHARING={"y": entry}):
        page = text(admin.get(f"{SHARES}{share.pk}/"))
    assert ">Our night</a>" in page
    assert "y takes: <strong>Only photometry. 7 days after observation.</strong>" in page
    assert "Only data from the telescope FTN. 30 days after observation." in page
    assert "not in the bandpass g" in page
    assert "Not before 2027-01-01." in page
    assert "3 of 4 data stay here." in page


def test_embargoed_records_are_told_by_day_and_apart_from_those_that_are_not_sent(
    tom: Tom, admin: Client
) -> None:
    target = tom.target()
    share = tom.share(target)
    outbox = tom.outbox(target)
    open_outboxes.limit(outbox, release_days=300)
    rows = tom.data(target, 3)
    tom.datum(target, timestamp=rows[0].timestamp.replace(day=7))
    tom.deliver(after=60)
    assert tom.states() == ["withheld"] * 4
    days = sorted(Delivery.objects.values_list("next_at", flat=True))
    page = text(admin.get(f"{SHARES}{share.pk}/"))
    assert f"4 records go from {days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d}." in page
    assert f"<li>3 records go on {days[0]:%Y-%m-%d}</li>" in page
    assert f"<li>1 record goes on {days[-1]:%Y-%m-%d}</li>" in page
    assert "<dt>Not sent</dt><dd>0</dd>" in page
    assert "<dt>Sent later</dt><dd>4</dd>" in page
    assert "4 records go from" in text(admin.get(f"{SHARES}table"))
    assert "kept here" not in page
    assert "Sent later <small>4</small>" in page
    tom.datum(target, source_name="ZTF")
    with override_settings(DATA_SHARING={"x": {"ADAPTER": "memory", "ONLY": {"sources": {"not": ["ZTF"]}}}}):
        share_once("x", target.pk, {"photometryreduceddatum": Q(source_name="ZTF")}, user_id=None)
        tom.deliver(after=60)
        page = text(admin.get(f"{SHARES}{share.pk}/", {"state": "withheld"}))
        assert "Not sent: kept here <small>1</small>" in page
        assert page.count('<td data-label="State">') == 1
        assert admin.get(f"{SHARES}{share.pk}/", {"state": "later"}).context["page"].paginator.count == 4


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12"])
def test_a_release_at_the_end_of_the_calendar_is_shown_in_every_time_zone(
    tom: Tom, admin: Client, zone: str
) -> None:
    target = tom.target()
    share = tom.share(target)
    tom.datum(target)
    open_outboxes.limit(tom.outbox(target), not_before=LATEST)
    tom.deliver(after=60)
    assert tom.states() == ["withheld"]
    with override_settings(TIME_ZONE=zone):
        for path in ("", "live", "change"):
            page = text(admin.get(f"{SHARES}{share.pk}/{path}"))
        assert "1 record goes on 9999-12-31." in text(admin.get(f"{SHARES}table"))
        assert "9999-12-31T23:59" in page


def test_a_filter_that_cannot_be_read_stops_no_page(tom: Tom, admin: Client) -> None:
    target = tom.target()
    share = tom.share(target)
    tom.datum(target)
    Outbox.objects.update(filter=NEWER, rule=rule(filter=NEWER))
    tom.deliver(after=60)
    page = text(admin.get(f"{SHARES}{share.pk}/"))
    assert page.count("nothing, since its filter cannot be read.") == 2
    assert "was written by a newer sharecore" in page
    for path in (SHARES, f"{SHARES}{share.pk}/live", f"/targets/{target.pk}/share/?tab=continuous"):
        text(admin.get(path))
    for action in ("pause", "resume", "retry", "hurry", "send-existing", "send-edited", "arrived"):
        assert admin.post(f"{SHARES}{share.pk}/{action}").status_code == 302
    assert admin.post(f"{SHARES}{share.pk}/delete").status_code == 302


def test_the_pause_and_the_end_of_a_rule_are_told_of_its_shares(tom: Tom, admin: Client) -> None:
    tom.share(tom.target())
    made = rule(paused="the rule Our night is paused by admin")
    Outbox.objects.update(rule=made)
    page = text(admin.get(f"{SHARES}table"))
    assert "The rule Our night is paused by admin." in page
    ShareRule.objects.update(paused="", until=datetime(2020, 1, 1, tzinfo=UTC))
    Outbox.objects.update(look_now=False)
    assert "have not been shared since 2020-01-01 00:00 UTC" in text(admin.get(f"{SHARES}table"))


def test_the_page_of_shares_asks_as_often_for_many_shares_as_for_few(tom: Tom, admin: Client) -> None:
    def share(number: int) -> None:
        for target in [tom.target() for _ in range(number)]:
            tom.datum(target)
            tom.share(target)
            made = rule(filter=write_filter(Filter(kinds=("photometry",))), release_days=300)
            Outbox.objects.filter(target_id=target.pk).update(rule=made, filter=FTN)
            tom.datum(target, telescope="FTN")
        tom.deliver(after=60)

    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            text(admin.get(f"{SHARES}table"))
        return len(queries)

    share(2)
    few = asked()
    share(6)
    assert Target.objects.count() == 8
    assert asked() == few
