"""What each answer leads to, and that its text tells a person what to do."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import urllib3

from calling import before, deliver
from sharecore.exceptions import AuthenticationFailed, DestinationError
from sharecore.outcomes import Accepted, Rejected, Unconfirmed, Unsupported

HTML = "<!doctype html> <html><head><title>x</title></head><body></body></html>"
KAFKA = "Error posting message to kafka: Error communicating with Kafka: "
SETTING = r"DATA_SHARING\['hermes'\]"


def sent(make: Any, *records: Any, **settings: Any) -> Any:
    return deliver(make.adapter(**settings), make.batch(*(records or (make.detection(),))))


def lost(make: Any) -> Unconfirmed:
    """The outcome of a record that may have been published; no other message follows it for a while."""
    with pytest.raises(DestinationError) as caught:
        sent(make)
    (outcome,) = before(caught).values()
    assert isinstance(outcome, Unconfirmed)
    return outcome


@pytest.mark.parametrize(
    ("status", "answer", "hint"),
    [
        (401, {"detail": "no"}, SETTING + r"\['HERMES_API_KEY'\]"),
        (403, {"detail": "Invalid token."}, SETTING + r"\['HERMES_API_KEY'\]"),
        (403, HTML, SETTING + r"\['HERMES_API_KEY'\]"),
        (200, {"error": "anything at all"}, "log out of HERMES in the browser and in again"),
        (
            400,
            {"error": KAFKA + "code=_AUTHENTICATION Broker: x"},
            "POST to .*/api/v0/revoke_hop_credential/",
        ),
        (
            400,
            {"error": KAFKA + "code=SASL_AUTHENTICATION_FAILED Broker: x"},
            "POST to .*/api/v0/revoke_hop_credential/",
        ),
    ],
)
def test_refused_credentials_pause_the_destination(
    status: int, answer: Any, hint: str, make: Any, hermes: Any
) -> None:
    hermes.submit(status, answer)
    with pytest.raises(AuthenticationFailed, match=hint) as caught:
        sent(make)
    assert not caught.value.topic_only


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (400, {"error": KAFKA + "code=TOPIC_AUTHORIZATION_FAILED Broker: x"}),
        (400, {"error": KAFKA + "code=UNKNOWN_TOPIC_OR_PART Broker: x"}),
        (400, {"topic": ["Hermes Dev can only submit to a test topic."]}),
    ],
)
def test_a_refused_topic_pauses_that_topic_alone(status: int, answer: Any, make: Any, hermes: Any) -> None:
    hermes.submit(status, answer)
    with pytest.raises(AuthenticationFailed, match=r"'hermes\.test'.*Choose another") as caught:
        sent(make)
    assert caught.value.topic_only


@pytest.mark.parametrize("topic", ["", "a,b", " hermes.test", "hermes.test?x", "hermes.test#x"])
def test_a_topic_on_which_the_message_would_go_astray_is_refused_unsent(
    topic: str, make: Any, hermes: Any
) -> None:
    from sharecore.addresses import Address

    with pytest.raises(AuthenticationFailed, match="Name a topic") as caught:
        deliver(make.adapter(), make.batch(make.detection(), address=Address("hermes", topic)))
    assert caught.value.topic_only
    assert not hermes.sent()


@pytest.mark.parametrize(
    ("status", "answer", "hint"),
    [
        (301, "", "BASE_URL"),
        (302, HTML, "BASE_URL"),
        (200, {"message": "This endpoint is used to send a generic hermes message"}, "BASE_URL"),
        (400, HTML, "BASE_URL"),
        (400, {"detail": "JSON parse error - x"}, "could not read"),
        (400, {"error": "Failed to submit report to TNS"}, "could not publish"),
        (400, {"error": KAFKA + "code=_ALL_BROKERS_DOWN Broker: x"}, "could not publish"),
        (400, {"something": ["else"]}, "BASE_URL"),
        (400, {"submitter": ["This field may not be blank."]}, "submitter: This field may not be blank"),
        (404, HTML, "BASE_URL"),
        (405, {"detail": 'Method "POST" not allowed.'}, "BASE_URL"),
        (415, {"detail": "Unsupported media type"}, "BASE_URL"),
        (503, HTML, "status 503"),
    ],
)
def test_what_published_nothing_is_tried_again_later(
    status: int, answer: Any, hint: str, make: Any, hermes: Any
) -> None:
    hermes.submit(status, answer)
    with pytest.raises(DestinationError, match=hint) as caught:
        sent(make)
    assert not before(caught)


def test_a_busy_server_says_when_to_come_back(make: Any, hermes: Any) -> None:
    hermes.submit(429, {"detail": "throttled"}, Retry_After="120")
    with pytest.raises(DestinationError) as caught:
        sent(make)
    assert caught.value.retry_after == 120


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (500, HTML),
        (502, HTML),
        (504, HTML),
        (200, HTML),
        (200, {"title": "x"}),
        (200, {"uuid": None}),
        (200, []),
        (400, {"error": KAFKA + "code=_MSG_TIMED_OUT Local: x"}),
    ],
)
def test_what_may_have_been_published_is_unconfirmed(
    status: int, answer: Any, make: Any, hermes: Any
) -> None:
    hermes.submit(status, answer)
    assert lost(make).reason
    assert len(hermes.sent()) == 1


@pytest.mark.parametrize(
    "error",
    [
        requests.exceptions.ReadTimeout(),
        requests.exceptions.ConnectionError(urllib3.exceptions.ProtocolError("x", ConnectionResetError())),
    ],
)
def test_no_answer_is_unconfirmed_and_never_sent_twice(error: Exception, make: Any, hermes: Any) -> None:
    hermes.fail(error)
    assert "may still publish" in lost(make).reason
    assert len(hermes.sent()) == 1


def test_what_provably_was_not_sent_is_tried_again(make: Any, hermes: Any) -> None:
    hermes.fail(requests.exceptions.ConnectTimeout())
    with pytest.raises(DestinationError, match="was not reached"):
        sent(make)


def test_the_token_is_in_no_text(make: Any, hermes: Any) -> None:
    adapter = make.adapter()
    secret = adapter.config.token.reveal()
    hermes.submit(403, {"detail": f"Invalid token {secret}."})
    with pytest.raises(AuthenticationFailed) as caught:
        deliver(adapter, make.batch(make.detection()))
    hermes.profile(200, {"api_token": secret, "email": ""})
    shown = [str(caught.value), repr(adapter.config), *map(str, adapter.check())]
    assert not [text for text in shown if secret in text]


class TestBadRows:
    """One bad row never costs the others their message."""

    def test_it_is_set_aside_and_the_rest_goes(self, make: Any, hermes: Any) -> None:
        good, bad, last = make.detection(), make.detection(bandpass="bad"), make.astrometry()
        fault = {"bandpass": ["No such band."]}
        hermes.submit(400, {"data": {"photometry": [{}, fault]}})
        hermes.validate(200, {})
        hermes.submit(200, {"uuid": "u1"})
        outcomes = sent(make, good, bad, last)
        assert outcomes[good.key] == outcomes[last.key] == Accepted(remote_id="u1")
        refused = outcomes[bad.key]
        assert isinstance(refused, Rejected)
        assert refused.field == "bandpass"
        assert "No such band." in refused.reason
        assert [row["bandpass"] for row in hermes.sent()[1]["data"]["photometry"]] == ["r"]
        beside = hermes.sent()[1]["data"]["sharecore"]["photometry"]
        assert [row["key"] for row in beside] == [str(good.key)]

    def test_a_connection_that_closes_under_the_question_costs_nothing(self, make: Any, hermes: Any) -> None:
        good, bad = make.detection(), make.detection(bandpass="bad")
        hermes.submit(400, {"data": {"photometry": [{}, {"bandpass": ["No such band."]}]}})
        closed = requests.ConnectionError(urllib3.exceptions.ProtocolError("closed", ConnectionResetError()))
        hermes.fail(closed, "api/v0/submit_message/validate/")
        hermes.validate(200, {})
        hermes.submit(200, {"uuid": "u1"})
        outcomes = sent(make, good, bad)
        assert outcomes[good.key] == Accepted(remote_id="u1")

    def test_three_rounds_uncover_rows_that_hid_each_other(self, make: Any, hermes: Any) -> None:
        records = [make.detection(brightness=float(number)) for number in range(15, 20)]
        hermes.submit(400, {"data": {"photometry": [{"bandpass": ["x"]}, {}, {}, {}, {}]}})
        hermes.validate(200, {"data": {"photometry": [{"telescope": ["x"]}, {}, {}, {}]}})
        hermes.validate(200, {"data": {"photometry": [{"non_field_errors": ["x"]}, {}, {}]}})
        hermes.validate(200, {"data": {"photometry": [["This field may not be null."], {}]}})
        hermes.submit(200, {"uuid": "u1"})
        outcomes = sent(make, *records)
        kinds = [type(outcomes[record.key]) for record in records]
        assert kinds == [Rejected, Rejected, Rejected, Rejected, Accepted]
        assert len(hermes.sent("api/v0/submit_message/validate/")) == 3

    def test_a_server_that_never_has_enough_leaves_the_rest_for_later(self, make: Any, hermes: Any) -> None:
        records = [make.detection(brightness=float(number)) for number in range(10, 20)]
        hermes.submit(400, {"data": {"photometry": [{"bandpass": ["x"]}]}})
        hermes.validate(200, {"data": {"photometry": [{"bandpass": ["x"]}]}})
        outcomes = sent(make, *records)
        names = [type(outcomes[record.key]).__name__ for record in records]
        assert names == ["Rejected"] * 5 + ["Deferred"] * 5
        assert len(hermes.sent()) == 2

    def test_errors_in_a_list_of_numbers_are_of_their_row(self, make: Any, hermes: Any) -> None:
        spectrum = make.spectrum()
        hermes.submit(400, {"data": {"spectroscopy": [{"flux": {"1": ["A valid number is required."]}}]}})
        outcome = sent(make, spectrum)[spectrum.key]
        assert isinstance(outcome, Rejected)
        assert outcome.field == "flux.1"

    def test_a_refused_target_refuses_all_its_records(self, make: Any, hermes: Any) -> None:
        records = [make.detection(), make.spectrum()]
        hermes.submit(400, {"data": {"targets": [{"epoch": ["This field may not be null."]}]}})
        outcomes = sent(make, *records)
        assert [each.field for each in outcomes.values()] == ["data.targets[0].epoch"] * 2

    def test_what_cannot_be_expressed_is_told_when_the_rest_fails(self, make: Any, hermes: Any) -> None:
        good, bare = make.detection(), make.detection(unit="")
        hermes.submit(503, HTML)
        with pytest.raises(DestinationError) as caught:
            sent(make, good, bare)
        assert {key: type(each) for key, each in before(caught).items()} == {bare.key: Unsupported}

    def test_what_was_set_aside_is_told_when_the_rest_fails(self, make: Any, hermes: Any) -> None:
        good, bad = make.detection(), make.detection()
        hermes.submit(400, {"data": {"photometry": [{}, {"bandpass": ["x"]}]}})
        hermes.validate(403, {"detail": "Invalid token."})
        with pytest.raises(AuthenticationFailed) as caught:
            sent(make, good, bad)
        assert set(before(caught)) == {bad.key}


class TestSize:
    """The broker takes messages of 1 MB, counted in ASCII-escaped JSON."""

    def test_a_large_batch_goes_in_several_messages(self, make: Any, hermes: Any) -> None:
        records = [make.detection(extra={"comments": "\u2604" * 1500}) for _ in range(250)]
        hermes.submit(200, {"uuid": "u1"})
        hermes.submit(200, {"uuid": "u2"})
        hermes.submit(200, {"uuid": "u3"})
        outcomes = sent(make, *records)
        ids = [outcomes[record.key].remote_id for record in records]
        assert sorted(set(ids)) == ["u1", "u2", "u3"]
        assert ids == sorted(ids)
        lengths = [len(call.request.body) for call in hermes.mock.calls]
        assert all(length < 950_000 for length in lengths)
        assert max(lengths) > 900_000

    def test_a_row_larger_than_any_message_is_said_so_and_not_sent(self, make: Any, hermes: Any) -> None:
        monster, good = make.detection(extra={"comments": "x" * 960_000}), make.detection()
        hermes.submit(200, {"uuid": "u1"})
        outcomes = sent(make, monster, good)
        assert isinstance(outcomes[monster.key], Unsupported)
        assert outcomes[monster.key].feature == "message-size"
        assert outcomes[good.key] == Accepted(remote_id="u1")

    @pytest.mark.parametrize(
        ("status", "answer"),
        [(400, {"error": KAFKA + "code=MSG_SIZE_TOO_LARGE Broker: x"}), (413, HTML)],
    )
    def test_a_refused_size_is_halved(self, status: int, answer: Any, make: Any, hermes: Any) -> None:
        records = [make.detection(brightness=float(number)) for number in (17, 18, 19)]
        hermes.submit(status, answer)
        hermes.submit(200, {"uuid": "u1"})
        hermes.submit(status, answer)
        hermes.submit(status, answer)
        hermes.submit(200, {"uuid": "u2"})
        outcomes = sent(make, *records)
        assert [type(outcomes[each.key]).__name__ for each in records] == ["Accepted", "Rejected", "Accepted"]

    def test_the_nameless_400_of_a_large_body_means_its_size(self, make: Any, hermes: Any) -> None:
        records = [make.detection(extra={"comments": "x" * 300_000}) for _ in range(2)]
        hermes.submit(400, "<h1>Bad Request (400)</h1>")
        hermes.submit(200, {"uuid": "u1"})
        assert {each.remote_id for each in sent(make, *records).values()} == {"u1"}
        assert len(hermes.sent()) == 3

    def test_after_a_lost_answer_no_further_message_is_sent(self, make: Any, hermes: Any) -> None:
        records = [make.detection(extra={"comments": "x" * 400_000}) for _ in range(5)]
        hermes.submit(200, {"uuid": "u1"})
        hermes.submit(500, HTML)
        with pytest.raises(DestinationError) as caught:
            sent(make, *records)
        decided = before(caught)
        names = [type(decided.get(each.key)).__name__ for each in records]
        assert names == ["Accepted", "Accepted", "Unconfirmed", "Unconfirmed", "NoneType"]
