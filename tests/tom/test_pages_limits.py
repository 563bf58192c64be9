"""The form of a filter and dates: what is typed, what it shows at once, and what it keeps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from django.test import Client, override_settings
from django.utils import timezone
from tom_targets.models import PersistentShare

from sharecore.filters import Filter, Names
from sharecore.records import DATA_KINDS
from tom.reading import text
from tom_integration.models import Outbox, write_filter
from tom_integration.pages.names_field import NamesField, written

if TYPE_CHECKING:
    from conftest import Tom

SHARES = "/targets/persistentshare/manage/"
KINDS = [kind.value for kind in DATA_KINDS]


def limits_of(share: PersistentShare) -> str:
    return f"{SHARES}{share.pk}/change"


def test_a_new_share_has_the_filter_and_the_dates_that_were_typed(tom: Tom, admin: Client) -> None:
    target = tom.target()
    form = {
        "destination": "y", "target": target.pk, "kinds": ["photometry"], "own": "on",
        "telescopes": 'FTN, "LCO, 1 m"', "telescopes_how": "only", "sources": "ZTF", "sources_how": "not",
        "least_signal_to_noise": "5", "observed_since": "2026-01-01T00:00",
        "observed_until": "2026-03-29T02:30", "release_days": "30", "not_before": "2027-01-01T00:00",
    }  # fmt: skip
    # 2026-03-29 02:30 is no time in Berlin; the form is in UTC.
    with override_settings(TIME_ZONE="Europe/Berlin"):
        assert admin.post(f"{SHARES}create", form).status_code == 302
    outbox = Outbox.objects.get()
    assert outbox.chosen == Filter(
        kinds=("photometry",),
        own=True,
        telescopes=Names(only=("FTN", "LCO, 1 m")),
        sources=Names(but_not=("ZTF",)),
        least_signal_to_noise=5,
        observed_since=datetime(2026, 1, 1, tzinfo=UTC),
        observed_until=datetime(2026, 3, 29, 2, 30, tzinfo=UTC),
    )
    assert (outbox.release_days, outbox.not_before) == (30, datetime(2027, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("field", "typed", "error"),
    [
        ("least_signal_to_noise", "0", "Give a number above 0"),
        ("least_signal_to_noise", "nan", "Enter a number"),
        ("release_days", "-1", "greater than or equal to 0"),
        ("observed_until", "2020-01-01T00:00", "Give a time after the first one."),
        ("telescopes", '"FTN', "in double quotes"),
        ("telescopes", "x" * 256, "at most 255 characters"),
        ("bandpasses", ",".join(map(str, range(1001))), "at most 1000 names"),
        ("not_before", "10000-01-01T00:00", "Enter a valid date/time"),
    ],
)
def test_an_error_stands_beside_its_field_and_the_fields_are_unfolded(
    tom: Tom, admin: Client, field: str, typed: str, error: str
) -> None:
    share = tom.share(tom.target())
    form = {"kinds": KINDS, "observed_since": "2021-01-01T00:00", field: typed}
    page = text(admin.post(limits_of(share), form))
    place = page.index(f'{field}-error">')
    assert error in page[place : page.index("</p>", place)]
    assert 'class="s-folded" open' in page
    counted = text(admin.post(f"{limits_of(share)}/counted", form))
    assert error in counted
    assert Outbox.objects.get().filter == ""


def test_a_form_that_is_saved_as_it_came_changes_nothing(tom: Tom, admin: Client) -> None:
    share = tom.share(tom.target())
    chosen = Filter(
        kinds=("spectrum",),
        instruments=Names(but_not=("a, b", 'with "quotes"', '"FLOYDS"')),
        bandpasses=Names(only=("r",)),
        least_signal_to_noise=2.5,
        observed_since=datetime(2026, 1, 1, 12, 30, 15, tzinfo=UTC),
    )
    not_before = datetime(2999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    Outbox.objects.update(filter=write_filter(chosen), release_days=0.5, not_before=not_before)
    before = Outbox.objects.values("filter", "release_days", "not_before", "until").get()
    page = admin.get(limits_of(share))
    form = page.context["form"]
    typed = {name: form[name].value() for name in form.fields}
    assert (
        admin.post(limits_of(share), {name: each for name, each in typed.items() if each}).status_code == 302
    )
    assert Outbox.objects.values("filter", "release_days", "not_before", "until").get() == before


def test_a_kind_that_is_sent_several_times_is_one_kind(tom: Tom, admin: Client) -> None:
    share = tom.share(tom.target(), "y")
    assert admin.post(limits_of(share), {"kinds": [KINDS[0]] * len(KINDS)}).status_code == 302
    assert Outbox.objects.get().chosen.kinds == (DATA_KINDS[0],)


def test_names_are_read_as_they_are_written() -> None:
    names = ("a", "b c", "d, e", '"f" g', "h'i", 'j"')
    assert NamesField().clean(written(names)) == names
    assert NamesField(required=False).clean("a\nb, c\r\n,,") == ("a", "b", "c")
    assert NamesField(required=False).clean(None) == ()


def test_the_line_below_says_what_would_go(tom: Tom, admin: Client) -> None:
    target = tom.target()
    for telescope in ("FTN", "FTN", "FTS"):
        tom.datum(target, telescope=telescope)
    tom.datum(target, telescope="FTN", timestamp=timezone.now() - timedelta(hours=1))
    ask = f"/targets/{target.pk}/persistentshare/manage/existing"
    found = text(admin.post(ask, {"kinds": KINDS}))
    assert "All data." in found
    assert "Of 4 data now 4 pass." in found
    assert '<option value="FTN">' in found
    found = text(admin.post(ask, {"kinds": KINDS, "telescopes": "FTN"}))
    assert "Only data from the telescope FTN." in found
    assert "Of 4 data now 3 pass." in found
    assert "3 records. Without this" in found
    days = {"kinds": KINDS, "telescopes": "FTN", "release_days": "0.5"}
    assert "Of 4 data now 3 pass, 1 of them on a later date." in text(admin.post(ask, days))


def test_what_would_go_is_counted_with_the_filter_of_the_destination(tom: Tom, admin: Client) -> None:
    target = tom.target()
    tom.datum(target, telescope="FTN")
    tom.datum(target, telescope="FTS")
    entry = {"ADAPTER": "memory", "ONLY": {"telescopes": {"not": ["FTN"]}}}
    with override_settings(DATA_SHARING={"y": entry}):
        ask = f"/targets/{target.pk}/persistentshare/manage/existing"
        found = text(admin.post(ask, {"kinds": KINDS, "destination": "y"}))
    assert "y takes: Only data not from the telescope FTN." in found
    assert "Of 2 data now 1 pass." in found


def test_the_preview_has_what_passes_and_says_what_waits(tom: Tom, admin: Client) -> None:
    target = tom.target()
    tom.datum(target, telescope="FTN", brightness=17.25)
    tom.datum(target, telescope="FTS", brightness=18.75)
    form = {
        "target": target.pk,
        "destination": "y",
        "kinds": KINDS,
        "telescopes": "FTN",
        "telescopes_how": "not",
    }
    page = text(admin.post(f"{SHARES}preview", form))
    assert "18.75" in page
    assert "17.25" not in page
    assert 'name="telescopes" value="FTN"' in page  # for the next part and the file
    page = text(admin.post(f"{SHARES}preview", form | {"not_before": "2999-01-01T00:00"}))
    assert "goes on 2999-01-01 00:00 UTC" in page
    assert "Give a number above 0" in text(
        admin.post(f"{SHARES}preview", form | {"least_signal_to_noise": "0"})
    )


def test_a_filter_that_a_newer_version_wrote_is_said_and_can_be_replaced(tom: Tom, admin: Client) -> None:
    share = tom.share(tom.target())
    Outbox.objects.update(filter='{"version": 99}')
    assert "was written by a newer sharecore" in text(admin.get(limits_of(share)))
    assert admin.post(limits_of(share), {"kinds": KINDS}).status_code == 302
    assert Outbox.objects.get().filter == ""
