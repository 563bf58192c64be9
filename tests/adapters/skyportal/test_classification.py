"""Classifications: what SkyPortal gets, that none is there twice, and what people are told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from adapters.skyportal.conftest import Open
from sharecore import (
    Absent,
    Accepted,
    AuthenticationFailed,
    Deferred,
    Duplicate,
    Present,
    Rejected,
    Report,
    Unconfirmed,
)
from sharecore.testing import Fault, example_batch, example_record, example_report
from standins.skyportal import SkyPortal

pytestmark = pytest.mark.usefixtures("short_pauses")

RIGHT = {
    "class": "8/Ia",
    "probability": 0.9,
    "origin": "our spectrum",
    "machine": False,
    "groups": ["Supernovae"],
}
POST = ("POST", "/api/classification")


def report(**changes: Any) -> Report:
    values = {name: value for name, value in (RIGHT | changes).items() if value is not None}
    return example_report(form="classification", values=values)


@pytest.fixture
def known(opened: Open) -> Iterator[Any]:
    """An adapter whose source is there, and the batch of a report."""
    adapter = opened(GROUPS_THERE=["Supernovae", 3])
    batch = example_batch()
    adapter.ensure_target(batch)
    return adapter, batch


def test_the_form_has_the_classes_of_the_latest_taxonomies_and_our_groups(known: Any) -> None:
    adapter, batch = known
    (form,) = adapter.report_forms(batch)
    fields = {each.name: each for each in form.fields}
    labels = dict(fields["class"].choices)
    assert labels["8/Ib/c"] == "Ib/c (Sitewide Taxonomy 3.0)"
    assert len(labels) == 5, "and none of an old version"
    assert fields["groups"].choices == (("Supernovae", "Supernovae"), ("3", "3"))
    assert fields["groups"].required


def test_it_arrives_with_the_groups_that_were_chosen(there: SkyPortal, known: Any) -> None:
    adapter, batch = known
    sent = report(groups=["3"], machine=True)
    outcome = adapter.deliver_report(sent, batch)
    (body,) = there.requests(*POST)
    assert body == {
        "obj_id": batch.state["source"],
        "classification": "Ia",
        "taxonomy_id": 8,
        "probability": 0.9,
        "origin": f"our spectrum [{sent.key}]",
        "ml": True,
        "group_ids": [3],
    }
    number = there.classifications[0]["id"]
    assert outcome == Accepted(remote_id=f"{batch.state['source']}/classifications/{number}")
    assert adapter.link(outcome.remote_id) == f"{there.server.url}source/{batch.state['source']}"
    assert adapter.preview_report(sent, batch).body.count('"3"') == 0
    assert "8" in adapter.preview_report(sent, batch).body


@pytest.mark.parametrize("name", [None, "Ib/c"])
def test_a_blank_probability_and_a_class_with_a_slash(there: SkyPortal, known: Any, name: Any) -> None:
    adapter, batch = known
    changes = {"class": f"8/{name}"} if name else {}
    adapter.deliver_report(report(probability=None, origin=None, **changes), batch)
    (made,) = there.classifications
    assert (made["classification"], made["probability"]) == (name or "Ia", None)


class TestNoneIsThereTwice:
    def test_ours_is_looked_for_before_it_is_sent_again(self, there: SkyPortal, known: Any) -> None:
        adapter, batch = known
        sent = report()
        first = adapter.deliver_report(sent, batch)
        assert adapter.deliver_report(sent, batch) == Duplicate(remote_id=first.remote_id)
        assert len(there.classifications) == 1

    def test_the_same_by_another_report_is_another_one(self, there: SkyPortal, known: Any) -> None:
        adapter, batch = known
        adapter.deliver_report(report(), batch)
        other = report()
        other = replace(other, key=replace(other.key, id="another"))
        assert isinstance(adapter.find_report(other, batch), Absent)
        assert isinstance(adapter.deliver_report(other, batch), Accepted)
        assert adapter.similar_reports(other, batch)[0] == (
            "It is classified there as Ia with the probability 0.9 by observer"
        )

    @pytest.mark.parametrize("fault", [Fault.LOST, Fault.RESET])
    def test_after_a_lost_answer_it_is_found(self, there: SkyPortal, known: Any, fault: Fault) -> None:
        adapter, batch = known
        sent = report()
        there.server.will(fault, times=1, where=lambda request: (request.method, request.path) == POST)
        assert isinstance(adapter.deliver_report(sent, batch), Unconfirmed)
        found = adapter.find_report(sent, batch)
        assert isinstance(found, Present if there.classifications else Absent)
        again = Duplicate if there.classifications else Accepted
        assert isinstance(adapter.deliver_report(sent, batch), again)
        assert len(there.classifications) == 1

    def test_a_refusal_after_it_was_stored_is_none(self, there: SkyPortal, known: Any) -> None:
        adapter, batch = known
        there.fails_after_classification = True
        assert isinstance(adapter.deliver_report(report(), batch), Accepted)
        assert len(there.classifications) == 1

    def test_a_group_that_is_closed_now_hides_nothing(
        self, there: SkyPortal, known: Any, opened: Open
    ) -> None:
        adapter, batch = known
        sent = report()
        adapter.deliver_report(sent, batch)
        there.groups.insert(0, there.groups.pop())  # the token is in the last group no more
        moved = [each for each in there.groups if each["name"] == "Supernovae"]
        there.groups.remove(moved[0])
        there.groups.append(moved[0])
        with pytest.raises(AuthenticationFailed, match="no access"):
            opened().find_report(sent, batch)


class TestWhatIsWrong:
    @pytest.mark.parametrize(
        ("changes", "field", "what"),
        [
            ({"class": None}, "class", "needs a class"),
            ({"class": "8/Type X"}, "class", "not in its taxonomy"),
            ({"class": "x"}, "class", "needs a class"),
            ({"probability": 1.5}, "probability", "from 0 to 1"),
            ({"probability": -0.1}, "probability", "from 0 to 1"),
            ({"groups": None}, "groups", "needs the groups"),
            ({"groups": ["Kilonovae"]}, "groups", "do not name 'Kilonovae'"),
        ],
    )
    def test_each_field_is_told_and_nothing_is_sent(
        self, there: SkyPortal, known: Any, changes: Any, field: str, what: str
    ) -> None:
        adapter, batch = known
        adapter.report_forms(batch)
        (problem,) = adapter.check_report(report(**changes), batch)
        assert (problem.where, what in problem.what) == (field, True), problem
        outcome = adapter.deliver_report(report(**changes), batch)
        assert isinstance(outcome, Rejected)
        assert outcome.field == field
        assert there.requests(*POST) == []

    def test_a_class_that_is_gone_meanwhile_is_not_sent(self, there: SkyPortal, known: Any) -> None:
        adapter, batch = known
        adapter.report_forms(batch)
        there.taxonomies[1]["hierarchy"] = {"class": "Time-domain Source"}
        assert adapter.check_report(report(), batch) == []
        outcome = adapter.deliver_report(report(), batch)
        assert isinstance(outcome, Rejected)
        assert outcome.field == "class"
        assert there.requests(*POST) == []

    def test_a_token_that_may_not_classify_stops_no_data(self, there: SkyPortal, known: Any) -> None:
        adapter, batch = known
        there.may_classify = False
        outcome = adapter.deliver_report(report(), batch)
        assert isinstance(outcome, Rejected)
        assert "'Classify'" in outcome.reason

    def test_a_source_that_is_gone_is_made_again_first(self, there: SkyPortal, known: Any) -> None:
        adapter, batch = known
        there.sources.clear()
        assert isinstance(adapter.deliver_report(report(), batch), Deferred)
        assert not adapter.knows_target(batch)

    def test_a_site_without_taxonomies_offers_no_form(self, there: SkyPortal, opened: Open) -> None:
        there.taxonomies.clear()
        assert opened().report_forms(example_batch(example_record())) == ()
