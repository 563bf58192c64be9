"""The page of a target says where it is shared, and its tables where each datum is."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.template import Library, RequestContext, Template
from django.test import Client, RequestFactory, override_settings
from django.test.utils import CaptureQueriesContext
from guardian.shortcuts import assign_perm
from tom_dataproducts.models import SpectroscopyReducedDatum

from sharecore.delivery import RELEASE
from sharecore.exceptions import DestinationError
from sharecore.outcomes import Rejected
from tom.reading import text
from tom_integration.models import Delivery, Outbox, Worker
from tom_integration.outbox import open_outboxes
from tom_integration.pages import target_page
from tom_integration.tomtoolkit import takeover, target_tags

if TYPE_CHECKING:
    from conftest import Tom

# Of the form of a comment, on tomtoolkit's page.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The default scheme will be changed"),
    pytest.mark.any_database,
]


@pytest.fixture(autouse=True)
def worker(tom: Tom) -> None:
    Worker.objects.create(name="w", runner="command", seen=tom.clock.now + timedelta(seconds=60))


def page(client: Client, target: Any) -> str:
    return text(client.get(f"/targets/{target.pk}/"))


def told(shown: str) -> list[str]:
    """What the page says of the target, without markup."""
    if "s-of-target" not in shown:
        return []
    found = shown[shown.index("s-of-target") :].partition("</ul>")[0]
    return [re.sub("<[^>]*>", "", each) for each in re.findall("<li>(.*?)</li>", found)]


def cells(shown: str) -> dict[int, str]:
    """What stands in the column of each datum of the table of photometry."""
    rows = re.findall(r'id="phot-row-([0-9.,]+)"(.*?)</tr>', shown)
    assert rows
    found = {}
    for key, row in rows:
        cell = re.search('<td class="sharing">(.*?)</td>$', row)
        found[int(re.sub(r"\D", "", key))] = re.sub("<[^>]*>", "", cell[1]).strip() if cell else "no cell"
    return found


def test_the_page_of_a_target_says_with_whom_it_is_shared(tom: Tom, admin: Client) -> None:
    target = tom.target()
    assert told(page(admin, target)) == []
    made = tom.share(target, "x")
    tom.share(target, "y")
    tom.y.will(Rejected(reason="no"))
    tom.datum(target)
    tom.deliver(after=60)
    shown = page(admin, target)
    assert told(shown) == ["Shared with x, up to date", "Shared with y, action needed"]
    assert f'href="/targets/persistentshare/manage/{made.pk}/">x</a>' in shown
    tom.x.will(DestinationError("down"))
    tom.datum(target)
    tom.deliver(after=60)
    assert told(page(admin, target))[0] == "Shared with x, waiting"
    made.delete()
    assert told(page(admin, target))[0].startswith("Shared once with x")


def test_each_datum_says_where_it_is(tom: Tom, admin: Client) -> None:
    target = tom.target()
    before = tom.datum(target)
    tom.share(target, "x")
    tom.share(target, "y")
    sent, waits, later, failed, edited, new = (tom.datum(target) for _ in range(6))
    tom.deliver(after=60)
    rows = Delivery.objects.filter(destination="x")

    def put(datum: Any, **fields: Any) -> None:
        assert rows.filter(datum_pk=datum.pk).update(**fields) == 1

    until = tom.clock.now.replace(year=2031, month=5, day=1)
    put(waits, state="pending", delivered_at=None)
    put(later, state="withheld", field=RELEASE, next_at=until)
    put(failed, state="failed")
    put(edited, arrived="something else")
    rows.filter(datum_pk=new.pk).delete()
    assert cells(page(admin, target)) == {
        before.pk: "Not shared",
        sent.pk: "Shared 2 of 2 Shared with x Shared with y",
        waits.pk: "Waiting 1 of 2 Waiting for x Shared with y",
        later.pk: "Sent later 1 of 2 To be sent to x on 2031-05-01 Shared with y",
        failed.pk: "Refused 1 of 2 Refused by x Shared with y",
        edited.pk: "Old values 1 of 2 Old values at x Shared with y",
        new.pk: "Shared with y",
    }
    shown = page(admin, target)
    line = r'<details class="s-places"><summary><span class="s-pill s-d-outdated">Old values 1 of 2'
    assert line in shown, "the places stand behind one line, which is not green"
    assert re.search(r'<div class="table-responsive"><table id="photData".*</table></div>', shown)
    with override_settings(LANGUAGE_CODE="de", USE_THOUSAND_SEPARATOR=True):
        assert cells(page(admin, target))[before.pk] == "Not shared"


def test_spectra_have_a_table(tom: Tom, admin: Client) -> None:
    target = tom.target()
    spectrum: Any = SpectroscopyReducedDatum.objects.create(
        target=target, timestamp=tom.clock.now, wavelength=[1.0, 2.0], flux=[1.0, 2.0], instrument="<FLOYDS>"
    )
    assert "Spectra</caption>" not in page(admin, target)
    tom.share(target)
    assert "Not shared" in page(admin, target).partition("Spectra</caption>")[2]
    open_outboxes.ask_for(tom.outbox(target))
    tom.deliver(after=60)
    assert tom.state(spectrum) == "delivered"
    table = page(admin, target).partition("Spectra</caption>")[2].partition("</table>")[0]
    assert "&lt;FLOYDS&gt;" in table
    assert "Shared with x" in table


def test_a_datum_leads_to_its_page_at_the_partner(
    tom: Tom, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tom.target()
    tom.share(target)
    tom.data(target, 4)
    tom.deliver(after=60)
    Delivery.objects.update(remote_id="one message")
    asked: list[str] = []

    def link(address: Any, remote_id: str) -> str:
        asked.append(remote_id)
        return f"https://partner.example.org/{remote_id}"

    monkeypatch.setattr(target_page, "link", link)
    shown = page(admin, target)
    assert shown.count('href="https://partner.example.org/one message"') == 4
    assert asked == ["one message"]


def test_only_who_may_see_shares_is_told(tom: Tom) -> None:
    target, other = tom.target(), tom.target()
    user = tom.user(target, name="somebody")
    for each in (target, other):
        assign_perm("tom_targets.view_target", user, each)
        tom.share(each)
        tom.datum(each)
        tom.deliver(after=60)
    client = Client()
    client.force_login(user)
    assert (told(page(client, target)), set(cells(page(client, target)).values())) == ([], {"no cell"})
    assign_perm("tom_targets.view_persistentshare", user)
    assert told(page(client, target)) == ["Shared with x, up to date"]
    assert set(cells(page(client, target)).values()) == {"Shared with x"}
    # They may see this target, and not change it.
    assert (told(page(client, other)), set(cells(page(client, other)).values())) == ([], {"no cell"})


def test_a_table_takes_as_many_queries_for_many_data_as_for_few(tom: Tom, admin: Client) -> None:
    target = tom.target()
    tom.share(target, "x")
    tom.share(target, "y")

    def asked() -> int:
        tom.deliver(after=60)
        with CaptureQueriesContext(connection) as queries:
            assert "Shared with" in page(admin, target)
        return len(queries)

    tom.data(target, 2)
    few = asked()
    tom.data(target, 30)
    assert asked() == few


def _rendered(source: str, target: Any, user: Any = None) -> str:
    request = RequestFactory().get("/")
    request.user = user or User.objects.create_superuser("root")
    return Template(source).render(RequestContext(request, {"target": target, "request": request}))


def test_a_table_of_a_toms_own_that_has_another_form_stays_as_it_is(tom: Tom) -> None:
    target = tom.target()
    tom.share(target)
    tom.datum(target)
    own = "<table><tr><td>17.5</td></tr></table>"
    user = User.objects.create_superuser("root")
    assert target_tags.photometry(own, user, target) == own


def test_tags_that_moved_are_reported_and_stop_nothing(tom: Tom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tom_dataproducts.templatetags.dataproduct_extras.register", Library())
    monkeypatch.setattr(takeover, "missed", {})
    takeover.take_over()
    assert [*takeover.missed] == ["tom_dataproducts.templatetags.dataproduct_extras:register"]


def test_the_stock_tags_show_more_with_names_of_their_arguments(tom: Tom) -> None:
    target = tom.target()
    tom.share(target)
    tom.datum(target)
    tom.deliver(after=60)
    source = "{% load dataproduct_extras %}{% get_photometry_data target=target target_share=True %}"
    assert "Shared with x" in _rendered(source, target)
    assert Outbox.objects.count() == 1
