"""Reports to TNS, from the form to the name of the target, with everything that can happen on the way."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client, override_settings
from tom_common.models import Profile

from sharecore import ReportForm
from sharecore.delivery import State
from sharecore.testing import FakeServer, Fault, Request, answer
from sharecore_http import client
from sharecore_tns.adapter import TnsAdapter
from standins.tns import BOT_ID, BOT_NAME, KEY, Tns
from tom.deaths import POINTS, QUESTIONS, Died, after, before
from tom_integration import access
from tom_integration.models import Delivery, Outbox
from tom_integration.services import approval
from tom_integration.services.reports import Reporting

from .conftest import NIGHT

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = pytest.mark.any_database

MEASURED = {"instrument": "cam3", "bandpass": "rp", "unit": "AB mag", "brightness_error": 0.02}


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "FIRST_PAUSE", 0.01)


@pytest.fixture
def there() -> Iterator[Tns]:
    with FakeServer() as server:
        yield Tns(server)
    assert server.bugs == []


@pytest.fixture
def target(tom: Tom, there: Tns) -> Iterator[Any]:
    """A new transient with a detection and a limit before it, in a TOM that reports to TNS."""
    entry = {
        "ADAPTER": "tns", "BASE_URL": there.server.url, "BOT_ID": BOT_ID, "BOT_NAME": BOT_NAME,
        "API_KEY": KEY, "GROUP_NAMES": ["LCO"], "INSTRUMENT_MAP": {"cam3": "LCO1m - Sinistro"},
        "BANDPASS_MAP": {"rp": "r-Sloan"},
    }  # fmt: skip
    with override_settings(DATA_SHARING={"tns": entry}):
        target = tom.target("Our transient 1")
        tom.datum(target, timestamp=NIGHT, **MEASURED)
        limit = {**MEASURED, "brightness": None, "brightness_error": None, "limit": 21.0}
        tom.datum(target, timestamp=NIGHT - timedelta(days=2), **limit)
        yield target


@pytest.fixture
def eve(tom: Tom, target: Any) -> User:
    """A user who may report, and approve."""
    user = tom.user(target, name="eve")
    User.objects.filter(pk=user.pk).update(first_name="Eve", last_name="Meyer")
    Profile.objects.update_or_create(user=user, defaults={"affiliation": "LCO"})
    user.user_permissions.add(Permission.objects.get(codename="approve_share"))
    return User.objects.get(pk=user.pk)


def report(user: User, target: Any, **changes: Any) -> Any:
    """A report as the form suggests it, saved."""
    reporting = Reporting(user, target, "tns")
    forms: dict[str, ReportForm] = {each.name: each for each in reporting.forms()}
    form = forms["at-report"]
    places = {str(each.record.key): place for place, each in reporting.data.items()}
    values: dict[str, Any] = {}
    data: dict[str, Any] = {}
    for field in form.fields:
        if field.initial in places:
            data[field.name] = [places[str(field.initial)]]
        elif field.initial is not None:
            values[field.name] = field.initial
    made = reporting.report(form, values | changes, data)
    assert list(reporting.check(made)) == []
    assert list(reporting.similar(made)) == []
    assert '"at_report"' in reporting.preview(made).body
    return reporting.make(made, token=uuid.uuid4())


def row_of(made: Any) -> Delivery:
    return Delivery.objects.get(model="report", datum_pk=made.pk)


def approve(user: User) -> int:
    return approval.approve(user, dict(access.approvable(user).values_list("pk", "asked")))


def submits(request: Request) -> bool:
    return request.path == "/api/set/bulk-report"


def test_a_report_is_approved_submitted_and_named(tom: Tom, there: Tns, target: Any, eve: User) -> None:
    made = report(eve, target)
    tom.deliver()
    assert (row_of(made).state, there.submitted) == (State.TO_APPROVE, {})
    assert approve(eve) == 1
    tom.deliver()
    assert row_of(made).state == State.SUBMITTED
    assert len(there.submitted) == 1
    tom.deliver(after=11)
    assert row_of(made).state == State.SUBMITTED, "TNS is not done"
    tom.deliver(after=61)
    row = row_of(made)
    assert (row.state, row.remote_id.endswith("/object/2026aaa")) == (State.DELIVERED, True)
    assert Outbox.objects.get(target_id=target.pk).target_name == "AT 2026aaa (sandbox)"
    (content,) = there.submitted.values()
    sent = content["at_report"]["0"]
    assert (sent["ra"]["value"], sent["reporter"].split(",")[0]) == (10.0, "Eve Meyer (LCO)")
    assert sent["photometry"]["photometry_group"]["0"]["filterid"] == "22"
    assert sent["non_detection"]["limiting_flux"] == 21.0
    tom.deliver_until_quiet()
    assert len(there.submitted) == 1


def test_the_page_fills_in_checks_and_shows_what_is_near(
    tom: Tom, there: Tns, target: Any, eve: User, client: Client
) -> None:
    client.force_login(eve)
    path = f"/targets/{target.pk}/share/report/"
    where = {"destination": "tns", "form": "at-report"}
    page = client.get(path, where)
    assert "SANDBOX of TNS" in page.content.decode()
    filled = page.context["filled"]
    values = {name: field.initial for name, field in filled.fields.items() if field.initial not in (None, [])}
    asked = where | {f"report-{name}": value for name, value in values.items()}
    without = {name: value for name, value in asked.items() if name != "report-non_detection"}
    refused = client.post(path, without | {"step": "preview"})
    assert refused.context["filled"].errors.keys() == {"non_detection"}
    there.add("2025abc", target.ra, target.dec + 0.5 / 3600)
    shown = client.post(path, asked | {"step": "preview"}).context["shown"]
    assert list(shown.similar) == ["AT 2025abc is 0.5 arcsec away"]
    assert '"reporting_groupid": "2"' in shown.preview.body
    sent = client.post(path, asked | {"step": "send", "content": shown.content})
    assert sent.status_code == 302, sent.context["filled"].errors
    tom.deliver()
    approve(eve)
    tom.deliver_until_quiet()
    (content,) = there.submitted.values()
    assert json.loads(shown.preview.body) == content, "the preview is what was sent"
    assert Outbox.objects.get(target_id=target.pk).target_name == "AT 2025abc (sandbox)"
    assert "AT 2025abc (sandbox)" in client.get(sent.url).content.decode()


def test_a_refusal_comes_back_with_its_field(tom: Tom, there: Tns, target: Any, eve: User) -> None:
    made = report(eve, target)
    del there.values["groups"]["2"]
    tom.deliver()
    approve(eve)
    tom.deliver_until_quiet()
    row = row_of(made)
    assert (row.state, row.field) == (State.FAILED, "reporting_group")
    assert "Invalid group" in row.reason


def test_a_lost_answer_waits_for_a_person(tom: Tom, there: Tns, target: Any, eve: User) -> None:
    there.server.will(Fault.LOST, times=1, where=submits)
    made = report(eve, target)
    tom.deliver()
    approve(eve)
    tom.deliver_until_quiet(hours=200)
    assert row_of(made).state == State.NEEDS_REVIEW
    assert len(there.submitted) == 1


def test_a_report_with_a_name_of_ours_is_found_after_a_lost_answer(
    tom: Tom, there: Tns, target: Any, eve: User
) -> None:
    there.server.will(Fault.LOST, times=1, where=submits)
    made = report(eve, target, internal_name="ours-1")
    tom.deliver()
    approve(eve)
    tom.deliver_until_quiet()
    row = row_of(made)
    assert (row.state, row.remote_id.endswith("/object/2026aaa")) == (State.DELIVERED, True)
    assert len(there.submitted) == 1


def test_data_that_are_shared_continuously_are_not_taken(
    tom: Tom, there: Tns, target: Any, eve: User
) -> None:
    tom.share(target, "tns", eve)
    datum = tom.datum(target, **MEASURED)
    tom.deliver()
    assert approve(eve) == 0, "nobody is asked"
    tom.deliver_until_quiet()
    row = tom.row(datum, "tns")
    assert (row.state, "Make a report on the page of the target" in row.reason) == (State.UNSUPPORTED, True)
    assert there.submitted == {}


def accepted_504(there: Tns) -> Callable[[Request], Any]:
    def behave(request: Request) -> Any:
        there.server.well(request)
        return answer(504)

    return behave


INSIDE = {
    "before it submits": (before, TnsAdapter, "deliver_report"),
    "between sent and kept": (after, TnsAdapter, "deliver_report"),
    "before it asks": (before, TnsAdapter, "follow"),
    "before it looks": (before, TnsAdapter, "find_report"),
    "when it has looked": (after, TnsAdapter, "find_report"),
}


@pytest.mark.parametrize("seed", range(40))
def test_no_report_is_submitted_twice(
    tom: Tom, there: Tns, target: Any, eve: User, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers die at random points, and TNS fails in all ways, until all has settled."""
    chance = random.Random(seed)  # noqa: S311
    points = [*POINTS.values(), *QUESTIONS.values(), *INSIDE.values()]
    there.polls = chance.randrange(4)
    name = {"internal_name": f"ours-{seed}"} if chance.random() < 0.5 else {}
    made = report(eve, target, **name)
    tom.deliver()
    approve(eve)
    for _ in range(chance.randint(4, 10)):
        faults = (accepted_504(there), Fault.LOST, Fault.RESET, answer(504), answer(429), None, None)
        fault = chance.choice(faults)
        if fault is not None:
            there.server.will(fault, times=1)
        how, where, what = chance.choice(points)
        with monkeypatch.context() as patch, suppress(Died):
            patch.setattr(where, what, how(getattr(where, what)))
            tom.deliver(after=chance.choice([1, 30, 130, 700]), fails=True)
        there.server.recover()
        assert len(there.submitted) <= 1
    tom.deliver_until_quiet(hours=300)
    state = row_of(made).state
    assert len(there.submitted) <= 1
    assert state in (State.DELIVERED, State.NEEDS_REVIEW)
    if state == State.DELIVERED:
        assert len(there.stored) == 1
